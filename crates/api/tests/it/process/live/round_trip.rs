use serde_json::{Value, json};

use super::super::client::Client;
use super::{PHONE, SENDER, Stage, send, wait_for};

fn statuses(delivery: &Value) -> Vec<&str> {
    let timeline = delivery["timeline"].as_array().unwrap();
    timeline.iter().map(|step| step["status"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_code_of_an_account_made_after_the_start_is_delivered_and_verified() {
    let stage = Stage::start().await;
    let server = stage.serve();
    stage.phones().verify_webhook_url().await.expect("the handshake succeeds");
    let client = Client::new(&server, &stage.live_key());

    let sent = send(&client, PHONE).await;
    assert_eq!(sent.status, 200, "{sent:?}\n{}", server.logs());
    assert_eq!((&sent.body["mode"], &sent.body["delivery"]["sender"]), (&json!("live"), &json!(SENDER)));
    let on_the_phone = stage.phones().messages(Some(PHONE));
    let [message] = &on_the_phone[..] else { panic!("{on_the_phone:?}") };
    // The default locale is en, which this template does not have.
    assert_eq!((message.template.as_str(), message.language.as_str()), ("verification_code", "en_US"));

    let path = format!("/v1/otp/{}", sent.body["session_id"].as_str().unwrap());
    let delivered = wait_for(&client, &path, "delivered").await;
    assert_eq!(statuses(&delivered.body["delivery"]), ["queued", "accepted", "sent", "delivered"]);
    assert_eq!(delivered.body["delivery"]["sender"], SENDER);

    let body = json!({"session_id": sent.body["session_id"], "code": message.code});
    let verified = client.post("/v1/otp/verify", &body, None).await.unwrap();
    assert_eq!((verified.status, &verified.body["verified"]), (200, &json!(true)), "{verified:?}");
    let again = client.post("/v1/otp/verify", &body, None).await.unwrap();
    assert_eq!(again.code(), "session_already_verified");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_message_goes_out_in_the_background_and_is_delivered() {
    let stage = Stage::start().await;
    let server = stage.serve();
    let client = Client::new(&server, &stage.live_key());
    let body = json!({"phone_number": PHONE, "template_id": "order_update", "locale": "es",
        "variables": {"first_name": "Ada", "order_id": "A-1"}});
    let queued = client.post("/v1/messages/send", &body, None).await.unwrap();
    assert_eq!(queued.status, 202, "{queued:?}");
    let path = format!("/v1/messages/{}", queued.body["message_id"].as_str().unwrap());
    let delivered = wait_for(&client, &path, "delivered").await;
    assert_eq!(statuses(&delivered.body["delivery"]), ["queued", "accepted", "sent", "delivered"]);
    let on_the_phone = stage.phones().messages(Some(PHONE));
    assert_eq!(on_the_phone[0].text, "Hola Ada, tu pedido A-1 está confirmado.");
    assert_eq!(on_the_phone.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_nobody_asked_for_is_right_no_more() {
    let stage = Stage::start().await;
    let server = stage.serve();
    let client = Client::new(&server, &stage.live_key());
    let sent = send(&client, PHONE).await;
    let message = stage.phones().messages(Some(PHONE)).remove(0);
    stage.phones().press_did_not_request(&message.wamid).unwrap();
    stage.phones().settle().await;
    let body = json!({"session_id": sent.body["session_id"], "code": message.code});
    let refused = client.post("/v1/otp/verify", &body, None).await.unwrap();
    assert_eq!((refused.status, refused.code()), (410, "session_canceled"));
    let events = stage.printed(&["events"]);
    assert!(events.contains("code_not_requested") && events.contains("lower the limits"), "{events}");
    assert!(!events.contains(&PHONE[1..]), "{events}");
}
