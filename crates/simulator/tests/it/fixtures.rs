//! Bodies from Meta's own specification, where they are at hand. They are reference data and not part of this repository.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::{Stage, TO, answer};

/// The fixture of this name; none, with a line that says so, where there are no fixtures.
fn fixture(name: &str) -> Option<Value> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let shared = std::env::var_os("WHATOTP_SHARED").map_or_else(beside, PathBuf::from);
    let directory = shared.join("whatsapp/fixtures");
    if !directory.is_dir() {
        println!("skipped: no fixtures at {}; set WHATOTP_SHARED", directory.display());
        return None;
    }
    let text = fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(serde_json::from_str(&text).unwrap())
}

#[tokio::test]
async fn metas_requests_to_send_are_well_formed() {
    let stage = Stage::new().await;
    for name in [
        "request.send_sample_shipping_template.openapi.json",
        "request.send_template_interactive.openapi.json",
        "request.send_template_media_header.openapi.json",
        "request.send_template_text_currency_datetime.openapi.json",
    ] {
        let Some(mut body) = fixture(name) else { return };
        body["to"] = json!(TO);
        // The placeholders name no template that exists: that, and nothing of the shape, is what is wrong.
        let answer = stage.send(&body).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (404, &json!(132_001)), "{name}: {}", answer.body);
    }
    let Some(mut text) = fixture("request.send_text.openapi.json") else { return };
    text["messaging_product"] = json!("whatsapp");
    text["to"] = json!(TO);
    stage.refused(&text, 400, 131_047, "more than 24 hours").await;
}

#[tokio::test]
async fn metas_requests_to_create_a_template_are_accepted() {
    let stage = Stage::new().await;
    let Some(copy_code) = fixture("request.create_template.copy_code.openapi.json") else { return };
    let created = stage.post(&stage.waba("message_templates"), &copy_code).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let documented = fixture("response.create_template_0.openapi.json").unwrap();
    let fields = |body: &Value| body.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(fields(&created.body), fields(&documented));

    // The specification's example has its hash percent-encoded, and its app in the button as it was until v20.
    let mut one_tap = fixture("request.create_template.one_tap.openapi.json").unwrap();
    one_tap["components"][2]["buttons"][0]["signature_hash"] = json!("K8a/AINcGX7");
    let refused = stage.post(&stage.waba("message_templates"), &one_tap).await;
    assert!(refused.body.to_string().contains("belong into supported_apps"), "{}", refused.body);
    let path = format!("/v20.0/{}/message_templates", stage.sender.waba_id);
    assert_eq!(stage.post(&path, &one_tap).await.status, 200);
}

#[tokio::test]
async fn our_errors_are_those_of_the_documentation() {
    let stage = Stage::new().await;
    for code in [131_000, 131_026, 131_031, 131_047, 132_015] {
        let Some(documented) = fixture(&format!("error.{code}.composed.json")) else { return };
        stage.handle.push_fault(whatotp_simulator::Fault::once(whatotp_simulator::FaultKind::error(code)));
        let mut ours = stage.send(&crate::support::code()).await.body;
        ours["error"]["fbtrace_id"] = documented["error"]["fbtrace_id"].clone();
        assert_eq!(ours, documented);
    }
    let documented = fixture("error.graph_Unauthorized.openapi.json").unwrap();
    let missing = answer(stage.request(Method::POST, &stage.messages_path()).json(&json!({}))).await.body;
    assert_eq!(missing["error"]["code"], documented["MissingAccessToken"]["error"]["code"]);
    let wrong = stage.request(Method::POST, &stage.messages_path()).header(AUTHORIZATION, "Bearer x").json(&json!({}));
    let wrong = answer(wrong).await.body;
    assert_eq!(wrong["error"]["code"], documented["InvalidAccessToken"]["error"]["code"]);
}

#[tokio::test]
async fn our_webhooks_have_the_fields_of_metas() {
    let Some(documented) = fixture("webhook.button_message.openapi.json") else { return };
    let receiver = crate::support::Receiver::start(0, "");
    let stage = Stage::new().await;
    let wamid = stage.accepted(&crate::support::code()).await;
    stage.handle.settle().await;
    stage.handle.set_webhook_url(Some(receiver.url.clone()));
    stage.handle.press_did_not_request(&wamid).unwrap();
    stage.handle.settle().await;
    let ours = receiver.webhooks().remove(0).body;
    let missing = missing_from(&ours, &documented, "");
    assert!(missing.is_empty(), "{missing:?}");
    receiver.stop().await;
}

/// The paths of what one has and the other lacks.
fn missing_from(ours: &Value, documented: &Value, at: &str) -> Vec<String> {
    match documented {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match ours.get(name) {
                Some(ours) => missing_from(ours, value, &format!("{at}/{name}")),
                None => vec![format!("{at}/{name}")],
            })
            .collect(),
        Value::Array(items) => {
            let found = items.first().zip(ours.get(0));
            found.map_or_else(Vec::new, |(item, ours)| missing_from(ours, item, &format!("{at}/0")))
        }
        _ => Vec::new(),
    }
}
