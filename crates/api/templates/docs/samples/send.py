import os
import uuid

import requests

url, key = os.environ["OTP_URL"], os.environ["OTP_KEY"]

answer = requests.post(
    f"{url}/v1/otp/send",
    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": str(uuid.uuid4())},
    json={"to": "+12025550100", "channel": "whatsapp", "purpose": "login"},
    timeout=15,
)
body = answer.json()
if not answer.ok:
    raise RuntimeError(f"{body['code']}: {body['detail']} ({body['request_id']})")

print(body["session_id"])  # keep it with the login attempt, on the server
