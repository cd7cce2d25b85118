const { OTP_URL, OTP_KEY, SESSION_ID, CODE } = process.env;

/** Says what the login page does next: "in", "again" or "restart". */
async function verify(session_id, code) {
  const answer = await fetch(`${OTP_URL}/v1/otp/verify`, {
    method: "POST",
    headers: { "Authorization": `Bearer ${OTP_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ session_id, code }),
    signal: AbortSignal.timeout(15_000),
  });
  if (answer.status === 200) return "in";
  const problem = await answer.json();
  if (["code_mismatch", "invalid_request"].includes(problem.code)) return "again";
  return "restart";
}

console.log(await verify(SESSION_ID, CODE));
