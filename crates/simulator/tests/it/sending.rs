use reqwest::Method;
use serde_json::json;
use whatotp_simulator::{Limits, PairLimit, Status};

use crate::support::{Stage, TO, answer, code, code_to, config, named, template, text};

#[tokio::test]
async fn a_code_arrives_as_whatsapp_shows_it() {
    let stage = Stage::new().await;
    let answer = stage.send(&code()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["messaging_product"], "whatsapp");
    assert_eq!(answer.body["contacts"], json!([{ "input": TO, "wa_id": "16505551234" }]));
    let usage = answer.headers["x-business-use-case-usage"].to_str().unwrap();
    assert!(usage.contains(&stage.sender.waba_id) && usage.contains("call_count"), "{usage}");

    let [message] = stage.handle.wait_for_messages(1).await.try_into().unwrap();
    assert_eq!(answer.body["messages"][0]["id"], json!(message.wamid));
    assert_eq!(message.to, TO);
    assert_eq!(message.text, "*493027* is your verification code. For your security, do not share this code.");
    assert_eq!(message.footer.as_deref(), Some("This code expires in 10 minutes."));
    assert_eq!(message.buttons[0].label, "Copy code");
    assert_eq!(message.code.as_deref(), Some("493027"));
    assert_eq!(message.biz_opaque_callback_data.as_deref(), Some("our id 1"));
    assert_eq!(message.request, code());
    // Without a webhook URL, the phone gets its message all the same.
    stage.handle.settle().await;
    let statuses = stage.handle.messages(Some(TO))[0].statuses.clone();
    assert_eq!(statuses.iter().map(|change| change.status).collect::<Vec<_>>(), [Status::Sent, Status::Delivered]);
    stage.simulator.stop().await;
}

#[tokio::test]
async fn a_status_is_in_some_answers_and_not_in_others() {
    let stage = Stage::new().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(stage.send(&code()).await.body["messages"][0].get("message_status").cloned());
    }
    assert!(statuses.contains(&None) && statuses.contains(&Some(json!("accepted"))), "{statuses:?}");
}

#[tokio::test]
async fn a_simulator_that_starts_again_does_not_repeat_its_ids() {
    let mut wamids = Vec::new();
    for _ in 0..2 {
        let stage = Stage::new().await;
        wamids.push(stage.accepted(&code()).await);
        wamids.push(stage.accepted(&code()).await);
        stage.simulator.stop().await;
    }
    wamids.sort_unstable();
    wamids.dedup();
    assert_eq!(wamids.len(), 4);
}

#[tokio::test]
async fn both_ways_of_writing_a_request_are_read() {
    let stage = Stage::new().await;
    let shouted = template(
        "verification_code",
        "es",
        &json!([
            { "type": "BODY", "parameters": [text("1234")] },
            { "type": "BUTTON", "sub_type": "URL", "index": 0, "parameters": [text("1234")] },
        ]),
    );
    stage.accepted(&shouted).await;
    let message = &stage.handle.messages(None)[0];
    assert_eq!(message.text, "Tu código de verificación es *1234*. Por tu seguridad, no lo compartas.");
    assert_eq!(message.footer.as_deref(), Some("Este código caduca en 10 minutos."));
}

#[tokio::test]
async fn the_deterministic_policy_is_the_only_one() {
    let stage = Stage::new().await;
    let mut body = code();
    body["template"]["language"]["policy"] = json!("deterministic");
    stage.accepted(&body).await;
    body["template"]["language"]["policy"] = json!("fallback");
    stage.refused(&body, 400, 100, "policy").await;
}

#[tokio::test]
async fn positional_parameters_go_by_their_order() {
    let stage = Stage::new().await;
    let body = json!([{ "type": "body", "parameters": [text("10 €"), text("A-1")] }]);
    stage.accepted(&template("payment_received", "en", &body)).await;
    assert_eq!(stage.handle.messages(None)[0].text, "We received your payment of 10 € for invoice A-1.");
}

