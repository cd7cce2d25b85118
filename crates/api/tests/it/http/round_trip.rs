//! Sending a code, reading it in the inbox, giving it back.

use serde_json::{Value, json};
use whatotp_domain::Mode;

use crate::support::{MAGIC, ORDINARY, TestApp, order_update, other_than, redacted, snapshot, text};

/// The members of an object, in order.
fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const SESSION: [&str; 14] = [
    "session_id",
    "status",
    "channel",
    "to",
    "code_length",
    "purpose",
    "mode",
    "delivery",
    "attempts_remaining",
    "sends_remaining",
    "created_at",
    "expires_at",
    "resend_available_at",
    "metadata",
];

#[tokio::test]
async fn a_code_is_sent_read_in_the_inbox_and_verified() {
    let app = TestApp::start().await;
    let sent = app.send_otp(ORDINARY).await;
    snapshot("otp_sent", &sent);
    app.deliver_after(500).await;
    let id = text(&sent["session_id"]);
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!(inbox["data"][0]["session_id"], sent["session_id"]);
    snapshot("inbox", &inbox);
    snapshot("otp_status", &app.status(&id).await);

    app.advance(12);
    let verified = app.verify(&id, &text(&inbox["data"][0]["code"])).await.success(200);
    assert_eq!(verified["session_id"], sent["session_id"]);
    snapshot("otp_verified", &verified);
    snapshot("otp_status_verified", &app.status(&id).await);
}

#[tokio::test]
async fn the_objects_have_exactly_the_documented_members() {
    let app = TestApp::start().await;
    let sent = app.send_otp(MAGIC).await;
    assert_eq!(members(&sent), SESSION);
    assert_eq!(members(&sent["delivery"]), ["status", "sender", "error", "timeline"]);
    assert_eq!(members(&sent["delivery"]["timeline"][0]), ["status", "at"]);

    let id = text(&sent["session_id"]);
    let resent = app.api.post_nothing(&format!("/v1/otp/{id}/resend")).await.success(200);
    assert_eq!(members(&resent), SESSION);
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!(members(&inbox), ["data", "next_cursor"]);
    let item = ["id", "to", "session_id", "message_id", "text", "code", "status", "at"];
    assert_eq!(members(&inbox["data"][0]), item);
    let verified = app.verify(&id, &text(&inbox["data"][0]["code"])).await.success(200);
    let expected =
        ["session_id", "status", "verified", "to", "channel", "purpose", "verified_at", "receipt", "metadata"];
    assert_eq!(members(&verified), expected);

    let message = app.api.post("/v1/messages/send", order_update(MAGIC)).await.success(202);
    let expected = [
        "message_id",
        "status",
        "template_id",
        "phone_number",
        "mode",
        "queued_at",
        "expires_at",
        "delivery",
        "metadata",
    ];
    assert_eq!(members(&message), expected);
    let templates = app.api.get("/v1/templates").await.success(200);
    assert_eq!(members(&templates), ["data", "next_cursor"]);
    let expected = ["id", "name", "category", "status", "languages", "variables", "body"];
    assert_eq!(members(&templates["data"][0]), expected);
}

#[tokio::test]
async fn ids_have_a_prefix_and_times_are_rfc_3339() {
    let app = TestApp::start().await;
    let sent = app.send_otp(ORDINARY).await;
    let kinds = [redacted(&sent["session_id"]), redacted(&json!(app.message(MAGIC).await))];
    assert_eq!(kinds, [json!("[otp]"), json!("[msg]")]);
    let times = [&sent["created_at"], &sent["expires_at"], &sent["resend_available_at"]];
    assert_eq!(times, ["2027-01-15T08:00:00.000Z", "2027-01-15T08:05:00.000Z", "2027-01-15T08:00:30.000Z"]);
}

#[tokio::test]
async fn every_option_of_a_send_is_honoured() {
    let app = TestApp::start().await;
    let body = json!({
        "to": "+1 (415) 555.01-23", "channel": "whatsapp", "length": 8, "purpose": "login", "locale": "pt-BR",
        "expires_in_seconds": 600, "client_ip": "2001:db8::7", "metadata": {"user": "42", "plan": "père & fils"},
    });
    let sent = app.api.post("/v1/otp/send", body).await.success(200);
    snapshot("otp_sent_with_every_option", &sent);
    assert_eq!(app.code(&text(&sent["session_id"])).await.len(), 8);
}

#[tokio::test]
async fn codes_have_four_to_eight_digits_and_live_one_to_ten_minutes() {
    let app = TestApp::start().await;
    let send_with = async |member: &str, value: u32| {
        app.api.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp", member: value})).await
    };
    for length in 4..=8 {
        let sent = send_with("length", length).await.success(200);
        assert_eq!(sent["code_length"], length);
        let code = app.code(&text(&sent["session_id"])).await;
        assert_eq!(code.len(), usize::try_from(length).unwrap());
        app.verify(&text(&sent["session_id"]), &code).await.success(200);
    }
    for length in [0, 3, 9] {
        send_with("length", length).await.is_invalid("length", "out_of_range");
    }
    for (seconds, until) in [(60, "2027-01-15T08:01:00.000Z"), (600, "2027-01-15T08:10:00.000Z")] {
        assert_eq!(send_with("expires_in_seconds", seconds).await.success(200)["expires_at"], until);
    }
    for seconds in [59, 601] {
        send_with("expires_in_seconds", seconds).await.is_invalid("expires_in_seconds", "out_of_range");
    }
}

