//! API keys, as members make and end them.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_domain::Role;

use super::console_scene::{member, owner, stranger};
use crate::support::{Answer, Client, MAGIC, TestApp, text, unused};

async fn delete(client: &Client, path: &str) -> Answer {
    client.send(client.request(&Method::DELETE, path)).await
}

#[tokio::test]
async fn a_key_is_shown_once_works_is_rotated_and_revoked() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    app.tick();
    let wanted = json!({"name": "ci", "mode": "test", "scopes": ["otp:send"], "allowed_ips": ["127.0.0.0/8"]});
    let made = people.api.post("/api/v1/keys", wanted).await.success(201);
    let key = text(&made["key"]);
    let id = text(&made["id"]);
    let send =
        async |key: &str| app.api.with_key(key).post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp"})).await;
    send(&key).await.success(200);
    app.api.with_key(&key).get("/v1/templates").await.problem(403, "insufficient_scope");

    let listed = people.api.get("/api/v1/keys").await;
    assert!(!listed.text.contains(&key), "it was shown once");
    let listed = listed.success(200);
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["hint"]), (&json!(id), &made["hint"]));
    assert_eq!(listed["data"][0]["allowed_ips"], json!(["127.0.0.0/8"]));

    app.tick();
    let rotated =
        people.api.post(&format!("/api/v1/keys/{id}/rotate"), json!({"overlap_seconds": 60})).await.success(201);
    let (next, next_id) = (text(&rotated["key"]), text(&rotated["id"]));
    assert!(next != key && rotated["previous_key_ends_at"].is_string());
    app.advance(61);
    send(&key).await.problem(401, "expired_api_key");
    send(&next).await.success(200);
    people.api.post(&format!("/api/v1/keys/{id}/rotate"), json!({})).await.problem(404, "key_not_found");

    assert_eq!(delete(&people.api, &format!("/api/v1/keys/{next_id}")).await.status, 204);
    send(&next).await.problem(401, "invalid_api_key");
}

#[tokio::test]
async fn only_whoever_may_and_has_just_proved_who_they_are_changes_keys() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let other = stranger(&app, &people.user).await;
    let wanted = json!({"name": "x", "mode": "test"});
    let theirs = text(&other.api.post("/api/v1/keys", wanted.clone()).await.success(201)["id"]);
    for id in [theirs, unused("key"), "key_".to_owned()] {
        delete(&people.api, &format!("/api/v1/keys/{id}")).await.problem(404, "key_not_found");
        people.api.post(&format!("/api/v1/keys/{id}/rotate"), json!({})).await.problem(404, "key_not_found");
    }
    for (role, may) in [(Role::Admin, true), (Role::Developer, true), (Role::Support, false), (Role::Viewer, false)] {
        let person = member(&app, &people.user, role).await;
        let (list, make) =
            (person.api.get("/api/v1/keys").await, person.api.post("/api/v1/keys", wanted.clone()).await);
        if may {
            list.success(200);
            make.success(201);
        } else {
            list.problem(403, "permission_denied");
            make.problem(403, "permission_denied");
        }
    }
    app.advance(15 * 60);
    people.api.post("/api/v1/keys", wanted).await.problem(403, "reauthentication_required");
    people.api.get("/api/v1/keys").await.success(200);
}

#[tokio::test]
async fn what_is_wrong_with_a_key_is_said_field_by_field() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let bad = json!({"name": " ", "mode": "prod", "scopes": ["otp:all"], "allowed_ips": ["home"], "expires_at": "2020-01-01T00:00:00Z"});
    let answer = people.api.post("/api/v1/keys", bad).await;
    let problem = answer.problem(400, "invalid_request");
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["name", "mode", "scopes", "allowed_ips", "expires_at"]);
}
