//! What is sent, and what Meta's answers come to.

use serde_json::json;
use whatotp_domain::{TemplateButton, TemplateHeader};
use whatotp_ports::{Endpoint, MessageChannel as _, OutboundMessage, Polled, SendOutcome, SentMessage, Stopped};
use whatotp_whatsapp::cloud_api::errors::lookup;

use crate::fixtures::{NOW, body, cloud_api, code, message, origin, sender, templated};
use crate::server::{Act, Server, response};
use crate::shared;

const TAKEN: &str = r#"{"messages":[{"id":"wamid.x"}]}"#;

async fn sent(message: impl FnOnce(&str) -> OutboundMessage) -> serde_json::Value {
    let mut server = Server::answering(&[(200, TAKEN)]).await;
    let outcome = cloud_api().send(&message(&server.url), NOW).await;
    assert!(matches!(outcome, SendOutcome::Accepted { poll_at: None, .. }), "{outcome:?}");
    server.request().unwrap().json()
}

#[tokio::test]
async fn a_code_goes_out_in_the_authentication_template() {
    let mut server = Server::answering(&[(200, TAKEN)]).await;
    let message = message(&server.url, code());
    let outcome = cloud_api().send(&message, NOW).await;
    let SendOutcome::Accepted { provider_message_id, poll_at: None } = outcome else { panic!("{outcome:?}") };
    assert_eq!(provider_message_id.0, "wamid.x");
    let request = server.request().unwrap();
    assert_eq!(request.line(), "POST /v25.0/106540352242922/messages");
    assert_eq!(request.header("authorization"), Some("Bearer EAAJtoken"));
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("user-agent"), Some(concat!("whatotp/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(
        request.json(),
        json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+14155550123", "type": "template",
            "biz_opaque_callback_data": message.reference().to_string(),
            "template": {"name": "verification_code", "language": {"code": "en_US"}, "components": [
                {"type": "body", "parameters": [{"type": "text", "text": "007401"}]},
                {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "007401"}]},
            ]},
        })
    );
}

#[tokio::test]
async fn a_template_brings_a_value_for_each_placeholder() {
    let text = |text: &str| Some(TemplateHeader::Text(body(text)));
    let buttons = || {
        let label = || "x".to_owned();
        vec![TemplateButton::Other { label: label() }, TemplateButton::UrlWithVariable { label: label(), url: label() }]
    };
    let parts = |header, body, buttons, variables| async move {
        sent(move |url| message(url, templated(header, body, buttons, variables))).await["template"].clone()
    };
    let value = |text: &str| json!([{"type": "text", "text": text}]);
    let numbered: &[_] = &[("header_1", "A1"), ("1", "Ada"), ("2", "Hi"), ("button_1", "a b")];
    assert_eq!(
        parts(text("Order {{1}}"), "{{2}} {{1}}", buttons(), numbered).await,
        json!({"name": "order_update", "language": {"code": "pt_BR"}, "components": [
            {"type": "header", "parameters": value("A1")},
            {"type": "body", "parameters": [{"type": "text", "text": "Ada"}, {"type": "text", "text": "Hi"}]},
            {"type": "button", "sub_type": "url", "index": "1", "parameters": value("a%20b")},
        ]})
    );
    let by_name = |name: &str, text: &str| json!([{"type": "text", "parameter_name": name, "text": text}]);
    let names = parts(text("Order {{order}}"), "Hi {{name}}", Vec::new(), &[("order", "A1"), ("name", "Ada")]).await;
    assert_eq!(
        names["components"],
        json!([{"type": "header", "parameters": by_name("order", "A1")}, {"type": "body", "parameters": by_name("name", "Ada")}])
    );
    let picture =
        parts(Some(TemplateHeader::Image), "Hi", Vec::new(), &[("header_image", "https://e.com/a.png")]).await;
    let link = json!([{"type": "image", "image": {"link": "https://e.com/a.png"}}]);
    assert_eq!(picture["components"], json!([{"type": "header", "parameters": link}]));
}

#[tokio::test]
async fn a_reseller_has_paths_and_a_header_of_its_own() {
    let mut server = Server::answering(&[(200, TAKEN)]).await;
    let mut sender = sender(&server.url);
    sender.endpoint = Endpoint {
        messages_path: "/messages".to_owned(),
        auth_header: "D360-API-KEY".to_owned(),
        auth_prefix: String::new(),
        ..sender.endpoint
    };
    let message = OutboundMessage { origin: Some(origin(sender)), ..message("", code()) };
    let outcome = cloud_api().send(&message, NOW).await;
    assert!(matches!(outcome, SendOutcome::Accepted { .. }), "{outcome:?}");
    let request = server.request().unwrap();
    assert_eq!(request.line(), "POST /messages");
    assert_eq!((request.header("d360-api-key"), request.header("authorization")), (Some("EAAJtoken"), None));
}