#[tokio::test]
async fn metadata_comes_back_with_every_answer() {
    let app = TestApp::start().await;
    let metadata = json!({"order": "A-1001", "user": "42"});
    let body = json!({"to": MAGIC, "channel": "whatsapp", "metadata": metadata});
    let sent = app.api.post("/v1/otp/send", body).await.success(200);
    let id = text(&sent["session_id"]);
    let resent = app.api.post_nothing(&format!("/v1/otp/{id}/resend")).await.success(200);
    let verified = app.verify(&id, &app.code(&id).await).await.success(200);
    for answer in [&sent, &resent, &verified, &app.status(&id).await] {
        assert_eq!(answer["metadata"], metadata);
    }

    let mut body = order_update(MAGIC);
    body["metadata"] = metadata.clone();
    let message = app.api.post("/v1/messages/send", body).await.success(202);
    let path = format!("/v1/messages/{}", text(&message["message_id"]));
    let listed = app.api.get("/v1/messages").await.success(200);
    let canceled = app.api.post_nothing(&format!("{path}/cancel")).await.success(200);
    for answer in [&message, &listed["data"][0], &canceled, &app.api.get(&path).await.success(200)] {
        assert_eq!(answer["metadata"], metadata);
    }
}

#[tokio::test]
async fn the_code_and_the_whole_number_are_in_the_inbox_and_nowhere_else() {
    let app = TestApp::start().await;
    let (id, code) = app.session(ORDINARY).await;
    let answers = [
        app.status(&id).await.to_string(),
        app.verify(&id, &other_than(&code)).await.text,
        app.verify(&id, &code).await.text,
        app.api.post("/v1/messages/send", order_update(ORDINARY)).await.text,
        app.api.get("/v1/messages").await.text,
    ];
    for answer in answers {
        // A number masked to its last four digits, and no six digits in quotes.
        assert!(!answer.contains(&format!("\"{code}\"")) && !answer.contains("415555"), "{answer}");
    }
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!((&inbox["data"][0]["to"], &inbox["data"][0]["code"]), (&json!(ORDINARY), &json!(code)));
}

#[tokio::test]
async fn the_inbox_can_be_searched_and_paged() {
    let app = TestApp::start().await;
    let (first, _) = app.session("+12025550112").await;
    app.tick();
    let (second, _) = app.session("+12025550113").await;
    app.tick();
    let message = app.message("+12025550113").await;
    app.deliver().await;
    let found = async |query: &str| {
        let inbox = app.api.get(&format!("/v1/sandbox/messages?{query}")).await.success(200);
        let items = inbox["data"].as_array().unwrap().clone();
        let of = |item: &Value| {
            [&item["session_id"], &item["message_id"]].into_iter().find_map(Value::as_str).map(str::to_owned)
        };
        (items.iter().filter_map(of).collect::<Vec<_>>(), inbox["next_cursor"].as_str().map(str::to_owned))
    };
    assert_eq!(found("to=%2B12025550112").await.0, [first.as_str()]);
    assert_eq!(found("to=%2B12025550113").await.0, [message.as_str(), second.as_str()]);
    assert_eq!(found(&format!("session_id={second}")).await.0, [second.as_str()]);
    assert_eq!(found(&format!("message_id={message}")).await.0, [message.as_str()]);
    assert_eq!(found(&format!("session_id={second}&to=%2B12025550112")).await.0, [""; 0]);
    let (page, cursor) = found("limit=2").await;
    assert_eq!(page, [message.as_str(), second.as_str()]);
    let (page, cursor) = found(&format!("limit=2&cursor={}", cursor.unwrap())).await;
    assert_eq!((page, cursor), (vec![first], None));
}

#[tokio::test]
async fn live_keys_are_told_that_no_sender_is_configured_and_nothing_is_left_behind() {
    let app = TestApp::start().await;
    let live = app.key(Mode::Live, &[]).await.with("idempotency-key", "once");
    let send = json!({"to": ORDINARY, "channel": "whatsapp"});
    for (path, body) in [("/v1/otp/send", send), ("/v1/messages/send", order_update(ORDINARY))] {
        for _again in 0..2 {
            let answer = live.post(path, body.clone()).await;
            assert_eq!(answer.problem(503, "channel_unavailable"), json!({}));
            assert_eq!((answer.retry_after(), answer.is_replay()), (30, false));
        }
    }
    assert!(app.outbox(Mode::Live).await.is_empty());
    let listed = live.get("/v1/messages").await.success(200);
    assert_eq!(listed, json!({"data": [], "next_cursor": null}));
    // The sandbox inbox is for test keys.
    let refused = live.get("/v1/sandbox/messages").await;
    assert_eq!(refused.problem(403, "insufficient_scope"), json!({}));
    assert!(refused.detail().contains("sk_test_"));
}
