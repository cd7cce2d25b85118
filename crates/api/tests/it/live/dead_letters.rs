//! What is given up of live messages, and what the people of the platform do about it.

use serde_json::json;
use whatotp_simulator::Status;

use super::scene::{Live, PHONE};
use crate::http::console_scene::{Person, owner};
use crate::support::text;

/// A message that WhatsApp took and then could not deliver.
async fn failed(live: &Live) -> String {
    live.app.tick();
    let (id, got) = live.message(PHONE).await;
    live.tell(&got, &[Status::Failed { code: 131_026 }]).await;
    live.app.deliver().await;
    id
}

async fn listed(people: &Person) -> Vec<String> {
    let page = people.api.get("/api/v1/admin/dead-letters").await.success(200);
    page["data"].as_array().unwrap().iter().map(|letter| text(&letter["id"])).collect()
}

#[tokio::test]
async fn a_dead_letter_is_inspected_replayed_or_discarded_once() {
    let live = Live::start().await;
    let people = owner(&live.app).await;
    let (first, second) = (failed(&live).await, failed(&live).await);
    // What fails in test mode is a trial.
    live.app.message("+12025550103").await;
    live.app.deliver().await;
    assert_eq!(listed(&people).await, [second.clone(), first.clone()]);
    let overview = people.api.get("/api/v1/overview?mode=test").await.success(200);
    let attention = overview["attention"].as_array().unwrap();
    let told = attention.iter().find(|one| one["kind"] == "dead_letters").unwrap();
    assert!(text(&told["detail"]).starts_with("2 deliveries"), "{told}");

    let path = format!("/api/v1/admin/dead-letters/{first}");
    let inspected = people.api.get(&path).await;
    assert!(!inspected.text.contains(PHONE), "the number is masked");
    let inspected = inspected.success(200);
    assert_eq!(inspected["account_id"], json!(live.app.account.to_string()));
    let delivery = &inspected["delivery"];
    assert_eq!((&delivery["attempts"], &delivery["to"]), (&json!(1), &json!("+1******0123")));
    assert!(!text(&delivery["error"]["remedy"]).is_empty(), "{delivery}");
    let steps: Vec<&str> =
        delivery["timeline"].as_array().unwrap().iter().map(|step| step["status"].as_str().unwrap()).collect();
    assert_eq!(steps, ["queued", "accepted", "failed"]);
    let page = people.api.get(&format!("/console/admin/dead-letters/{first}")).await;
    assert!(page.status == 200 && page.text.contains("What to do:") && !page.text.contains(PHONE), "{}", page.text);

    live.app.tick();
    let replayed = people.api.post_nothing(&format!("{path}/replay")).await.success(202);
    let again = text(&replayed["delivery_id"]);
    assert_eq!(listed(&people).await, std::slice::from_ref(&second));
    assert_eq!(live.message_status(&again).await["status"], "queued");
    people.api.post_nothing(&format!("{path}/replay")).await.problem(404, "dead_letter_not_found");
    people.api.get(&path).await.problem(404, "dead_letter_not_found");
    people.api.get("/api/v1/admin/dead-letters/nonsense").await.problem(404, "dead_letter_not_found");

    let path = format!("/api/v1/admin/dead-letters/{second}/discard");
    assert_eq!(people.api.post_nothing(&path).await.status, 204);
    people.api.post_nothing(&path).await.problem(404, "dead_letter_not_found");
    assert_eq!(listed(&people).await, [""; 0]);
    assert_eq!(live.message_status(&second).await["status"], "failed", "it stays in the log");
}

#[tokio::test]
async fn the_code_of_a_session_that_is_over_is_not_sent_again() {
    let live = Live::start().await;
    let people = owner(&live.app).await;
    let (_, got) = live.session(PHONE).await;
    live.tell(&got, &[Status::Failed { code: 131_026 }]).await;
    live.app.deliver().await;
    let letters = people.api.get("/api/v1/admin/dead-letters").await.success(200);
    let id = text(&letters["data"][0]["id"]);
    assert_eq!(letters["data"][0]["kind"], "code");
    people.api.post_nothing(&format!("/api/v1/admin/dead-letters/{id}/replay")).await.problem(409, "not_replayable");
}
