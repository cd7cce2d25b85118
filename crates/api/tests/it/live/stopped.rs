//! Senders that WhatsApp takes nothing from, and what makes them send again.

use serde_json::json;
use whatotp_application::NewSender;
use whatotp_domain::{EventKind, SenderId, WabaId};
use whatotp_ports::Endpoint;
use whatotp_simulator::{Fault, FaultKind};

use super::scene::{Live, OTHER_PHONE, PHONE};
use crate::support::{order_update, text};

/// The configured sender at this address.
fn sender_at(base_url: String) -> NewSender {
    NewSender {
        id: SenderId::parse("100000000000001").unwrap(),
        waba: WabaId::parse("200000000000001").unwrap(),
        name: "renewed".to_owned(),
        endpoint: Endpoint {
            base_url,
            api_version: "v25.0".to_owned(),
            messages_path: "/{version}/{phone_number_id}/messages".to_owned(),
            templates_path: "/{version}/{waba_id}/message_templates".to_owned(),
            auth_header: "Authorization".to_owned(),
            auth_prefix: "Bearer ".to_owned(),
        },
        access_token: "simulator-access-token".to_owned().into(),
        otp_template: "verification_code".to_owned(),
        shared: true,
    }
}

#[tokio::test]
async fn a_refused_token_is_not_shown_again_until_the_sender_is_changed() {
    let live = Live::start().await;
    live.whatsapp.push_fault(Fault::once(FaultKind::RevokedToken));
    let refused = live.ask_for_code(PHONE).await;
    refused.problem(503, "channel_unavailable");
    assert!(refused.retry_after() > 0);
    // Nothing was charged: another may be asked for at once. WhatsApp is not asked again.
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    let id = live.queue(OTHER_PHONE).await;
    live.app.deliver_after(120_000).await;
    assert_eq!(live.whatsapp.requests(None).len(), 1);
    let events = live.events(EventKind::SenderStopped).await;
    assert_eq!(events.len(), 1);
    assert!(events[0].detail.contains("(190)") && events[0].subject == "sender 100000000000001", "{events:?}");

    // The token works again, and nobody here knows.
    live.whatsapp.restore_token();
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    // Any change of the sender makes it worth a try.
    live.app.app.put_sender(sender_at(live.url().replace("127.0.0.1", "localhost"))).await.unwrap();
    live.ask_for_code(PHONE).await.success(200);
    live.app.deliver_after(60_000).await;
    assert_eq!(live.message_status(&id).await["status"], "accepted", "what waited goes out");
}

#[tokio::test]
async fn a_sender_that_whatsapp_restricted_is_tried_again_after_a_while() {
    let live = Live::start().await;
    live.whatsapp.push_fault(Fault::once(FaultKind::error(131_048)));
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    live.app.advance(59);
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    assert_eq!(live.whatsapp.requests(None).len(), 1);
    live.app.advance(1);
    live.ask_for_code(PHONE).await.success(200);
}

#[tokio::test]
async fn when_half_of_the_requests_fail_whatsapp_is_left_alone_and_probed() {
    let live = Live::start().await;
    let down =
        FaultKind::Gateway { status: 503, body: whatotp_simulator::GatewayBody::Empty, retry_after_seconds: None };
    live.whatsapp.push_fault(Fault::once(down).times(20));
    for n in 0..20 {
        let sent = live.ask_for_code(&format!("+1415{}", 2_000_000 + n)).await.success(200);
        assert_eq!(sent["delivery"]["status"], "unknown");
    }
    live.ask_for_code(PHONE).await.problem(503, "channel_unavailable");
    assert_eq!(live.whatsapp.requests(None).len(), 20);
    live.app.advance(10);
    // One probe, which succeeds, and everybody may send again.
    live.ask_for_code(PHONE).await.success(200);
    live.ask_for_code(OTHER_PHONE).await.success(200);
    assert_eq!(live.whatsapp.requests(None).len(), 22);
}

#[tokio::test]
async fn a_message_that_was_asked_to_wait_waits_as_long() {
    let live = Live::start().await;
    let wait = FaultKind::Error { code: 130_429, status: Some(429), retry_after_seconds: Some(30), details: None };
    live.whatsapp.push_fault(Fault::once(wait));
    let id = live.queue(PHONE).await;
    live.app.deliver().await;
    live.app.deliver_after(29_999).await;
    assert_eq!(
        (live.message_status(&id).await["status"].clone(), live.whatsapp.requests(None).len()),
        (json!("queued"), 1)
    );
    // With up to two seconds of jitter.
    live.app.deliver_after(2_001).await;
    assert_eq!(live.message_status(&id).await["status"], "accepted");
}

#[tokio::test]
async fn the_pair_rate_is_waited_for_in_powers_of_four() {
    let live = Live::start().await;
    live.whatsapp.push_fault(Fault::once(FaultKind::PairLimit).times(4));
    let mut body = order_update(PHONE);
    body["expires_in_seconds"] = json!(3600);
    let id = text(&live.api.post("/v1/messages/send", body).await.success(202)["message_id"]);
    live.app.deliver().await;
    for (attempt, wait) in [(1, 1_u64), (2, 4), (3, 16), (4, 64)] {
        assert_eq!(live.whatsapp.requests(None).len(), attempt);
        live.app.deliver_after(wait * 1000 - 1).await;
        assert_eq!(live.whatsapp.requests(None).len(), attempt, "tried before {wait} seconds were over");
        live.app.deliver_after(60_001).await;
    }
    assert_eq!(live.message_status(&id).await["status"], "accepted");
}
