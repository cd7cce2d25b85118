use std::collections::BTreeSet;

use meta_whatsapp::WebhookVerifier;
use reqwest::Method;
use serde_json::{Value, json};
use whatotp_simulator::{
    Behaviour, Config, Failure, HandshakeError, Part, Quality, Status, TemplateCategory, TemplateStatus,
};

use crate::support::{Receiver, Stage, TO, answer, at_once, code, code_to, config, template, text};

/// A simulator that posts its webhooks to a receiver.
async fn stage(behaviour: Behaviour) -> (Stage, Receiver) {
    let receiver = Receiver::start(0, &Config::default().verify_token);
    let stage = Stage::with(Config { behaviour, webhook_url: Some(receiver.url.clone()), ..config() }).await;
    (stage, receiver)
}

fn value(body: &Value) -> &Value {
    &body["entry"][0]["changes"][0]["value"]
}

/// Every status that arrived, in its order.
fn statuses(receiver: &Receiver) -> Vec<Value> {
    let webhooks = receiver.webhooks();
    webhooks
        .iter()
        .flat_map(|webhook| value(&webhook.body)["statuses"].as_array().cloned().unwrap_or_default())
        .collect()
}

fn names(statuses: &[Value]) -> Vec<&str> {
    statuses.iter().map(|status| status["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn statuses_follow_an_accepted_message() {
    let (stage, receiver) = stage(Behaviour { read_ms: Some(0), ..at_once() }).await;
    let wamid = stage.accepted(&code()).await;
    stage.handle.settle().await;
    let webhooks = receiver.webhooks();
    assert_eq!(webhooks.len(), 3);
    let first = &webhooks[0].body;
    assert_eq!(first["object"], "whatsapp_business_account");
    assert_eq!(first["entry"][0]["id"], json!(stage.sender.waba_id));
    assert_eq!(first["entry"][0]["changes"][0]["field"], "messages");
    let metadata = json!({ "display_phone_number": "12025550100", "phone_number_id": stage.sender.phone_number_id });
    assert_eq!(value(first)["metadata"], metadata);
    let sent = &value(first)["statuses"][0];
    assert_eq!(
        (&sent["id"], &sent["status"], &sent["recipient_id"]),
        (&json!(wamid), &json!("sent"), &json!("16505551234"))
    );
    assert_eq!(sent["biz_opaque_callback_data"], "our id 1");
    assert!(sent["timestamp"].is_string());
    assert_eq!(sent["pricing"]["category"], "authentication");
    let billed: Vec<bool> =
        webhooks.iter().map(|webhook| value(&webhook.body)["statuses"][0]["pricing"].is_object()).collect();
    assert_eq!(billed, [true, true, false], "sent, and one of delivered and read");
    let log = stage.handle.webhooks();
    assert_eq!(log.iter().map(|post| (post.attempt, post.answered)).collect::<Vec<_>>(), [(1, Some(200)); 3]);
    receiver.stop().await;
}

#[tokio::test]
async fn a_stranger_accepts_the_signature_and_reads_every_shape() {
    let verifier = WebhookVerifier::new(Config::default().app_secret).unwrap();
    let all = [Part::Contacts, Part::Conversation, Part::RecipientId, Part::UnknownFields];
    // Every part alone left out, all of them, and none.
    let shapes = all.iter().map(|left_out| all.iter().copied().filter(|part| part != left_out).collect());
    let shapes: Vec<BTreeSet<Part>> = shapes.chain([BTreeSet::from(all), BTreeSet::new()]).collect();
    for parts in shapes {
        let behaviour = Behaviour { parts: parts.clone(), read_ms: Some(0), ..at_once() };
        let (stage, receiver) = stage(behaviour).await;
        let wamid = stage.accepted(&code()).await;
        stage.handle.settle().await;
        stage.handle.send_status(&wamid, Status::Failed { code: 131_026 }).unwrap();
        stage.handle.press_did_not_request(&wamid).unwrap();
        stage.handle.settle().await;
        let webhooks = receiver.webhooks();
        assert_eq!(webhooks.len(), 5);
        for webhook in &webhooks {
            verifier.verify(&webhook.bytes, &webhook.signature).unwrap();
            let status = &value(&webhook.body)["statuses"][0];
            let has = |part| parts.contains(&part);
            assert_eq!(value(&webhook.body)["contacts"].is_array(), has(Part::Contacts));
            if status.is_object() {
                assert_eq!(status["recipient_id"].is_string(), has(Part::RecipientId));
                assert_eq!(status["recipient_user_id"].is_string(), !has(Part::RecipientId));
                assert_eq!(status["conversation"].is_object(), has(Part::Conversation) && status["status"] == "sent");
                assert_eq!(status["delivery_route"].is_object(), has(Part::UnknownFields));
            }
            let read = verifier.verify_and_parse(&webhook.bytes, &webhook.signature).unwrap();
            let statuses: Vec<_> = read.statuses().map(|status| (status.id.as_str(), status.status.as_str())).collect();
            let buttons: Vec<_> = read.inbound_messages().map(|(_, message)| message.message_type.as_str()).collect();
            match status["status"].as_str() {
                Some(name) => assert_eq!((statuses, buttons), (vec![(wamid.as_str(), name)], vec![])),
                None => assert_eq!((statuses, buttons), (vec![], vec!["button"])),
            }
        }
        receiver.stop().await;
    }
}

#[tokio::test]
async fn what_is_not_ascii_travels_escaped() {
    let (stage, receiver) = stage(at_once()).await;
    let mut body = code();
    body["biz_opaque_callback_data"] = json!("ä/😀");
    stage.accepted(&body).await;
    stage.handle.settle().await;
    for webhook in receiver.webhooks() {
        assert!(webhook.bytes.is_ascii());
        assert!(String::from_utf8(webhook.bytes).unwrap().contains(r"\u00e4\/\ud83d\ude00"));
        assert_eq!(value(&webhook.body)["statuses"][0]["biz_opaque_callback_data"], "ä/😀");
    }
    receiver.stop().await;
}

#[tokio::test]
async fn statuses_are_lost_repeated_and_reversed_as_told() {
    let (stage, receiver) = stage(Behaviour { duplicates: 2, reversed: true, ..at_once() }).await;
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    let mut expected = vec!["delivered"; 3];
    expected.extend(["sent"; 3]);
    assert_eq!(names(&statuses(&receiver)), expected);

    stage.handle.set_behaviour(Behaviour { loss_percent: 100, ..at_once() });
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    assert!(receiver.webhooks().is_empty());
    assert_eq!(stage.handle.messages(None)[1].statuses.len(), 2, "the phone has it all the same");
    receiver.stop().await;
}

#[tokio::test]
async fn some_are_lost_and_the_same_ones_each_time() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let (stage, receiver) = stage(Behaviour { loss_percent: 50, ..at_once() }).await;
        let mut arrived = Vec::new();
        for _ in 0..10 {
            stage.accepted(&code()).await;
            stage.handle.settle().await;
            arrived.push(names(&statuses(&receiver)).join(" "));
        }
        runs.push(arrived);
        receiver.stop().await;
    }
    assert_eq!(runs[0], runs[1]);
    let distinct: BTreeSet<&String> = runs[0].iter().collect();
    assert!(distinct.len() > 1, "{distinct:?}");
}

