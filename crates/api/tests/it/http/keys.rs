//! Who gets in, and what he may do.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use whatotp_domain::{Mode, Scope, ScopeSet};
use whatotp_ports::Clock as _;

use crate::support::{Answer, Client, MAGIC, NO_LIMITS, Operation, TestApp, operations, order_update};

/// The scope that an operation needs.
fn needed(operation: &Operation) -> Scope {
    match operation.id() {
        "otp_send" | "otp_resend" | "otp_cancel" => Scope::OtpSend,
        "otp_verify" => Scope::OtpVerify,
        "message_send" | "message_cancel" => Scope::MessagesSend,
        "otp_status" | "otp_events" | "message_list" | "message_status" | "template_list" | "template_get"
        | "sandbox_inbox" => Scope::Read,
        other => panic!("which scope does {other} need?"),
    }
}

/// Calls an operation with a body that it takes, on things that are not there.
async fn call(client: &Client, operation: &Operation) -> Answer {
    let path = operation.any_path();
    let body = match operation.id() {
        "otp_send" => json!({"to": MAGIC, "channel": "whatsapp"}),
        "otp_verify" => json!({"session_id": "otp_", "code": "123456"}),
        "message_send" => order_update(MAGIC),
        _ => json!({}),
    };
    if operation.method == Method::GET { client.get(&path).await } else { client.post(&path, body).await }
}

fn product() -> Vec<Operation> {
    let product: Vec<Operation> = operations().into_iter().filter(Operation::needs_a_key).collect();
    assert_eq!(product.len(), 13);
    product
}

#[tokio::test]
async fn every_operation_needs_its_scope_and_no_other() {
    let app = TestApp::with(NO_LIMITS).await;
    for scope in Scope::ALL {
        let only = app.key(Mode::Test, &[scope]).await;
        let others: Vec<Scope> = Scope::ALL.into_iter().filter(|other| *other != scope).collect();
        let all_but = app.key(Mode::Test, &others).await;
        for operation in product() {
            let (has, lacks) = if needed(&operation) == scope { (&only, &all_but) } else { (&all_but, &only) };
            let refused = call(lacks, &operation).await;
            assert_eq!(refused.problem(403, "insufficient_scope"), json!({}), "{}", operation.id());
            assert!(refused.detail().contains(needed(&operation).as_str()), "{}", refused.detail());
            let allowed = call(has, &operation).await;
            assert!(matches!(allowed.status, 200 | 202 | 404), "{}: {allowed:?}", operation.id());
        }
    }
}

#[tokio::test]
async fn without_a_key_nothing_is_answered_and_the_challenge_has_no_error() {
    let app = TestApp::start().await;
    let nobody = app.api.without("authorization");
    for operation in product() {
        let refused = call(&nobody, &operation).await;
        assert_eq!(refused.problem(401, "missing_api_key"), json!({}));
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"whatotp\""));
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let app = TestApp::with(&[("WHATOTP_LIMITS__AUTH_PER_MINUTE", "100")]).await;
    let key = app.api.key();
    let typo = key.replace(&key[20..21], if &key[20..21] == "x" { "y" } else { "x" });
    let live = key.replace("sk_test_", "sk_live_");
    for authorization in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        key.clone(),
        format!("Basic {key}"),
        format!("Bearer {key} {key}"),
        format!("Bearer {}", key.to_lowercase()),
        format!("Bearer {}", &key[..key.len() - 1]),
        format!("Bearer {typo}"),
        format!("Bearer {live}"),
        format!("Bearer sk_test_wa1_{}", "0".repeat(36)),
    ] {
        let refused = app.api.with("authorization", &authorization).get("/v1/templates").await;
        assert_eq!(refused.problem(401, "invalid_api_key"), json!({}), "{authorization}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"whatotp\", error=\"invalid_token\""));
    }
    // Two of them are one too many.
    let request = app.api.request(&Method::GET, "/v1/templates").header("authorization", format!("Bearer {key}"));
    app.api.send(request).await.problem(401, "invalid_api_key");
    // The scheme is case-insensitive (RFC 9110).
    app.api.with("authorization", &format!("bEARER {key}")).get("/v1/templates").await.success(200);
}

#[tokio::test]
async fn a_key_works_until_the_moment_it_expires() {
    let app = TestApp::start().await;
    let expires_at = whatotp_testkit::START.plus(Duration::from_secs(60));
    let (client, _) = app.key_with(Mode::Test, |key| key.expires_at = Some(expires_at)).await;
    app.clock.advance(Duration::from_millis(59_999));
    client.get("/v1/templates").await.success(200);
    app.tick();
    let refused = client.get("/v1/templates").await;
    assert_eq!(refused.problem(401, "expired_api_key"), json!({}));
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"whatotp\", error=\"invalid_token\""));
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let app = TestApp::start().await;
    let (client, key) = app.key_with(Mode::Test, |_| {}).await;
    client.get("/v1/templates").await.success(200);
    app.app.revoke_key(key.id).await.unwrap().unwrap();
    assert_eq!(client.get("/v1/templates").await.problem(401, "invalid_api_key"), json!({}));
    app.api.get("/v1/templates").await.success(200);
}

