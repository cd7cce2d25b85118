use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};
use whatotp_domain::{Mode, Timestamp};
use whatotp_vault::{BlindIndex, Keyring, RECEIPT_LIFETIME, ReceiptClaims};

use crate::support::{NOW, kid_of, ring, scope, session};

fn claims<'a>() -> ReceiptClaims<'a> {
    ReceiptClaims {
        scope: scope(1, Mode::Live),
        session: session(1),
        subject: BlindIndex::from_bytes([0xAB; 32]),
        purpose: "login",
        channel: "whatsapp",
        issued_at: NOW,
        expires_at: NOW.plus(RECEIPT_LIFETIME),
    }
}

fn decode(part: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(part).unwrap()
}

/// What a customer's back end does: the header's `kid` picks the key, everything else is fixed.
fn verify_receipt(receipt: &str, jwks: &Value) -> Option<Value> {
    let (signed, signature) = receipt.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header: Value = serde_json::from_slice(&decode(header)).ok()?;
    if header["alg"] != "EdDSA" || header["typ"] != "otp-receipt+jwt" {
        return None;
    }
    let jwk = jwks["keys"].as_array()?.iter().find(|jwk| jwk["kid"] == header["kid"])?;
    let key = VerifyingKey::from_bytes(&decode(jwk["x"].as_str()?).try_into().ok()?).ok()?;
    let signature = Signature::from_slice(&decode(signature)).ok()?;
    key.verify_strict(signed.as_bytes(), &signature).ok()?;
    serde_json::from_slice(&decode(payload)).ok()
}

fn published(ring: &Keyring) -> Value {
    serde_json::to_value(ring.jwks()).unwrap()
}

#[test]
fn a_receipt_verifies_against_the_published_keys_and_says_what_happened() {
    let ring = ring(&["a"]);
    let verified = verify_receipt(&ring.sign_receipt(&claims()), &published(&ring)).unwrap();
    assert_eq!(
        verified,
        json!({
            "iss": "whatotp",
            "aud": scope(1, Mode::Live).account.to_string(),
            "sub": "ab".repeat(32),
            "session_id": session(1).to_string(),
            "purpose": "login",
            "channel": "whatsapp",
            "mode": "live",
            "iat": 1_795_428_000,
            "exp": 1_795_428_600,
            "jti": session(1).to_string(),
        })
    );
}

#[test]
fn the_same_claims_give_the_same_receipt() {
    assert_eq!(ring(&["a"]).sign_receipt(&claims()), ring(&["a", "b"]).sign_receipt(&claims()));
    let other = ReceiptClaims { session: session(2), ..claims() };
    assert_ne!(ring(&["a"]).sign_receipt(&claims()), ring(&["a"]).sign_receipt(&other));
}

#[test]
fn no_receipt_outlives_ten_minutes() {
    let ring = ring(&["a"]);
    let lifetime = |expires_at: Timestamp| {
        let receipt = ring.sign_receipt(&ReceiptClaims { expires_at, ..claims() });
        let claims = verify_receipt(&receipt, &published(&ring)).unwrap();
        claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap()
    };
    assert_eq!(lifetime(NOW.plus(Duration::from_secs(599))), 599);
    assert_eq!(lifetime(NOW.plus(Duration::from_secs(600))), 600);
    assert_eq!(lifetime(NOW.plus(Duration::from_secs(601))), 600);
    assert_eq!(lifetime(Timestamp::from_unix_ms(i64::MAX)), 600);
}

#[test]
fn receipts_of_before_a_rotation_stay_good() {
    let (before, after) = (ring(&["a"]), ring(&["b", "a"]));
    let old = before.sign_receipt(&claims());
    assert!(verify_receipt(&old, &published(&after)).is_some());
    let new = after.sign_receipt(&claims());
    assert!(verify_receipt(&new, &published(&after)).is_some());
    assert!(verify_receipt(&new, &published(&before)).is_none(), "an unknown key");
}

#[test]
fn every_changed_character_is_noticed() {
    let ring = ring(&["a"]);
    let (receipt, jwks) = (ring.sign_receipt(&claims()), published(&ring));
    let (signed, signature) = receipt.rsplit_once('.').unwrap();
    for (at, byte) in signed.bytes().enumerate() {
        let mut forged = signed.as_bytes().to_vec();
        forged[at] = if byte == b'A' { b'B' } else { b'A' };
        let forged = format!("{}.{signature}", String::from_utf8(forged).unwrap());
        let accepted = std::panic::catch_unwind(|| verify_receipt(&forged, &jwks).is_some()).unwrap_or(false);
        assert!(!accepted, "character {at}");
    }
}

#[test]
fn a_purpose_cannot_break_out_of_its_claim() {
    let ring = ring(&["a"]);
    let purpose = "x\",\"aud\":\"acc_other\u{0}\\";
    let receipt = ring.sign_receipt(&ReceiptClaims { purpose, ..claims() });
    let verified = verify_receipt(&receipt, &published(&ring)).unwrap();
    assert_eq!(verified["purpose"], purpose);
    assert_eq!(verified["aud"], scope(1, Mode::Live).account.to_string());
}

#[test]
fn the_key_document_has_every_live_key_and_nothing_private() {
    let keys = published(&ring(&["b", "a"]));
    let jwk = |kid: &str, x: &Value| json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x});
    let expected = json!({"keys": [
        jwk(kid_of("b").as_str(), &keys["keys"][0]["x"]),
        jwk(kid_of("a").as_str(), &json!("QA0k0KU-OG42EJ3aFZ6xlzBmK3RTTd67wYW9gcmxMMQ")),
    ]});
    assert_eq!(keys, expected);
    assert_eq!(decode(keys["keys"][0]["x"].as_str().unwrap()).len(), 32);
}
