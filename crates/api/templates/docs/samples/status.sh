# Answers as soon as something changes, and after 25 seconds at the latest.
curl -sS "$OTP_URL/v1/otp/$SESSION_ID?wait_seconds=25" \
  -H "Authorization: Bearer $OTP_KEY"
