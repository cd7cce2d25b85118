//! Sending again: cooldowns, caps, taking the place of an older session, and calling one off.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, MAGIC, ORDINARY, TestApp, other_than, text};

async fn send(app: &TestApp, to: &str) -> Answer {
    app.api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp"})).await
}

async fn resend(app: &TestApp, id: &str) -> Answer {
    app.api.post_nothing(&format!("/v1/otp/{id}/resend")).await
}

async fn cancel(app: &TestApp, id: &str) -> Answer {
    app.api.post_nothing(&format!("/v1/otp/{id}/cancel")).await
}

fn advance_ms(app: &TestApp, ms: u64) {
    app.clock.advance(Duration::from_millis(ms));
}

#[tokio::test]
async fn a_resend_sends_the_same_code_and_resets_neither_attempts_nor_expiry() {
    let app = TestApp::start().await;
    let (id, code) = app.session(ORDINARY).await;
    app.verify(&id, &other_than(&code)).await.problem(422, "code_mismatch");
    app.advance(30);
    let resent = resend(&app, &id).await.success(200);
    let expected = json!({
        "session_id": id, "status": "pending", "channel": "whatsapp", "to": "+1******0123", "code_length": 6,
        "purpose": "default", "mode": "test",
        "delivery": {"status": "accepted", "sender": null, "error": null, "timeline": [
            {"status": "queued", "at": "2027-01-15T08:00:30.000Z"}, {"status": "accepted", "at": "2027-01-15T08:00:30.000Z"}]},
        "attempts_remaining": 4, "sends_remaining": 3, "created_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T08:05:00.000Z", "resend_available_at": "2027-01-15T08:01:30.000Z", "metadata": {},
    });
    assert_eq!(resent, expected);
    assert_eq!(app.status(&id).await, expected);

    let inbox = app.api.get(&format!("/v1/sandbox/messages?session_id={id}")).await.success(200);
    let codes: Vec<&Value> = inbox["data"].as_array().unwrap().iter().map(|item| &item["code"]).collect();
    assert_eq!(codes, [&json!(code), &json!(code)]);
    app.verify(&id, &code).await.success(200);
}

#[tokio::test]
async fn the_cooldown_is_over_to_the_millisecond_and_grows() {
    let app = TestApp::with(&[("WHATOTP_OTP__SENDS_PER_10_MINUTES", "100")]).await;
    let body = json!({"to": ORDINARY, "channel": "whatsapp", "expires_in_seconds": 600});
    let id = text(&app.api.post("/v1/otp/send", body).await.success(200)["session_id"]);
    for (cooldown, is_last) in [(30, false), (60, false), (120, false), (240, true)] {
        let ends = whatotp_ports::Clock::now(&*app.clock).plus(Duration::from_secs(cooldown));
        let refused = |answer: Answer, retry_after: u64| {
            assert_eq!(answer.problem(429, "resend_too_soon"), json!({"retry_at": ends.to_string()}));
            assert_eq!(answer.retry_after(), retry_after);
        };
        refused(resend(&app, &id).await, cooldown);
        refused(send(&app, ORDINARY).await, cooldown);
        advance_ms(&app, 1);
        refused(resend(&app, &id).await, cooldown);
        advance_ms(&app, cooldown * 1000 - 2);
        // A new session does not get around it either.
        refused(resend(&app, &id).await, 1);
        refused(send(&app, ORDINARY).await, 1);
        advance_ms(&app, 1);
        let sent = if is_last { send(&app, ORDINARY).await } else { resend(&app, &id).await }.success(200);
        let next = [30, 60, 120, 240, 240].into_iter().find(|next| *next > cooldown).unwrap_or(240);
        let available = whatotp_ports::Clock::now(&*app.clock).plus(Duration::from_secs(next)).to_string();
        assert_eq!(sent["resend_available_at"], available);
    }
}

