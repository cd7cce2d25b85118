//! An account that is suspended while its messages wait.

use reqwest::Method;
use serde_json::json;

use super::scene::{Live, PHONE};
use crate::http::console_scene::{Person, owner};

async fn suspend(live: &Live, people: &Person, suspended: bool) {
    let path = format!("/api/v1/admin/accounts/{}", live.app.account);
    let request = people.api.request(&Method::PATCH, &path).json(&json!({"suspended": suspended}));
    people.api.send(request).await.success(200);
}

#[tokio::test]
async fn what_is_queued_fails_with_a_reason_and_is_sent_again_only_after_the_suspension() {
    let live = Live::start().await;
    let people = owner(&live.app).await;
    let id = live.queue(PHONE).await;
    suspend(&live, &people, true).await;
    live.app.deliver().await;
    assert_eq!(live.whatsapp.messages(None).len(), 0, "nothing goes out");
    let message = live.message_status(&id).await;
    assert_eq!((&message["status"], &message["delivery"]["error"]["code"]), (&json!("failed"), &json!(900_005)));

    let letter = format!("/api/v1/admin/dead-letters/{id}");
    let error = people.api.get(&letter).await.success(200)["delivery"]["error"].clone();
    assert!(error["remedy"].as_str().unwrap().contains("suspension"), "{error}");
    people.api.post_nothing(&format!("{letter}/replay")).await.problem(409, "not_replayable");
    suspend(&live, &people, false).await;
    live.app.deliver().await;
    assert_eq!(live.whatsapp.messages(None).len(), 0, "nothing old goes out by itself");
    people.api.post_nothing(&format!("{letter}/replay")).await.success(202);
    live.app.deliver().await;
    assert_eq!(live.whatsapp.messages(Some(PHONE)).len(), 1);
}
