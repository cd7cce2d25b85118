use reqwest::Method;
use serde_json::{Value, json};
use whatotp_simulator::{Config, TemplateReview, TemplateStatus};

use crate::support::{Answer, Receiver, Stage, answer, config, template, text};

fn copy_code() -> Value {
    json!({
        "name": "sign_in", "language": "fr", "category": "AUTHENTICATION", "message_send_ttl_seconds": 300,
        "components": [
            { "type": "BODY", "add_security_recommendation": true },
            { "type": "FOOTER", "code_expiration_minutes": 5 },
            { "type": "BUTTONS", "buttons": [{ "type": "OTP", "otp_type": "COPY_CODE", "text": "Copier" }] },
        ],
    })
}

fn one_tap(app: &Value) -> Value {
    let mut one_tap = copy_code();
    one_tap["components"][2]["buttons"][0] = json!({
        "type": "otp", "otp_type": "one_tap", "text": "Copy", "autofill_text": "Autofill", "supported_apps": [app],
    });
    one_tap
}

fn app() -> Value {
    json!({ "package_name": "com.example.app", "signature_hash": "K8a/AINcGX7" })
}

async fn create(stage: &Stage, body: &Value) -> Answer {
    stage.post(&stage.waba("message_templates"), body).await
}

async fn refused(stage: &Stage, body: &Value, sentence: &str) {
    let answer = create(stage, body).await;
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &json!(100)), "{body}: {}", answer.body);
    assert!(answer.body.to_string().contains(sentence), "{}", answer.body);
}

#[tokio::test]
async fn a_business_starts_with_templates_as_the_api_reads_them() {
    let stage = Stage::new().await;
    let path = stage.waba("message_templates?name=verification_code&language=en_US");
    let answer = stage.get(&path).await;
    let [template] = answer.body["data"].as_array().unwrap().as_slice() else { panic!("{}", answer.body) };
    assert_eq!(template["status"], "APPROVED");
    assert_eq!(template["category"], "AUTHENTICATION");
    assert_eq!(template["parameter_format"], "POSITIONAL");
    assert!(template["id"].is_string());
    let expected = json!([
        {
            "type": "BODY",
            "text": "*{{1}}* is your verification code. For your security, do not share this code.",
            "add_security_recommendation": true,
        },
        { "type": "FOOTER", "text": "This code expires in 10 minutes.", "code_expiration_minutes": 10 },
        { "type": "BUTTONS", "buttons": [{
            "type": "URL",
            "text": "Copy code",
            "url": "https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}",
        }]},
    ]);
    assert_eq!(template["components"], expected);
    let by_id = stage.get(&format!("/v23.0/{}?fields=name,quality_score", template["id"].as_str().unwrap())).await;
    assert_eq!(
        by_id.body,
        json!({ "name": "verification_code", "quality_score": { "score": "GREEN" }, "id": template["id"] })
    );
}

