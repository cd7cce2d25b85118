//! What operators do about senders: choose them for an account, and remove them.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_application::NewSender;
use whatotp_domain::{Role, SenderId, WabaId};
use whatotp_ports::{AuditFilter, Endpoint};

use super::fallback::two_senders;
use super::scene::{Live, OTHER_PHONE, PHONE};
use crate::http::console_scene::{member, owner, stranger};
use crate::support::{Answer, Client, unused};

const CONFIGURED: &str = "100000000000001";
const SECOND: &str = "100000000000002";

fn second() -> NewSender {
    NewSender {
        id: SenderId::parse(SECOND).unwrap(),
        waba: WabaId::parse("200000000000002").unwrap(),
        name: "second".to_owned(),
        endpoint: Endpoint {
            base_url: "https://graph.example.org".to_owned(),
            api_version: "v25.0".to_owned(),
            messages_path: "/{version}/{phone_number_id}/messages".to_owned(),
            templates_path: "/{version}/{waba_id}/message_templates".to_owned(),
            auth_header: "Authorization".to_owned(),
            auth_prefix: "Bearer ".to_owned(),
        },
        access_token: "a-second-access-token".to_owned().into(),
        otp_template: "verification_code".to_owned(),
        shared: true,
    }
}

async fn put(client: &Client, path: &str, body: Value) -> Answer {
    client.send(client.request(&Method::PUT, path).json(&body)).await
}

async fn remove(client: &Client, id: &str) -> Answer {
    client.send(client.request(&Method::DELETE, &format!("/api/v1/admin/senders/{id}"))).await
}

#[tokio::test]
async fn an_operator_chooses_an_accounts_senders_and_removes_one() {
    let live = Live::start().await;
    let people = owner(&live.app).await;
    let app = &live.app.app;
    app.put_sender(second()).await.unwrap();
    let path = format!("/api/v1/admin/accounts/{}/senders", live.app.account);
    let used = put(&people.api, &path, json!({"senders": [SECOND, CONFIGURED]})).await.success(200);
    assert_eq!(used["senders"], json!([SECOND, CONFIGURED]));
    let own: Vec<_> = [SECOND, CONFIGURED].into_iter().filter_map(SenderId::parse).collect();
    assert_eq!(app.list_routes().await.unwrap(), [(live.app.account, own)]);

    put(&people.api, &path, json!({"senders": ["999"]})).await.is_invalid("senders", "unknown_sender");
    put(&people.api, &path, json!({"senders": ["x"]})).await.is_invalid("senders", "invalid_sender");
    put(&people.api, &path, json!({"senders": [SECOND, SECOND]})).await.is_invalid("senders", "duplicate_sender");
    let nowhere = format!("/api/v1/admin/accounts/{}/senders", unused("acc"));
    put(&people.api, &nowhere, json!({"senders": []})).await.problem(404, "account_not_found");

    remove(&people.api, CONFIGURED).await.is_invalid("sender_id", "configured_sender");
    assert_eq!(remove(&people.api, SECOND).await.status, 204);
    remove(&people.api, SECOND).await.problem(404, "sender_not_found");
    let left = vec![SenderId::parse(CONFIGURED).unwrap()];
    assert_eq!(app.list_routes().await.unwrap(), [(live.app.account, left)]);
    put(&people.api, &path, json!({"senders": []})).await.success(200);
    assert!(app.list_routes().await.unwrap().is_empty());

    let entries = app.audit_entries(&AuditFilter::default(), None, 100).await.unwrap();
    let written = |action: &str| entries.iter().filter(|entry| entry.text.action == action).count();
    assert_eq!((written("sender.removed"), written("account.senders_changed")), (1, 2));
}

