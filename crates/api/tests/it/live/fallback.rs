//! When a code does not arrive from one sender, it arrives from the next: the same code in the same session.

use serde_json::{Value, json};
use whatotp_application::NewSender;
use whatotp_domain::{EventKind, Mode, SenderId, WabaId};
use whatotp_simulator::{Behaviour, Config, Failure, Fault, FaultKind, ReceivedMessage, SenderConfig, Status};

use super::scene::{Live, PHONE, config, silent, story};
use crate::support::text;

const FIRST: &str = "100000000000001";
const SECOND: &str = "100000000000002";
const ON: &[(&str, &str)] = &[("WHATOTP_DELIVERY__FALLBACK_AFTER_SECONDS", "20")];

/// A simulator with two numbers, of two business accounts.
pub(crate) fn two_senders() -> Config {
    let second = SenderConfig {
        phone_number_id: SECOND.to_owned(),
        waba_id: "200000000000002".to_owned(),
        display_phone_number: "+1 202-555-0101".to_owned(),
        verified_name: "Demo Business Two".to_owned(),
        access_token: "simulator-access-token-two".to_owned(),
        api_key: "simulator-api-key-two".to_owned(),
    };
    Config { other_senders: vec![second], ..config() }
}

/// A server whose account sends from the first, and then from the second.
async fn start(settings: &[(&'static str, &str)]) -> Live {
    let live = Live::with(two_senders(), settings).await;
    let configured = live.app.app.list_senders().await.unwrap().swap_remove(0);
    let second = NewSender {
        id: SenderId::parse(SECOND).unwrap(),
        waba: WabaId::parse("200000000000002").unwrap(),
        name: "second".to_owned(),
        endpoint: configured.endpoint.clone(),
        access_token: "simulator-access-token-two".to_owned().into(),
        otp_template: "verification_code".to_owned(),
        shared: true,
    };
    live.app.app.put_sender(second).await.unwrap();
    let both = vec![SenderId::parse(FIRST).unwrap(), SenderId::parse(SECOND).unwrap()];
    assert!(live.app.app.route(live.app.account, both).await.unwrap());
    live.app.app.sync_templates().await.unwrap();
    live
}

/// Who sent what the phone got, oldest first.
fn senders(live: &Live) -> Vec<String> {
    live.whatsapp.messages(Some(PHONE)).into_iter().map(|message| message.phone_number_id).collect()
}

fn messages(live: &Live) -> Vec<ReceivedMessage> {
    live.whatsapp.messages(Some(PHONE))
}

async fn session(live: &Live) -> String {
    text(&live.ask_for_code(PHONE).await.success(200)["session_id"])
}

/// What the caller is told of the sender and the delivery.
async fn told(live: &Live, session: &str) -> (Value, Value, Value) {
    let view = live.status(session).await;
    (view["status"].clone(), view["delivery"]["sender"].clone(), view["delivery"]["status"].clone())
}

fn says(status: &str, sender: &str, delivery: &str) -> (Value, Value, Value) {
    (json!(status), json!(sender), json!(delivery))
}

#[tokio::test]
async fn what_has_not_arrived_in_time_comes_from_the_next_sender() {
    let live = start(ON).await;
    let id = session(&live).await;
    let (before, resend_at) = (live.status(&id).await, 30);
    live.app.deliver_after(19_999).await;
    assert_eq!(senders(&live), [FIRST]);
    live.app.deliver_after(1).await;
    assert_eq!(senders(&live), [FIRST, SECOND]);
    let [first, second] = &messages(&live)[..] else { panic!("two messages") };
    assert_eq!(first.code, second.code);
    assert_ne!(first.biz_opaque_callback_data, second.biz_opaque_callback_data);
    live.tell(second, &[Status::Sent, Status::Delivered]).await;
    assert_eq!(told(&live, &id).await, says("pending", SECOND, "delivered"));
    // It counts as no resend.
    let after = live.status(&id).await;
    for member in ["sends_remaining", "resend_available_at", "expires_at", "attempts_remaining"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    assert_eq!(live.events(EventKind::FellBack).await.len(), 1);
    live.app.advance(resend_at);
    live.app.deliver().await;
    assert_eq!(senders(&live), [FIRST, SECOND], "and no third time");
    live.verify(&id, &first.code.clone().unwrap()).await.success(200);
}

#[tokio::test]
async fn the_first_may_still_deliver_and_is_then_the_one_that_did() {
    let live = start(ON).await;
    let id = session(&live).await;
    live.app.deliver_after(20_000).await;
    let [first, second] = &messages(&live)[..] else { panic!("two messages") };
    live.tell(second, &[Status::Sent]).await;
    live.tell(first, &[Status::Delivered]).await;
    assert_eq!(told(&live, &id).await, says("pending", FIRST, "delivered"));
    assert_eq!(story(&live.status(&id).await), ["queued", "accepted", "delivered"]);
}

#[tokio::test]
async fn what_has_arrived_stays_with_its_sender() {
    let live = start(ON).await;
    let id = session(&live).await;
    live.tell(&messages(&live)[0], &[Status::Delivered]).await;
    live.app.deliver_after(299_000).await;
    assert_eq!(senders(&live), [FIRST]);
    assert_eq!(told(&live, &id).await, says("pending", FIRST, "delivered"));
}

#[tokio::test]
async fn a_verified_code_is_not_sent_again() {
    let live = start(ON).await;
    let id = session(&live).await;
    live.verify(&id, &messages(&live)[0].code.clone().unwrap()).await.success(200);
    live.app.deliver_after(60_000).await;
    assert_eq!(senders(&live), [FIRST]);
}

#[tokio::test]
async fn a_failure_that_the_webhook_tells_is_the_next_senders_turn_at_once() {
    let live = start(ON).await;
    let failure = Some(Failure { code: 131_026, after_ms: 0 });
    live.whatsapp.set_behaviour(Behaviour { failure, ..silent() });
    let id = session(&live).await;
    live.whatsapp.settle().await;
    live.whatsapp.set_behaviour(silent());
    live.app.deliver().await;
    assert_eq!(senders(&live), [FIRST, SECOND]);
    assert_eq!(told(&live, &id).await, says("pending", SECOND, "accepted"));
    live.tell(&messages(&live)[1], &[Status::Delivered]).await;
    assert_eq!(told(&live, &id).await, says("pending", SECOND, "delivered"));
}

#[tokio::test]
async fn when_every_sender_fails_so_does_the_session() {
    let live = start(ON).await;
    let id = session(&live).await;
    live.tell(&messages(&live)[0], &[Status::Failed { code: 131_026 }]).await;
    live.app.deliver().await;
    live.tell(&messages(&live)[1], &[Status::Failed { code: 131_026 }]).await;
    live.app.deliver().await;
    let view = live.status(&id).await;
    assert_eq!((&view["status"], &view["delivery"]["error"]["code"]), (&json!("failed"), &json!(131_026)));
    assert_eq!(senders(&live), [FIRST, SECOND]);
}

#[tokio::test]
async fn what_the_first_definitely_did_not_send_the_second_sends_in_the_same_request() {
    for fault in
        [FaultKind::error(190), FaultKind::error(131_026), FaultKind::error(132_000), FaultKind::error(131_048)]
    {
        let live = start(ON).await;
        live.whatsapp.push_fault(Fault::once(fault.clone()));
        let id = session(&live).await;
        assert_eq!(senders(&live), [SECOND], "{fault:?}");
        assert_eq!(told(&live, &id).await, says("pending", SECOND, "accepted"), "{fault:?}");
        live.tell(&messages(&live)[0], &[Status::Delivered]).await;
        live.app.deliver_after(60_000).await;
        assert_eq!(told(&live, &id).await, says("pending", SECOND, "delivered"), "{fault:?}");
        assert_eq!(live.app.outbox(Mode::Live).await.len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn when_both_refuse_the_caller_is_told_the_more_telling_reason() {
    let live = start(ON).await;
    live.whatsapp.push_fault(Fault::once(FaultKind::error(131_026)));
    live.whatsapp.push_fault(Fault::once(FaultKind::error(131_048)));
    live.ask_for_code(PHONE).await.problem(422, "recipient_unreachable");
    assert_eq!(live.whatsapp.requests(None).len(), 2);
}

/// Whether the first was sent is not known: the second waits for its time.
#[tokio::test]
async fn an_unknown_outcome_is_not_passed_on_at_once() {
    let live = start(ON).await;
    live.whatsapp.push_fault(Fault::once(FaultKind::ResetAfterAcceptance));
    let id = session(&live).await;
    assert_eq!(told(&live, &id).await, says("pending", FIRST, "unknown"));
    live.tell(&messages(&live)[0], &[Status::Delivered]).await;
    live.app.deliver_after(60_000).await;
    assert_eq!(senders(&live), [FIRST]);
    assert_eq!(told(&live, &id).await, says("pending", FIRST, "delivered"));
}

#[tokio::test]
async fn nobody_falls_back_until_it_is_configured() {
    let live = start(&[]).await;
    let id = session(&live).await;
    live.app.deliver_after(200_000).await;
    assert_eq!(senders(&live), [FIRST]);
    live.tell(&messages(&live)[0], &[Status::Failed { code: 131_026 }]).await;
    live.app.deliver().await;
    assert_eq!(told(&live, &id).await, says("failed", FIRST, "failed"));
    live.whatsapp.push_fault(Fault::once(FaultKind::error(190)));
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    assert_eq!(senders(&live), [FIRST]);
}

#[tokio::test]
async fn messages_that_are_no_codes_stay_with_their_sender() {
    let live = start(ON).await;
    let (id, _) = live.message(PHONE).await;
    live.app.deliver_after(60_000).await;
    let sender = senders(&live);
    assert_eq!(sender.len(), 1);
    assert_eq!(live.message_status(&id).await["delivery"]["sender"], sender[0]);
}

#[tokio::test]
async fn nothing_falls_back_after_the_code_has_expired() {
    let live = start(ON).await;
    let id = session(&live).await;
    live.app.deliver_after(300_000).await;
    assert_eq!(senders(&live), [FIRST]);
    assert_eq!(live.status(&id).await["status"], "expired");
}
