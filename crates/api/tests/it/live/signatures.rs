//! Who may post webhooks: those who know a live app secret, over exactly these bytes.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use whatotp_domain::EventKind;
use whatotp_simulator::Status;

use super::scene::{APP_SECRET, Live, PHONE, WEBHOOKS, config, status_webhook};
use super::shapes;

/// The value of `X-Hub-Signature-256`, as Meta computes it.
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(body);
    mac.finalize().into_bytes().iter().fold("sha256=".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

#[tokio::test]
async fn the_handshake_gives_the_challenge_back_to_who_knows_the_token() {
    let live = Live::start().await;
    live.whatsapp.verify_webhook_url().await.unwrap();
    let meta = live.app.api.without("authorization");
    let ask = async |query: &str| meta.get(&format!("{WEBHOOKS}{query}")).await;
    let right = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=simulator-verify-token";
    let answer = ask(right).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, "1158201444"));
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    for wrong in [
        "",
        "?",
        "?hub.mode=subscribe&hub.challenge=1158201444",
        "?hub.challenge=1158201444&hub.verify_token=simulator-verify-token",
        "?hub.mode=subscribe&hub.verify_token=simulator-verify-token",
        &right.replace("simulator-verify-token", "guess"),
        &right.replace("simulator-verify-token", ""),
        &right.replace("subscribe", "unsubscribe"),
    ] {
        let refused = ask(wrong).await;
        refused.problem(403, "invalid_verify_token");
        assert!(!refused.text.contains("1158201444"), "{wrong}");
    }
}

#[tokio::test]
async fn without_a_verify_token_there_is_no_handshake() {
    let live = Live::with(config(), &[("WHATOTP_WHATSAPP__VERIFY_TOKEN", "")]).await;
    assert!(live.whatsapp.verify_webhook_url().await.is_err());
    let query = "?hub.mode=subscribe&hub.challenge=1&hub.verify_token=";
    live.app.api.without("authorization").get(&format!("{WEBHOOKS}{query}")).await.problem(403, "invalid_verify_token");
}

#[tokio::test]
async fn what_is_not_signed_over_these_bytes_is_refused_and_stores_nothing() {
    let live = Live::start().await;
    let (id, message) = live.session(PHONE).await;
    let before = live.status(&id).await;
    let told = status_webhook(&message.wamid, "delivered", 1_800_000_001, message.biz_opaque_callback_data.as_deref());
    let body = told.to_string();
    let right = sign(APP_SECRET, body.as_bytes());
    let digits = right.trim_start_matches("sha256=");
    let (upper, sha1) = (format!("sha256={}", digits.to_uppercase()), format!("sha1={}", &digits[..40]));
    let wrong_secret = sign("simulator-app-secre", body.as_bytes());
    let other_body = sign(APP_SECRET, format!("{body} ").as_bytes());
    let twice = format!("{right},{right}");
    for signatures in [
        &[][..],
        &[""],
        &[digits],
        &[&upper],
        &[&sha1],
        &[&wrong_secret],
        &[&other_body],
        &[&twice],
        &[&right, &right],
        &[&right, &wrong_secret],
        &[&wrong_secret, &right],
    ] {
        let refused = live.post_webhook(signatures, body.clone()).await;
        refused.problem(403, "invalid_signature");
    }
    // Signed as it was sent, and then read and written again by something on the way.
    let escaped = body.replace('/', "\\/");
    live.post_webhook(&[&sign(APP_SECRET, escaped.as_bytes())], body.clone()).await.problem(403, "invalid_signature");
    assert_eq!(live.status(&id).await, before);
    assert!(live.events(EventKind::AccountUpdate).await.is_empty());
    // A key opens nothing here, and none is asked for.
    live.post_webhook(&[&right], body).await;
    assert_eq!(live.status(&id).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn while_the_secret_is_changed_both_count() {
    let previous =
        [("WHATOTP_WHATSAPP__APP_SECRET", "the-next"), ("WHATOTP_WHATSAPP__PREVIOUS_APP_SECRET", APP_SECRET)];
    let live = Live::with(config(), &previous).await;
    let (id, message) = live.session(PHONE).await;
    // The simulator still signs with the one before.
    live.tell(&message, &[Status::Sent]).await;
    assert_eq!(live.status(&id).await["delivery"]["status"], "sent");
    let read = status_webhook(&message.wamid, "read", 1_800_000_001, None).to_string();
    live.post_webhook(&[&sign("another", read.as_bytes())], read.clone()).await.problem(403, "invalid_signature");
    live.post_webhook(&[&sign("", read.as_bytes())], read.clone()).await.problem(403, "invalid_signature");
    assert_eq!(live.post_webhook(&[&sign("the-next", read.as_bytes())], read).await.status, 200);
    assert_eq!(live.status(&id).await["delivery"]["status"], "read");
}

#[tokio::test]
async fn without_a_secret_nothing_is_believed() {
    let live = Live::with(config(), &[("WHATOTP_WHATSAPP__APP_SECRET", "")]).await;
    let (id, message) = live.session(PHONE).await;
    let told = status_webhook(&message.wamid, "delivered", 1_800_000_001, None).to_string();
    for secret in ["", APP_SECRET] {
        let refused = live.post_webhook(&[&sign(secret, told.as_bytes())], told.clone()).await;
        refused.problem(403, "invalid_signature");
    }
    assert_eq!(live.status(&id).await["delivery"]["status"], "accepted");
}

#[tokio::test]
async fn metas_own_vectors_are_right() {
    for (_, fixture) in shapes::fixtures("webhook.signature_vectors") {
        for vector in fixture["vectors"].as_array().unwrap() {
            let text = |name: &str| vector[name].as_str().unwrap();
            let live = Live::with(config(), &[("WHATOTP_WHATSAPP__APP_SECRET", text("app_secret"))]).await;
            let body = text("raw_body").to_owned();
            let signature = text("x_hub_signature_256");
            assert_eq!(signature, sign(text("app_secret"), body.as_bytes()));
            // Past the signature, what is no webhook is a bad request.
            let answer = live.post_webhook(&[signature], body.clone()).await;
            if body.contains("whatsapp_business_account") {
                assert_eq!(answer.status, 200, "{body}");
            } else {
                answer.problem(400, "invalid_json");
            }
            live.post_webhook(&[signature], format!("{body} ")).await.problem(403, "invalid_signature");
        }
    }
}
