import os
import time

import requests

url, key = os.environ["OTP_URL"], os.environ["OTP_KEY"]
done = ("delivered", "read", "failed")
deadline = time.monotonic() + 120

while time.monotonic() < deadline:
    answer = requests.get(
        f"{url}/v1/otp/{os.environ['SESSION_ID']}",
        headers={"Authorization": f"Bearer {key}"},
        params={"wait_seconds": 25},
        timeout=35,
    )
    answer.raise_for_status()
    session = answer.json()
    print(session["status"], session["delivery"]["status"])
    if session["status"] != "pending" or session["delivery"]["status"] in done:
        break
