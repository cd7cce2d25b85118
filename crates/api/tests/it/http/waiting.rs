//! Waiting for a change: long polls and event streams.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Answer, MAGIC, TestApp, other_than, text, unused};

/// Asks in the background, and returns when the server waits.
async fn ask(app: &TestApp, path: String) -> JoinHandle<Answer> {
    let (api, before) = (app.api.clone(), app.wakeups.waits());
    let asking = tokio::spawn(async move { api.get(&path).await });
    app.wakeups.waits_after(before).await;
    asking
}

#[tokio::test]
async fn a_long_poll_answers_when_something_changes() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let path = format!("/v1/otp/{id}?wait_seconds=25");
    let asking = ask(&app, path.clone()).await;
    app.deliver_after(200).await;
    assert_eq!(asking.await.unwrap().success(200)["delivery"]["status"], "sent");

    let asking = ask(&app, path.clone()).await;
    app.verify(&id, &other_than(&code)).await.problem(422, "code_mismatch");
    assert_eq!(asking.await.unwrap().success(200)["attempts_remaining"], 4);

    let asking = ask(&app, path).await;
    app.verify(&id, &code).await.success(200);
    assert_eq!(asking.await.unwrap().success(200)["status"], "verified");
}

#[tokio::test]
async fn a_long_poll_sees_that_a_newer_session_took_the_place() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let asking = ask(&app, format!("/v1/otp/{id}?wait_seconds=25")).await;
    app.send_otp(MAGIC).await;
    assert_eq!(asking.await.unwrap().success(200)["status"], "superseded");
}

#[tokio::test]
async fn a_long_poll_of_a_message_answers_when_something_changes() {
    let app = TestApp::start().await;
    let id = app.message(MAGIC).await;
    for (after, expected) in [(0, "accepted"), (200, "sent"), (500, "delivered")] {
        let asking = ask(&app, format!("/v1/messages/{id}?wait_seconds=25")).await;
        app.deliver_after(after).await;
        assert_eq!(asking.await.unwrap().success(200)["status"], expected);
    }
}

#[tokio::test]
async fn a_long_poll_answers_when_its_time_is_over() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let before = app.status(&id).await;
    assert_eq!(app.api.get(&format!("/v1/otp/{id}?wait_seconds=1")).await.success(200), before);
}

#[tokio::test]
async fn what_cannot_change_is_answered_at_once() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    app.deliver_after(500).await;
    app.verify(&id, &code).await.success(200);
    let message = app.message("+12025550103").await;
    app.deliver().await;
    for path in [format!("/v1/otp/{id}"), format!("/v1/messages/{message}")] {
        let settled = app.api.get(&path).await.success(200);
        assert_eq!(app.api.get(&format!("{path}?wait_seconds=25")).await.success(200), settled);
    }
    assert_eq!(app.wakeups.waits(), 0, "nobody waited");
}

#[tokio::test]
async fn without_wait_seconds_nobody_waits() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    app.status(&id).await;
    assert_eq!(app.wakeups.waits(), 0);
}

#[tokio::test]
async fn wait_seconds_is_from_1_to_25() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let message = app.message(MAGIC).await;
    for path in [format!("/v1/otp/{id}"), format!("/v1/messages/{message}")] {
        for seconds in ["0", "26", "abc", "", "1.5", "-1", "1e1"] {
            let refused = app.api.get(&format!("{path}?wait_seconds={seconds}")).await;
            refused.is_invalid("wait_seconds", "out_of_range");
        }
        app.api.get(&format!("{path}?wait=5")).await.is_invalid("wait", "unknown_field");
        app.api.get(&format!("{path}?wait_seconds=1&wait_seconds=1")).await.is_invalid("wait_seconds", "duplicate");
    }
    app.api.get(&format!("/v1/otp/{}?wait_seconds=25", unused("otp"))).await.problem(404, "session_not_found");
}

#[tokio::test]
async fn the_events_tell_every_step_and_end_when_nothing_will_change() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    let mut events = app.api.events(&format!("/v1/otp/{id}/events")).await;
    let header = |name: &str| events.response.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(header("cache-control"), "no-store");
    assert!(header("x-request-id").starts_with("req_"));

    // One at once, and it is what a GET answers.
    let first = events.next().await.unwrap();
    assert_eq!(first, app.status(&id).await);
    for (after, expected) in [(200, "sent"), (300, "delivered")] {
        app.deliver_after(after).await;
        let event = events.next().await.unwrap();
        assert_eq!(event["delivery"]["status"], expected);
        assert_eq!(event, app.status(&id).await);
    }
    app.verify(&id, &code).await.success(200);
    let last = events.next().await.unwrap();
    assert_eq!(last["status"], "verified");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn the_events_of_what_is_over_are_one() {
    let app = TestApp::start().await;
    let (id, code) = app.session(MAGIC).await;
    app.deliver_after(500).await;
    app.verify(&id, &code).await.success(200);
    let mut events = app.api.events(&format!("/v1/otp/{id}/events")).await;
    assert_eq!(events.next().await, Some(app.status(&id).await));
    assert_eq!(events.next().await, None);
    app.api.get(&format!("/v1/otp/{}/events", unused("otp"))).await.problem(404, "session_not_found");
}

#[tokio::test]
async fn the_events_tell_that_the_code_has_expired() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    app.deliver_after(500).await;
    let mut events = app.api.events(&format!("/v1/otp/{id}/events")).await;
    assert_eq!(events.next().await.unwrap()["status"], "pending");
    app.advance(300);
    assert_eq!(events.next().await.unwrap()["status"], "expired");
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn who_waits_is_let_go_when_the_server_stops() {
    let app = TestApp::start().await;
    let (id, _) = app.session(MAGIC).await;
    let mut events = app.api.events(&format!("/v1/otp/{id}/events")).await;
    let first = events.next().await;
    let asking = ask(&app, format!("/v1/otp/{id}?wait_seconds=25")).await;
    let server = app.server;
    let stopping = tokio::spawn(async move { server.stop(Duration::ZERO).await });
    let answer: Value = asking.await.unwrap().success(200);
    assert_eq!((Some(answer), events.next().await), (first, None));
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_about_to_stop_serves_and_says_no_on_readyz() {
    let app = TestApp::start().await;
    app.api.get("/readyz").await.success(200);
    let (api, server) = (app.api.clone(), app.server);
    let checks = async {
        let refused = api.get("/readyz").await;
        assert_eq!((refused.problem(503, "overloaded"), refused.retry_after()), (json!({}), 5));
        api.get("/livez").await.success(200);
        let sent = api.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp"})).await.success(200);
        // It does not make anybody wait.
        let path = format!("/v1/otp/{}?wait_seconds=25", text(&sent["session_id"]));
        assert_eq!(api.get(&path).await.success(200), sent);
    };
    tokio::select! {
        biased;
        () = server.stop(Duration::from_secs(3600)) => panic!("it stopped before its time"),
        () = checks => {}
    }
}
