use serde_json::json;
use whatotp_simulator::{Config, SenderConfig};

use crate::support::{Stage, TO, code, config};

#[tokio::test]
async fn a_number_is_read_with_the_fields_asked_for() {
    let stage = Stage::new().await;
    let path = format!("/v23.0/{}", stage.sender.phone_number_id);
    let default = stage.get(&path).await.body;
    assert_eq!(default["verified_name"], "Demo Business");
    assert_eq!(default["display_phone_number"], "+1 202-555-0100");
    assert_eq!(default["quality_rating"], "GREEN");
    let chosen = stage.get(&format!("{path}?fields=throughput,unheard_of")).await.body;
    assert_eq!(chosen, json!({ "throughput": { "level": "STANDARD" }, "id": stage.sender.phone_number_id }));
    let listed = stage.get(&stage.waba("phone_numbers")).await.body;
    assert_eq!(listed["data"], json!([default]));
    let account = stage.get(&format!("/v23.0/{}", stage.sender.waba_id)).await.body;
    assert_eq!(account["id"], json!(stage.sender.waba_id));
    let unknown = stage.get("/v23.0/123").await;
    assert_eq!((unknown.status, &unknown.body["error"]["error_subcode"]), (400, &json!(33)));
}

#[tokio::test]
async fn a_token_opens_its_own_senders_only() {
    let other = SenderConfig {
        phone_number_id: "100000000000002".to_owned(),
        waba_id: "200000000000002".to_owned(),
        display_phone_number: "+91 98765 43210".to_owned(),
        access_token: "another token".to_owned(),
        api_key: "another key".to_owned(),
        ..SenderConfig::default()
    };
    let stage = Stage::with(Config { other_senders: vec![other.clone()], ..config() }).await;
    let path = format!("/v23.0/{}/messages", other.phone_number_id);
    let refused = stage.post(&path, &code()).await;
    assert_eq!((refused.status, &refused.body["error"]["error_subcode"]), (400, &json!(33)));
    let theirs = stage.get(&format!("/v23.0/{}/message_templates", other.waba_id)).await;
    assert_eq!(theirs.status, 400);

    let request = stage.request(reqwest::Method::POST, &path).bearer_auth(&other.access_token).json(&code());
    assert_eq!(crate::support::answer(request).await.status, 200);
    assert_eq!(stage.handle.messages(Some(TO))[0].phone_number_id, other.phone_number_id);
}
