//! What a request must look like: its body, its type, its path and its method.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{MAGIC, NO_LIMITS, TestApp, operations, order_update, unused};

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect()
}

#[tokio::test]
async fn every_bad_field_is_named_at_once() {
    let app = TestApp::start().await;
    let body = json!({
        "to": "12025550100", "channel": "sms", "lenght": 6, "length": 9, "purpose": "", "locale": "klingon!",
        "expires_in_seconds": 10, "client_ip": "localhost", "metadata": {"": "x"},
    });
    let expected = [
        ("to", "invalid_phone_number"),
        ("channel", "unsupported_channel"),
        ("length", "out_of_range"),
        ("purpose", "invalid_purpose"),
        ("locale", "invalid_locale"),
        ("expires_in_seconds", "out_of_range"),
        ("client_ip", "invalid_ip"),
        ("metadata", "invalid_metadata"),
        ("lenght", "unknown_field"),
    ];
    let refused = app.api.post("/v1/otp/send", body).await;
    assert_eq!(refused.invalid(), pairs(&expected));
    // A typo is helped.
    assert!(refused.text.contains("the known ones are to, channel, length, purpose"), "{}", refused.text);

    let refused = app.api.post("/v1/otp/verify", json!({"sesion_id": "x", "code": 1})).await;
    let expected = [("session_id", "required"), ("code", "invalid_type"), ("sesion_id", "unknown_field")];
    assert_eq!(refused.invalid(), pairs(&expected));

    let body = json!({"template_id": "", "variables": [], "expires_in_seconds": 29, "to": MAGIC});
    let refused = app.api.post("/v1/messages/send", body).await;
    let expected = [
        ("phone_number", "required"),
        ("template_id", "invalid_template"),
        ("variables", "invalid_type"),
        ("expires_in_seconds", "out_of_range"),
        ("to", "unknown_field"),
    ];
    assert_eq!(refused.invalid(), pairs(&expected));
}

#[tokio::test]
async fn what_is_required_is_required_and_null_is_nothing() {
    let app = TestApp::start().await;
    for body in [json!({}), json!({"to": null, "channel": null})] {
        let refused = app.api.post("/v1/otp/send", body).await;
        assert_eq!(refused.invalid(), pairs(&[("to", "required"), ("channel", "required")]));
    }
    let body = json!({"to": MAGIC, "channel": "whatsapp", "length": null, "metadata": null, "locale": null});
    app.api.post("/v1/otp/send", body).await.success(200);
}

#[tokio::test]
async fn a_field_of_the_wrong_kind_is_refused() {
    let app = TestApp::start().await;
    for (field, value, code) in [
        ("to", json!(12_025_550_100_u64), "invalid_type"),
        ("to", json!("+1202555010"), "invalid_phone_number"),
        ("to", json!("+12025550100;ext=1"), "invalid_phone_number"),
        ("to", json!("+1\u{0}2025550100"), "invalid_characters"),
        ("to", json!(format!("+{}", "1".repeat(64))), "invalid_phone_number"),
        ("to", json!("tel:+12025550100"), "invalid_phone_number"),
        ("to", json!("+1202CALLNOW"), "invalid_phone_number"),
        ("channel", json!(["whatsapp"]), "invalid_type"),
        ("channel", json!("WhatsApp"), "unsupported_channel"),
        ("length", json!(true), "invalid_type"),
        ("length", json!(4.5), "out_of_range"),
        ("length", json!(-6), "out_of_range"),
        ("length", json!(1e300), "out_of_range"),
        ("purpose", json!("x".repeat(65)), "invalid_purpose"),
        ("purpose", json!("line\nbreak"), "invalid_characters"),
        ("metadata", json!({"a": 1}), "invalid_type"),
        ("metadata", json!(["a"]), "invalid_type"),
        ("metadata", json!({"a": "x".repeat(257)}), "invalid_metadata"),
        ("metadata", json!({"k".repeat(41): "x"}), "invalid_metadata"),
        ("metadata", json!({"a": "bell\u{7}"}), "invalid_metadata"),
        ("metadata", (0..11).map(|n| (n.to_string(), json!("x"))).collect(), "invalid_metadata"),
        ("client_ip", json!("203.0.113.7, 203.0.113.8"), "invalid_ip"),
    ] {
        let mut body = json!({"to": MAGIC, "channel": "whatsapp"});
        body[field] = value;
        app.api.post("/v1/otp/send", body).await.is_invalid(field, code);
    }
}