#[tokio::test]
async fn templates_are_filtered() {
    let stage = Stage::new().await;
    let names = async |query: &str| {
        let answer = stage.get(&stage.waba(&format!("message_templates?fields=name&{query}"))).await;
        let data = answer.body["data"].as_array().unwrap().clone();
        data.iter().map(|template| template["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("status=PAUSED").await, ["appointment_reminder"]);
    assert_eq!(names("status=REJECTED").await, ["spring_sale"]);
    assert_eq!(names("language=es").await, ["verification_code", "order_update"]);
    assert_eq!(names("category=AUTHENTICATION").await.len(), 3);
}

#[tokio::test]
async fn a_list_is_read_page_by_page_until_its_cursor_is_stale() {
    let stage = Stage::new().await;
    let mut path = stage.waba("message_templates?fields=name,language&limit=4");
    let mut read = Vec::new();
    let mut cursors = Vec::new();
    loop {
        let page = stage.get(&path).await.body;
        read.extend(page["data"].as_array().unwrap().clone());
        cursors.push(page["paging"]["cursors"]["after"].as_str().unwrap().to_owned());
        let Some(next) = page["paging"]["next"].as_str() else { break };
        assert_eq!(next.matches("limit=").count(), 1, "{next}");
        path = next.strip_prefix(&stage.simulator.url()).unwrap().to_owned();
    }
    assert_eq!(read.len(), 9);
    assert_eq!(cursors.len(), 3);
    let distinct: std::collections::BTreeSet<String> = read.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), 9);

    let last_of_first = read[3]["name"].as_str().unwrap();
    let path = stage.waba(&format!("message_templates?name={last_of_first}"));
    assert_eq!(answer(stage.authorized(Method::DELETE, &path)).await.status, 200);
    for cursor in [cursors[0].as_str(), "nonsense"] {
        let outdated = stage.get(&stage.waba(&format!("message_templates?after={cursor}"))).await;
        assert_eq!((outdated.status, &outdated.body["error"]["code"]), (400, &json!(131_059)));
    }
}

#[tokio::test]
async fn a_created_template_can_be_sent_at_once_or_after_its_review() {
    let receiver = Receiver::start(0, "");
    let webhook_url = Some(receiver.url.clone());
    let stage = Stage::with(Config { template_review: TemplateReview::Pending, webhook_url, ..config() }).await;
    let created = create(&stage, &copy_code()).await;
    assert_eq!(created.status, 200);
    assert_eq!((&created.body["status"], &created.body["category"]), (&json!("PENDING"), &json!("AUTHENTICATION")));
    let components = json!([
        { "type": "body", "parameters": [text("1234")] },
        { "type": "button", "sub_type": "url", "index": "0", "parameters": [text("1234")] },
    ]);
    let body = template("sign_in", "fr", &components);
    stage.refused(&body, 404, 132_001, "does not exist in fr").await;
    stage.handle.set_template_status("sign_in", "fr", TemplateStatus::Approved, None).unwrap();
    stage.accepted(&body).await;
    assert_eq!(stage.handle.messages(None)[0].footer.as_deref(), Some("Ce code expire dans 5 minutes."));
    stage.handle.settle().await;
    let told: Vec<Value> = receiver.webhooks().into_iter().map(|webhook| webhook.body).collect();
    let events: Vec<&Value> = told
        .iter()
        .map(|body| &body["entry"][0]["changes"][0]["value"]["event"])
        .filter(|event| !event.is_null())
        .collect();
    assert_eq!(events, ["PENDING", "APPROVED"]);
    let value = &told[0]["entry"][0]["changes"][0]["value"];
    assert_eq!(value["message_template_id"].to_string(), created.body["id"].as_str().unwrap());
    receiver.stop().await;
}

#[tokio::test]
async fn a_name_and_language_exist_once() {
    let stage = Stage::new().await;
    assert_eq!(create(&stage, &copy_code()).await.body["status"], "APPROVED");
    let again = create(&stage, &copy_code()).await;
    assert_eq!((again.status, &again.body["error"]["error_subcode"]), (400, &json!(2_388_024)));
    assert!(again.body["error"]["error_user_msg"].as_str().unwrap().contains("already content in this language"));
}

#[tokio::test]
async fn what_metas_limits_forbid_is_not_created() {
    let stage = Stage::new().await;
    let cases: [(&str, Value, &str); 14] = [
        ("/name", json!("Sign-in"), "lowercase"),
        ("/name", json!("a".repeat(513)), "512"),
        ("/language", json!("french"), "not a language"),
        ("/category", json!("OTP"), "must be one of"),
        ("/message_send_ttl_seconds", json!(29), "message_send_ttl_seconds"),
        ("/message_send_ttl_seconds", json!(901), "message_send_ttl_seconds"),
        ("/components/0", json!({ "type": "BODY", "text": "Your code is {{1}}" }), "WhatsApp's own"),
        ("/components/0", json!({ "type": "HEADER", "format": "TEXT", "text": "x" }), "a body, a footer and a button"),
        ("/components/1/code_expiration_minutes", json!(0), "between 1 and 90"),
        ("/components/1/code_expiration_minutes", json!(91), "between 1 and 90"),
        ("/components/2/buttons/0/text", json!("x".repeat(26)), "25 characters"),
        ("/components/2/buttons/0/otp_type", json!("TWO_TAP"), "otp_type"),
        ("/components/2/buttons/0/type", json!("URL"), "type OTP"),
        ("/components/2/buttons", json!([]), "exactly one button"),
    ];
    for (pointer, value, sentence) in cases {
        let mut body = copy_code();
        *body.pointer_mut(pointer).unwrap() = value;
        refused(&stage, &body, sentence).await;
    }
    for name in ["name", "language", "category", "components"] {
        let mut body = copy_code();
        body.as_object_mut().unwrap().remove(name);
        refused(&stage, &body, &format!("The parameter {name} is required.")).await;
    }
    let mut unlimited = copy_code();
    unlimited["message_send_ttl_seconds"] = json!(-1);
    assert_eq!(create(&stage, &unlimited).await.status, 200);
}

#[tokio::test]
async fn a_one_tap_button_names_its_apps() {
    let stage = Stage::new().await;
    for (field, value, sentence) in [
        ("package_name", "app", "two or more segments"),
        ("package_name", "com.1app", "two or more segments"),
        ("signature_hash", "K8a/AINcGX", "exactly 11"),
        ("signature_hash", "K8a%AINcGX7", "exactly 11"),
    ] {
        let mut app = app();
        app[field] = json!(value);
        refused(&stage, &one_tap(&app), sentence).await;
    }
    let mut crowd = one_tap(&app());
    crowd["components"][2]["buttons"][0]["supported_apps"] = json!(vec![app(); 6]);
    refused(&stage, &crowd, "one to five apps").await;
    let mut zero_tap = one_tap(&app());
    zero_tap["components"][2]["buttons"][0]["otp_type"] = json!("ZERO_TAP");
    refused(&stage, &zero_tap, "zero_tap_terms_accepted").await;
    zero_tap["components"][2]["buttons"][0]["zero_tap_terms_accepted"] = json!(true);
    assert_eq!(create(&stage, &zero_tap).await.status, 200);
    let mut other = one_tap(&app());
    other["name"] = json!("sign_in_2");
    assert_eq!(create(&stage, &other).await.status, 200);
    let stored = stage.get(&stage.waba("message_templates?name=sign_in_2")).await.body;
    let url = &stored["data"][0]["components"][2]["buttons"][0]["url"];
    assert_eq!(url, "https://www.whatsapp.com/otp/code/?otp_type=ONE_TAP&code=otp{{1}}");
}

#[tokio::test]
async fn other_templates_have_texts_of_their_own() {
    let stage = Stage::new().await;
    let with = |components: Value| {
        json!({ "name": "hello", "language": "en", "category": "utility", "parameter_format": "named",
                "components": components })
    };
    let body = |text: &str| json!({ "type": "body", "text": text });
    let cases = [
        (json!([]), "needs a body"),
        (json!([body("Hi {{1}}")]), "not well formed"),
        (json!([body(&"x".repeat(1_025))]), "1024 characters"),
        (json!([body("Hi"), { "type": "header", "format": "text", "text": "{{a}} {{b}}" }]), "one variable"),
        (json!([body("Hi"), { "type": "header", "format": "text", "text": "x".repeat(61) }]), "60 characters"),
        (json!([body("Hi"), { "type": "footer", "text": "x".repeat(61) }]), "60 characters"),
        (
            json!([body("Hi"), { "type": "buttons", "buttons": [{ "type": "otp", "text": "x" }] }]),
            "Only authentication",
        ),
        (
            json!([body("Hi"), { "type": "buttons", "buttons": [
                { "type": "url", "text": "x", "url": "https://x.example/{{1}}/y" }] }]),
            "at its end",
        ),
    ];
    for (components, sentence) in cases {
        refused(&stage, &with(components), sentence).await;
    }
    let good = json!([body("Hi {{first_name}}"), { "type": "buttons", "buttons": [
        { "type": "quick_reply", "text": "Thanks" },
        { "type": "phone_number", "text": "Call", "phone_number": "+12025550100" },
    ]}]);
    assert_eq!(create(&stage, &with(good)).await.body["category"], "UTILITY");
}

#[tokio::test]
async fn an_upsert_makes_many_languages_and_replaces() {
    let stage = Stage::new().await;
    let mut body = copy_code();
    let fields = body.as_object_mut().unwrap();
    fields.remove("language");
    fields.insert("languages".to_owned(), json!(["de", "pt_BR"]));
    let path = stage.waba("upsert_message_templates");
    let labelled = stage.post(&path, &body).await;
    assert!(labelled.body.to_string().contains("text and autofill_text are not supported"), "{}", labelled.body);
    body["components"][2]["buttons"][0].as_object_mut().unwrap().remove("text");
    let created = stage.post(&path, &body).await;
    assert_eq!(created.status, 200, "{}", created.body);
    let ids = |answer: &Value| {
        let data = answer["data"].as_array().unwrap();
        data.iter().map(|template| (template["language"].clone(), template["id"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(ids(&created.body).len(), 2);
    body["components"][1]["code_expiration_minutes"] = json!(7);
    let replaced = stage.post(&path, &body).await;
    assert_eq!(ids(&replaced.body), ids(&created.body));
    let stored = stage.get(&stage.waba("message_templates?name=sign_in&language=de")).await.body;
    assert_eq!(stored["data"][0]["components"][1]["text"], "Dieser Code läuft in 7 Minuten ab.");
}

#[tokio::test]
async fn previews_show_whatsapps_own_words() {
    let stage = Stage::new().await;
    let path = "message_template_previews?category=AUTHENTICATION&languages=en_US,es_ES&add_security_recommendation=true\
                &code_expiration_minutes=10&button_types=OTP";
    let answer = stage.get(&stage.waba(path)).await;
    assert_eq!(answer.body["data"][0]["language"], "en_US");
    assert_eq!(
        answer.body["data"][1]["body"],
        "Tu código de verificación es *{{1}}*. Por tu seguridad, no lo compartas."
    );
    assert_eq!(answer.body["data"][1]["footer"], "Este código caduca en 10 minutos.");
    assert_eq!(stage.get(&stage.waba("message_template_previews?category=UTILITY")).await.status, 400);
}

#[tokio::test]
async fn an_approved_template_is_changed_once_a_day_and_keeps_its_name() {
    let stage = Stage::new().await;
    let read = async |name: &str| stage.get(&stage.waba(&format!("message_templates?name={name}"))).await.body;
    let edit = async |known: &Value, body: &Value| {
        let id = known["data"][0]["id"].as_str().unwrap();
        stage.post(&format!("/v23.0/{id}"), body).await
    };
    let body =
        json!({ "category": "UTILITY", "components": [{ "type": "BODY", "text": "We received {{1}}. Thank you." }] });
    let before = read("payment_received").await;
    assert_eq!(edit(&before, &body).await.body, json!({ "success": true }));
    let after = read("payment_received").await;
    assert_eq!(after["data"][0]["components"][0]["text"], "We received {{1}}. Thank you.");
    assert_eq!(after["data"][0]["id"], before["data"][0]["id"]);
    let refused = edit(&before, &body).await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (400, &json!(100)), "{}", refused.body);
    // What was rejected may be tried again at once, and what is malformed is not taken.
    let rejected = read("spring_sale").await;
    let braces = json!({ "category": "MARKETING", "components": [{ "type": "BODY", "text": "{{1" }] });
    assert_eq!(edit(&rejected, &braces).await.status, 400);
    assert_eq!(edit(&rejected, &body).await.status, 200);
    stage.handle.set_template_status("shipping_update", "en_US", TemplateStatus::Disabled, None).unwrap();
    assert_eq!(edit(&read("shipping_update").await, &body).await.status, 400);
    assert_eq!(stage.post("/v23.0/1", &body).await.status, 400);
}

#[tokio::test]
async fn a_template_is_deleted_in_all_languages_or_in_one() {
    let stage = Stage::new().await;
    let count = async |name: &str| {
        let listed = stage.get(&stage.waba(&format!("message_templates?name={name}"))).await;
        listed.body["data"].as_array().unwrap().len()
    };
    let delete = async |query: &str| {
        let path = stage.waba(&format!("message_templates?{query}"));
        answer(stage.authorized(Method::DELETE, &path)).await
    };
    let spanish = stage.get(&stage.waba("message_templates?name=verification_code&language=es")).await.body;
    let id = spanish["data"][0]["id"].as_str().unwrap();
    assert_eq!(delete(&format!("name=verification_code&hsm_id={id}")).await.body, json!({ "success": true }));
    assert_eq!(count("verification_code").await, 2);
    assert_eq!(delete("name=order_update").await.status, 200);
    assert_eq!(count("order_update").await, 0);
    assert_eq!(delete("name=order_update").await.status, 400);
    assert_eq!(delete("").await.status, 400);
}
