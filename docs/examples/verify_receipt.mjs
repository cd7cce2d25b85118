// Checks a WhatOTP receipt. Node.js 20 or newer, no packages.
//
//   node verify_receipt.mjs http://127.0.0.1:8080 acc_01… eyJhbGciOiJFZERTQSIs…
import { createPublicKey, verify } from "node:crypto";

const LEEWAY_SECONDS = 5; // Between the clocks of two machines.

export async function verifyReceipt(baseUrl, account, receipt) {
  const [header, payload, signature, ...more] = receipt.split(".");
  if (signature === undefined || more.length > 0) throw new Error("not a compact JWS");
  const { alg, typ, kid } = JSON.parse(Buffer.from(header, "base64url"));
  // Never let a token choose how it is checked.
  if (alg !== "EdDSA" || typ !== "otp-receipt+jwt") throw new Error("not a receipt");

  // Cache this document; fetch it again when a kid is not in it, because a new master key has a new one.
  const { keys } = await (await fetch(`${baseUrl}/.well-known/jwks.json`)).json();
  const jwk = keys.find((key) => key.kid === kid);
  if (!jwk) throw new Error(`no key ${kid}`);
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify(null, signed, createPublicKey({ key: jwk, format: "jwk" }), Buffer.from(signature, "base64url"))) {
    throw new Error("the signature is wrong");
  }

  const claims = JSON.parse(Buffer.from(payload, "base64url"));
  if (claims.iss !== "whatotp" || claims.aud !== account) throw new Error("for somebody else");
  if (claims.exp + LEEWAY_SECONDS <= Date.now() / 1000) throw new Error("too old");
  return claims; // Accept each claims.jti once, and only the claims.purpose (and claims.mode) that you expect.
}

const [baseUrl, account, receipt] = process.argv.slice(2);
console.log(JSON.stringify(await verifyReceipt(baseUrl, account, receipt)));