#[tokio::test]
async fn the_longest_that_is_allowed_is_allowed() {
    let app = TestApp::start().await;
    let metadata: Value = (0..10).map(|n| (format!("{n}{}", "k".repeat(39)), json!("é".repeat(256)))).collect();
    let body = json!({"to": MAGIC, "channel": "whatsapp", "purpose": "é".repeat(64), "metadata": metadata});
    let sent = app.api.post("/v1/otp/send", body).await.success(200);
    assert_eq!((&sent["purpose"], &sent["metadata"]), (&json!("é".repeat(64)), &metadata));
}

#[tokio::test]
async fn a_body_must_be_one_json_object_without_duplicates() {
    let app = TestApp::start().await;
    let bodies = [
        "",
        " ",
        "{",
        "{}x",
        "[]",
        "null",
        "\"text\"",
        "7",
        "{'to':1}",
        "{\"to\":\"+12025550100\",}",
        "{\"to\":\"+12025550100\",\"to\":\"+12025550100\",\"channel\":\"whatsapp\"}",
        "{\"to\":\"+12025550100\",\"channel\":\"whatsapp\",\"metadata\":{\"a\":\"1\",\"a\":\"2\"}}",
        "{\"to\":\"\\ud800\",\"channel\":\"whatsapp\"}",
        "{\"to\":NaN}",
    ];
    for body in bodies {
        let refused = app.api.post_raw("/v1/otp/send", Some("application/json"), body).await;
        assert_eq!(refused.problem(400, "invalid_json"), json!({}), "{body}");
    }
    let not_utf8 = b"{\"to\":\"\xff\",\"channel\":\"whatsapp\"}".to_vec();
    let refused = app.api.post_raw("/v1/otp/send", Some("application/json"), not_utf8).await;
    assert_eq!(refused.problem(400, "invalid_json"), json!({}));
    let deep = format!("{{\"metadata\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let refused = app.api.post_raw("/v1/otp/send", Some("application/json"), deep).await;
    assert_eq!(refused.problem(400, "invalid_json"), json!({}));
}

#[tokio::test]
async fn what_was_sent_is_not_sent_back() {
    let app = TestApp::start().await;
    let body = json!({"to": "+1planted", "channel": "planted", "code": "planted", "purpose": "planted\n",
        "metadata": {"planted": 1}});
    for path in ["/v1/otp/send", "/v1/otp/verify", "/v1/messages/send"] {
        let refused = app.api.post(path, body.clone()).await;
        refused.invalid();
        assert!(!refused.text.contains("planted"), "{}", refused.text);
    }
}

#[tokio::test]
async fn a_body_must_be_application_json_in_utf_8() {
    let app = TestApp::start().await;
    let body = json!({"to": MAGIC, "channel": "whatsapp"}).to_string();
    for refused in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/json; charset=latin1"),
        Some("application/json; charset=utf-16"),
        Some("application/jsonp"),
        Some("application/problem+json"),
        Some("application/json, text/plain"),
        Some(""),
    ] {
        let answer = app.api.post_raw("/v1/otp/send", refused, body.clone()).await;
        assert_eq!(answer.problem(415, "unsupported_media_type"), json!({}), "{refused:?}");
    }
    for accepted in [
        "application/json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        app.api.post_raw("/v1/otp/send", Some(accepted), body.clone()).await.success(200);
    }
}

#[tokio::test]
async fn a_body_has_at_most_64_kib() {
    let app = TestApp::start().await;
    let body = json!({"to": MAGIC, "channel": "whatsapp"}).to_string();
    let padded = |bytes: usize| body.clone() + &" ".repeat(bytes - body.len());
    for path in ["/v1/otp/send", "/v1/otp/verify", "/v1/messages/send"] {
        let refused = app.api.post_raw(path, Some("application/json"), padded(65_537)).await;
        assert_eq!(refused.problem(413, "body_too_large"), json!({}));
    }
    app.api.post_raw("/v1/otp/send", Some("application/json"), padded(65_536)).await.success(200);
}

