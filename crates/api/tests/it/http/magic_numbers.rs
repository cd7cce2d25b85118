//! The scenarios of the magic numbers, as the guide's table tells them.

use serde_json::{Value, json};
use whatotp_domain::Mode;

use crate::support::{ORDINARY, TestApp, snapshot, text};

/// Sends a code and looks at its delivery after each of these times (in ms from the sending); compares what has then
/// happened with the snapshot.
async fn plays(number: &str, name: &str, looks: &[(u64, &str)]) {
    let app = TestApp::start().await;
    let id = text(&app.send_otp(number).await["session_id"]);
    let mut now = 0;
    for (ms, expected) in looks {
        app.deliver_after(ms - now).await;
        now = *ms;
        assert_eq!(app.status(&id).await["delivery"]["status"], *expected, "after {ms} ms");
    }
    snapshot(&format!("magic_{name}"), &app.status(&id).await["delivery"]);
}

#[tokio::test]
async fn delivered() {
    let looks = [(0, "accepted"), (199, "accepted"), (200, "sent"), (499, "sent"), (500, "delivered")];
    plays("+12025550100", "delivered", &looks).await;
}

#[tokio::test]
async fn the_numbers_up_to_0199_are_delivered_as_well() {
    plays("+12025550199", "delivered_as_well", &[(0, "accepted"), (500, "delivered"), (400_000, "delivered")]).await;
}

#[tokio::test]
async fn read() {
    plays("+12025550101", "read", &[(500, "delivered"), (1_499, "delivered"), (1_500, "read")]).await;
}

#[tokio::test]
async fn never_delivered_stays_at_sent_until_the_code_expires() {
    let looks = [(200, "sent"), (1_000, "sent"), (60_000, "sent"), (299_999, "sent"), (300_000, "expired")];
    plays("+12025550102", "never_delivered", &looks).await;
}

#[tokio::test]
async fn unreachable_is_422_at_once_and_the_session_has_failed() {
    let app = TestApp::start().await;
    let body = json!({"to": "+12025550103", "channel": "whatsapp"});
    let refused = app.api.post("/v1/otp/send", body).await;
    let error = json!({"code": 131_026, "title": "Message undeliverable", "detail": "Message Undeliverable."});
    assert_eq!(refused.problem(422, "recipient_unreachable"), json!({"delivery_error": error}));
    let failed = app.status(&app.newest_session().await).await;
    assert_eq!((&failed["status"], &failed["delivery"]["error"]), (&json!("failed"), &error));
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!(inbox["data"], json!([]));
}

#[tokio::test]
async fn fails_later_with_error_131026() {
    plays("+12025550104", "fails_later", &[(0, "accepted"), (499, "accepted"), (500, "failed")]).await;
}

#[tokio::test]
async fn provider_down_is_503_and_leaves_nothing_behind() {
    let app = TestApp::start().await;
    for _ in 0..2 {
        let body = json!({"to": "+12025550105", "channel": "whatsapp"});
        let refused = app.api.post("/v1/otp/send", body).await;
        assert_eq!(refused.problem(503, "channel_unavailable"), json!({}));
        assert_eq!(refused.retry_after(), 30);
    }
    assert!(app.outbox(Mode::Test).await.is_empty());
}

#[tokio::test]
async fn a_send_that_meets_an_outage_charges_no_cooldown_and_brings_the_older_session_back() {
    let app = TestApp::start().await;
    let (first, code) = app.session(ORDINARY).await;
    let before = app.status(&first).await;
    app.advance(30);
    app.channel.set_down(true);
    for _ in 0..3 {
        let body = json!({"to": ORDINARY, "channel": "whatsapp"});
        app.api.post("/v1/otp/send", body).await.problem(503, "channel_unavailable");
        let resent = app.api.post_nothing(&format!("/v1/otp/{first}/resend")).await;
        assert_eq!(resent.problem(503, "channel_unavailable"), json!({}));
    }
    assert_eq!(app.status(&first).await, before);
    assert_eq!(app.outbox(Mode::Test).await.len(), 1);
    app.verify(&first, &code).await.success(200);
    app.channel.set_down(false);
    app.advance(1);
    assert_eq!(app.send_otp(ORDINARY).await["resend_available_at"], "2027-01-15T08:01:01.000Z");
}

