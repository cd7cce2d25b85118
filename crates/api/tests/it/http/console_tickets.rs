//! Tickets: what customers ask and the people of the platform answer, and the log of who did what.

use reqwest::Method;
use serde_json::{Value, json};
use whatotp_domain::Role;

use super::console_scene::{member, owner, stranger};
use crate::support::{Answer, Client, MAGIC, TestApp, text, unused};

async fn patch(client: &Client, path: &str, body: Value) -> Answer {
    client.send(client.request(&Method::PATCH, path).json(&body)).await
}

async fn delete(client: &Client, path: &str) -> Answer {
    client.send(client.request(&Method::DELETE, path)).await
}

async fn open(client: &Client) -> String {
    let wanted = json!({"subject": "Nothing arrives", "body": "Since this morning.\n\tNot one."});
    text(&client.post("/api/v1/tickets", wanted).await.success(201)["id"])
}

fn bodies(ticket: &Value) -> Vec<&str> {
    ticket["comments"].as_array().unwrap().iter().map(|comment| comment["body"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_ticket_is_opened_answered_and_closed() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let customer = stranger(&app, &people.user).await;
    let id = open(&customer.api).await;
    let (own, admin) = (format!("/api/v1/tickets/{id}"), format!("/api/v1/admin/tickets/{id}"));

    let queued = people.api.get("/api/v1/admin/tickets?status=open&assignee=nobody").await.success(200);
    assert_eq!(queued["data"][0]["ticket"]["id"], json!(id));
    assert_eq!(queued["data"][0]["account_id"], json!(customer.user.account.to_string()));
    let me = people.user.id.to_string();
    let sorted = patch(&people.api, &admin, json!({"priority": "urgent", "assignee": me})).await.success(200);
    assert_eq!((&sorted["ticket"]["priority"], &sorted["assignee"]), (&json!("urgent"), &json!(me)));

    app.tick();
    let answer = json!({"body": "Which number?"});
    let answered = people.api.post(&format!("{admin}/comments"), answer).await.success(200);
    assert_eq!(answered["ticket"]["status"], "pending");
    app.tick();
    let commented = customer.api.post(&format!("{own}/comments"), json!({"body": "All of them."})).await.success(200);
    assert_eq!(commented["status"], "open", "it is the platform's turn again");
    let closed = customer.api.post_nothing(&format!("{own}/close")).await.success(200);
    assert!(closed["status"] == "closed" && closed["closed_at"].is_string(), "{closed}");
    app.tick();
    let again = customer.api.post(&format!("{own}/comments"), json!({"body": "Again."})).await.success(200);
    assert!(again["status"] == "open" && again["closed_at"].is_null(), "{again}");
    patch(&people.api, &admin, json!({"status": "closed"})).await.success(200);
    assert_eq!(customer.api.post_nothing(&format!("{own}/reopen")).await.success(200)["status"], "open");

    let ticket = customer.api.get(&own).await.success(200);
    assert_eq!(bodies(&ticket), ["Since this morning.\n\tNot one.", "Which number?", "All of them.", "Again."]);
    let sides: Vec<&Value> = ticket["comments"].as_array().unwrap().iter().map(|comment| &comment["side"]).collect();
    assert_eq!(sides, ["customer", "platform", "customer", "customer"]);
    assert_eq!(ticket["comments"][1]["author_name"], "Grace");
}

#[tokio::test]
async fn a_note_never_reaches_the_customer() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let customer = stranger(&app, &people.user).await;
    let id = open(&customer.api).await;
    let (own, admin) = (format!("/api/v1/tickets/{id}"), format!("/api/v1/admin/tickets/{id}"));
    let before = customer.api.get(&own).await;
    app.tick();
    let note = json!({"body": "SECRET: they are behind with their payments.", "internal": true});
    let noted = people.api.post(&format!("{admin}/comments"), note).await.success(200);
    assert_eq!(noted["ticket"]["status"], "open", "a note is nobody's turn");
    let seen = people.api.get(&admin).await.success(200);
    assert_eq!((seen["comments"].as_array().unwrap().len(), &seen["comments"][1]["internal"]), (2, &json!(true)));

    // Not even that there is one.
    assert_eq!(customer.api.get(&own).await.text, before.text);
    for path in ["/api/v1/tickets", "/api/v1/logs"] {
        let answer = customer.api.get(path).await;
        answer.success(200);
        assert!(!answer.text.contains("SECRET") && !answer.text.contains("noted"), "{}", answer.text);
    }
    customer.api.get("/api/v1/logs?kind=ticket.noted").await.is_invalid("kind", "invalid_kind");
    // Nor may a customer write one.
    let note = json!({"body": "x", "internal": true});
    customer.api.post(&format!("{own}/comments"), note).await.is_invalid("internal", "unknown_field");
}

#[tokio::test]
async fn what_is_linked_is_the_accounts_own_and_shows_how_it_stands() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let customer = stranger(&app, &people.user).await;
    let sent = app.api.post("/v1/otp/send", json!({"to": MAGIC, "channel": "whatsapp"})).await.success(200);
    let session = text(&sent["session_id"]);
    let wanted = json!({"subject": "Where is it?", "body": "x", "linked_id": session});
    for theirs in [session.clone(), unused("otp"), unused("msg")] {
        let wanted = json!({"subject": "Where is it?", "body": "x", "linked_id": theirs});
        customer.api.post("/api/v1/tickets", wanted).await.is_invalid("linked_id", "not_found");
    }
    // The key of the tests and the first owner need not be of one account: a person of the key's account asks.
    let by = whatotp_domain::User { account: app.account, ..people.user.clone() };
    let asking = member(&app, &by, Role::Developer).await;
    let opened = asking.api.post("/api/v1/tickets", wanted).await.success(201);
    assert_eq!(opened["linked_id"], json!(session));
    let id = text(&opened["id"]);
    let seen = asking.api.get(&format!("/api/v1/tickets/{id}")).await.success(200);
    assert_eq!((&seen["linked"]["session"]["session_id"], &seen["linked"]["message"]), (&json!(session), &Value::Null));
    let answer = people.api.get(&format!("/api/v1/admin/tickets/{id}")).await;
    assert_eq!(answer.success(200)["linked"]["session"]["session_id"], json!(session));
    assert!(!answer.text.contains(MAGIC), "the number is masked");
}

