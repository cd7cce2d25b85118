//! What is sent has the shape that Meta describes, and what Meta gives as examples is understood.

use whatotp_domain::{OtpButton, TemplateButton, TemplateHeader, Timestamp};
use whatotp_ports::{Content, MessageChannel as _};
use whatotp_whatsapp::cloud_api::webhooks::{WebhookSecrets, parse};

use crate::fixtures::{NOW, body, cloud_api, code, message, templated};
use crate::server::Server;
use crate::shared;

fn contents() -> Vec<Content> {
    let text = |text: &str| Some(TemplateHeader::Text(body(text)));
    let link = || TemplateButton::link("Track", "https://example.com/{{1}}").unwrap();
    vec![
        code(),
        templated(None, "Hello.", Vec::new(), &[]),
        templated(
            text("Order {{1}}"),
            "{{2}} {{1}}",
            vec![link()],
            &[("header_1", "A1"), ("1", "Ada"), ("2", "Hi"), ("button_0", "track/a b")],
        ),
        templated(text("Order {{order}}"), "Hi {{name}}", Vec::new(), &[("order", "A1"), ("name", "Ada")]),
        templated(Some(TemplateHeader::Image), "Hi", Vec::new(), &[("header_image", "https://example.com/a.png")]),
        templated(Some(TemplateHeader::Video), "Hi", Vec::new(), &[("header_video", "https://example.com/a.mp4")]),
        templated(Some(TemplateHeader::Document), "Hi", Vec::new(), &[("header_document", "https://example.com/a")]),
        templated(None, "*{{1}}*", vec![TemplateButton::Otp(OtpButton::OneTap)], &[("1", "123456")]),
    ]
}

#[tokio::test]
async fn every_message_is_one_that_meta_describes() {
    let Some(schema) = shared::body_of_post("/{Version}/{Phone-Number-ID}/messages") else { return };
    assert!(!schema.is_valid(&serde_json::json!({"messaging_product": "whatsapp"})), "the description checks nothing");
    for content in contents() {
        let mut server = Server::answering(&[(200, r#"{"messages":[{"id":"wamid.x"}]}"#)]).await;
        let outcome = cloud_api().send(&message(&server.url, content), NOW).await;
        let sent = server.request().unwrap_or_else(|| panic!("nothing was sent: {outcome:?}")).json();
        let errors: Vec<String> = schema.iter_errors(&sent).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{sent:#}\n{errors:#?}");
    }
}

#[test]
fn metas_own_webhooks_are_understood() {
    let received = Timestamp::from_unix_ms(1_795_428_000_000);
    for (name, fixture) in shared::fixtures("webhook.") {
        if name != "webhook.signature_vectors.json" {
            assert_eq!(parse(fixture.to_string().as_bytes(), received), Ok(Vec::new()), "{name}");
        }
    }
}

#[test]
fn metas_signatures_are_recognised() {
    for (_, fixture) in shared::fixtures("webhook.signature_vectors") {
        let vectors = fixture["vectors"].as_array().unwrap();
        assert!(!vectors.is_empty());
        for vector in vectors {
            let text = |name: &str| vector[name].as_str().unwrap().to_owned();
            let secrets = WebhookSecrets::new(vec![text("app_secret").into()], String::new().into());
            let signature = text("x_hub_signature_256");
            let body = text("raw_body");
            assert!(secrets.is_authentic(Some(&signature), body.as_bytes()), "{vector}");
            assert!(!secrets.is_authentic(Some(&signature), format!("{body} ").as_bytes()), "{vector}");
        }
    }
}
