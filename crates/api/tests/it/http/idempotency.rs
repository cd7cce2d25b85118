//! `Idempotency-Key`: the same request again does nothing again.

use futures_util::future::join_all;
use serde_json::{Value, json};
use whatotp_domain::Mode;

use crate::support::{Answer, MAGIC, ORDINARY, TestApp, order_update, other_than, text, unused};

fn send_to(number: &str) -> Value {
    json!({"to": number, "channel": "whatsapp"})
}

/// Makes a request twice under one key. The second answer is the first one again, and replayed.
async fn twice(app: &TestApp, path: &str, body: Value) -> Answer {
    let api = app.api.with("idempotency-key", "once");
    let first = api.post(path, body.clone()).await;
    assert!(!first.is_replay(), "{first:?}");
    app.advance(10);
    let second = api.post(path, body).await;
    assert!(second.is_replay(), "{second:?}");
    assert_eq!((first.status, &first.text), (second.status, &second.text));
    assert_eq!(first.header("content-type"), second.header("content-type"));
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    first
}

#[tokio::test]
async fn a_repeated_send_answers_the_same_and_sends_nothing() {
    let app = TestApp::start().await;
    let sent = twice(&app, "/v1/otp/send", send_to(MAGIC)).await.success(200);
    let message = twice(&app, "/v1/messages/send", order_update(MAGIC)).await.success(202);
    assert_eq!((&sent["status"], &message["status"]), (&json!("pending"), &json!("queued")));
    assert_eq!(app.outbox(Mode::Test).await.len(), 2);
    assert_eq!(app.status(&text(&sent["session_id"])).await["status"], "pending");
}

#[tokio::test]
async fn a_repeated_resend_sends_nothing() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let resent = twice(&app, &format!("/v1/otp/{id}/resend"), json!({})).await.success(200);
    assert_eq!(resent["sends_remaining"], 3);
    assert_eq!(app.status(&id).await["sends_remaining"], 3);
    assert_eq!(app.outbox(Mode::Test).await.len(), 2);
}

#[tokio::test]
async fn a_repeated_wrong_code_spends_one_attempt() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let body = json!({"session_id": id, "code": other_than(&code)});
    let wrong = twice(&app, "/v1/otp/verify", body).await;
    assert_eq!(wrong.problem(422, "code_mismatch"), json!({"attempts_remaining": 4}));
    assert_eq!(app.status(&id).await["attempts_remaining"], 4);
}

#[tokio::test]
async fn a_repeated_right_code_gets_the_same_receipt_and_another_request_a_conflict() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let verified = twice(&app, "/v1/otp/verify", json!({"session_id": id, "code": code})).await.success(200);
    assert_eq!(verified["status"], "verified");
    app.verify(&id, &code).await.problem(409, "session_already_verified");
}

#[tokio::test]
async fn a_repeated_cancel_is_no_conflict() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let canceled = twice(&app, &format!("/v1/otp/{id}/cancel"), json!({})).await.success(200);
    assert_eq!(canceled["status"], "canceled");
    let message = app.message(MAGIC).await;
    let canceled = twice(&app, &format!("/v1/messages/{message}/cancel"), json!({})).await.success(200);
    assert_eq!(canceled["status"], "canceled");
}

