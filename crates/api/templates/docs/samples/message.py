import os

import requests

url, key = os.environ["OTP_URL"], os.environ["OTP_KEY"]

answer = requests.post(
    f"{url}/v1/messages/send",
    headers={"Authorization": f"Bearer {key}", "Idempotency-Key": "order-1042-shipped"},
    json={
        "phone_number": "+12025550100",
        "template_id": "order_update",
        "variables": {"first_name": "Ada", "order_id": "1042"},
    },
    timeout=15,
)
body = answer.json()
if answer.status_code != 202:
    raise RuntimeError(f"{body['code']}: {body['detail']} ({body['request_id']})")

print(body["message_id"])
