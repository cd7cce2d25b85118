//! What the people of the platform do, and nobody else.

use reqwest::Method;
use serde_json::{Value, json};

use super::console_scene::{owner, stranger};
use crate::support::{Answer, Client, MAGIC, ORDINARY, TestApp, unused};

async fn call(client: &Client, method: Method, path: &str, body: Value) -> Answer {
    client.send(client.request(&method, path).json(&body)).await
}

#[tokio::test]
async fn only_operators_come_in() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let other = stranger(&app, &people.user).await;
    for path in ["accounts", "senders", "blocks", "dead-letters"] {
        let path = format!("/api/v1/admin/{path}");
        people.api.get(&path).await.success(200);
        other.api.get(&path).await.problem(403, "permission_denied");
    }
    let account = format!("/api/v1/admin/accounts/{}", app.account);
    call(&other.api, Method::PATCH, &account, json!({"suspended": true})).await.problem(403, "permission_denied");
    let block = json!({"kind": "country", "key": "DE", "reason": "x"});
    call(&other.api, Method::POST, "/api/v1/admin/blocks", block.clone()).await.problem(403, "permission_denied");
    call(&other.api, Method::DELETE, "/api/v1/admin/blocks", block).await.problem(403, "permission_denied");
    for what in ["replay", "discard"] {
        let path = format!("/api/v1/admin/dead-letters/{}/{what}", unused("msg"));
        other.api.post_nothing(&path).await.problem(403, "permission_denied");
        people.api.post_nothing(&path).await.problem(404, "dead_letter_not_found");
    }
    let test = json!({"to": ORDINARY});
    other.api.post("/api/v1/admin/senders/1/test", test.clone()).await.problem(403, "permission_denied");
    people.api.post("/api/v1/admin/senders/1/test", test).await.problem(404, "sender_not_found");
}

#[tokio::test]
async fn a_suspended_account_reads_and_does_nothing_else() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let (session, code) = app.session(MAGIC).await;
    let account = format!("/api/v1/admin/accounts/{}", app.account);
    let changed =
        call(&people.api, Method::PATCH, &account, json!({"suspended": true, "per_day": 5})).await.success(200);
    assert_eq!((&changed["suspended"], &changed["per_day"]), (&json!(true), &json!(5)));
    let send = json!({"to": MAGIC, "channel": "whatsapp"});
    app.api.post("/v1/otp/send", send.clone()).await.problem(403, "account_suspended");
    app.verify(&session, &code).await.problem(403, "account_suspended");
    app.status(&session).await;
    app.api.get("/v1/templates").await.success(200);

    let changed =
        call(&people.api, Method::PATCH, &account, json!({"suspended": false, "per_day": 0})).await.success(200);
    assert_eq!((&changed["suspended"], &changed["per_day"]), (&json!(false), &Value::Null));
    app.verify(&session, &code).await.success(200);
    let missing = format!("/api/v1/admin/accounts/{}", unused("acc"));
    call(&people.api, Method::PATCH, &missing, json!({})).await.problem(404, "account_not_found");
    let made = people.api.post("/api/v1/admin/accounts", json!({"name": "Example Inc."})).await.success(201);
    let listed = people.api.get("/api/v1/admin/accounts").await.success(200);
    assert!(listed["data"].as_array().unwrap().contains(&made), "{listed}");
    let actions: Vec<String> = app
        .app
        .audit_entries(&whatotp_ports::AuditFilter::default(), None, 100)
        .await
        .unwrap()
        .iter()
        .map(|record| record.text.action.clone())
        .collect();
    for action in ["account.suspended", "account.resumed", "account.rules_changed", "account.created"] {
        assert!(actions.iter().any(|one| one == action), "{action} is not among {actions:?}");
    }
}

#[tokio::test]
async fn blocks_hold_until_they_are_lifted() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let send = || app.api.post("/v1/otp/send", json!({"to": ORDINARY, "channel": "whatsapp"}));
    for (kind, key) in [("prefix", "+1415"), ("country", "US"), ("number", ORDINARY)] {
        let block = json!({"kind": kind, "key": key, "reason": "a test"});
        assert_eq!(people.api.post("/api/v1/admin/blocks", block).await.status, 204);
        send().await.problem(403, "destination_blocked");
        let listed = people.api.get("/api/v1/admin/blocks").await;
        assert!(!listed.text.contains(ORDINARY), "no number in full");
        let listed = listed.success(200);
        let of_kind = listed["data"].as_array().unwrap().iter().find(|block| block["kind"] == kind).unwrap();
        assert_eq!((&of_kind["in_force"], &of_kind["account_id"]), (&json!(true), &Value::Null));
        // As the list has it, so that a page needs nothing else.
        let lift = json!({"kind": kind, "key": of_kind["key"]});
        assert_eq!(call(&people.api, Method::DELETE, "/api/v1/admin/blocks", lift.clone()).await.status, 204);
        call(&people.api, Method::DELETE, "/api/v1/admin/blocks", lift).await.problem(404, "block_not_found");
    }
    send().await.success(200);
    let whole = json!({"kind": "prefix", "key": ORDINARY, "reason": "a test"});
    people.api.post("/api/v1/admin/blocks", whole).await.problem(400, "invalid_request");
}
