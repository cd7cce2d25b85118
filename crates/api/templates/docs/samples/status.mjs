const { OTP_URL, OTP_KEY, SESSION_ID } = process.env;
const done = ["delivered", "read", "failed"];
const deadline = Date.now() + 120_000;

while (Date.now() < deadline) {
  const answer = await fetch(`${OTP_URL}/v1/otp/${SESSION_ID}?wait_seconds=25`, {
    headers: { "Authorization": `Bearer ${OTP_KEY}` },
    signal: AbortSignal.timeout(35_000),
  });
  const session = await answer.json();
  if (!answer.ok) throw new Error(`${session.code}: ${session.detail}`);
  console.log(session.status, session.delivery.status);
  if (session.status !== "pending" || done.includes(session.delivery.status)) break;
}
