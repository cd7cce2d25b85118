//! What operators do in accounts that are not theirs: let people in, help them, and erase numbers.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_application::{FollowLink, LinkFollowed};
use whatotp_domain::{Password, Role};
use whatotp_ports::AuditFilter;
use whatotp_vault::LinkToken;

use super::console_scene::{member, owner, stranger};
use crate::support::{Answer, Client, NO_LIMITS, ORDINARY, TestApp, text, unused};

async fn patch(client: &Client, path: &str, body: Value) -> Answer {
    client.send(client.request(&Method::PATCH, path).json(&body)).await
}

fn token(link: &Value) -> LinkToken {
    LinkToken::parse(text(link).split_once("#token=").unwrap().1).unwrap()
}

async fn follow(app: &TestApp, link: &Value) -> LinkFollowed {
    let password = Password::choose("another rather long passphrase").unwrap();
    let (name, user_agent) = (Some("Ada".to_owned()), "tests".to_owned());
    app.app.follow_link(FollowLink { token: token(link), name, email: None, password, user_agent }).await.unwrap()
}

#[tokio::test]
async fn an_operator_makes_an_account_lets_its_owner_in_and_helps_its_members() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let wanted = json!({"name": "Example Inc.", "owner_email": "ada@example.org"});
    let made = people.api.post("/api/v1/admin/accounts", wanted).await.success(201);
    let members = format!("/api/v1/admin/accounts/{}/members", text(&made["id"]));
    assert_eq!(people.api.get(&members).await.success(200)["data"], json!([]));
    let listed = people.api.get("/api/v1/admin/accounts").await;
    assert!(!listed.text.contains("token="), "the link is shown once");
    assert!(matches!(follow(&app, &made["owner_link"]).await, LinkFollowed::Joined(_)));
    let listed = people.api.get(&members).await.success(200);
    let ada = &listed["data"][0];
    assert_eq!(
        (&ada["role"], &ada["operator"], &ada["email"]),
        (&json!("owner"), &json!(false), &json!("ada@example.org"))
    );
    let ada = text(&ada["id"]);

    let invitations = members.replace("/members", "/invitations");
    let invited = people.api.post(&invitations, json!({"email": "bob@example.org"})).await.success(201);
    assert_eq!(invited["role"], "owner");
    assert!(matches!(follow(&app, &invited["link"]).await, LinkFollowed::Joined(_)));
    let reset = people.api.post_nothing(&format!("{members}/{ada}/reset")).await.success(201);
    assert!(matches!(follow(&app, &reset["link"]).await, LinkFollowed::PasswordSet));
    let locked = patch(&people.api, &format!("{members}/{ada}"), json!({"disabled": true})).await.success(200);
    assert_eq!(locked["disabled"], true);
    let bob = people.api.get(&members).await.success(200);
    let bob = bob["data"].as_array().unwrap().iter().find(|one| one["disabled"] == false).unwrap()["id"].clone();
    patch(&people.api, &format!("{members}/{}", text(&bob)), json!({"disabled": true}))
        .await
        .problem(409, "last_owner");
    patch(&people.api, &format!("{members}/{ada}"), json!({"disabled": false})).await.success(200);

    let page = people.api.get(&members.replace("/api/v1", "/console").replace("/members", "")).await;
    assert!(page.status == 200 && page.text.contains("ada@example.org"), "{}", page.text);
    let actions = actions(&app).await;
    for action in ["account.created", "member.invited", "member.joined", "user.password_reset", "member.disabled"] {
        assert!(actions.iter().any(|one| one == action), "{action} is not among {actions:?}");
    }
}

