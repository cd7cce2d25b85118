//! What stands around every answer, and how long one may take.

use reqwest::Method;
use serde_json::json;

use crate::support::{Answer, Client, MAGIC, TestApp};

const TRUSTED: (&str, &str) = ("WHATOTP_TRUSTED_PROXIES", "127.0.0.0/8");

/// One answer of every kind: pages, files, documents, data, and each sort of refusal.
async fn every_kind(client: &Client) -> Vec<(u16, Answer)> {
    let nobody = client.without("authorization");
    let mut answers = Vec::new();
    for (status, path) in [
        (200, "/docs"),
        (200, "/docs/reference"),
        (200, "/assets/docs/docs.css"),
        (200, "/openapi.json"),
        (200, "/livez"),
        (200, "/.well-known/jwks.json"),
        (404, "/.well-known/security.txt"),
        (404, "/assets/none.js"),
        (404, "/nothing"),
        (403, "/webhooks/whatsapp?hub.mode=subscribe"),
        (401, "/v1/templates"),
        (401, "/v1/nothing"),
    ] {
        answers.push((status, nobody.get(path).await));
    }
    for (status, path) in [(200, "/v1/templates"), (404, "/v1/nothing"), (400, "/v1/templates?limit=0")] {
        answers.push((status, client.get(path).await));
    }
    answers.push((405, nobody.send(nobody.request(&Method::TRACE, "/docs")).await));
    answers.push((405, client.send(client.request(&Method::DELETE, "/v1/otp/send")).await));
    answers.push((400, client.post_raw("/v1/otp/send", Some("application/json"), "{").await));
    answers.push((415, client.post_raw("/v1/otp/send", Some("text/plain"), "{}").await));
    answers.push((413, client.post_raw("/v1/otp/send", Some("application/json"), " ".repeat(70_000)).await));
    answers.push((406, client.with("accept", "text/html").get("/v1/templates").await));
    answers.push((200, client.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp"})).await));
    answers
}

#[tokio::test]
async fn no_answer_is_run_framed_or_guessed_at_by_a_browser_and_none_names_what_serves_it() {
    let app = TestApp::start().await;
    for (status, answer) in every_kind(&app.api).await {
        assert_eq!(answer.status, status, "{answer:?}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        let policy = answer.header("content-security-policy").unwrap_or_default();
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{answer:?}");
        for leaking in ["server", "x-powered-by", "via", "access-control-allow-origin"] {
            assert_eq!(answer.header(leaking), None, "{answer:?}");
        }
        if status >= 400 {
            let code = answer.body()["code"].as_str().unwrap().to_owned();
            answer.problem(status, &code);
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
        }
        let media_type = answer.header("content-type").unwrap();
        assert!(!media_type.starts_with("text/") || media_type.ends_with("; charset=utf-8"), "{answer:?}");
    }
}

#[tokio::test]
async fn behind_a_proxy_that_speaks_tls_every_answer_says_to_stay_with_it() {
    let app = TestApp::with(&[TRUSTED]).await;
    let over_tls = app.api.with("x-forwarded-proto", "https");
    for (_, answer) in every_kind(&over_tls).await {
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=31536000"), "{answer:?}");
    }
    // RFC 6797 section 7.2: never over plain HTTP.
    for plain in [&app.api, &app.api.with("x-forwarded-proto", "http")] {
        assert_eq!(plain.get("/livez").await.header("strict-transport-security"), None);
    }
    let alone = TestApp::start().await;
    let claimed = alone.api.with("x-forwarded-proto", "https").get("/livez").await;
    assert_eq!(claimed.header("strict-transport-security"), None, "anybody can say so");
}

#[tokio::test]
async fn what_takes_too_long_is_given_up_and_a_long_poll_is_not() {
    let short = [("WHATOTP_SERVER__HANDLER_TIMEOUT_SECONDS", "1"), ("WHATOTP_SERVER__BODY_TIMEOUT_SECONDS", "1")];
    let app = TestApp::with(&short).await;
    let session = app.send_otp(MAGIC).await["session_id"].as_str().unwrap().to_owned();
    app.channel.hold();
    // WhatsApp would be waited for nine seconds.
    let given_up = app.api.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp", "purpose": "held"})).await;
    assert_eq!(given_up.problem(503, "overloaded"), json!({}));
    app.channel.release();
    let waited = app.api.get(&format!("/v1/otp/{session}?wait_seconds=3")).await;
    assert_eq!(waited.success(200)["session_id"], session);
}
