curl -sS "$OTP_URL/v1/otp/send" \
  -H "Authorization: Bearer $OTP_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: login-4711-1" \
  -d '{"to": "+12025550100", "channel": "whatsapp", "purpose": "login"}'
