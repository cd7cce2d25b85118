//! Template messages.

use serde_json::{Value, json};

use crate::support::{MAGIC, TestApp, order_update, snapshot, text, unused};

async fn message(app: &TestApp, id: &str) -> Value {
    app.api.get(&format!("/v1/messages/{id}")).await.success(200)
}

/// What the recipient reads when this is sent.
async fn reads(app: &TestApp, body: Value) -> String {
    let id = text(&app.api.post("/v1/messages/send", body).await.success(202)["message_id"]);
    app.deliver().await;
    let inbox = app.api.get(&format!("/v1/sandbox/messages?message_id={id}")).await.success(200);
    text(&inbox["data"][0]["text"])
}

#[tokio::test]
async fn a_message_is_queued_and_then_delivered() {
    let app = TestApp::start().await;
    let mut body = order_update("+1 (202) 555-0101");
    body["metadata"] = json!({"order": "A-1001"});
    let queued = app.api.post("/v1/messages/send", body).await.success(202);
    snapshot("message_queued", &queued);
    let id = text(&queued["message_id"]);
    assert_eq!(message(&app, &id).await, queued);
    app.deliver().await;
    app.deliver_after(1_500).await;
    snapshot("message_read", &message(&app, &id).await);
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!(inbox["data"][0]["message_id"], id);
    snapshot("message_in_the_inbox", &inbox);
}

#[tokio::test]
async fn a_message_that_hangs_holds_up_no_other() {
    let app = TestApp::with_worker().await;
    app.channel.hold_next();
    let hanging = app.message(MAGIC).await;
    app.channel.holds_one().await;
    let next = app.message(MAGIC).await;
    assert_eq!(status_after_queued(&app, &next).await, "accepted");
    assert_eq!(message(&app, &hanging).await["status"], "queued");
    app.channel.release();
    assert_eq!(status_after_queued(&app, &hanging).await, "accepted");
}

/// Waits until a message is no longer queued.
async fn status_after_queued(app: &TestApp, id: &str) -> Value {
    let mut seen = message(app, id).await;
    while seen["status"] == "queued" {
        // A change that came before the question is not waited for again, so each wait is short.
        seen = app.api.get(&format!("/v1/messages/{id}?wait_seconds=1")).await.success(200);
    }
    seen["status"].clone()
}