#[tokio::test]
async fn a_verified_code_ends_the_cooldown() {
    let app = TestApp::start().await;
    let (id, code) = app.session(ORDINARY).await;
    send(&app, ORDINARY).await.problem(429, "resend_too_soon");
    app.verify(&id, &code).await.success(200);
    app.advance(1);
    let sent = send(&app, ORDINARY).await.success(200);
    assert_eq!(sent["resend_available_at"], "2027-01-15T08:00:31.000Z");
}

#[tokio::test]
async fn a_canceled_session_does_not_end_the_cooldown() {
    let app = TestApp::start().await;
    let (id, _) = app.session(ORDINARY).await;
    cancel(&app, &id).await.success(200);
    send(&app, ORDINARY).await.problem(429, "resend_too_soon");
}

/// Sends and verifies, so that only the caps stand in the way.
async fn use_up(app: &TestApp, sends: u32) {
    for _ in 0..sends {
        let (id, code) = app.session(ORDINARY).await;
        app.verify(&id, &code).await.success(200);
        app.advance(1);
    }
}

#[tokio::test]
async fn a_number_gets_five_messages_in_ten_minutes_ten_an_hour_and_twenty_a_day() {
    let app = TestApp::start().await;
    let limited_until = async |at: &str, seconds: u64| {
        let refused = send(&app, ORDINARY).await;
        assert_eq!(refused.problem(429, "destination_limited"), json!({"retry_at": at}));
        assert_eq!(refused.retry_after(), seconds);
    };
    // From 08:00:00, 08:00:01, …
    use_up(&app, 5).await;
    limited_until("2027-01-15T08:10:00.000Z", 595).await;
    app.advance(594);
    limited_until("2027-01-15T08:10:00.000Z", 1).await;
    app.advance(1);
    use_up(&app, 5).await;
    limited_until("2027-01-15T09:00:00.000Z", 2995).await;
    app.advance(2995);
    use_up(&app, 5).await;
    app.advance(595);
    use_up(&app, 5).await;
    limited_until("2027-01-16T08:00:00.000Z", 82_195).await;
    // Another number is not concerned.
    send(&app, "+14155550124").await.success(200);
}

#[tokio::test]
async fn a_session_sends_five_messages_and_no_more() {
    let app = TestApp::start().await;
    let sent = app.send_otp(MAGIC).await;
    let id = text(&sent["session_id"]);
    assert_eq!(sent["sends_remaining"], 4);
    for left in [3, 2, 1, 0] {
        assert_eq!(resend(&app, &id).await.success(200)["sends_remaining"], left);
    }
    app.advance(10);
    let refused = resend(&app, &id).await;
    assert_eq!(refused.problem(429, "max_sends_reached"), json!({}));
    // When the session is over.
    assert_eq!(refused.retry_after(), 290);
    app.verify(&id, &app.code(&id).await).await.success(200);
}

#[tokio::test]
async fn magic_numbers_have_no_cooldown_no_caps_and_no_budget_of_wrong_codes() {
    let app = TestApp::start().await;
    for _ in 0..6 {
        let (id, code) = app.session(MAGIC).await;
        for _ in 0..4 {
            app.verify(&id, &other_than(&code)).await.problem(422, "code_mismatch");
        }
        app.verify(&id, &code).await.success(200);
    }
}

#[tokio::test]
async fn a_new_send_takes_the_place_of_the_older_session_of_the_same_purpose_only() {
    let app = TestApp::start().await;
    let (first, first_code) = app.session(MAGIC).await;
    let body = json!({"to": MAGIC, "channel": "whatsapp", "purpose": "payment"});
    let payment = text(&app.api.post("/v1/otp/send", body).await.success(200)["session_id"]);
    let (second, second_code) = app.session(MAGIC).await;
    assert_eq!(app.status(&first).await["status"], "superseded");
    app.verify(&first, &first_code).await.problem(410, "session_superseded");
    assert_eq!(resend(&app, &first).await.problem(410, "session_superseded"), json!({}));
    app.verify(&second, &second_code).await.success(200);
    app.verify(&payment, &app.code(&payment).await).await.success(200);
}