#[tokio::test]
async fn nobody_but_a_fresh_operator_reaches_into_an_account() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let other = stranger(&app, &people.user).await;
    let admin = member(&app, &people.user, Role::Admin).await;
    let (account, user) = (people.user.account, people.user.id);
    let root = format!("/api/v1/admin/accounts/{account}");
    let invitation = json!({"email": "x@example.org", "role": "owner"});
    let number = json!({"phone_number": ORDINARY});
    for outsider in [&other.api, &admin.api] {
        outsider.get(&format!("{root}/members")).await.problem(403, "permission_denied");
        outsider.post(&format!("{root}/invitations"), invitation.clone()).await.problem(403, "permission_denied");
        let path = format!("{root}/members/{user}");
        patch(outsider, &path, json!({"disabled": true})).await.problem(403, "permission_denied");
        outsider.post_nothing(&format!("{path}/reset")).await.problem(403, "permission_denied");
        outsider.post(&format!("{root}/erasures"), number.clone()).await.problem(403, "permission_denied");
        for page in [&*format!("accounts/{account}"), "canned-replies", "dead-letters/x"] {
            assert_eq!(outsider.get(&format!("/console/admin/{page}")).await.status, 403, "{page}");
        }
    }
    // A member is looked for in the account of the path only.
    let path = format!("{root}/members/{}", other.user.id);
    patch(&people.api, &path, json!({"disabled": true})).await.problem(404, "member_not_found");
    people.api.post_nothing(&format!("{path}/reset")).await.problem(404, "member_not_found");
    let nowhere = format!("/api/v1/admin/accounts/{}", unused("acc"));
    people.api.get(&format!("{nowhere}/members")).await.problem(404, "account_not_found");
    people.api.post(&format!("{nowhere}/invitations"), invitation.clone()).await.problem(404, "account_not_found");
    people.api.post(&format!("{nowhere}/erasures"), number.clone()).await.problem(404, "account_not_found");
    people.api.post(&format!("{root}/erasures"), json!({"phone_number": "x"})).await.problem(400, "invalid_request");

    app.advance(601);
    people.api.post(&format!("{root}/invitations"), invitation).await.problem(403, "reauthentication_required");
    people.api.post(&format!("{root}/erasures"), number).await.problem(403, "reauthentication_required");
    people.api.post_nothing(&format!("{root}/members/{user}/reset")).await.problem(403, "reauthentication_required");
}

#[tokio::test]
async fn a_number_is_erased_from_the_console_tickets_included() {
    let app = TestApp::with(NO_LIMITS).await;
    let people = owner(&app).await;
    let by = whatotp_domain::User { account: app.account, ..people.user.clone() };
    let support = member(&app, &by, Role::Support).await;
    app.message(ORDINARY).await;
    let written =
        json!({"subject": format!("No code for {ORDINARY}"), "body": "She has +1 (415) 555-0123,\nnot +14155550124."});
    let ticket = text(&support.api.post("/api/v1/tickets", written).await.success(201)["id"]);

    let path = format!("/api/v1/admin/accounts/{}/erasures", app.account);
    let erased = people.api.post(&path, json!({"phone_number": ORDINARY})).await;
    assert!(!erased.text.contains("0123"), "{}", erased.text);
    let erased = erased.success(200);
    assert_eq!((&erased["deliveries"], &erased["ticket_texts"], &erased["held"]), (&json!(1), &json!(2), &json!(0)));
    let seen = support.api.get(&format!("/api/v1/tickets/{ticket}")).await.success(200);
    assert_eq!(seen["ticket"]["subject"], "No code for [erased]", "{seen}");
    assert_eq!(seen["comments"][0]["body"], "She has [erased],\nnot +14155550124.");
    let again = people.api.post(&path, json!({"phone_number": ORDINARY})).await.success(200);
    assert_eq!((&again["deliveries"], &again["ticket_texts"]), (&json!(0), &json!(0)));

    let entries = app.app.audit_entries(&AuditFilter::default(), None, 100).await.unwrap();
    let entry = entries.iter().find(|entry| entry.text.action == "number.erased").unwrap();
    assert_eq!(entry.text.subject, "number +1******0123");
}

#[tokio::test]
async fn canned_replies_have_a_page() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let empty = people.api.get("/console/admin/canned-replies").await;
    assert!(empty.status == 200 && empty.text.contains("None yet"), "{}", empty.text);
    let reply = json!({"title": "Which <number>?", "body": "Please tell us."});
    people.api.post("/api/v1/admin/canned-replies", reply).await.success(201);
    let page = people.api.get("/console/admin/canned-replies").await.text;
    assert!(page.contains("Which &#60;number&#62;?") && page.contains("Please tell us."), "{page}");
}

async fn actions(app: &TestApp) -> Vec<String> {
    let entries = app.app.audit_entries(&AuditFilter::default(), None, 1000).await.unwrap();
    entries.into_iter().map(|entry| entry.text.action).collect()
}