#[tokio::test]
async fn lasting_refusals_are_kept() {
    let app = TestApp::start().await;
    let (verified, code) = app.session("+12025550120").await;
    app.verify(&verified, &code).await.success(200);
    let (canceled, _) = app.session("+12025550121").await;
    app.api.post_nothing(&format!("/v1/otp/{canceled}/cancel")).await.success(200);
    let given = |id: &str| json!({"session_id": id, "code": "123456"});
    let mut unknown_template = order_update(MAGIC);
    unknown_template["template_id"] = json!("no_such_template");
    let mut mismatch = order_update("+12025550122");
    mismatch["variables"] = json!({});
    for (path, body, status, code) in [
        ("/v1/otp/verify", given(&unused("otp")), 404, "session_not_found"),
        ("/v1/messages/send", unknown_template, 404, "template_not_found"),
        ("/v1/otp/verify", given(&verified), 409, "session_already_verified"),
        (&format!("/v1/otp/{canceled}/cancel"), json!({}), 409, "not_cancelable"),
        (&format!("/v1/otp/{canceled}/resend"), json!({}), 410, "session_canceled"),
        ("/v1/otp/verify", given(&canceled), 410, "session_canceled"),
        ("/v1/otp/send", send_to("+12025550103"), 422, "recipient_unreachable"),
        ("/v1/messages/send", mismatch, 422, "template_variables_mismatch"),
    ] {
        let api = app.api.with("idempotency-key", &format!("{path} {code}").replace(' ', "-"));
        let first = api.post(path, body.clone()).await;
        first.problem(status, code);
        let second = api.post(path, body).await;
        second.problem(status, code);
        assert!(!first.is_replay() && second.is_replay(), "{path} {code}");
        assert_eq!(first.text, second.text);
    }
}

#[tokio::test]
async fn what_may_come_out_differently_next_time_is_not_kept() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    // 400 and 401: the key is still free.
    api.post("/v1/otp/send", json!({"to": ORDINARY})).await.is_invalid("channel", "required");
    api.without("authorization").post("/v1/otp/send", send_to(ORDINARY)).await.problem(401, "missing_api_key");
    // 503: the provider is down, and then it is not.
    app.channel.set_down(true);
    api.post("/v1/otp/send", send_to(ORDINARY)).await.problem(503, "channel_unavailable");
    app.channel.set_down(false);
    let sent = api.post("/v1/otp/send", send_to(ORDINARY)).await;
    let id = text(&sent.success(200)["session_id"]);
    assert!(!sent.is_replay());
    // 429: too soon, and then it is not.
    let path = format!("/v1/otp/{id}/resend");
    api.post_nothing(&path).await.problem(429, "resend_too_soon");
    app.advance(30);
    let resent = api.post_nothing(&path).await;
    assert_eq!((resent.success(200)["sends_remaining"].clone(), resent.is_replay()), (json!(3), false));
    // 400 of a code that cannot be one, found only when the session is known.
    api.post("/v1/otp/verify", json!({"session_id": id, "code": "1"})).await.is_invalid("code", "invalid_code");
    let code = app.code(&id).await;
    let verified = api.post("/v1/otp/verify", json!({"session_id": id, "code": code})).await;
    assert_eq!((verified.success(200)["status"].clone(), verified.is_replay()), (json!("verified"), false));
}

#[tokio::test]
async fn a_key_that_was_used_for_another_body_is_refused() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    let sent = api.post("/v1/otp/send", send_to(MAGIC)).await;
    for other in [send_to("+12025550101"), json!({"to": MAGIC, "channel": "whatsapp", "length": 6})] {
        let refused = api.post("/v1/otp/send", other).await;
        assert_eq!((refused.problem(422, "idempotency_key_reused"), refused.is_replay()), (json!({}), false));
    }
    assert_eq!(app.outbox(Mode::Test).await.len(), 1);
    assert_eq!(api.post("/v1/otp/send", send_to(MAGIC)).await.text, sent.text);
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_ascii_characters() {
    let app = TestApp::start().await;
    let refused = ["", " ", "with space", "käse", "tab\there", &"x".repeat(256)];
    for key in refused {
        let request = app.api.request(&reqwest::Method::POST, "/v1/otp/send").json(&send_to(MAGIC));
        let answer = app.api.send(request.header("idempotency-key", key)).await;
        answer.is_invalid("Idempotency-Key", "invalid_idempotency_key");
    }
    let request = app.api.request(&reqwest::Method::POST, "/v1/otp/send").json(&send_to(MAGIC));
    let answer = app.api.send(request.header("idempotency-key", "one").header("idempotency-key", "two")).await;
    answer.is_invalid("Idempotency-Key", "invalid_idempotency_key");
    assert!(app.outbox(Mode::Test).await.is_empty());
    for key in ["x", "!~", &"x".repeat(255)] {
        app.api.with("idempotency-key", key).post("/v1/otp/send", send_to(MAGIC)).await.success(200);
    }
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    let first = api.post("/v1/otp/send", send_to(MAGIC)).await;
    app.clock.advance(std::time::Duration::from_millis(86_399_999));
    app.app.sweep().await.unwrap();
    let replayed = api.post("/v1/otp/send", send_to(MAGIC)).await;
    assert_eq!((&replayed.text, replayed.is_replay()), (&first.text, true));
    app.tick();
    let fresh = api.post("/v1/otp/send", send_to("+12025550101")).await;
    assert!(!fresh.is_replay());
    assert_ne!(fresh.success(200)["session_id"], first.body()["session_id"]);
}

