//! Lists: newest first, filtered, paged.

use serde_json::{Value, json};

use crate::support::{MAGIC, TestApp, order_update, text, unused};

/// The ids that a list of messages shows.
async fn listed(app: &TestApp, query: &str) -> Vec<String> {
    let list = app.api.get(&format!("/v1/messages?{query}")).await.success(200);
    list["data"].as_array().unwrap().iter().map(|message| text(&message["message_id"])).collect()
}

#[tokio::test]
async fn every_filter_narrows_the_list_and_filters_combine() {
    let app = TestApp::start().await;
    let delivered = app.message(MAGIC).await;
    app.tick();
    let failed = app.message("+12025550103").await;
    app.deliver().await;
    app.deliver_after(500).await;
    app.advance(1);
    let reminder = json!({"phone_number": MAGIC, "template_id": "appointment_reminder",
        "variables": {"date": "Monday", "time": "10:00"}});
    let reminder = app.api.post("/v1/messages/send", reminder).await.success(202);
    let (queued, template) = (text(&reminder["message_id"]), text(&reminder["template_id"]));
    // Codes are no messages.
    app.send_otp(MAGIC).await;

    let queued_at = text(&reminder["queued_at"]);
    for (query, expected) in [
        (String::new(), vec![&queued, &failed, &delivered]),
        ("status=queued".to_owned(), vec![&queued]),
        ("status=delivered".to_owned(), vec![&delivered]),
        ("status=failed".to_owned(), vec![&failed]),
        ("status=read".to_owned(), vec![]),
        ("template_id=order_update".to_owned(), vec![&failed, &delivered]),
        (format!("template_id={template}"), vec![&queued]),
        ("template_id=no_such_template".to_owned(), vec![]),
        ("phone_number=%2B12025550103".to_owned(), vec![&failed]),
        ("phone_number=%2B1%20(202)%20555-0100".to_owned(), vec![&queued, &delivered]),
        ("phone_number=%2B12025550199".to_owned(), vec![]),
        (format!("created_after={queued_at}"), vec![&queued]),
        ("created_after=2027-01-15T10:00:00%2B02:00".to_owned(), vec![&queued, &failed, &delivered]),
        ("created_after=2027-01-15T08:00:02.000Z".to_owned(), vec![]),
        (format!("cursor={failed}"), vec![&delivered]),
        ("status=delivered&template_id=order_update&phone_number=%2B12025550100".to_owned(), vec![&delivered]),
        ("status=failed&phone_number=%2B12025550100".to_owned(), vec![]),
    ] {
        assert_eq!(listed(&app, &query).await.iter().collect::<Vec<_>>(), expected, "{query}");
    }
}

#[tokio::test]
async fn a_message_in_the_list_is_the_message() {
    let app = TestApp::start().await;
    let id = app.message("+12025550104").await;
    app.deliver().await;
    app.deliver_after(500).await;
    let list = app.api.get("/v1/messages").await.success(200);
    let one = app.api.get(&format!("/v1/messages/{id}")).await.success(200);
    assert_eq!(list, json!({"data": [one], "next_cursor": null}));
    assert_eq!(one["delivery"]["error"]["code"], 131_026);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let app = TestApp::start().await;
    let mut newest_first = Vec::new();
    for _ in 0..25 {
        app.tick();
        newest_first.insert(0, app.message(MAGIC).await);
    }
    let mut seen: Vec<String> = Vec::new();
    let mut sizes = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app.api.get(&format!("/v1/messages?limit=10{cursor}")).await.success(200);
        let data = page["data"].as_array().unwrap();
        sizes.push(data.len());
        seen.extend(data.iter().map(|message| text(&message["message_id"])));
        // What is new belongs before the first page.
        app.tick();
        app.message(MAGIC).await;
        match &page["next_cursor"] {
            Value::Null => break,
            next => cursor = format!("&cursor={}", text(next)),
        }
    }
    assert_eq!((sizes, seen), (vec![10, 10, 5], newest_first));
}

#[tokio::test]
async fn a_page_that_is_just_full_is_the_last() {
    let app = TestApp::start().await;
    for _ in 0..20 {
        app.tick();
        app.message(MAGIC).await;
    }
    for query in ["", "limit=20", "limit=100"] {
        let page = app.api.get(&format!("/v1/messages?{query}")).await.success(200);
        assert_eq!((page["data"].as_array().unwrap().len(), &page["next_cursor"]), (20, &Value::Null));
    }
    app.message(MAGIC).await;
    let page = app.api.get("/v1/messages").await.success(200);
    assert_eq!(page["data"].as_array().unwrap().len(), 20, "20 is the default");
    assert!(page["next_cursor"].is_string());
    assert_eq!(listed(&app, "limit=1").await.len(), 1);
}

#[tokio::test]
async fn what_a_list_cannot_read_is_refused_by_name() {
    let app = TestApp::start().await;
    for path in ["/v1/messages", "/v1/templates", "/v1/sandbox/messages"] {
        for limit in ["0", "101", "-1", "ten", "", "1.5", "99999999999999999999"] {
            app.api.get(&format!("{path}?limit={limit}")).await.is_invalid("limit", "out_of_range");
        }
        let session = unused("otp");
        for cursor in ["", "1", "msg_", &session] {
            app.api.get(&format!("{path}?cursor={cursor}")).await.is_invalid("cursor", "invalid_cursor");
        }
        app.api.get(&format!("{path}?page=2")).await.is_invalid("page", "unknown_field");
        app.api.get(&format!("{path}?limit=5&limit=6")).await.is_invalid("limit", "duplicate");
    }
    for (query, field, code) in [
        ("status=gone", "status", "invalid_status"),
        ("status=", "status", "invalid_status"),
        ("template_id=", "template_id", "invalid_template"),
        // A plus sign in a query is a space.
        ("phone_number=+12025550100", "phone_number", "invalid_phone_number"),
        ("created_after=yesterday", "created_after", "invalid_time"),
        ("created_after=2027-01-15", "created_after", "invalid_time"),
        ("status=queued%00", "status", "invalid_characters"),
    ] {
        app.api.get(&format!("/v1/messages?{query}")).await.is_invalid(field, code);
    }
    let several = app.api.get("/v1/messages?status=gone&limit=0&cursor=1&pgae=2").await.invalid();
    let fields: Vec<&str> = several.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["cursor", "limit", "status", "pgae"]);

    app.api.get("/v1/sandbox/messages?session_id=1").await.is_invalid("session_id", "invalid_id");
    app.api.get("/v1/sandbox/messages?message_id=1").await.is_invalid("message_id", "invalid_id");
    app.api.get("/v1/sandbox/messages?to=12025550100").await.is_invalid("to", "invalid_phone_number");
}

#[tokio::test]
async fn the_api_key_is_never_taken_from_the_query() {
    let app = TestApp::start().await;
    let key = app.api.key();
    let nobody = app.api.without("authorization");
    for name in ["api_key", "key", "access_token", "authorization"] {
        nobody.get(&format!("/v1/messages?{name}={key}")).await.problem(401, "missing_api_key");
    }
    nobody.post("/v1/messages/send", order_update(MAGIC)).await.problem(401, "missing_api_key");
}