#[tokio::test]
async fn named_parameters_go_by_their_names() {
    let stage = Stage::new().await;
    let body = json!([{ "type": "body", "parameters": [named("order_id", "A-1"), named("first_name", "Ada")] }]);
    stage.accepted(&template("order_update", "en", &body)).await;
    stage.accepted(&template("order_update", "es", &body)).await;
    let texts: Vec<String> = stage.handle.messages(None).into_iter().map(|message| message.text).collect();
    assert_eq!(
        texts,
        ["Hello Ada, your order A-1 is confirmed.", "Hola Ada, tu pedido A-1 está confirmado."].map(str::to_owned)
    );
}

#[tokio::test]
async fn a_header_and_a_button_are_filled_too() {
    let stage = Stage::new().await;
    let components = json!([
        { "type": "header", "parameters": [text("A-1")] },
        { "type": "body", "parameters": [text("Ada"), text("Friday")] },
        { "type": "button", "sub_type": "url", "index": "0", "parameters": [text("a1?x=1")] },
    ]);
    stage.accepted(&template("shipping_update", "en_US", &components)).await;
    let message = &stage.handle.messages(None)[0];
    assert_eq!(message.header.as_deref(), Some("Order A-1"));
    assert_eq!(message.text, "Good news, Ada: your parcel arrives on Friday.");
    assert_eq!(message.buttons[0].target.as_deref(), Some("https://shop.example/track/a1?x=1"));
    assert_eq!(message.code, None);
}

#[tokio::test]
async fn without_a_plus_the_message_goes_to_somebody_else() {
    let stage = Stage::new().await;
    stage.accepted(&code_to("4915112345678", "1234")).await;
    assert_eq!(stage.handle.messages(None)[0].to, "+14915112345678");
    assert!(stage.handle.messages(Some("+4915112345678")).is_empty());
}

#[tokio::test]
async fn some_numbers_are_known_under_another() {
    let stage = Stage::new().await;
    let answer = stage.send(&code_to("+55 51 98765-4321", "1234")).await;
    assert_eq!(answer.body["contacts"], json!([{ "input": "+55 51 98765-4321", "wa_id": "555187654321" }]));
    assert_eq!(stage.handle.messages(Some("+5551987654321")).len(), 1);
}

#[tokio::test]
async fn a_pair_may_borrow_a_burst_and_no_more() {
    let limits = Limits { pair: Some(PairLimit { burst: 2, every_ms: 60_000 }), messages_per_second: None };
    let stage = Stage::with(whatotp_simulator::Config { limits, ..config() }).await;
    stage.accepted(&code()).await;
    stage.accepted(&code()).await;
    stage.refused(&code(), 429, 131_056, "too many messages").await;
    stage.accepted(&code_to("+16505559999", "1234")).await;
    stage.handle.set_limits(Limits { pair: None, messages_per_second: None });
    stage.accepted(&code()).await;
}

#[tokio::test]
async fn a_number_has_a_throughput() {
    let limits = Limits { pair: None, messages_per_second: Some(1) };
    let stage = Stage::with(whatotp_simulator::Config { limits, ..config() }).await;
    stage.accepted(&code()).await;
    stage.refused(&code_to("+16505559999", "1234"), 429, 130_429, "too many messages").await;
}

#[tokio::test]
async fn at_360dialogs_addresses_a_key_does_what_a_token_does() {
    let stage = Stage::new().await;
    let by = |key: &str, method: Method, path: &str| stage.request(method, path).header("D360-API-KEY", key);
    let sent = answer(by(&stage.sender.api_key, Method::POST, "/messages").json(&code())).await;
    assert_eq!(sent.status, 200);
    assert_eq!(stage.handle.messages(Some(TO)).len(), 1);
    let listed = answer(by(&stage.sender.api_key, Method::GET, "/v1/configs/templates?name=order_update")).await;
    assert_eq!(listed.body["data"].as_array().unwrap().len(), 2);

    let wrong = answer(by("another key", Method::POST, "/messages").json(&code())).await;
    assert_eq!((wrong.status, &wrong.body["meta"]["developer_message"]), (401, &json!("Invalid API key")));
    let refused = answer(by(&stage.sender.api_key, Method::POST, "/messages").json(&json!({}))).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!(100)));
}