#[tokio::test]
async fn a_canceled_session_takes_no_code_and_cannot_be_canceled_twice() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let mut expected = app.status(&id).await;
    expected["status"] = json!("canceled");
    assert_eq!(cancel(&app, &id).await.success(200), expected);
    app.verify(&id, &code).await.problem(410, "session_canceled");
    assert_eq!(resend(&app, &id).await.problem(410, "session_canceled"), json!({}));
    let again = cancel(&app, &id).await;
    assert_eq!(again.problem(409, "not_cancelable"), json!({}));
    assert!(again.detail().contains("already canceled"), "{}", again.detail());
}

/// A session whose message the provider has put off.
async fn put_off(app: &TestApp) -> String {
    let sent = send(app, "+12025550106").await.success(200);
    assert_eq!(sent["delivery"]["status"], "queued");
    text(&sent["session_id"])
}

#[tokio::test]
async fn a_code_that_is_called_off_before_it_was_sent_is_not_sent() {
    let app = TestApp::start().await;
    let id = put_off(&app).await;
    assert_eq!(cancel(&app, &id).await.success(200)["status"], "canceled");
    app.deliver_after(10_000).await;
    assert_eq!(app.status(&id).await["delivery"]["status"], "canceled");
    assert_eq!(app.api.get("/v1/sandbox/messages").await.success(200)["data"], json!([]));
}

#[tokio::test]
async fn a_code_whose_session_was_replaced_before_it_was_sent_is_not_sent() {
    let app = TestApp::start().await;
    let first = put_off(&app).await;
    let second = put_off(&app).await;
    app.deliver_after(4_000).await;
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    let sent: Vec<&Value> = inbox["data"].as_array().unwrap().iter().map(|item| &item["session_id"]).collect();
    assert_eq!(sent, [&json!(second)]);
    assert_eq!(app.status(&first).await["delivery"]["status"], "canceled");
}

#[tokio::test]
async fn a_code_is_not_sent_when_it_is_about_to_expire() {
    let app = TestApp::start().await;
    for (late, expected) in [(29, "accepted"), (30, "expired")] {
        let body = json!({"to": "+12025550106", "channel": "whatsapp", "expires_in_seconds": 60});
        let id = text(&app.api.post("/v1/otp/send", body).await.success(200)["session_id"]);
        app.deliver_after(late * 1000).await;
        assert_eq!(app.status(&id).await["delivery"]["status"], expected, "{late} s late");
        app.advance(60);
    }
}

#[tokio::test]
async fn what_is_over_cannot_be_canceled_or_sent_again() {
    let app = TestApp::start().await;
    let (verified, code) = app.session("+12025550120").await;
    app.verify(&verified, &code).await.success(200);
    let (locked, code) = app.session("+12025550121").await;
    for _ in 0..5 {
        app.verify(&locked, &other_than(&code)).await;
    }
    let (expired, _) = app.session("+12025550122").await;
    app.advance(300);
    for (id, (status, problem)) in [
        (verified, (409, "session_already_verified")),
        (locked, (410, "session_locked")),
        (expired, (410, "session_expired")),
    ] {
        assert_eq!(cancel(&app, &id).await.problem(409, "not_cancelable"), json!({}));
        assert_eq!(resend(&app, &id).await.problem(status, problem), json!({}));
    }
}

#[tokio::test]
async fn an_operation_without_fields_takes_an_empty_object_or_no_body_and_nothing_else() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let path = format!("/v1/otp/{id}/resend");
    app.api.post(&path, json!({})).await.success(200);
    app.api.post_raw(&path, None, "").await.success(200);
    app.api.post(&path, json!({"channel": "sms"})).await.is_invalid("channel", "unknown_field");
    app.api.post(&path, json!([])).await.problem(400, "invalid_json");
    app.api.post_raw(&path, None, "{}").await.problem(415, "unsupported_media_type");
    assert_eq!(app.status(&id).await["sends_remaining"], 2);
}
