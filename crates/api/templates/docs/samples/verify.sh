curl -sS "$OTP_URL/v1/otp/verify" \
  -H "Authorization: Bearer $OTP_KEY" \
  -H "Content-Type: application/json" \
  -d '{"session_id": "'"$SESSION_ID"'", "code": "'"$CODE"'"}'