#[tokio::test]
async fn a_key_belongs_to_one_account_mode_and_route() {
    let app = TestApp::start().await;
    let key = |client: &crate::support::Client| client.with("idempotency-key", "once");
    let first = key(&app.api).post("/v1/otp/send", send_to(MAGIC)).await.success(200);
    // Another account, and the live half of this one.
    let strangers = key(&app.stranger().await).post("/v1/otp/send", send_to(MAGIC)).await;
    assert!(!strangers.is_replay());
    assert_ne!(strangers.success(200)["session_id"], first["session_id"]);
    let live = key(&app.key(Mode::Live, &[]).await).post("/v1/otp/send", send_to(MAGIC)).await;
    live.problem(503, "channel_unavailable");
    // Another route, and the same route of another session.
    assert!(!key(&app.api).post("/v1/messages/send", order_update(MAGIC)).await.is_replay());
    let (other, _) = app.session("+12025550101").await;
    for id in [text(&first["session_id"]), other] {
        let resent = key(&app.api).post_nothing(&format!("/v1/otp/{id}/resend")).await;
        assert_eq!((resent.success(200)["session_id"].clone(), resent.is_replay()), (json!(id), false));
    }
    // Another key of the same account is the same caller.
    let colleague = key(&app.key(Mode::Test, &[]).await).post("/v1/otp/send", send_to(MAGIC)).await;
    assert_eq!((colleague.success(200), colleague.is_replay()), (first, true));
}

#[tokio::test]
async fn while_the_first_request_runs_the_second_is_told_to_wait() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    app.channel.hold();
    let first = tokio::spawn({
        let api = api.clone();
        async move { api.post("/v1/otp/send", send_to(MAGIC)).await }
    });
    app.channel.holds_one().await;
    let second = api.post("/v1/otp/send", send_to(MAGIC)).await;
    assert_eq!((second.problem(409, "idempotency_in_progress"), second.is_replay()), (json!({}), false));
    assert_eq!(second.retry_after(), 1);
    api.post("/v1/otp/send", send_to(ORDINARY)).await.problem(422, "idempotency_key_reused");
    app.channel.release();
    let first = first.await.unwrap();
    let third = api.post("/v1/otp/send", send_to(MAGIC)).await;
    assert_eq!((first.success(200), third.is_replay()), (third.success(200), true));
    assert_eq!(app.outbox(Mode::Test).await.len(), 1);
}

#[tokio::test]
async fn fifty_at_once_under_one_key_are_one() {
    let app = TestApp::start().await;
    let api = app.api.with("idempotency-key", "once");
    let answers = join_all((0..50).map(|_| api.post("/v1/otp/send", send_to(ORDINARY)))).await;
    let (done, waiting): (Vec<&Answer>, Vec<&Answer>) = answers.iter().partition(|answer| answer.status == 200);
    for answer in &waiting {
        answer.problem(409, "idempotency_in_progress");
    }
    assert_eq!(done.iter().filter(|answer| !answer.is_replay()).count(), 1);
    assert!(done.iter().all(|answer| answer.text == done[0].text));
    assert_eq!(app.outbox(Mode::Test).await.len(), 1);
    assert_eq!(api.post("/v1/otp/send", send_to(ORDINARY)).await.text, done[0].text);
}