#[tokio::test]
async fn statuses_come_together_when_they_are_batched() {
    let (stage, receiver) = stage(Behaviour { batch_ms: Some(50), ..at_once() }).await;
    stage.accepted(&code()).await;
    stage.accepted(&code_to("+16505559999", "1234")).await;
    stage.handle.settle().await;
    let webhooks = receiver.webhooks();
    let sizes: Vec<usize> =
        webhooks.iter().map(|webhook| value(&webhook.body)["statuses"].as_array().unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 4);
    assert!(sizes[0] > 1, "{sizes:?}");
    receiver.stop().await;
}

#[tokio::test]
async fn a_recipient_can_have_a_behaviour_of_its_own() {
    let (stage, receiver) = stage(at_once()).await;
    let failing = Behaviour { failure: Some(Failure { code: 131_026, after_ms: 0 }), ..at_once() };
    stage.handle.set_behaviour_for(TO, Some(failing));
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    let failed = statuses(&receiver);
    assert_eq!(names(&failed), ["failed"]);
    let error = &failed[0]["errors"][0];
    assert_eq!((&error["code"], &error["title"]), (&json!(131_026), &json!("Message undeliverable")));
    assert_eq!(error["error_data"]["details"], "Message Undeliverable.");
    assert_eq!(failed[0].get("pricing"), None);
    stage.accepted(&code_to("+16505559999", "1234")).await;
    stage.handle.settle().await;
    assert_eq!(names(&statuses(&receiver)), ["sent", "delivered"]);
    stage.handle.set_behaviour_for(TO, None);
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    assert_eq!(names(&statuses(&receiver)), ["sent", "delivered"]);
    receiver.stop().await;
}

