//! News of a message, however it comes: early, twice, out of order, without parts, or about somebody else's.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use whatotp_domain::{AccountId, DeliveryId, Mode};
use whatotp_simulator::{Behaviour, Fault, FaultKind, Part, Status};

use super::scene::{Live, OTHER_PHONE, PHONE, messages_webhook, quick, status_webhook, story};
use crate::support::text;

const LATER: i64 = 1_800_000_100;

#[tokio::test]
async fn statuses_that_come_before_the_answer_to_the_send_are_not_lost() {
    let live = Live::start().await;
    live.whatsapp.set_behaviour(quick());
    // The answer takes two seconds, and the webhooks none.
    live.whatsapp.push_fault(Fault::once(FaultKind::SlowAnswer { pause_ms: 10 }));
    let api = live.api.clone();
    let sending = tokio::spawn(async move {
        let body = json!({"to": PHONE, "channel": "whatsapp"});
        api.post("/v1/otp/send", body).await.success(200)
    });
    live.whatsapp.wait_for_messages(1).await;
    live.whatsapp.settle().await;
    assert!(live.whatsapp.webhooks().len() == 2 && !sending.is_finished(), "the answer was first");
    let sent = sending.await.unwrap();
    assert_eq!(story(&sent), ["queued", "accepted", "sent", "delivered"]);
    assert_eq!(story(&live.status(&text(&sent["session_id"])).await), story(&sent));
}

/// Some resellers drop the reference: then the wamid is all there is, and it is not known yet.
#[tokio::test]
async fn statuses_without_a_reference_wait_for_the_answer_to_the_send() {
    let live = Live::start().await;
    for (told_first, expected) in [("delivered", "delivered"), ("failed", "failed"), ("sent", "sent")] {
        let id = live.queue(PHONE).await;
        live.app.live_channel.hold_answers(true);
        let before = live.whatsapp.messages(None).len();
        let working = tokio::spawn({
            let app = live.app.app.clone();
            async move { app.deliver_due(64).await.unwrap() }
        });
        live.whatsapp.wait_for_messages(before + 1).await;
        let wamid = live.newest(PHONE).wamid;
        for _ in 0..2 {
            assert_eq!(live.webhook(&status_webhook(&wamid, told_first, LATER, None)).await.status, 200);
        }
        assert_eq!(live.message_status(&id).await["status"], "queued");
        live.app.live_channel.hold_answers(false);
        assert_eq!(working.await.unwrap(), 1);
        let view = live.message_status(&id).await;
        assert_eq!(view["status"], expected);
        assert_eq!(story(&view), ["queued", "accepted", expected]);
    }
}

#[tokio::test]
async fn a_code_that_fails_before_the_answer_to_its_send_fails_its_session_at_once() {
    let live = Live::start().await;
    for referenced in [true, false] {
        live.app.live_channel.hold_answers(true);
        let to = if referenced { PHONE } else { OTHER_PHONE };
        let api = live.api.clone();
        let sending = tokio::spawn(async move {
            api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp"})).await.success(200)
        });
        let message = live.whatsapp.wait_until(|whatsapp| whatsapp.messages(Some(to)).pop()).await;
        let reference = message.biz_opaque_callback_data.as_deref().filter(|_| referenced);
        live.webhook(&status_webhook(&message.wamid, "failed", LATER, reference)).await;
        live.app.live_channel.hold_answers(false);
        let sent = sending.await.unwrap();
        assert_eq!(sent["delivery"]["status"], "failed");
        live.app.deliver().await;
        assert_eq!(live.status(&text(&sent["session_id"])).await["status"], "failed", "{referenced}");
    }
}

/// One that waits longer than that is about a message of somebody else who uses the same business account.
#[tokio::test]
async fn what_is_about_no_message_of_ours_is_swept_away() {
    let live = Live::start().await;
    assert_eq!(live.webhook(&status_webhook("wamid.nobodys", "sent", LATER, None)).await.status, 200);
    live.app.advance(3601);
    assert_eq!(live.app.app.sweep().await.unwrap().reports, 1);
}

