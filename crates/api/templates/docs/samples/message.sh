curl -sS "$OTP_URL/v1/messages/send" \
  -H "Authorization: Bearer $OTP_KEY" \
  -H "Content-Type: application/json" \
  -H "Idempotency-Key: order-1042-shipped" \
  -d '{
    "phone_number": "+12025550100",
    "template_id": "order_update",
    "variables": {"first_name": "Ada", "order_id": "1042"}
  }'