#[tokio::test]
async fn nothing_is_sent_without_a_sender_that_can_be_used() {
    let channel = cloud_api();
    assert!(channel.needs_sender());
    let nobody = OutboundMessage { origin: None, ..message("", code()) };
    let mut broken = vec![nobody];
    for base_url in ["", "ftp://example.com", "no address"] {
        broken.push(message(base_url, code()));
    }
    let mut header = sender("http://127.0.0.1:1");
    header.endpoint.auth_header = "no header".to_owned();
    let mut token = sender("http://127.0.0.1:1");
    token.access_token = "two\nlines".to_owned().into();
    let mut path = sender("http://127.0.0.1:1");
    path.endpoint.messages_path = ".example.com/messages".to_owned();
    for sender in [header, token, path] {
        broken.push(OutboundMessage { origin: Some(origin(sender)), ..message("", code()) });
    }
    for message in broken {
        let outcome = cloud_api().send(&message, NOW).await;
        let SendOutcome::Unavailable { error, stopped: Stopped::Sender } = &outcome else { panic!("{outcome:?}") };
        assert_eq!(error.title, "No usable sender");
    }
    let message = message("", code());
    let sent = SentMessage {
        delivery: message.delivery,
        to: message.to,
        status: whatotp_domain::DeliveryStatus::Sent,
        handed_over_at: NOW,
    };
    assert_eq!(channel.poll(&sent, NOW).await, Polled::default());
}

#[tokio::test]
async fn a_message_without_its_values_is_not_sent() {
    let mut server = Server::answering(&[(200, TAKEN)]).await;
    let outcome = cloud_api().send(&message(&server.url, templated(None, "Hi {{name}}", Vec::new(), &[])), NOW).await;
    assert!(matches!(&outcome, SendOutcome::Invalid(error) if error.code == 132_000), "{outcome:?}");
    assert!(server.request().is_none());
}

#[tokio::test]
async fn metas_own_errors_come_to_their_outcomes() {
    for (name, fixture) in shared::fixtures("error.1") {
        let code = u32::try_from(fixture["error"]["code"].as_u64().unwrap()).unwrap();
        let server = Server::answering(&[(400, &fixture.to_string())]).await;
        let outcome = cloud_api().send(&message(&server.url, self::code()), NOW).await;
        let error = match (code, outcome) {
            (131_000, SendOutcome::Unknown { error, poll_at: None })
            | (131_026, SendOutcome::Refused(error))
            | (131_047 | 132_000 | 132_018, SendOutcome::Invalid(error))
            | (131_031 | 190, SendOutcome::Unavailable { error, stopped: Stopped::Sender })
            | (132_001 | 132_015, SendOutcome::Unavailable { error, stopped: Stopped::Template }) => error,
            (_, outcome) => panic!("{name}: {outcome:?}"),
        };
        assert_eq!((error.code, error.title.as_str()), (code, lookup(code).title), "{name}");
        assert!(!error.detail.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn a_code_that_meta_quotes_is_not_in_the_error() {
    let quoted = r#"{"error":{"code":132012,"error_data":{"details":"text '007401' to 14155550123"}}}"#;
    let server = Server::answering(&[(400, quoted)]).await;
    let outcome = cloud_api().send(&message(&server.url, code()), NOW).await;
    assert!(matches!(&outcome, SendOutcome::Invalid(error) if error.detail == "text '***' to ***"), "{outcome:?}");
}

#[tokio::test]
async fn a_wait_that_the_answer_asks_for_is_kept() {
    let body = r#"{"error":{"code":130429}}"#;
    let server = Server::new(vec![Act::Say(response(429, "retry-after: 30\r\n", body))]).await;
    let outcome = cloud_api().send(&message(&server.url, code()), NOW).await;
    assert!(matches!(&outcome, SendOutcome::Retry { after, .. } if after.as_secs() == 30), "{outcome:?}");
}

#[tokio::test]
async fn a_refused_token_is_not_shown_again_until_it_changes() {
    let mut server = Server::answering(&[(401, r#"{"error":{"code":190}}"#), (200, TAKEN)]).await;
    let channel = cloud_api();
    let first = channel.send(&message(&server.url, code()), NOW).await;
    assert!(matches!(first, SendOutcome::Unavailable { stopped: Stopped::Sender, .. }));
    assert!(server.request().is_some());
    assert_eq!(channel.send(&message(&server.url, code()), NOW).await, first);
    assert!(server.request().is_none(), "it was asked again");
    let mut renewed = sender(&server.url);
    renewed.access_token = "EAAJrenewed".to_owned().into();
    let renewed = OutboundMessage { origin: Some(origin(renewed)), ..message("", code()) };
    assert!(matches!(channel.send(&renewed, NOW).await, SendOutcome::Accepted { .. }));
    assert_eq!(server.request().unwrap().header("authorization"), Some("Bearer EAAJrenewed"));
}
