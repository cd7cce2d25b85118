//! How much there is of everything in the console.

use reqwest::Method;
use serde_json::json;
use whatotp_domain::{EmailAddress, Invitation, Role, Ticket};

use super::console_scene::{member, owner, stranger};
use crate::support::{NO_LIMITS, TestApp, text};

#[tokio::test]
async fn a_session_has_so_many_requests_a_minute_and_no_other_pays_for_it() {
    let app = TestApp::with(&[("WHATOTP_LIMITS__CONSOLE_PER_MINUTE", "3")]).await;
    let people = owner(&app).await;
    let other = member(&app, &people.user, Role::Viewer).await;
    for left in ["2", "1", "0"] {
        let answer = people.api.get("/api/v1/keys").await;
        answer.success(200);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"console\";q=3;w=60"));
        let standing = answer.header("ratelimit").unwrap();
        assert!(standing.starts_with(&format!("\"console\";r={left};")), "{standing}");
    }
    let refused = people.api.get("/api/v1/members").await;
    refused.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    other.api.get("/api/v1/members").await.success(200);
    people.api.get("/api/v1/auth/me").await.success(200);
    app.advance(wait);
    people.api.get("/api/v1/members").await.success(200);
    // Without a session nothing is counted, and nothing is said of limits.
    let nobody = app.api.without("authorization").get("/api/v1/members").await;
    nobody.problem(401, "session_required");
    assert_eq!(nobody.header("ratelimit"), None);
}

#[tokio::test]
async fn an_account_has_so_many_open_tickets() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let customer = stranger(&app, &people.user).await;
    let wanted = json!({"subject": "Nothing arrives", "body": "x"});
    let mut last = String::new();
    for _ in 0..Ticket::MAX_OPEN {
        app.tick();
        last = text(&customer.api.post("/api/v1/tickets", wanted.clone()).await.success(201)["id"]);
    }
    // One that waits for the customer is not done either.
    people.api.post(&format!("/api/v1/admin/tickets/{last}/comments"), json!({"body": "?"})).await.success(200);
    customer.api.post("/api/v1/tickets", wanted.clone()).await.problem(409, "too_many_tickets");
    people.api.post("/api/v1/tickets", wanted.clone()).await.success(201);
    customer.api.post_nothing(&format!("/api/v1/tickets/{last}/close")).await.success(200);
    customer.api.post("/api/v1/tickets", wanted).await.success(201);
}

#[tokio::test]
async fn an_account_has_so_many_invitations() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let mut last = None;
    for n in 0..Invitation::MAX_PENDING {
        let address = EmailAddress::parse(&format!("somebody{n}@example.org")).unwrap();
        last = Some(app.app.invite(&people.user, &address, Role::Viewer).await.unwrap().unwrap().0.id);
    }
    let wanted = json!({"email": "one.more@example.org", "role": "viewer"});
    people.api.post("/api/v1/invitations", wanted.clone()).await.problem(409, "too_many_invitations");
    let path = format!("/api/v1/admin/accounts/{}/invitations", people.user.account);
    people.api.post(&path, wanted.clone()).await.problem(409, "too_many_invitations");
    let path = format!("/api/v1/invitations/{}", last.unwrap());
    assert_eq!(people.api.send(people.api.request(&Method::DELETE, &path)).await.status, 204);
    people.api.post("/api/v1/invitations", wanted.clone()).await.success(201);
    people.api.post("/api/v1/invitations", wanted.clone()).await.problem(409, "too_many_invitations");
}

#[tokio::test]
async fn a_flood_of_log_ins_is_turned_away_and_does_not_wait() {
    let app = TestApp::with(NO_LIMITS).await;
    owner(&app).await;
    let cores = std::thread::available_parallelism().unwrap().get();
    let log_ins = (0..cores * 40).map(|n| {
        let client = app.api.without("authorization");
        async move {
            // Nobody's: every one is hashed, and none makes the next wait.
            let body = json!({"email": format!("nobody{n}@example.org"), "password": "a rather long passphrase"});
            client.post("/api/v1/auth/login", body).await
        }
    });
    let answers = futures_util::future::join_all(log_ins).await;
    let turned_away: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    for answer in &turned_away {
        answer.problem(503, "overloaded");
        assert!(answer.header("retry-after").is_some());
    }
    assert!(!turned_away.is_empty() && turned_away.len() < answers.len(), "{} of {}", turned_away.len(), answers.len());
    let rest = answers.iter().filter(|answer| answer.status != 503);
    rest.for_each(|answer| drop(answer.problem(401, "invalid_credentials")));
    // And then there is room again.
    let body = json!({"email": "owner@example.org", "password": "a rather long passphrase of tests"});
    app.api.without("authorization").post("/api/v1/auth/login", body).await.success(200);
}
