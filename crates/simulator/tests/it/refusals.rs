use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};

use crate::support::{Stage, answer, code, code_to, named, template, text};

#[tokio::test]
async fn a_token_is_needed_and_only_in_the_header() {
    let stage = Stage::new().await;
    let path = stage.messages_path();
    let missing = answer(stage.request(Method::POST, &path).json(&code())).await;
    assert_eq!((missing.status, &missing.body["error"]["code"]), (401, &json!(104)));
    let in_query = format!("{path}?access_token={}", stage.sender.access_token);
    let in_query = answer(stage.request(Method::POST, &in_query).json(&code())).await;
    assert_eq!((in_query.status, &in_query.body["error"]["code"]), (401, &json!(104)));
    let wrong = stage.request(Method::POST, &path).header(AUTHORIZATION, "Bearer another").json(&code());
    let wrong = answer(wrong).await;
    assert_eq!((wrong.status, &wrong.body["error"]["code"]), (401, &json!(190)));
    assert_eq!(wrong.body["error"]["type"], "OAuthException");
    assert_eq!(wrong.body["error"].get("error_data"), None);
    assert!(stage.handle.messages(None).is_empty());
    assert_eq!(stage.handle.requests(None).len(), 3);
}

#[tokio::test]
async fn an_unknown_number_is_an_object_that_does_not_exist() {
    let stage = Stage::new().await;
    let answer = stage.post("/v23.0/999/messages", &code()).await;
    assert_eq!(answer.status, 400);
    let error = &answer.body["error"];
    assert_eq!((&error["code"], &error["error_subcode"]), (&json!(100), &json!(33)));
    assert!(error["message"].as_str().unwrap().starts_with("Unsupported post request. Object with ID '999' does not"));
}

#[tokio::test]
async fn what_is_no_path_of_the_api_is_refused_as_meta_does() {
    let stage = Stage::new().await;
    let answer = stage.post(&format!("/v23.0/{}/massages", stage.sender.phone_number_id), &code()).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!(2_500)));
    assert_eq!(stage.get("/23/massages").await.status, 404);
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let stage = Stage::new().await;
    let body = stage.authorized(Method::POST, &stage.messages_path()).body("{\"messaging_product\":");
    let answer = answer(body).await;
    assert_eq!((answer.status, &answer.body["error"]["message"]), (400, &json!("Invalid JSON in request body")));
    stage.refused(&json!([]), 400, 100, "Invalid JSON").await;
}

#[tokio::test]
async fn the_envelope_is_checked() {
    let stage = Stage::new().await;
    let cases: [(&str, Value, u32, &str); 10] = [
        ("/messaging_product", Value::Null, 100, "messaging_product is required"),
        ("/messaging_product", json!("signal"), 100, "must be one of {\"WHATSAPP\"} - got \"signal\""),
        ("/recipient_type", json!("everyone"), 100, "recipient_type"),
        ("/to", json!(16_505_551_234_u64), 100, "to must be a string"),
        ("/to", json!("+1650"), 131_009, "not a valid"),
        ("/to", json!("+1 202 555 0100"), 131_021, "same"),
        ("/type", json!("sticker"), 131_051, "Unsupported"),
        ("/biz_opaque_callback_data", json!("x".repeat(513)), 100, "biz_opaque_callback_data"),
        ("/template/components", json!({}), 100, "must be an array"),
        ("/template/language", json!("en_US"), 100, "code"),
    ];
    for (pointer, value, code, details) in cases {
        let mut body = self::code();
        *body.pointer_mut(pointer).unwrap() = value;
        stage.refused(&body, 400, code, details).await;
    }
    for name in ["to", "template"] {
        let mut body = code();
        body.as_object_mut().unwrap().remove(name);
        stage.refused(&body, 400, 100, &format!("The parameter {name} is required.")).await;
    }
    let mut opaque = code();
    opaque["biz_opaque_callback_data"] = json!("x".repeat(512));
    stage.accepted(&opaque).await;
}

#[tokio::test]
async fn a_user_id_cannot_receive_a_code() {
    let stage = Stage::new().await;
    let mut body = code();
    body.as_object_mut().unwrap().remove("to");
    body["recipient"] = json!("US.13491208655302741918");
    stage.refused(&body, 400, 131_062, "Business-scoped user ID").await;
}

#[tokio::test]
async fn text_finds_no_open_window() {
    let stage = Stage::new().await;
    let text =
        json!({ "messaging_product": "whatsapp", "to": "+16505551234", "type": "text", "text": { "body": "Hi" } });
    stage.refused(&text, 400, 131_047, "more than 24 hours").await;
    let empty = json!({ "messaging_product": "whatsapp", "to": "+16505551234" });
    stage.refused(&empty, 400, 100, "The parameter text is required.").await;
}

