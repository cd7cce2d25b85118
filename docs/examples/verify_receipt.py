"""Checks a WhatOTP receipt. Python 3.10 or newer, and `pip install "pyjwt[crypto]"`.

    python verify_receipt.py http://127.0.0.1:8080 acc_01… eyJhbGciOiJFZERTQSIs…
"""

import json
import sys

import jwt


def verify_receipt(base_url: str, account: str, receipt: str) -> dict:
    # Make the client once: it caches the keys, and fetches them again when a kid is not among them.
    keys = jwt.PyJWKClient(f"{base_url}/.well-known/jwks.json")
    if jwt.get_unverified_header(receipt).get("typ") != "otp-receipt+jwt":
        raise jwt.InvalidTokenError("not a receipt")
    claims = jwt.decode(
        receipt,
        keys.get_signing_key_from_jwt(receipt).key,
        algorithms=["EdDSA"],  # Never let a token choose how it is checked.
        audience=account,
        issuer="whatotp",
        leeway=5,  # Seconds, between the clocks of two machines.
        options={"require": ["exp", "iat", "aud", "iss", "sub", "jti"]},
    )
    return claims  # Accept each claims["jti"] once, and only the claims["purpose"] (and claims["mode"]) that you expect.


if __name__ == "__main__":
    print(json.dumps(verify_receipt(*sys.argv[1:4])))
