//! What the server says of itself: health, keys of receipts, whom to tell of a vulnerability.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::{Value, json};

use crate::support::{ORDINARY, TestApp, redacted, text};

fn decoded(part: &str) -> Vec<u8> {
    Base64UrlUnpadded::decode_vec(part).unwrap()
}

#[tokio::test]
async fn it_says_that_it_lives_and_is_ready() {
    let app = TestApp::start().await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(app.api.get(path).await.success(200), json!({"status": "ok"}));
    }
}

#[tokio::test]
async fn a_receipt_can_be_checked_with_the_served_keys() {
    let app = TestApp::start().await;
    let (id, code) = app.session(ORDINARY).await;
    app.advance(12);
    let receipt = text(&app.verify(&id, &code).await.success(200)["receipt"]);
    let (signed, signature) = receipt.rsplit_once('.').unwrap();
    let (header, payload) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    let payload: Value = serde_json::from_slice(&decoded(payload)).unwrap();

    let answer = app.api.without("authorization").get("/.well-known/jwks.json").await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let jwks = answer.success(200);
    let [key] = jwks["keys"].as_array().unwrap().as_slice() else { panic!("{jwks}") };
    let expected =
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": key["kid"], "x": key["x"]});
    assert_eq!(*key, expected);
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "otp-receipt+jwt", "kid": key["kid"]}));

    let public = decoded(&text(&key["x"])).try_into().unwrap();
    let public = VerifyingKey::from_bytes(&public).unwrap();
    let signature = Signature::from_slice(&decoded(signature)).unwrap();
    public.verify_strict(signed.as_bytes(), &signature).unwrap();
    public.verify_strict(&signed.as_bytes()[1..], &signature).unwrap_err();

    // 2027-01-15T08:00:12.000Z, and ten minutes.
    let issued_at = 1_800_000_012;
    let expected = json!({
        "iss": "whatotp", "aud": app.account.to_string(), "sub": payload["sub"], "session_id": id, "purpose": "default",
        "channel": "whatsapp", "mode": "test", "iat": issued_at, "exp": issued_at + 600, "jti": id,
    });
    assert_eq!(payload, expected);
    // The number is named by a keyed hash: the same for the same number, and not to be read back.
    assert!(text(&payload["sub"]).len() >= 32 && !receipt.contains("4155550123"));
}

#[tokio::test]
async fn security_txt_names_the_configured_contact() {
    let app = TestApp::with(&[("WHATOTP_SECURITY_CONTACT", " mailto:security@example.com ")]).await;
    let answer = app.api.get("/.well-known/security.txt").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(answer.text, "Contact: mailto:security@example.com\nExpires: 2027-07-14T08:00:00.000Z\n");
}

#[tokio::test]
async fn without_a_contact_there_is_no_security_txt() {
    let app = TestApp::start().await;
    let answer = app.api.get("/.well-known/security.txt").await;
    assert_eq!(answer.problem(404, "not_found"), json!({}));
    assert!(answer.detail().contains("security_contact"), "{}", answer.detail());
}

#[tokio::test]
async fn the_installation_is_made_once() {
    // What the other tests start from: one account and one key, made on the first start only.
    let app = TestApp::start().await;
    assert!(app.app.set_up().await.unwrap().is_none());
    assert_eq!(app.app.list_keys(None).await.unwrap().len(), 1);
    assert_eq!(redacted(&json!(app.account.to_string())), "[acc]");
    assert!(app.directory.path().join("whatotp.db").is_file());
}