#[tokio::test]
async fn provider_rate_limit_is_queued_and_then_delivered() {
    let app = TestApp::start().await;
    let sent = app.send_otp("+12025550106").await;
    assert_eq!((&sent["status"], &sent["delivery"]["status"]), (&json!("pending"), &json!("queued")));
    let id = text(&sent["session_id"]);
    // Not before the two seconds that the provider asks for.
    app.deliver_after(1_999).await;
    assert_eq!(app.status(&id).await["delivery"]["status"], "queued");
    // The pause has up to two more, by chance.
    app.deliver_after(2_001).await;
    assert_eq!(app.status(&id).await["delivery"]["status"], "accepted");
    app.deliver_after(500).await;
    snapshot("magic_provider_rate_limit", &app.status(&id).await["delivery"]);
    app.verify(&id, &app.code(&id).await).await.success(200);
}

#[tokio::test]
async fn unknown_outcome_is_200_and_turns_out_to_be_delivered() {
    let looks = [(0, "unknown"), (1_999, "unknown"), (2_000, "delivered"), (20_000, "delivered")];
    plays("+12025550107", "unknown_outcome", &looks).await;
}

#[tokio::test]
async fn slow() {
    let looks = [(9_999, "accepted"), (10_000, "sent"), (19_999, "sent"), (20_000, "delivered")];
    plays("+12025550108", "slow", &looks).await;
}

#[tokio::test]
async fn late_webhook_tells_of_the_past() {
    plays("+12025550109", "late_webhook", &[(14_999, "accepted"), (15_000, "delivered")]).await;
}

#[tokio::test]
async fn duplicate_statuses_are_shown_once() {
    plays("+12025550110", "duplicate_statuses", &[(500, "delivered"), (1_000, "delivered"), (5_000, "delivered")])
        .await;
}

#[tokio::test]
async fn reordered_statuses_end_at_read() {
    let looks = [(1_499, "accepted"), (1_500, "read"), (2_000, "read"), (2_500, "read")];
    plays("+12025550111", "reordered_statuses", &looks).await;
}

/// The delivery of a message to this number after each of these times.
async fn message_to(number: &str, looks: &[(u64, &str)]) -> Value {
    let app = TestApp::start().await;
    let id = app.message(number).await;
    let mut now = 0;
    for (ms, expected) in looks {
        app.deliver_after(ms - now).await;
        now = *ms;
        let message = app.api.get(&format!("/v1/messages/{id}")).await.success(200);
        assert_eq!(message["status"], *expected, "after {ms} ms");
        assert_eq!(message["delivery"]["status"], *expected);
    }
    app.api.get(&format!("/v1/messages/{id}")).await.success(200)["delivery"].clone()
}

#[tokio::test]
async fn messages_play_the_scenarios_too() {
    let failed = message_to("+12025550103", &[(0, "failed")]).await;
    snapshot("magic_message_unreachable", &failed);
    message_to("+12025550101", &[(0, "accepted"), (1_500, "read")]).await;
    message_to("+12025550104", &[(0, "accepted"), (500, "failed")]).await;
    message_to("+12025550106", &[(0, "queued"), (4_000, "accepted"), (4_500, "delivered")]).await;
    message_to("+12025550107", &[(0, "unknown"), (2_000, "delivered")]).await;
}

#[tokio::test]
async fn a_message_waits_for_a_provider_that_is_down_until_it_expires() {
    let app = TestApp::start().await;
    let id = app.message("+12025550105").await;
    for _ in 0..299 {
        app.deliver_after(1_000).await;
    }
    let path = format!("/v1/messages/{id}");
    assert_eq!(app.api.get(&path).await.success(200)["status"], "queued");
    app.deliver_after(60_000).await;
    let expired = app.api.get(&path).await.success(200);
    assert_eq!((&expired["status"], &expired["delivery"]["error"]), (&json!("expired"), &Value::Null));
}

#[tokio::test]
async fn a_message_that_met_an_outage_is_sent_when_it_is_over() {
    let app = TestApp::start().await;
    app.channel.set_down(true);
    let id = app.message(ORDINARY).await;
    app.deliver().await;
    let path = format!("/v1/messages/{id}");
    assert_eq!(app.api.get(&path).await.success(200)["status"], "queued");
    app.channel.set_down(false);
    app.deliver_after(60_000).await;
    assert_eq!(app.api.get(&path).await.success(200)["status"], "accepted");
}