#[tokio::test]
async fn nobody_but_a_fresh_operator_changes_senders() {
    let live = Live::start().await;
    let people = owner(&live.app).await;
    let other = stranger(&live.app, &people.user).await;
    let admin = member(&live.app, &people.user, Role::Admin).await;
    live.app.app.put_sender(second()).await.unwrap();
    let path = format!("/api/v1/admin/accounts/{}/senders", live.app.account);
    for outsider in [&other.api, &admin.api] {
        put(outsider, &path, json!({"senders": []})).await.problem(403, "permission_denied");
        remove(outsider, SECOND).await.problem(403, "permission_denied");
        outsider.post("/api/v1/admin/senders", json!({})).await.problem(403, "permission_denied");
        outsider.get(&format!("/api/v1/admin/senders/{SECOND}/health")).await.problem(403, "permission_denied");
    }
    live.app.advance(601);
    put(&people.api, &path, json!({"senders": []})).await.problem(403, "reauthentication_required");
    remove(&people.api, SECOND).await.problem(403, "reauthentication_required");
    assert_eq!(live.app.app.list_senders().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_operator_adds_a_sender_looks_at_it_tests_it_and_codes_go_out_from_it() {
    const TOKEN: &str = "simulator-access-token-two";
    let live = Live::with(two_senders(), &[]).await;
    let people = owner(&live.app).await;
    let base_url = live.url();
    let new = json!({"phone_number_id": SECOND, "waba_id": "200000000000002", "access_token": "not-the-token",
        "name": "second", "base_url": base_url, "shared": false});
    let added = people.api.post("/api/v1/admin/senders", new.clone()).await.success(201);
    assert_eq!((&added["otp_template"], &added["shared"]), (&json!("verification_code"), &json!(false)));
    people.api.post("/api/v1/admin/senders", new).await.is_invalid("phone_number_id", "sender_exists");

    let path = format!("/api/v1/admin/senders/{SECOND}");
    let refused = people.api.get(&format!("{path}/health")).await;
    refused.problem(503, "channel_unavailable");
    assert!(refused.text.contains("Access token has expired (190)"), "{refused:?}");
    let change = |body: Value| people.api.request(&Method::PATCH, &path).json(&body);
    people
        .api
        .send(change(json!({"base_url": "http://elsewhere.example"})))
        .await
        .is_invalid("base_url", "invalid_url");
    people.api.send(change(json!({"access_token": "two words"}))).await.is_invalid("access_token", "invalid_token");
    let changed = people.api.send(change(json!({"access_token": TOKEN, "name": "spare"}))).await;
    assert_eq!(changed.success(200)["name"], "spare");
    assert!(!changed.text.contains(TOKEN));

    let health = people.api.get(&format!("{path}/health")).await.success(200);
    assert_eq!((&health["quality"], &health["status"]), (&json!("green"), &json!("CONNECTED")));
    assert_eq!((&health["messaging_limit"], &health["throughput"]), (&json!("TIER_2K"), &json!("STANDARD")));
    people.api.post("/api/v1/templates/sync", json!({})).await.success(200);
    let tested = people.api.post(&format!("{path}/test"), json!({"to": OTHER_PHONE})).await.success(200);
    assert_eq!(tested["outcome"], "accepted", "{tested}");
    assert_eq!(live.newest(OTHER_PHONE).phone_number_id, SECOND);

    let routes = format!("/api/v1/admin/accounts/{}/senders", live.app.account);
    put(&people.api, &routes, json!({"senders": [SECOND]})).await.success(200);
    people.api.post("/api/v1/templates/sync", json!({})).await.success(200);
    assert_eq!(live.session(PHONE).await.1.phone_number_id, SECOND);

    let listed = people.api.get("/api/v1/admin/senders").await;
    let audited = people.api.get("/api/v1/admin/logs").await;
    for answer in [&listed, &audited] {
        assert!(answer.success(200).is_object() && !answer.text.contains(TOKEN), "{answer:?}");
    }
    people.api.get(&format!("/api/v1/admin/senders/{CONFIGURED}0/health")).await.problem(404, "sender_not_found");
}
