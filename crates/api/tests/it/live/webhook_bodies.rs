//! Bodies of webhooks: large, slow, escaped, strange, and not JSON at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_domain::EventKind;

use super::scene::{APP_SECRET, Live, PHONE, WEBHOOKS, config, messages_webhook, status_webhook};
use super::shapes;
use super::signatures::sign;

const MAX: usize = 4 * 1024 * 1024;

/// The webhook with spaces behind it, up to this length.
fn padded(webhook: &Value, length: usize) -> Vec<u8> {
    let mut bytes = webhook.to_string().into_bytes();
    bytes.resize(length, b' ');
    bytes
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_a_byte_more_is_not() {
    let live = Live::start().await;
    let (id, message) = live.session(PHONE).await;
    for (status, length, expected) in [("sent", MAX + 1, 413), ("delivered", MAX, 200), ("read", 3_000_000, 200)] {
        let bytes = padded(&status_webhook(&message.wamid, status, 1_800_000_001, None), length);
        let signature = sign(APP_SECRET, &bytes);
        let answer = live.post_webhook(&[&signature], bytes).await;
        if expected == 413 {
            answer.problem(413, "body_too_large");
        } else {
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
    assert_eq!(super::scene::story(&live.status(&id).await), ["queued", "accepted", "delivered", "read"]);
}

/// Meta batches up to a thousand.
#[tokio::test]
async fn three_megabytes_of_statuses_are_all_taken_in() {
    let live = Live::start().await;
    let (id, message) = live.session(PHONE).await;
    let told = |wamid: &str, status: &str| status_webhook(wamid, status, 1_800_000_001, None)["entry"][0].clone();
    let mut entries: Vec<Value> =
        (0..999).map(|n| told(&format!("wamid.nobodys{n}{}", "x".repeat(2_800)), "sent")).collect();
    entries.push(told(&message.wamid, "delivered"));
    let webhook = json!({"object": "whatsapp_business_account", "entry": entries});
    assert!(webhook.to_string().len() > 2_900_000);
    assert_eq!(live.webhook(&webhook).await.status, 200);
    assert_eq!(live.status(&id).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn escapes_are_signed_as_they_were_sent() {
    let live = Live::start().await;
    let (id, message) = live.session(PHONE).await;
    // Meta writes what is not ASCII as \u…, and a slash as \/.
    let body = format!(
        r#"{{"object":"whatsapp_business_account","entry":[{{"id":"200000000000001","changes":[{{"field":"messages","value":{{
           "contacts":[{{"profile":{{"name":"\u00c4da \ud83d\ude00 a\/b"}},"wa_id":"14155550123"}}],
           "statuses":[{{"id":"{}","st\u0061tus":"deliver\u0065d","timestamp":"1800000001"}}]}}}}]}}]}}"#,
        message.wamid
    );
    assert_eq!(live.post_webhook(&[&sign(APP_SECRET, body.as_bytes())], body).await.status, 200);
    assert_eq!(live.status(&id).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn what_is_no_webhook_is_a_bad_request_and_what_is_unknown_is_not() {
    let live = Live::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for garbage in ["", "null", "[]", "{}", "\"x\"", "{\"object\":1}", "{", "hello", "\u{0}", &deep] {
        let signature = sign(APP_SECRET, garbage.as_bytes());
        live.post_webhook(&[&signature], garbage.to_owned()).await.problem(400, "invalid_json");
    }
    let not_utf8 = b"{\"object\":\"\xff\"}".to_vec();
    live.post_webhook(&[&sign(APP_SECRET, &not_utf8)], not_utf8).await.problem(400, "invalid_json");

    let (id, message) = live.session(PHONE).await;
    let delivered = status_webhook(&message.wamid, "delivered", 1_800_000_001, None)["entry"][0]["changes"][0].clone();
    let with = |changes: Value| json!({"object": "whatsapp_business_account", "entry": [{"id": "200000000000001", "changes": changes}]});
    for unknown in [
        json!({"object": "whatsapp_business_account"}),
        json!({"object": "whatsapp_business_account", "entry": []}),
        json!({"object": "whatsapp_business_account", "entry": [null, 1, {"id": {}}, {"id": "x", "changes": [7]}]}),
        json!({"object": "page", "entry": [{"id": "1", "changes": [delivered.clone()]}]}),
        with(json!([{"field": "flows", "value": {"event": "ENDPOINT_LATENCY"}}])),
        with(json!([{"field": "messages", "value": null}, {"field": "message_template_status_update", "value": 3}])),
        messages_webhook(&json!({"statuses": "none", "messages": {}, "errors": 7})),
        status_webhook(&message.wamid, "teleported", 1_800_000_001, None),
    ] {
        assert_eq!(live.webhook(&unknown).await.status, 200, "{unknown}");
    }
    assert_eq!(live.status(&id).await["delivery"]["status"], "accepted");
    // What is strange takes nothing down that stands beside it.
    let mixed =
        with(json!([7, {"field": "messages", "value": {"statuses": [{"id": 3}, {"status": "sent"}]}}, delivered]));
    assert_eq!(live.webhook(&mixed).await.status, 200);
    assert_eq!(live.status(&id).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn an_error_of_the_account_is_an_event() {
    let live = Live::start().await;
    let error = json!({"code": 131_031, "title": "Business Account locked", "error_data": {"details": "Locked."}});
    let webhook = messages_webhook(&json!({"errors": [error]}));
    for _ in 0..2 {
        assert_eq!(live.webhook(&webhook).await.status, 200);
    }
    live.whatsapp.account_update("100000000000001", "ACCOUNT_RESTRICTION").unwrap();
    live.whatsapp
        .set_sender_quality("100000000000001", whatotp_simulator::Quality::Yellow, "FLAGGED", "TIER_2K")
        .unwrap();
    live.whatsapp.settle().await;
    let events = live.events(EventKind::AccountUpdate).await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events.iter().any(|event| event.detail.contains("Business Account locked (131031)")), "{events:?}");
    assert_eq!(live.events(EventKind::SenderQuality).await.len(), 1);
}

#[tokio::test]
async fn metas_own_webhooks_are_taken() {
    let live = Live::start().await;
    for (name, fixture) in shapes::fixtures("webhook.") {
        if !name.starts_with("webhook.signature_vectors") {
            assert_eq!(live.webhook(&fixture).await.status, 200, "{name}");
        }
    }
}

#[tokio::test]
async fn the_media_type_does_not_matter() {
    let live = Live::start().await;
    let body = json!({"object": "whatsapp_business_account", "entry": []}).to_string();
    let signature = sign(APP_SECRET, body.as_bytes());
    let meta = live.app.api.without("authorization").with("x-hub-signature-256", &signature);
    for media_type in [None, Some("application/json; charset=utf-8"), Some("text/plain")] {
        assert_eq!(meta.post_raw(WEBHOOKS, media_type, body.clone()).await.status, 200);
    }
    for other in [reqwest::Method::PUT, reqwest::Method::DELETE] {
        meta.send(meta.request(&other, WEBHOOKS)).await.problem(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_408() {
    let live = Live::with(config(), &[("WHATOTP_SERVER__BODY_TIMEOUT_SECONDS", "1")]).await;
    let address = live.app.api.address().to_owned();
    let exchange = move || {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        write!(stream, "POST {WEBHOOKS} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 100\r\n\r\n{{\"object\":")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = tokio::task::spawn_blocking(exchange).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("request_timeout"), "{answer}");
}