#[tokio::test]
async fn a_template_must_exist_in_that_language_and_be_approved() {
    let stage = Stage::new().await;
    let cases = [
        ("verification_kode", "en_US", 404, 132_001, "template name (verification_kode) does not exist in en_US"),
        ("verification_code", "en", 404, 132_001, "template name (verification_code) does not exist in en"),
        ("appointment_reminder", "en", 400, 132_015, "paused"),
        ("spring_sale", "en", 404, 132_001, "does not exist"),
    ];
    for (name, language, status, code, details) in cases {
        let one = json!([{ "type": "body", "parameters": [text("1")] }]);
        stage.refused(&template(name, language, &one), status, code, details).await;
    }
    // What is wrong with the parameters themselves is seen first.
    let empty = json!([{ "type": "body", "parameters": [text("")] }]);
    stage.refused(&template("verification_kode", "en_US", &empty), 400, 131_008, "missing text value").await;
    stage.handle.set_template_status("order_update", "en", whatotp_simulator::TemplateStatus::Disabled, None).unwrap();
    stage.refused(&template("order_update", "en", &json!([])), 400, 132_016, "permanently disabled").await;
}

#[tokio::test]
async fn the_number_of_parameters_must_match() {
    let stage = Stage::new().await;
    let one = json!([{ "type": "body", "parameters": [text("10")] }]);
    let said = "body: number of localizable_params (1) does not match the expected number of params (2)";
    stage.refused(&template("payment_received", "en", &one), 400, 132_000, said).await;
    let none = "body: number of localizable_params (0) does not match the expected number of params (2)";
    stage.refused(&template("payment_received", "en", &json!([])), 400, 132_000, none).await;
    let header = json!([
        { "type": "header", "parameters": [text("x")] },
        { "type": "body", "parameters": [text("10"), text("1")] },
    ]);
    let said = "header: number of localizable_params (1) does not match the expected number of params (0)";
    stage.refused(&template("payment_received", "en", &header), 400, 132_000, said).await;
}

#[tokio::test]
async fn the_names_of_parameters_must_match() {
    let stage = Stage::new().await;
    let body = |parameters: Value| json!([{ "type": "body", "parameters": parameters }]);
    let cases = [
        ("order_update", json!([text("Ada"), text("A-1")]), "Parameter name is missing or empty"),
        ("order_update", json!([named("first_name", "Ada"), named("surname", "L")]), "has no parameter surname"),
        ("order_update", json!([named("first_name", "Ada"), named("first_name", "L")]), "given twice"),
        ("payment_received", json!([named("first_name", "Ada"), text("L")]), "no named parameters"),
    ];
    for (name, parameters, details) in cases {
        stage.refused(&template(name, "en", &body(parameters)), 400, 100, details).await;
    }
}

#[tokio::test]
async fn parameters_are_texts_of_a_sensible_kind() {
    let stage = Stage::new().await;
    let cases = [
        (json!({ "type": "text", "text": "" }), 131_008, "missing text value"),
        (json!({ "type": "text" }), 131_008, "missing text value"),
        (json!({ "text": "x" }), 100, "['type']"),
        (json!({ "type": "emoji", "text": "x" }), 100, "not a known type"),
        (text("a\nb"), 132_018, "new-line/tab"),
        (text("a     b"), 132_018, "4 consecutive spaces"),
        (text(&"x".repeat(1_025)), 132_005, "longer than 1024"),
        (json!({ "type": "image", "image": { "link": "https://x.example/a.png" } }), 132_012, "must be a text"),
    ];
    for (parameter, code, details) in cases {
        let body = json!([{ "type": "body", "parameters": [parameter, text("1")] }]);
        stage.refused(&template("payment_received", "en", &body), 400, code, details).await;
    }
}

#[tokio::test]
async fn a_code_has_at_most_15_characters_in_either_place() {
    let stage = Stage::new().await;
    stage.accepted(&code_to("+16505551234", "J$FpnYnP-123456")).await;
    stage.refused(&code_to("+16505551234", "J$FpnYnP-1234567"), 400, 131_009, "at most 15").await;
    let mut body = code();
    body["template"]["components"][1]["parameters"][0]["text"] = json!("1234567890123456");
    stage.refused(&body, 400, 131_009, "buttons: the code").await;
}

#[tokio::test]
async fn the_button_of_a_code_is_of_type_url() {
    let stage = Stage::new().await;
    for sub_type in ["copy_code", "COPY_CODE", "quick_reply"] {
        let mut body = code();
        body["template"]["components"][1]["sub_type"] = json!(sub_type);
        stage.refused(&body, 400, 132_018, "buttons: Button at index 0 must be of type Url").await;
    }
    let mut coupon = code();
    coupon["template"]["components"][1]["sub_type"] = json!("copy_code");
    coupon["template"]["components"][1]["parameters"] = json!([{ "type": "coupon_code", "coupon_code": "1234" }]);
    stage.refused(&coupon, 400, 132_018, "must be of type Url").await;
}

#[tokio::test]
async fn a_button_is_where_the_template_has_it() {
    let stage = Stage::new().await;
    let mut elsewhere = code();
    elsewhere["template"]["components"][1]["index"] = json!("1");
    stage.refused(&elsewhere, 400, 132_018, "index 1 does not exist").await;
    let mut nowhere = code();
    nowhere["template"]["components"][1].as_object_mut().unwrap().remove("index");
    stage.refused(&nowhere, 400, 100, "['index']").await;
    let mut no_button = code();
    no_button["template"]["components"].as_array_mut().unwrap().pop();
    stage.refused(&no_button, 400, 131_008, "Button at index 0 of type Url requires a parameter").await;
    let mut unknown = code();
    unknown["template"]["components"][0]["type"] = json!("torso");
    stage.refused(&unknown, 400, 100, "must be one of {BODY, BUTTON, HEADER}").await;
}
