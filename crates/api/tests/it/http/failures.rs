//! What a caller sees when something behind the server breaks: when to come again, and nothing of the inside.

use serde_json::json;
use whatotp_domain::Mode;

use crate::support::{Broken, MAGIC, TestApp};

#[tokio::test]
async fn a_broken_store_is_a_503_or_a_500_and_says_nothing_of_the_inside() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    let body = json!({"to": MAGIC, "channel": "whatsapp"});
    for (broken, status, code) in [
        (Broken::Unavailable, 503, "storage_unavailable"),
        (Broken::Overloaded, 503, "overloaded"),
        (Broken::Corrupt, 500, "internal_error"),
    ] {
        app.idempotency.set_broken(Some(broken));
        let answer = api.post("/v1/otp/send", body.clone()).await;
        assert_eq!(answer.problem(status, code), json!({}));
        assert!(!answer.text.contains("secret"), "{}", answer.text);
        assert_eq!(answer.headers.contains_key("retry-after"), status == 503);
    }
    app.idempotency.set_broken(None);
    assert!(app.outbox(Mode::Test).await.is_empty());
    api.post("/v1/otp/send", body).await.success(200);
}

#[tokio::test]
async fn without_randomness_nothing_is_issued() {
    let app = TestApp::start().await;
    let body = json!({"to": MAGIC, "channel": "whatsapp"});
    // Enough for the id of the request, and for this much of a session.
    for draws in 1..4 {
        app.entropy.leave(Some(draws));
        let answer = app.api.post("/v1/otp/send", body.clone()).await;
        assert_eq!((answer.problem(503, "overloaded"), answer.retry_after()), (json!({}), 1));
    }
    app.entropy.leave(None);
    assert!(app.outbox(Mode::Test).await.is_empty());
    app.send_otp(MAGIC).await;
}
