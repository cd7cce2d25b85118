import os

import requests

url, key = os.environ["OTP_URL"], os.environ["OTP_KEY"]


def verify(session_id: str, code: str) -> str:
    """Says what the login page does next: "in", "again" or "restart"."""
    answer = requests.post(
        f"{url}/v1/otp/verify",
        headers={"Authorization": f"Bearer {key}"},
        json={"session_id": session_id, "code": code},
        timeout=15,
    )
    if answer.status_code == 200:
        return "in"
    problem = answer.json()
    if problem["code"] in ("code_mismatch", "invalid_request"):
        return "again"  # problem.get("attempts_remaining") says how often
    return "restart"


print(verify(os.environ["SESSION_ID"], os.environ["CODE"]))