#[tokio::test]
async fn twice_and_out_of_order_is_the_same_story() {
    let live = Live::start().await;
    let behaviour =
        Behaviour { sent_ms: Some(0), delivered_ms: Some(0), read_ms: Some(0), duplicates: 2, ..Behaviour::default() };
    for behaviour in [
        behaviour.clone(),
        Behaviour { reversed: true, ..behaviour.clone() },
        Behaviour { batch_ms: Some(20), ..behaviour },
    ] {
        live.whatsapp.set_behaviour(behaviour);
        let (id, _) = live.message(PHONE).await;
        live.whatsapp.settle().await;
        assert_eq!(story(&live.message_status(&id).await), ["queued", "accepted", "sent", "delivered", "read"]);
    }
}

#[tokio::test]
async fn a_lost_status_leaves_a_gap_and_no_more() {
    let live = Live::start().await;
    let (id, message) = live.message(PHONE).await;
    // `delivered` is skipped when the chat is open.
    live.tell(&message, &[Status::Read]).await;
    assert_eq!(story(&live.message_status(&id).await), ["queued", "accepted", "read"]);
    // What is late changes nothing of what is known.
    live.tell(&message, &[Status::Sent, Status::Failed { code: 131_026 }]).await;
    let view = live.message_status(&id).await;
    assert_eq!(
        (story(&view), &view["delivery"]["error"]),
        (vec_of(&["queued", "accepted", "sent", "read"]), &json!(null))
    );
}

fn vec_of(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn the_parts_of_a_webhook_that_may_be_missing_are_not_missed() {
    let live = Live::start().await;
    for parts in [
        BTreeSet::new(),
        BTreeSet::from([Part::Conversation]),
        BTreeSet::from([Part::Contacts, Part::RecipientId, Part::Conversation, Part::UnknownFields]),
    ] {
        live.whatsapp.set_behaviour(Behaviour { parts, ..quick() });
        let (id, _) = live.message(PHONE).await;
        live.whatsapp.settle().await;
        assert_eq!(live.message_status(&id).await["status"], "delivered");
    }
}

#[tokio::test]
async fn a_reference_that_is_not_ours_changes_nothing_of_ours() {
    let live = Live::start().await;
    let (session, _) = live.session(PHONE).await;
    live.app.send_otp(PHONE).await;
    let ours = live.app.outbox(Mode::Live).await.swap_remove(0).id;
    let of_a_test_key = live.app.outbox(Mode::Test).await.swap_remove(0).id;
    let account = live.app.account;
    let stranger = AccountId::new(live.app.app.ports().clock.now(), [7; 10]);
    let nobody = DeliveryId::new(live.app.app.ports().clock.now(), [7; 10]);
    for reference in [
        format!("{stranger}/{ours}"),
        format!("{account}/{nobody}"),
        format!("{account}/{of_a_test_key}"),
        ours.to_string(),
        "order-17".to_owned(),
        "../../etc/passwd".to_owned(),
        "x".repeat(512),
    ] {
        for status in ["delivered", "failed"] {
            let told = status_webhook("wamid.elsewhere", status, LATER, Some(&reference));
            assert_eq!(live.webhook(&told).await.status, 200, "{reference}");
        }
    }
    live.app.deliver().await;
    assert_eq!(live.status(&session).await["delivery"]["status"], "accepted");
    let of_test = live.app.outbox(Mode::Test).await.swap_remove(0);
    assert_eq!(of_test.delivery.status().as_str(), "accepted");
}

#[tokio::test]
async fn who_waits_is_told_at_once() {
    let live = Live::start().await;
    let (session, message) = live.session(PHONE).await;
    let (id, other) = live.message(OTHER_PHONE).await;
    for (path, message) in [(format!("/v1/otp/{session}"), &message), (format!("/v1/messages/{id}"), &other)] {
        let (api, before) = (live.api.clone(), live.app.wakeups.waits());
        let polled = format!("{path}?wait_seconds=25");
        let polling = tokio::spawn(async move { api.get(&polled).await.success(200) });
        live.app.wakeups.waits_after(before).await;
        live.tell(message, &[Status::Delivered]).await;
        assert_eq!(polling.await.unwrap()["delivery"]["status"], "delivered", "{path}");
    }
    let mut events = live.api.events(&format!("/v1/otp/{session}/events")).await;
    assert_eq!(events.next().await.unwrap()["delivery"]["status"], "delivered");
    live.tell(&message, &[Status::Read]).await;
    assert_eq!(events.next().await.unwrap()["delivery"]["status"], "read");
}

#[tokio::test]
async fn a_webhook_that_could_not_be_kept_is_told_again() {
    let mut config = super::scene::config();
    config.webhook_retries.first_pause_ms = 1;
    config.webhook_retries.attempts = 20;
    let live = Live::with(config, &[]).await;
    let (session, message) = live.session(PHONE).await;
    live.app.deliveries.set_takes_reports(false);
    let told = status_webhook(&message.wamid, "sent", LATER, None);
    let refused = live.webhook(&told).await;
    refused.problem(503, "storage_unavailable");
    assert!(!refused.text.contains("secret"), "{}", refused.text);

    live.whatsapp.send_status(&message.wamid, Status::Delivered).unwrap();
    let is_refused = |handle: &whatotp_simulator::Handle| handle.webhooks().first().and_then(|post| post.answered);
    assert_eq!(live.whatsapp.wait_until(is_refused).await, 503);
    assert_eq!(live.status(&session).await["delivery"]["status"], "accepted");
    live.app.deliveries.set_takes_reports(true);
    live.whatsapp.settle().await;
    assert_eq!(live.whatsapp.webhooks().last().unwrap().answered, Some(200));
    assert_eq!(live.status(&session).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn who_did_not_ask_for_a_code_ends_its_session() {
    let live = Live::start().await;
    let (session, message) = live.session(PHONE).await;
    let (untouched, _) = live.session(OTHER_PHONE).await;
    for _ in 0..2 {
        live.whatsapp.press_did_not_request(&message.wamid).unwrap();
        live.whatsapp.settle().await;
    }
    assert_eq!(live.status(&session).await["status"], "canceled");
    live.verify(&session, &message.code.unwrap()).await.problem(410, "session_canceled");
    assert_eq!(live.status(&untouched).await["status"], "pending");
    let events = live.events(whatotp_domain::EventKind::CodeNotRequested).await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].account, events[0].subject.as_str()),
        (Some(live.app.account), format!("session {session}").as_str())
    );
    assert!(!events[0].detail.contains("4155550123"));
}