/// Makes a request whose answer cannot be kept after its work is done, and returns the answer that is given to the same
/// request once the first one counts as dead.
async fn rebuilt(app: &TestApp, path: &str, body: Value) -> Answer {
    let api = app.api.with("idempotency-key", "lost");
    app.idempotency.set_keeps(false);
    let told = api.post(path, body.clone()).await;
    assert!(!told.is_replay() && told.status != 503, "what was done is told all the same: {told:?}");
    app.idempotency.set_keeps(true);
    app.clock.advance(std::time::Duration::from_millis(59_999));
    api.post(path, body.clone()).await.problem(409, "idempotency_in_progress");
    app.tick();
    let rebuilt = api.post(path, body.clone()).await;
    assert!(rebuilt.is_replay(), "{rebuilt:?}");
    assert_eq!(rebuilt.status, told.status);
    // From here on it is an answer like every other.
    app.advance(1);
    assert_eq!(api.post(path, body).await.text, rebuilt.text);
    rebuilt
}

#[tokio::test]
async fn an_answer_that_was_lost_is_rebuilt_from_what_was_done() {
    let app = TestApp::start().await;
    let sent = rebuilt(&app, "/v1/otp/send", send_to(MAGIC)).await.success(200);
    let id = text(&sent["session_id"]);
    assert_eq!((&sent["created_at"], &sent["sends_remaining"]), (&json!("2027-01-15T08:00:00.000Z"), &json!(4)));
    assert_eq!(app.outbox(Mode::Test).await.len(), 1);

    let resent = rebuilt(&app, &format!("/v1/otp/{id}/resend"), json!({})).await.success(200);
    assert_eq!(resent["sends_remaining"], 3);

    let code = app.code(&id).await;
    let wrong = json!({"session_id": id, "code": other_than(&code)});
    let wrong = rebuilt(&app, "/v1/otp/verify", wrong).await;
    assert_eq!(wrong.problem(422, "code_mismatch"), json!({"attempts_remaining": 4}));
    assert_eq!(app.status(&id).await["attempts_remaining"], 4);
}

#[tokio::test]
async fn a_lost_verification_is_given_again_with_the_receipt_of_its_moment() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let verified = rebuilt(&app, "/v1/otp/verify", json!({"session_id": id, "code": code})).await.success(200);
    assert_eq!((&verified["verified"], &verified["verified_at"]), (&json!(true), &json!("2027-01-15T08:00:00.000Z")));
    app.verify(&id, &code).await.problem(409, "session_already_verified");
}

#[tokio::test]
async fn lost_answers_of_the_other_operations_are_rebuilt_too() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let canceled = rebuilt(&app, &format!("/v1/otp/{id}/cancel"), json!({})).await.success(200);
    assert_eq!(canceled["status"], "canceled");
    let message = rebuilt(&app, "/v1/messages/send", order_update(MAGIC)).await.success(202);
    assert_eq!(app.outbox(Mode::Test).await.len(), 2);
    let path = format!("/v1/messages/{}/cancel", text(&message["message_id"]));
    let canceled = rebuilt(&app, &path, json!({})).await;
    assert_eq!(canceled.success(200)["status"], "canceled");
    // A send that was refused is no success when it is told later.
    let refused = rebuilt(&app, "/v1/otp/send", send_to("+12025550103")).await;
    let error = refused.problem(422, "recipient_unreachable")["delivery_error"].clone();
    assert_eq!(error["code"], 131_026);
}
