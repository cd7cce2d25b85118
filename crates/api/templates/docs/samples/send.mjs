import { randomUUID } from "node:crypto";

const { OTP_URL, OTP_KEY } = process.env;

const answer = await fetch(`${OTP_URL}/v1/otp/send`, {
  method: "POST",
  headers: {
    "Authorization": `Bearer ${OTP_KEY}`,
    "Content-Type": "application/json",
    "Idempotency-Key": randomUUID(),
  },
  body: JSON.stringify({ to: "+12025550100", channel: "whatsapp", purpose: "login" }),
  signal: AbortSignal.timeout(15_000),
});
const body = await answer.json();
if (!answer.ok) throw new Error(`${body.code}: ${body.detail} (${body.request_id})`);

console.log(body.session_id); // keep it with the login attempt, on the server