/// The answer was lost, so that the wamid is known from the statuses alone.
#[tokio::test]
async fn a_code_of_unknown_outcome_can_be_disowned_too() {
    let live = Live::start().await;
    live.whatsapp.push_fault(Fault::once(FaultKind::ResetAfterAcceptance));
    let sent = live.ask_for_code(PHONE).await.success(200);
    assert_eq!(sent["delivery"]["status"], "unknown");
    let message = live.newest(PHONE);
    live.tell(&message, &[Status::Sent, Status::Delivered]).await;
    live.whatsapp.press_did_not_request(&message.wamid).unwrap();
    live.whatsapp.settle().await;
    assert_eq!(live.status(&text(&sent["session_id"])).await["status"], "canceled");
}

#[tokio::test]
async fn a_button_below_another_message_ends_nothing() {
    let live = Live::start().await;
    let (session, code) = live.session(PHONE).await;
    let (_, message) = live.message(PHONE).await;
    let press = |context: &str, payload: &str| {
        let button = json!({"type": "button", "id": "wamid.in", "timestamp": "1800000001", "from": "14155550123",
            "context": {"id": context}, "button": {"payload": payload, "text": "x"}});
        messages_webhook(&json!({"messages": [button]}))
    };
    for webhook in [
        press(&code.wamid, "Unsubscribe"),
        press(&message.wamid, "DID_NOT_REQUEST_CODE"),
        press("wamid.nobodys", "DID_NOT_REQUEST_CODE"),
    ] {
        assert_eq!(live.webhook(&webhook).await.status, 200);
    }
    assert_eq!(live.status(&session).await["status"], "pending");
    live.app.clock.advance(Duration::from_secs(1));
    live.verify(&session, &code.code.unwrap()).await.success(200);
}