#[tokio::test]
async fn a_ticket_of_another_account_is_nobodys() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let (customer, other) = (stranger(&app, &people.user).await, stranger(&app, &people.user).await);
    let id = open(&customer.api).await;
    for id in [id.clone(), unused("tkt"), "tkt_".to_owned(), unused("otp")] {
        let path = format!("/api/v1/tickets/{id}");
        other.api.get(&path).await.problem(404, "ticket_not_found");
        let comment = json!({"body": "x"});
        other.api.post(&format!("{path}/comments"), comment).await.problem(404, "ticket_not_found");
        other.api.post_nothing(&format!("{path}/close")).await.problem(404, "ticket_not_found");
        other.api.post_nothing(&format!("{path}/reopen")).await.problem(404, "ticket_not_found");
    }
    assert_eq!(other.api.get("/api/v1/tickets").await.success(200)["data"], json!([]));
    assert_eq!(customer.api.get("/api/v1/tickets").await.success(200)["data"][0]["status"], "open");
    // An operator sees it as an operator, and not as a member of their own account.
    people.api.get(&format!("/api/v1/tickets/{id}")).await.problem(404, "ticket_not_found");
}

#[tokio::test]
async fn every_role_does_what_it_may() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let id = open(&people.api).await;
    let rights = [
        (Role::Admin, true, true),
        (Role::Developer, true, false),
        (Role::Support, true, false),
        (Role::Viewer, false, false),
    ];
    let check = |answer: Answer, may: bool, status: u16| {
        if may {
            answer.success(status);
        } else {
            answer.problem(403, "permission_denied");
        }
    };
    for (role, writes, audits) in rights {
        let api = member(&app, &people.user, role).await.api;
        api.get("/api/v1/tickets").await.success(200);
        api.get(&format!("/api/v1/tickets/{id}")).await.success(200);
        let wanted = json!({"subject": "x", "body": "y"});
        check(api.post("/api/v1/tickets", wanted).await, writes, 201);
        let comment = json!({"body": "y"});
        check(api.post(&format!("/api/v1/tickets/{id}/comments"), comment).await, writes, 200);
        check(api.post_nothing(&format!("/api/v1/tickets/{id}/close")).await, writes, 200);
        check(api.post_nothing(&format!("/api/v1/tickets/{id}/reopen")).await, writes, 200);
        check(api.get("/api/v1/logs").await, audits, 200);
        let admin = format!("/api/v1/admin/tickets/{id}");
        for answer in [
            api.get("/api/v1/admin/tickets").await,
            api.get(&admin).await,
            patch(&api, &admin, json!({})).await,
            api.post(&format!("{admin}/comments"), json!({"body": "y"})).await,
            api.get("/api/v1/admin/canned-replies").await,
            api.post("/api/v1/admin/canned-replies", json!({"title": "x", "body": "y"})).await,
            delete(&api, &format!("/api/v1/admin/canned-replies/{}", unused("rpl"))).await,
            api.get("/api/v1/admin/logs").await,
            api.post_nothing("/api/v1/admin/logs/verify").await,
        ] {
            check(answer, false, 0);
        }
    }
    app.api.get("/api/v1/tickets").await.problem(401, "session_required");
}

