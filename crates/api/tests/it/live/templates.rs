//! Templates as WhatsApp has them: synchronised, paused, approved again, and the senders that have them elsewhere.

use serde_json::{Value, json};
use whatotp_domain::EventKind;
use whatotp_simulator::{Fault, FaultKind, TemplateStatus};

use super::scene::{Live, PHONE, config};
use crate::support::{order_update, text};

const CODES: &str = "verification_code";

async fn ask_in(live: &Live, locale: &str) -> crate::support::Answer {
    live.api.post("/v1/otp/send", json!({"to": PHONE, "channel": "whatsapp", "locale": locale})).await
}

async fn set(live: &Live, name: &str, language: &str, status: TemplateStatus) {
    live.whatsapp.set_template_status(name, language, status, None).unwrap();
    live.whatsapp.settle().await;
}

/// No wait between two codes to one number.
const NO_COOLDOWN: &[(&str, &str)] = &[
    ("WHATOTP_OTP__COOLDOWN_SECONDS", "0"),
    ("WHATOTP_OTP__SENDS_PER_10_MINUTES", "1000"),
    ("WHATOTP_OTP__SENDS_PER_HOUR", "1000"),
    ("WHATOTP_OTP__SENDS_PER_DAY", "1000"),
];

#[tokio::test]
async fn a_live_key_sees_the_templates_that_whatsapp_has() {
    let live = Live::start().await;
    let listed = live.api.get("/v1/templates?limit=100").await.success(200);
    let listed = listed["data"].as_array().unwrap();
    let named = |name: &str| listed.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let codes = named(CODES);
    assert_eq!((&codes["category"], &codes["status"]), (&json!("authentication"), &json!("approved")));
    let mut languages: Vec<String> = codes["languages"].as_array().unwrap().iter().map(text).collect();
    languages.sort();
    assert_eq!(languages, ["en-US", "es", "pt-BR"]);
    let update = named("order_update");
    assert_eq!(update["body"], "Hello {{first_name}}, your order {{order_id}} is confirmed.");
    assert_eq!(
        (&update["languages"], &update["variables"]),
        (&json!(["en", "es"]), &json!(["first_name", "order_id"]))
    );
    assert_eq!(named("shipping_update")["variables"], json!(["header_1", "1", "2", "button_0"]));
    assert_eq!(named("appointment_reminder")["status"], "paused");
    assert_eq!(named("spring_sale")["status"], "rejected");
    let same = live.api.get(&format!("/v1/templates/{}", text(&codes["id"]))).await.success(200);
    assert_eq!(same, *codes);
    // A test key sees its samples and nothing of these.
    let samples = live.app.api.get("/v1/templates?limit=100").await.success(200);
    assert!(samples["data"].as_array().unwrap().iter().all(|one| one["name"] != "shipping_update"), "{samples}");
}

#[tokio::test]
async fn the_language_asked_for_is_sent_or_the_nearest_one() {
    let live = Live::with(config(), NO_COOLDOWN).await;
    for (locale, expected) in
        [("es", "es"), ("es-MX", "es"), ("pt-BR", "pt_BR"), ("en-US", "en_US"), ("en", "en_US"), ("de", "en_US")]
    {
        ask_in(&live, locale).await.success(200);
        assert_eq!(live.newest(PHONE).language, expected, "{locale}");
    }
}

#[tokio::test]
async fn a_paused_language_gives_way_to_another_until_it_is_approved_again() {
    let live = Live::with(config(), NO_COOLDOWN).await;
    set(&live, CODES, "es", TemplateStatus::Paused).await;
    ask_in(&live, "es").await.success(200);
    assert_eq!(live.newest(PHONE).language, "en_US");
    for language in ["en_US", "pt_BR"] {
        set(&live, CODES, language, TemplateStatus::Disabled).await;
    }
    // Nothing is left, and nothing is asked of WhatsApp.
    let before = live.whatsapp.requests(None).len();
    ask_in(&live, "es").await.problem(503, "channel_unavailable");
    assert_eq!(live.whatsapp.requests(None).len(), before);
    set(&live, CODES, "es", TemplateStatus::Approved).await;
    ask_in(&live, "es").await.success(200);
    assert_eq!(live.newest(PHONE).language, "es");
    assert_eq!(live.events(EventKind::TemplatePaused).await.len(), 1);
    assert_eq!(live.events(EventKind::TemplateDisabled).await.len(), 2);
    assert_eq!(live.events(EventKind::TemplateApproved).await.len(), 1);
}

#[tokio::test]
async fn a_pause_that_only_the_send_tells_is_known_from_then_on() {
    let live = Live::with(config(), NO_COOLDOWN).await;
    // As when the webhook is lost.
    live.whatsapp.set_webhook_url(None);
    set(&live, CODES, "es", TemplateStatus::Paused).await;
    for requests in [2, 3] {
        ask_in(&live, "es").await.success(200);
        assert_eq!(live.events(EventKind::TemplatePaused).await.len(), 1);
        assert_eq!(live.newest(PHONE).language, "en_US");
        assert_eq!(live.whatsapp.requests(None).len(), requests);
    }
    // It is approved again, which the next synchronisation tells.
    set(&live, CODES, "es", TemplateStatus::Approved).await;
    live.app.app.sync_templates().await.unwrap();
    ask_in(&live, "es").await.success(200);
    assert_eq!(live.newest(PHONE).language, "es");
}