#[tokio::test]
async fn who_takes_no_json_is_told_so_before_anything_is_done() {
    let app = TestApp::start().await;
    let body = json!({"to": MAGIC, "channel": "whatsapp"});
    for accept in ["text/html", "application/xml, image/*", "application/json;q=0", "text/event-stream"] {
        let refused = app.api.with("accept", accept).post("/v1/otp/send", body.clone()).await;
        assert_eq!(refused.problem(406, "not_acceptable"), json!({}), "{accept}");
    }
    assert!(app.outbox(whatotp_domain::Mode::Test).await.is_empty());
    for accept in ["*/*", "application/json", "text/html, application/*;q=0.1", "application/problem+json"] {
        app.api.with("accept", accept).post("/v1/otp/send", body.clone()).await.success(200);
    }
    let session = app.send_otp(MAGIC).await["session_id"].as_str().unwrap().to_owned();
    let refused = app.api.with("accept", "text/event-stream").get(&format!("/v1/otp/{session}")).await;
    refused.problem(406, "not_acceptable");
    let mut events = app.api.with("accept", "text/event-stream").events(&format!("/v1/otp/{session}/events")).await;
    assert_eq!(events.next().await.unwrap()["session_id"], session);
}

#[tokio::test]
async fn an_unknown_route_is_not_found() {
    let app = TestApp::start().await;
    let session = unused("otp");
    let paths = [
        "/nothing".to_owned(),
        "/v1".to_owned(),
        "/v1/".to_owned(),
        "/v1/otp".to_owned(),
        "/v1/otp/send/".to_owned(),
        "/v1//otp/send".to_owned(),
        "/v2/otp/send".to_owned(),
        format!("/v1/otp/{session}/delete"),
        "/v1/OTP/send".to_owned(),
    ];
    for path in paths {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let answer = app.api.send(app.api.request(&method, &path)).await;
            assert_eq!(answer.problem(404, "not_found"), json!({}), "{method} {path}");
        }
    }
    // Whoever has no key does not learn what there is.
    let nobody = app.api.without("authorization");
    nobody.get("/v1/nothing").await.problem(401, "missing_api_key");
    nobody.get("/nothing").await.problem(404, "not_found");
}

#[tokio::test]
async fn an_id_that_cannot_be_one_is_not_found() {
    let app = TestApp::start().await;
    for id in ["1", "otp_", "%00", "otp_01k0z3v8xkf3g9mzq2w6c5t7r%62x", "%f0%28%8c%28"] {
        app.api.get(&format!("/v1/otp/{id}")).await.problem(404, "session_not_found");
        app.api.get(&format!("/v1/messages/{id}")).await.problem(404, "message_not_found");
        app.api.get(&format!("/v1/templates/{id}")).await.problem(404, "template_not_found");
    }
}

#[tokio::test]
async fn every_route_refuses_other_methods_and_names_its_own() {
    let app = TestApp::with(NO_LIMITS).await;
    let operations = operations();
    for operation in &operations {
        let own: Vec<&Method> =
            operations.iter().filter(|other| other.path == operation.path).map(|other| &other.method).collect();
        let allow = own.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let others = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        for method in others.iter().chain([&Method::TRACE]).filter(|method| !own.contains(method)) {
            let answer = app.api.send(app.api.request(method, &operation.any_path())).await;
            assert_eq!(answer.problem(405, "method_not_allowed"), json!({}), "{method} {}", operation.path);
            assert_eq!(answer.header("allow"), Some(allow.as_str()), "{method} {}", operation.path);
        }
    }
}

#[tokio::test]
async fn trace_is_refused_everywhere_and_echoes_nothing() {
    let app = TestApp::start().await;
    let nobody = app.api.without("authorization");
    for client in [&app.api, &nobody] {
        for path in ["/", "/nothing", "/v1/otp/send", "/v1/nothing", "/livez", "/docs"] {
            let request = client.request(&Method::TRACE, path).header("x-planted", "planted");
            let answer = client.send(request).await;
            assert_eq!(answer.problem(405, "method_not_allowed"), json!({}), "{path}");
            assert!(!answer.text.contains("planted"));
        }
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_of_its_own_whatever_the_caller_sends() {
    let app = TestApp::start().await;
    let caller = app.api.with("x-request-id", "mine");
    let one = caller.post("/v1/messages/send", order_update(MAGIC)).await;
    let two = caller.get("/nothing").await;
    let ids = [one.header("x-request-id"), two.header("x-request-id")];
    assert!(ids[0] != ids[1] && ids.iter().all(|id| id.is_some_and(|id| id != "mine")), "{ids:?}");
}
