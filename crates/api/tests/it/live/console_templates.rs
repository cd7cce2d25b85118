//! Templates in the console, against the simulated WhatsApp.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_application::{FollowLink, LinkFollowed};
use whatotp_domain::{EmailAddress, Password, Role, User};
use whatotp_simulator::{Quality, TemplateStatus};
use whatotp_vault::LinkToken;

use super::scene::{Live, PHONE};
use crate::support::{Answer, Client, text};

async fn join(live: &Live, token: LinkToken, address: Option<&str>) -> (User, Client) {
    let follow = FollowLink {
        token,
        name: Some("Grace".to_owned()),
        email: address.map(|text| EmailAddress::parse(text).unwrap()),
        password: Password::choose("a rather long passphrase of tests").unwrap(),
        user_agent: "tests".to_owned(),
    };
    let LinkFollowed::Joined(joined) = live.app.app.follow_link(follow).await.unwrap() else { panic!("not joined") };
    let bearer = format!("Bearer {}", joined.token.expose());
    (joined.user, live.app.api.with("authorization", &bearer))
}

async fn owner(live: &Live) -> (User, Client) {
    let token = live.app.app.bootstrap_link().await.unwrap().unwrap();
    join(live, token, Some("owner@example.org")).await
}

fn parcel() -> Value {
    json!({
        "name": "parcel", "category": "utility", "locale": "en", "header": "Order {{order}}",
        "body": "Hi {{name}}, your parcel is on its way.", "footer": "Thank you.",
        "buttons": [
            {"type": "url", "label": "Track", "url": "https://shop.example/track/{{1}}"},
            {"type": "phone", "label": "Call us", "phone_number": "+1 555-010-0000"},
            {"type": "quick_reply", "label": "Stop"},
        ],
        "examples": {"order": "A-1", "name": "Ada", "button_0": "a-1"},
    })
}

async fn patch(api: &Client, path: &str, body: Value) -> Answer {
    api.send(api.request(&Method::PATCH, path).json(&body)).await
}

async fn delete(api: &Client, path: &str) -> Answer {
    api.send(api.request(&Method::DELETE, path)).await
}

async fn named(api: &Client, name: &str) -> Option<Value> {
    let listed = api.get("/api/v1/templates?limit=100").await.success(200);
    listed["data"].as_array().unwrap().iter().find(|one| one["name"] == name).cloned()
}

#[tokio::test]
async fn a_template_with_all_parts_is_submitted_listed_changed_and_deleted() {
    let live = Live::start().await;
    let (_, api) = owner(&live).await;
    let submitted = api.post("/api/v1/templates/submit", parcel()).await.success(201);
    assert_eq!(submitted["locale"], "en");
    let made = named(&api, "parcel").await.unwrap();
    assert_eq!(made["variables"], json!(["order", "name", "button_0"]));
    let english = &made["translations"][0];
    assert_eq!((&english["header"], &english["footer"]), (&json!("Order {{order}}"), &json!("Thank you.")));
    assert_eq!(english["buttons"][0]["url"], "https://shop.example/track/{{1}}");
    assert_eq!(english["buttons"][1]["phone_number"], "+1 555-010-0000");
    assert_eq!(english["buttons"][2]["type"], "quick_reply");
    // A message in it arrives with all its values.
    let message = json!({"phone_number": PHONE, "template_id": "parcel",
        "variables": {"order": "B-2", "name": "Bob", "button_0": "b-2"}});
    live.api.post("/v1/messages/send", message).await.success(202);

    let path = format!("/api/v1/templates/{}", text(&made["id"]));
    let change = json!({"locale": "en", "body": "Hello {{name}}, it comes today.", "examples": {"name": "Ada"}});
    let changed = patch(&api, &path, change.clone()).await.success(200);
    assert_eq!(changed["id"], made["id"]);
    assert_eq!((&changed["translations"][0]["header"], &changed["variables"]), (&json!(null), &json!(["name"])));
    // WhatsApp takes one change a day of what it has approved, and says so.
    let refused = patch(&api, &path, change.clone()).await;
    assert_eq!(refused.invalid()[0].1, "refused_by_whatsapp", "{refused:?}");
    let mut elsewhere = change.clone();
    elsewhere["locale"] = "fr".into();
    assert_eq!(patch(&api, &path, elsewhere).await.invalid()[0].0, "locale");
    live.whatsapp.set_template_status("parcel", "en", TemplateStatus::Disabled, None).unwrap();
    live.whatsapp.settle().await;
    assert_eq!(patch(&api, &path, change).await.invalid()[0].1, "not_changeable");

    assert_eq!(delete(&api, &path).await.status, 204);
    assert_eq!(named(&api, "parcel").await, None);
    api.get(&path).await.problem(404, "template_not_found");
    delete(&api, &path).await.problem(404, "template_not_found");
    live.app.app.sync_templates().await.unwrap();
    assert_eq!(named(&api, "parcel").await, None, "it is gone at WhatsApp, too");
}