#[tokio::test]
async fn a_webhook_is_posted_until_it_is_answered_with_200() {
    let receiver = Receiver::start(3, "");
    let behaviour = Behaviour { delivered_ms: None, ..at_once() };
    let stage = Stage::with(Config { behaviour, webhook_url: Some(receiver.url.clone()), ..config() }).await;
    stage.accepted(&code()).await;
    receiver.wait_for(1).await;
    stage.handle.settle().await;
    let log: Vec<(u32, Option<u16>)> =
        stage.handle.webhooks().iter().map(|post| (post.attempt, post.answered)).collect();
    assert_eq!(log, [(1, Some(503)), (2, Some(503)), (3, Some(503)), (4, Some(200))]);
    let [webhook] = receiver.webhooks().try_into().ok().unwrap();
    assert_eq!(webhook.signature, stage.handle.webhooks()[0].signature, "each try is the same bytes");
    receiver.stop().await;
}

#[tokio::test]
async fn a_webhook_that_nobody_takes_is_given_up() {
    let receiver = Receiver::start(0, "");
    let url = receiver.url.clone();
    receiver.stop().await;
    let behaviour = Behaviour { delivered_ms: None, ..at_once() };
    let stage = Stage::with(Config { behaviour, webhook_url: Some(url), ..config() }).await;
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    let log: Vec<Option<u16>> = stage.handle.webhooks().iter().map(|post| post.answered).collect();
    assert_eq!(log, [None; 5]);
}

#[tokio::test]
async fn the_button_says_which_code_was_not_requested() {
    let (stage, receiver) = stage(at_once()).await;
    let wamid = stage.accepted(&code()).await;
    stage.handle.settle().await;
    receiver.webhooks();
    stage.handle.press_did_not_request(&wamid).unwrap();
    stage.handle.settle().await;
    let [webhook] = receiver.webhooks().try_into().ok().unwrap();
    let message = &value(&webhook.body)["messages"][0];
    assert_eq!(message["type"], "button");
    assert_eq!(message["button"]["payload"], "DID_NOT_REQUEST_CODE");
    assert_eq!(message["context"], json!({ "from": "12025550100", "id": wamid }));
    assert_eq!(message["from"], "16505551234");
    assert_ne!(message["id"], json!(wamid));
    assert!(stage.handle.messages(None)[0].did_not_request);
    assert!(stage.handle.press_did_not_request("wamid.unknown").is_err());
    assert!(stage.handle.send_status("wamid.unknown", Status::Read).is_err());
    receiver.stop().await;
}