#[tokio::test]
async fn a_message_waits_in_the_outbox_while_its_template_is_paused() {
    let live = Live::start().await;
    let id = live.queue(PHONE).await;
    for language in ["en", "es"] {
        set(&live, "order_update", language, TemplateStatus::Paused).await;
    }
    live.app.deliver().await;
    assert_eq!(live.message_status(&id).await["status"], "queued");
    // Another is not taken any more.
    live.api.post("/v1/messages/send", order_update(PHONE)).await.problem(503, "channel_unavailable");
    set(&live, "order_update", "es", TemplateStatus::Approved).await;
    live.app.deliver_after(60_000).await;
    assert_eq!(live.message_status(&id).await["status"], "accepted");
    assert_eq!(live.newest(PHONE).language, "es");
}

#[tokio::test]
async fn a_code_does_not_outlive_what_its_message_says() {
    // The template says ten minutes; an operator may make one that says five.
    let live = Live::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let body = json!({"name": "short_lived", "languages": ["en_US"], "category": "AUTHENTICATION", "components": [
        {"type": "BODY", "add_security_recommendation": true}, {"type": "FOOTER", "code_expiration_minutes": 2},
        {"type": "BUTTONS", "buttons": [{"type": "OTP", "otp_type": "COPY_CODE"}]}]});
    let created = client.post(format!("{}/v25.0/200000000000001/upsert_message_templates", live.url()));
    let created = created.bearer_auth("simulator-access-token").json(&body).send().await.unwrap();
    assert_eq!(created.status(), 200);
    let variables = super::scene::settings(&live.url());
    let mut variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    variables.push(("WHATOTP_WHATSAPP__OTP_TEMPLATE", "short_lived"));
    let app = crate::support::TestApp::with(&variables).await;
    let api = app.key_with(whatotp_domain::Mode::Live, |_| ()).await.0;
    let ask = async |seconds: Value| {
        let body = json!({"to": PHONE, "channel": "whatsapp", "expires_in_seconds": seconds});
        api.post("/v1/otp/send", body).await
    };
    ask(json!(121)).await.is_invalid("expires_in_seconds", "out_of_range");
    ask(json!(600)).await.is_invalid("expires_in_seconds", "out_of_range");
    assert!(live.whatsapp.requests(None).is_empty(), "and no cooldown was charged:");
    let sent = ask(json!(120)).await.success(200);
    assert_eq!(
        (&sent["created_at"], &sent["expires_at"]),
        (&json!("2027-01-15T08:00:00.000Z"), &json!("2027-01-15T08:02:00.000Z"))
    );
    app.advance(30);
    // The default of five minutes is shortened.
    let sent = api.post("/v1/otp/send", json!({"to": PHONE, "channel": "whatsapp"})).await.success(200);
    assert_eq!(
        (&sent["created_at"], &sent["expires_at"]),
        (&json!("2027-01-15T08:00:30.000Z"), &json!("2027-01-15T08:02:30.000Z"))
    );
    // Test keys have no template, and keep what they ask for.
    let body = json!({"to": PHONE, "channel": "whatsapp", "expires_in_seconds": 600});
    app.api.post("/v1/otp/send", body).await.success(200);
}

#[tokio::test]
async fn codes_are_not_sent_as_messages() {
    let live = Live::start().await;
    let body = json!({"phone_number": PHONE, "template_id": CODES, "variables": {"1": "123456"}});
    let refused = live.api.post("/v1/messages/send", body).await;
    assert_eq!(refused.invalid()[0].0, "template_id", "{refused:?}");
    assert!(live.whatsapp.requests(None).is_empty());
}

#[tokio::test]
async fn an_installation_that_could_not_synchronise_asks_in_the_language_wanted() {
    let live = Live::start().await;
    let settings = super::scene::settings(&live.url());
    let mut variables: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    // As with a token that may send and not manage.
    variables.push(("WHATOTP_WHATSAPP__TEMPLATES_PATH", "/{version}/1/message_templates"));
    let app = crate::support::TestApp::with(&variables).await;
    let api = app.key_with(whatotp_domain::Mode::Live, |_| ()).await.0;
    let ask = async |locale: &str| {
        let body = json!({"to": PHONE, "channel": "whatsapp", "locale": locale});
        api.post("/v1/otp/send", body).await
    };
    ask("es").await.success(200);
    assert_eq!(live.newest(PHONE).language, "es");
    app.advance(31);
    ask("fr").await.problem(503, "channel_unavailable");
}

#[tokio::test]
async fn a_reseller_is_the_same_with_other_addresses_and_another_header() {
    let settings = [
        ("WHATOTP_WHATSAPP__MESSAGES_PATH", "/messages"),
        ("WHATOTP_WHATSAPP__TEMPLATES_PATH", "/v1/configs/templates"),
        ("WHATOTP_WHATSAPP__AUTH_HEADER", "D360-API-KEY"),
        ("WHATOTP_WHATSAPP__AUTH_PREFIX", ""),
        ("WHATOTP_WHATSAPP__ACCESS_TOKEN", "simulator-api-key"),
    ];
    let live = Live::with(config(), &settings).await;
    let (session, message) = live.session(PHONE).await;
    live.tell(&message, &[whatotp_simulator::Status::Delivered]).await;
    assert_eq!(live.status(&session).await["delivery"]["status"], "delivered");
    live.verify(&session, &message.code.unwrap()).await.success(200);
    let (id, _) = live.message(PHONE).await;
    assert_eq!(live.message_status(&id).await["status"], "accepted");
    assert!(live.whatsapp.requests(None).iter().all(|request| request.path == "/messages"));
    // A key that 360dialog does not know is answered in 360dialog's own form.
    live.whatsapp.push_fault(Fault::once(FaultKind::RevokedToken));
    live.app.advance(60);
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    assert_eq!(live.events(EventKind::SenderStopped).await.len(), 1);
}