#[tokio::test]
async fn a_message_is_canceled_while_it_is_queued_and_not_afterwards() {
    let app = TestApp::start().await;
    let queued = app.message(MAGIC).await;
    let canceled = app.api.post_nothing(&format!("/v1/messages/{queued}/cancel")).await.success(200);
    assert_eq!((&canceled["status"], &canceled["delivery"]["status"]), (&json!("canceled"), &json!("canceled")));
    assert_eq!(message(&app, &queued).await, canceled);

    app.tick();
    let accepted = app.message(MAGIC).await;
    app.deliver().await;
    let before = message(&app, &accepted).await;
    for (id, status) in [(&queued, "canceled"), (&accepted, "accepted")] {
        let refused = app.api.post_nothing(&format!("/v1/messages/{id}/cancel")).await;
        assert_eq!(refused.problem(409, "not_cancelable"), json!({}));
        assert!(refused.detail().contains(status), "{}", refused.detail());
    }
    assert_eq!(message(&app, &accepted).await, before);
    // The canceled one was not sent.
    let inbox = app.api.get("/v1/sandbox/messages").await.success(200);
    assert_eq!(inbox["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_that_waited_too_long_is_dropped_and_never_sent_late() {
    let app = TestApp::start().await;
    for (seconds, until) in [(30, "2027-01-15T08:00:30.000Z"), (86_400, "2027-01-16T08:00:30.000Z")] {
        let mut body = order_update(MAGIC);
        body["expires_in_seconds"] = json!(seconds);
        let queued = app.api.post("/v1/messages/send", body).await.success(202);
        assert_eq!(queued["expires_at"], until);
        app.deliver_after(seconds * 1000).await;
        let expired = message(&app, &text(&queued["message_id"])).await;
        assert_eq!((&expired["status"], &expired["delivery"]["error"]), (&json!("expired"), &Value::Null));
    }
    assert_eq!(app.api.get("/v1/sandbox/messages").await.success(200)["data"], json!([]));

    let mut body = order_update(MAGIC);
    body["expires_in_seconds"] = json!(30);
    let in_time = text(&app.api.post("/v1/messages/send", body).await.success(202)["message_id"]);
    app.deliver_after(29_999).await;
    assert_eq!(message(&app, &in_time).await["status"], "accepted");
}

#[tokio::test]
async fn a_message_lives_half_a_minute_to_a_day() {
    let app = TestApp::start().await;
    for seconds in [json!(29), json!(86_401), json!(-1), json!(30.5), json!("many")] {
        let mut body = order_update(MAGIC);
        body["expires_in_seconds"] = seconds;
        app.api.post("/v1/messages/send", body).await.is_invalid("expires_in_seconds", "out_of_range");
    }
}

#[tokio::test]
async fn variables_must_name_exactly_the_placeholders() {
    let app = TestApp::start().await;
    for (variables, missing, unexpected) in [
        (json!({"first_name": "Ada"}), json!(["order_id"]), json!([])),
        (json!({}), json!(["first_name", "order_id"]), json!([])),
        (json!({"first_name": "Ada", "order_id": "1", "x": "1", "y": "2"}), json!([]), json!(["x", "y"])),
        (json!({"First_Name": "Ada", "order_id": "1"}), json!(["first_name"]), json!(["First_Name"])),
    ] {
        let mut body = order_update(MAGIC);
        body["variables"] = variables;
        let refused = app.api.post("/v1/messages/send", body).await;
        let expected = json!({"missing": missing, "unexpected": unexpected});
        assert_eq!(refused.problem(422, "template_variables_mismatch"), expected);
    }
    let none = json!({"phone_number": MAGIC, "template_id": "order_update"});
    let refused = app.api.post("/v1/messages/send", none).await;
    let expected = json!({"missing": ["first_name", "order_id"], "unexpected": []});
    assert_eq!(refused.problem(422, "template_variables_mismatch"), expected);
}

#[tokio::test]
async fn a_variable_is_a_short_text_on_one_line_or_a_number() {
    let app = TestApp::start().await;
    let bad = [json!(true), json!(null), json!(["Ada"]), json!({"a": "b"})];
    for value in bad {
        let mut body = order_update(MAGIC);
        body["variables"]["first_name"] = value;
        app.api.post("/v1/messages/send", body).await.is_invalid("variables", "invalid_type");
    }
    for value in ["two\nlines", "a\ttab", "four    spaces", &"x".repeat(1025), "nul\0"] {
        let mut body = order_update(MAGIC);
        body["variables"]["first_name"] = json!(value);
        app.api.post("/v1/messages/send", body).await.is_invalid("variables", "invalid_variables");
    }
    for variables in [json!(["Ada"]), json!("Ada"), json!(7)] {
        let mut body = order_update(MAGIC);
        body["variables"] = variables;
        app.api.post("/v1/messages/send", body).await.is_invalid("variables", "invalid_type");
    }
}

#[tokio::test]
async fn numbers_are_taken_as_variables_and_written_as_they_came() {
    let app = TestApp::start().await;
    for (number, written) in [(json!(42), "42"), (json!(-7), "-7"), (json!(19.99), "19.99"), (json!(0), "0")] {
        let mut body = order_update(MAGIC);
        body["variables"]["order_id"] = number;
        app.tick();
        assert_eq!(reads(&app, body).await, format!("Hi Ada, your order {written} is on its way."));
    }
    let positional = json!({"phone_number": MAGIC, "template_id": "payment_received",
        "variables": {"1": "EUR 20", "2": 4711}});
    app.tick();
    let expected = "We received your payment of EUR 20 for invoice 4711. Thank you.";
    assert_eq!(reads(&app, positional).await, expected);
}

#[tokio::test]
async fn a_variable_is_never_taken_for_a_placeholder() {
    let app = TestApp::start().await;
    let mut body = order_update(MAGIC);
    body["variables"] = json!({"first_name": "{{order_id}}", "order_id": "<b>&amp;{{first_name}}"});
    let expected = "Hi {{order_id}}, your order <b>&amp;{{first_name}} is on its way.";
    assert_eq!(reads(&app, body).await, expected);
}

#[tokio::test]
async fn a_template_is_named_by_its_id_or_its_name() {
    let app = TestApp::start().await;
    let templates = app.api.get("/v1/templates").await.success(200);
    let templates = templates["data"].as_array().unwrap();
    let template = templates.iter().find(|template| template["name"] == "order_update").unwrap();
    for name in [&template["id"], &template["name"]] {
        let mut body = order_update(MAGIC);
        body["template_id"] = name.clone();
        let queued = app.api.post("/v1/messages/send", body).await.success(202);
        assert_eq!(queued["template_id"], template["id"]);
    }
    for name in [unused("tpl"), unused("msg"), "no_such_template".to_owned(), "ORDER_UPDATE".to_owned()] {
        let mut body = order_update(MAGIC);
        body["template_id"] = json!(name);
        let refused = app.api.post("/v1/messages/send", body).await;
        assert_eq!(refused.problem(404, "template_not_found"), json!({}), "{name}");
    }
}

#[tokio::test]
async fn the_language_falls_back_to_the_default() {
    let app = TestApp::start().await;
    let (en, es) = ("Hi Ada, your order A-1001 is on its way.", "Hola Ada, tu pedido A-1001 está en camino.");
    let pt = "Olá Ada, o seu pedido A-1001 está a caminho.";
    for (locale, expected) in [
        (json!("pt-BR"), pt),
        (json!("pt_br"), pt),
        (json!("es"), es),
        (json!("es-MX"), es),
        (json!("es-419"), es),
        (json!("en-GB"), en),
        (json!("de"), en),
        (json!("zh-Hant-TW"), en),
        (json!(null), en),
    ] {
        let mut body = order_update(MAGIC);
        body["locale"] = locale.clone();
        app.tick();
        assert_eq!(reads(&app, body).await, expected, "{locale}");
    }
    for locale in ["", "klingon!", "e", "en-", "en US"] {
        let mut body = order_update(MAGIC);
        body["locale"] = json!(locale);
        app.api.post("/v1/messages/send", body).await.is_invalid("locale", "invalid_locale");
    }
}

#[tokio::test]
async fn a_default_language_that_a_template_has_is_used_when_none_is_asked_for() {
    let app = TestApp::with(&[("WHATOTP_OTP__DEFAULT_LOCALE", "es")]).await;
    assert_eq!(reads(&app, order_update(MAGIC)).await, "Hola Ada, tu pedido A-1001 está en camino.");
    let mut body = order_update(MAGIC);
    body["locale"] = json!("de");
    app.tick();
    assert_eq!(reads(&app, body).await, "Hola Ada, tu pedido A-1001 está en camino.");
}

#[tokio::test]
async fn a_message_that_is_not_there_is_not_found() {
    let app = TestApp::start().await;
    let session = app.send_otp(MAGIC).await;
    // The message of a code is seen through its session.
    let of_the_code = app.api.get("/v1/sandbox/messages").await.success(200)["data"][0]["id"].clone();
    for id in [unused("msg"), "1".to_owned(), text(&session["session_id"]), text(&of_the_code)] {
        assert_eq!(app.api.get(&format!("/v1/messages/{id}")).await.problem(404, "message_not_found"), json!({}));
        let refused = app.api.post_nothing(&format!("/v1/messages/{id}/cancel")).await;
        assert_eq!(refused.problem(404, "message_not_found"), json!({}));
    }
}

#[tokio::test]
async fn a_new_account_has_sample_templates() {
    let app = TestApp::start().await;
    let mut templates = app.api.get("/v1/templates").await.success(200);
    // All three are as old as the installation.
    templates["data"].as_array_mut().unwrap().sort_by_key(|template| template["name"].to_string());
    snapshot("templates", &templates);
    for template in templates["data"].as_array().unwrap() {
        let path = format!("/v1/templates/{}", text(&template["id"]));
        assert_eq!(app.api.get(&path).await.success(200), *template);
    }
    for id in [unused("tpl"), "order_update".to_owned()] {
        let refused = app.api.get(&format!("/v1/templates/{id}")).await;
        assert_eq!(refused.problem(404, "template_not_found"), json!({}));
    }
    let page = app.api.get("/v1/templates?limit=2").await.success(200);
    let cursor = text(&page["next_cursor"]);
    let last = app.api.get(&format!("/v1/templates?limit=2&cursor={cursor}")).await.success(200);
    assert_eq!((last["data"].as_array().unwrap().len(), &last["next_cursor"]), (1, &Value::Null));
}