#[tokio::test]
async fn a_key_and_its_successor_work_side_by_side_until_the_overlap_ends() {
    let app = TestApp::start().await;
    let (client, key) = app.key_with(Mode::Test, |key| key.scopes = ScopeSet::new([Scope::Read])).await;
    let minute = Duration::from_secs(60);
    let (successor, secret, ends_at) = app.app.rotate_key(key.id, minute).await.unwrap().unwrap();
    assert_eq!(ends_at, key.created_at.plus(minute));
    assert_eq!((successor.scope, &successor.name, &successor.scopes), (key.scope, &key.name, &key.scopes));
    let new = app.api.with_key(secret.expose());
    app.clock.advance(Duration::from_millis(59_999));
    for client in [&client, &new] {
        client.get("/v1/templates").await.success(200);
    }
    app.tick();
    assert_eq!(client.get("/v1/templates").await.problem(401, "expired_api_key"), json!({}));
    new.get("/v1/templates").await.success(200);
    assert!(app.app.rotate_key(key.id, minute).await.unwrap().is_none(), "it is over");
}

#[tokio::test]
async fn a_key_that_lives_for_a_day_is_followed_by_one_that_does() {
    let app = TestApp::start().await;
    let day = Duration::from_secs(86_400);
    let expires_at = Some(whatotp_testkit::START.plus(day));
    let (_, key) = app.key_with(Mode::Test, |key| key.expires_at = expires_at).await;
    app.advance(3600);
    let (successor, _, ends_at) = app.app.rotate_key(key.id, day).await.unwrap().unwrap();
    assert_eq!(successor.expires_at, Some(whatotp_testkit::START.plus(day + Duration::from_secs(3600))));
    assert_eq!(Some(ends_at), expires_at, "the old one does not live longer for it");
}

#[tokio::test]
async fn the_last_use_of_a_key_is_known_to_the_minute() {
    let app = TestApp::start().await;
    let (client, key) = app.key_with(Mode::Test, |_| {}).await;
    let last_use = async || {
        let keys = app.app.list_keys(None).await.unwrap();
        keys.into_iter().find(|listed| listed.id == key.id).unwrap().last_used_at
    };
    assert_eq!(last_use().await, None);
    let first = app.clock.now();
    client.get("/v1/templates").await.success(200);
    assert_eq!(last_use().await, Some(first));
    app.advance(59);
    client.get("/v1/templates").await.success(200);
    assert_eq!(last_use().await, Some(first), "once a minute is enough");
    app.advance(1);
    client.get("/v1/templates").await.success(200);
    assert_eq!(last_use().await, Some(app.clock.now()));
}

#[tokio::test]
async fn a_key_may_be_bound_to_networks() {
    let app = TestApp::with(&[("WHATOTP_TRUSTED_PROXIES", "127.0.0.1/32")]).await;
    let networks = ["198.51.100.0/24", "2001:db8:1::/48"].map(|network| network.parse().unwrap());
    let (client, _) = app.key_with(Mode::Test, |key| key.allowed_ips = networks.to_vec()).await;
    for (ip, allowed) in [
        ("198.51.100.7", true),
        ("::ffff:198.51.100.7", true),
        ("198.51.101.7", false),
        ("2001:db8:1:ffff::1", true),
        ("2001:db8:2::1", false),
    ] {
        let answer = client.with("x-forwarded-for", ip).get("/v1/templates").await;
        if allowed {
            answer.success(200);
        } else {
            assert_eq!(answer.problem(403, "ip_not_allowed"), json!({}), "{ip}");
        }
    }
    // Without a proxy's word the peer counts.
    assert_eq!(client.get("/v1/templates").await.problem(403, "ip_not_allowed"), json!({}));
}

#[tokio::test]
async fn what_needs_no_key_asks_for_none() {
    let app = TestApp::with(&[("WHATOTP_SECURITY_CONTACT", "mailto:security@example.com")]).await;
    let nobody = app.api.without("authorization");
    let wrong = app.api.with_key("nonsense");
    // WhatsApp proves itself in other ways, and people log in.
    let open = |path: &str| !path.starts_with("/webhooks/") && !path.starts_with("/api/");
    for operation in operations().iter().filter(|operation| !operation.needs_a_key() && open(&operation.path)) {
        for client in [&nobody, &wrong] {
            assert_eq!(client.get(&operation.path).await.status, 200, "{}", operation.path);
        }
    }
}