#[tokio::test]
async fn too_long_empty_and_broken_texts_are_refused_and_naughty_ones_kept() {
    let app = TestApp::start().await;
    let api = owner(&app).await.api;
    let ticket = |subject: &str, body: &str| json!({"subject": subject, "body": body});
    for (subject, body, field, code) in [
        ("", "x", "subject", "invalid_length"),
        (" \u{a0} ", "x", "subject", "invalid_length"),
        (&*"s".repeat(201), "x", "subject", "invalid_length"),
        ("two\nlines", "x", "subject", "invalid_characters"),
        ("x", "", "body", "invalid_length"),
        ("x", "\n\t\n", "body", "invalid_length"),
        ("x", &*"b".repeat(10_001), "body", "invalid_length"),
        ("x", "nul\0", "body", "invalid_characters"),
        ("x", "escape\u{1b}[31m", "body", "invalid_characters"),
        ("x", "return\r\n", "body", "invalid_characters"),
    ] {
        api.post("/api/v1/tickets", ticket(subject, body)).await.is_invalid(field, code);
    }
    for (subject, body) in [
        ("s".repeat(200), "b".repeat(10_000)),
        ("嗨".repeat(200), "嗨".repeat(10_000)),
        ("<script>alert(1)</script>".to_owned(), "'; DROP TABLE tickets; --\n{{7*7}} ${7*7} \u{202e}dne".to_owned()),
    ] {
        app.tick();
        let opened = api.post("/api/v1/tickets", ticket(&subject, &body)).await.success(201);
        assert_eq!(opened["subject"], json!(subject));
        let seen = api.get(&format!("/api/v1/tickets/{}", text(&opened["id"]))).await.success(200);
        assert_eq!(bodies(&seen), [body]);
    }
    let bad = json!({"subject": 1, "priority": "asap", "linked_id": "key_1", "severity": "high"});
    let answer = api.post("/api/v1/tickets", bad).await;
    let problem = answer.problem(400, "invalid_request");
    let fields: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["subject", "body", "priority", "linked_id", "severity"]);
}

#[tokio::test]
async fn tickets_are_listed_page_by_page_and_filtered() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        app.tick();
        ids.insert(0, open(&people.api).await);
    }
    people.api.post_nothing(&format!("/api/v1/tickets/{}/close", ids[1])).await.success(200);
    for (path, at) in [("/api/v1/tickets", "/id"), ("/api/v1/admin/tickets", "/ticket/id")] {
        let (mut listed, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = people.api.get(&format!("{path}?limit=2{cursor}")).await.success(200);
            listed.extend(page["data"].as_array().unwrap().iter().map(|one| text(one.pointer(at).unwrap())));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(listed, ids, "{path}");
        let closed = people.api.get(&format!("{path}?status=closed")).await.success(200);
        assert_eq!(closed["data"].as_array().unwrap().len(), 1, "{path}");
        assert_eq!(people.api.get(&format!("{path}?priority=high")).await.success(200)["data"], json!([]));
        people.api.get(&format!("{path}?status=done")).await.is_invalid("status", "invalid_status");
    }
}