#[tokio::test]
async fn what_does_not_fit_is_told_of_the_part_it_is_about() {
    let live = Live::start().await;
    let (_, api) = owner(&live).await;
    let link = |url: &str| json!([{"type": "url", "label": "Shop", "url": url}]);
    for (field, value, wrong) in [
        ("header", json!("é".repeat(61)), "header"),
        ("header", json!("{{a}} {{b}}"), "header"),
        ("header", json!("Order {{1}}"), "header"),
        ("footer", json!("Bye {{name}}"), "footer"),
        ("buttons", link("javascript:alert(1)"), "buttons"),
        ("buttons", json!([{"type": "quick_reply", "label": "é".repeat(26)}]), "buttons"),
        ("buttons", json!(vec![json!({"type": "quick_reply", "label": "Yes"}); 11]), "buttons"),
        ("buttons", json!([{"type": "otp", "label": "Copy"}]), "buttons"),
        ("category", json!("authentication"), "category"),
    ] {
        let mut body = parcel();
        body[field] = value;
        for path in ["/api/v1/templates/submit", "/api/v1/templates"] {
            let refused = api.post(path, body.clone()).await;
            assert_eq!(refused.invalid()[0].0, wrong, "{body}: {refused:?}");
        }
    }
    let mut body = parcel();
    body["examples"] = json!({"order": "A-1", "nobody": "x"});
    let refused = api.post("/api/v1/templates/submit", body).await.problem(422, "template_variables_mismatch");
    assert_eq!((&refused["missing"], &refused["unexpected"]), (&json!(["name", "button_0"]), &json!(["nobody"])));
    let mut again = parcel();
    again["name"] = "order_update".into();
    assert_eq!(api.post("/api/v1/templates/submit", again).await.invalid()[0].1, "refused_by_whatsapp");
}

#[tokio::test]
async fn a_template_of_test_mode_is_sent_at_once_and_leaves_whatsapp_alone() {
    let live = Live::start().await;
    let (_, api) = owner(&live).await;
    let made = api.post("/api/v1/templates", parcel()).await.success(201);
    assert_eq!((&made["status"], &made["waba_id"]), (&json!("approved"), &json!(null)));
    assert_eq!(api.post("/api/v1/templates", parcel()).await.invalid()[0].1, "name_taken");
    let message = json!({"phone_number": PHONE, "template_id": "parcel",
        "variables": {"order": "B-2", "name": "Bob", "button_0": "b-2"}});
    live.app.api.post("/v1/messages/send", message).await.success(202);
    assert_eq!(named(&api, "parcel").await, None, "there is none in live mode");

    let path = format!("/api/v1/templates/{}", text(&made["id"]));
    let spanish = json!({"locale": "es", "header": "Pedido {{order}}", "body": "Hola {{name}}, ya viene.",
        "buttons": [{"type": "url", "label": "Ver", "url": "https://shop.example/{{1}}"}],
        "examples": {"order": "A-1", "name": "Ada", "button_0": "a-1"}});
    patch(&api, &path, spanish.clone()).await.problem(404, "template_not_found");
    let test = format!("{path}?mode=test");
    assert_eq!(patch(&api, &test, spanish).await.success(200)["translations"].as_array().unwrap().len(), 2);
    let other = json!({"locale": "es", "body": "Hola {{otro}}.", "examples": {"otro": "x"}});
    assert_eq!(patch(&api, &test, other).await.invalid()[0].0, "body");
    assert_eq!(delete(&api, &test).await.status, 204);
    api.get(&test).await.problem(404, "template_not_found");
}

#[tokio::test]
async fn quality_is_read_from_the_list_and_from_a_webhook() {
    let live = Live::start().await;
    let (_, api) = owner(&live).await;
    assert_eq!(named(&api, "payment_received").await.unwrap()["quality"], "green");
    assert_eq!(named(&api, "appointment_reminder").await.unwrap()["quality"], "red");
    live.whatsapp.set_template_quality("payment_received", "en", Quality::Yellow).unwrap();
    live.whatsapp.settle().await;
    let told = named(&api, "payment_received").await.unwrap();
    assert_eq!((&told["quality"], &told["translations"][0]["quality"]), (&json!("yellow"), &json!("yellow")));
}

#[tokio::test]
async fn only_who_may_manages_templates_and_the_one_for_codes_stays() {
    let live = Live::start().await;
    let (owner, api) = owner(&live).await;
    let address = EmailAddress::parse("viewer@example.org").unwrap();
    let (_, token) = live.app.app.invite(&owner, &address, Role::Viewer).await.unwrap().unwrap();
    let (_, viewer) = join(&live, token, None).await;
    let reminder = named(&viewer, "payment_received").await.unwrap();
    let path = format!("/api/v1/templates/{}", text(&reminder["id"]));
    let change = json!({"locale": "en", "body": "Hello."});
    for path in ["/api/v1/templates", "/api/v1/templates/submit"] {
        viewer.post(path, parcel()).await.problem(403, "permission_denied");
    }
    viewer.post_nothing("/api/v1/templates/sync").await.problem(403, "permission_denied");
    patch(&viewer, &path, change.clone()).await.problem(403, "permission_denied");
    delete(&viewer, &path).await.problem(403, "permission_denied");

    let codes = named(&api, "verification_code").await.unwrap();
    let path = format!("/api/v1/templates/{}", text(&codes["id"]));
    assert_eq!(delete(&api, &path).await.invalid()[0].1, "sends_codes");
    assert_eq!(patch(&api, &path, change).await.invalid()[0].1, "authentication_template");
}
