const { OTP_URL, OTP_KEY } = process.env;

const answer = await fetch(`${OTP_URL}/v1/messages/send`, {
  method: "POST",
  headers: {
    "Authorization": `Bearer ${OTP_KEY}`,
    "Content-Type": "application/json",
    "Idempotency-Key": "order-1042-shipped",
  },
  body: JSON.stringify({
    phone_number: "+12025550100",
    template_id: "order_update",
    variables: { first_name: "Ada", order_id: "1042" },
  }),
  signal: AbortSignal.timeout(15_000),
});
const body = await answer.json();
if (answer.status !== 202) throw new Error(`${body.code}: ${body.detail}`);

console.log(body.message_id);