#[tokio::test]
async fn only_somebody_who_runs_the_platform_is_assigned_a_ticket() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let customer = stranger(&app, &people.user).await;
    let admin = format!("/api/v1/admin/tickets/{}", open(&customer.api).await);
    for user in [customer.user.id.to_string(), unused("usr")] {
        patch(&people.api, &admin, json!({"assignee": user})).await.is_invalid("assignee", "not_found");
    }
    let me = people.user.id.to_string();
    patch(&people.api, &admin, json!({"assignee": me})).await.success(200);
    let mine = people.api.get(&format!("/api/v1/admin/tickets?assignee={me}")).await.success(200);
    assert_eq!(mine["data"].as_array().unwrap().len(), 1);
    assert_eq!(patch(&people.api, &admin, json!({"assignee": "nobody"})).await.success(200)["assignee"], Value::Null);
    patch(&people.api, &format!("/api/v1/admin/tickets/{}", unused("tkt")), json!({}))
        .await
        .problem(404, "ticket_not_found");
}

#[tokio::test]
async fn a_ticket_is_full_at_two_hundred_comments() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let id = open(&people.api).await;
    let path = format!("/api/v1/tickets/{id}/comments");
    for _ in 1..200 {
        people.api.post(&path, json!({"body": "x"})).await.success(200);
    }
    people.api.post(&path, json!({"body": "x"})).await.problem(409, "ticket_full");
    let admin = format!("/api/v1/admin/tickets/{id}/comments");
    people.api.post(&admin, json!({"body": "x"})).await.problem(409, "ticket_full");
    people.api.post_nothing(&format!("/api/v1/tickets/{id}/close")).await.success(200);
}

#[tokio::test]
async fn canned_replies_are_kept_listed_and_deleted() {
    let app = TestApp::start().await;
    let api = owner(&app).await.api;
    let path = "/api/v1/admin/canned-replies";
    let made = api.post(path, json!({"title": "Which?", "body": "Which number,\nplease?"})).await.success(201);
    assert_eq!(api.get(path).await.success(200)["data"], json!([made]));
    let one = format!("{path}/{}", text(&made["id"]));
    assert_eq!(delete(&api, &one).await.status, 204);
    delete(&api, &one).await.problem(404, "canned_reply_not_found");
    let long = json!({"title": "t".repeat(201), "body": "x"});
    api.post(path, long).await.is_invalid("title", "invalid_length");
}

#[tokio::test]
async fn the_log_tells_each_account_its_own_and_operators_everything() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    let (customer, other) = (stranger(&app, &people.user).await, stranger(&app, &people.user).await);
    app.tick();
    let id = open(&customer.api).await;
    app.tick();
    let answer = json!({"body": "x"});
    people.api.post(&format!("/api/v1/admin/tickets/{id}/comments"), answer).await.success(200);

    let own = customer.api.get("/api/v1/logs?limit=2").await.success(200);
    let kinds: Vec<&Value> = own["data"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["ticket.answered", "ticket.opened"]);
    assert_eq!(own["data"][1]["actor"], json!(customer.user.id.to_string()));
    assert!(!other.api.get("/api/v1/logs").await.text.contains(&id), "nobody else's");

    let opened = people.api.get("/api/v1/admin/logs?kind=ticket.opened").await.success(200);
    assert_eq!((&opened["data"][0]["subject"], opened["data"].as_array().unwrap().len()), (&json!(id), 1));
    let account = customer.user.account;
    let theirs = people.api.get(&format!("/api/v1/admin/logs?source=audit&account_id={account}")).await.success(200);
    for entry in theirs["data"].as_array().unwrap() {
        assert_eq!((&entry["account_id"], &entry["source"]), (&json!(account.to_string()), &json!("audit")));
    }
    let (mut listed, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = people.api.get(&format!("/api/v1/admin/logs?limit=1{cursor}")).await.success(200);
        listed.extend(page["data"].as_array().unwrap().iter().map(|entry| text(&entry["id"])));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert!(listed.len() >= 2 && listed.is_sorted_by(|a, b| a > b), "{listed:?}");
    people.api.get("/api/v1/admin/logs?kind=nothing").await.is_invalid("kind", "invalid_kind");
}

#[tokio::test]
async fn the_audit_log_is_checked_by_a_button_and_that_is_written_down() {
    let app = TestApp::start().await;
    let people = owner(&app).await;
    open(&people.api).await;
    app.tick();
    let checked = people.api.post_nothing("/api/v1/admin/logs/verify").await.success(200);
    assert!(checked["whole"] == true && checked["entries"].as_u64().unwrap() >= 1, "{checked}");
    let logged = people.api.get("/api/v1/admin/logs?kind=audit.verified").await.success(200);
    assert_eq!(logged["data"][0]["detail"], "it is whole");
}