#[tokio::test]
async fn accounts_and_templates_have_webhooks_too() {
    let (stage, receiver) = stage(at_once()).await;
    let (handle, sender) = (&stage.handle, &stage.sender);
    let told = async || {
        handle.settle().await;
        let [webhook] = receiver.webhooks().try_into().ok().unwrap();
        assert!(webhook.body["entry"][0]["time"].is_u64());
        let change = webhook.body["entry"][0]["changes"][0].clone();
        (change["field"].as_str().unwrap().to_owned(), change["value"].clone())
    };
    handle.set_template_status("verification_code", "pt_BR", TemplateStatus::Rejected, Some("SCAM")).unwrap();
    let (field, value) = told().await;
    assert_eq!(field, "message_template_status_update");
    assert_eq!((&value["event"], &value["reason"]), (&json!("REJECTED"), &json!("SCAM")));
    assert_eq!(value["message_template_language"], "pt-BR");
    assert!(value["message_template_id"].is_u64());

    handle.set_template_quality("order_update", "en", Quality::Yellow).unwrap();
    let (field, value) = told().await;
    assert_eq!(field, "message_template_quality_update");
    assert_eq!((&value["previous_quality_score"], &value["new_quality_score"]), (&json!("GREEN"), &json!("YELLOW")));

    handle.set_template_category("order_update", "en", TemplateCategory::Marketing).unwrap();
    let (field, value) = told().await;
    assert_eq!(field, "template_category_update");
    assert_eq!((&value["previous_category"], &value["new_category"]), (&json!("UTILITY"), &json!("MARKETING")));

    handle.set_sender_quality(&sender.phone_number_id, Quality::Red, "FLAGGED", "TIER_250").unwrap();
    let expected = json!({ "display_phone_number": "12025550100", "event": "FLAGGED", "current_limit": "TIER_250" });
    assert_eq!(told().await, ("phone_number_quality_update".to_owned(), expected));
    let read = stage.get(&format!("/v23.0/{}?fields=quality_rating", sender.phone_number_id)).await;
    assert_eq!(read.body, json!({ "quality_rating": "RED", "id": sender.phone_number_id }));

    handle.account_update(&sender.phone_number_id, "ACCOUNT_RESTRICTION").unwrap();
    let expected = json!({ "phone_number": "12025550100", "event": "ACCOUNT_RESTRICTION" });
    assert_eq!(told().await, ("account_update".to_owned(), expected));

    assert!(handle.set_template_status("unknown", "en", TemplateStatus::Paused, None).is_err());
    assert!(handle.account_update("unknown", "X").is_err());
    receiver.stop().await;
}

#[tokio::test]
async fn an_account_without_a_subscription_gets_no_webhooks() {
    let (stage, receiver) = stage(at_once()).await;
    let path = stage.waba("subscribed_apps");
    assert_eq!(stage.get(&path).await.body["data"].as_array().unwrap().len(), 1);
    assert_eq!(answer(stage.authorized(Method::DELETE, &path)).await.body, json!({ "success": true }));
    assert_eq!(stage.get(&path).await.body["data"], json!([]));
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    assert!(receiver.webhooks().is_empty());
    assert_eq!(stage.post(&path, &json!({})).await.body, json!({ "success": true }));
    stage.accepted(&code()).await;
    stage.handle.settle().await;
    assert_eq!(names(&statuses(&receiver)), ["sent", "delivered"]);
    receiver.stop().await;
}

#[tokio::test]
async fn the_webhooks_address_proves_that_it_knows_the_token() {
    let (stage, receiver) = stage(at_once()).await;
    stage.handle.verify_webhook_url().await.unwrap();
    let stranger = Receiver::start(0, "another token");
    stage.handle.set_webhook_url(Some(stranger.url.clone()));
    assert!(matches!(stage.handle.verify_webhook_url().await, Err(HandshakeError::Refused(403))));
    stage.handle.set_webhook_url(Some(stage.simulator.url()));
    assert!(matches!(stage.handle.verify_webhook_url().await, Err(HandshakeError::WrongChallenge)));
    stage.handle.set_webhook_url(Some("no address".to_owned()));
    assert!(matches!(stage.handle.verify_webhook_url().await, Err(HandshakeError::NotAUrl)));
    stage.handle.set_webhook_url(None);
    assert!(matches!(stage.handle.verify_webhook_url().await, Err(HandshakeError::NoUrl)));
    receiver.stop().await;
    stranger.stop().await;
}

#[tokio::test]
async fn a_utility_message_is_billed_as_one() {
    let (stage, receiver) = stage(at_once()).await;
    let body = json!([{ "type": "body", "parameters": [text("10"), text("A-1")] }]);
    stage.accepted(&template("payment_received", "en", &body)).await;
    stage.handle.settle().await;
    let statuses = statuses(&receiver);
    assert_eq!(statuses[0]["pricing"]["category"], "utility");
    assert_eq!(statuses[0].get("biz_opaque_callback_data"), None);
    receiver.stop().await;
}
