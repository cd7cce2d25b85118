//! From the request to the phone and back: what is sent, what WhatsApp says of it, and what the caller sees.

use serde_json::{Value, json};
use whatotp_domain::Mode;
use whatotp_ports::Reference;
use whatotp_simulator::Status;

use super::scene::{Live, OTHER_PHONE, PHONE, quick, story};
use crate::support::text;

const SENDER: &str = "100000000000001";

#[tokio::test]
async fn a_code_goes_to_the_phone_and_comes_back() {
    let live = Live::start().await;
    let sent = live.ask_for_code(PHONE).await.success(200);
    assert_eq!((&sent["mode"], &sent["status"]), (&json!("live"), &json!("pending")));
    assert_eq!((&sent["delivery"]["status"], &sent["delivery"]["sender"]), (&json!("accepted"), &json!(SENDER)));
    assert_eq!(story(&sent), ["queued", "accepted"]);

    let message = live.newest(PHONE);
    let code = message.code.clone().unwrap();
    assert_eq!((message.template.as_str(), message.language.as_str()), ("verification_code", "en_US"));
    assert!(message.text.contains(&code), "{}", message.text);
    assert_eq!((message.input.as_str(), message.phone_number_id.as_str()), (PHONE, SENDER));
    let parameters = |index: usize| message.request["template"]["components"][index]["parameters"].clone();
    assert_eq!(parameters(0), json!([{"type": "text", "text": code}]));
    assert_eq!(parameters(1), parameters(0));
    assert_eq!(message.request["template"]["components"][1]["index"], "0");

    // The reference names the account and the delivery, and nothing of a person.
    let reference = message.biz_opaque_callback_data.clone().unwrap();
    let named = Reference::parse(&reference).unwrap();
    let delivery = live.app.outbox(Mode::Live).await.swap_remove(0);
    assert_eq!((named.account, named.delivery), (live.app.account, delivery.id));
    assert!(!reference.contains(&code) && !reference.contains("4155550123"));

    let id = text(&sent["session_id"]);
    for (status, expected) in [(Status::Sent, "sent"), (Status::Delivered, "delivered"), (Status::Read, "read")] {
        live.tell(&message, &[status]).await;
        assert_eq!(live.status(&id).await["delivery"]["status"], expected);
    }
    let view = live.status(&id).await;
    assert_eq!(story(&view), ["queued", "accepted", "sent", "delivered", "read"]);
    assert_eq!((&view["status"], &view["delivery"]["error"]), (&json!("pending"), &Value::Null));
    let verified = live.verify(&id, &code).await.success(200);
    assert_eq!((&verified["status"], &verified["verified"]), (&json!("verified"), &json!(true)));
    live.verify(&id, &code).await.problem(409, "session_already_verified");
}

#[tokio::test]
async fn the_worker_of_a_running_server_does_it_all_by_itself() {
    let live = Live::with_worker().await;
    live.whatsapp.set_behaviour(quick());
    let id = live.queue(PHONE).await;
    let (session, _) = live.session(OTHER_PHONE).await;
    live.whatsapp.wait_for_messages(2).await;
    live.whatsapp.settle().await;
    // A report may come before the worker has written down that the message left: whoever waits sees both.
    loop {
        let view = live.api.get(&format!("/v1/messages/{id}?wait_seconds=25")).await.success(200);
        if view["status"] == "delivered" && story(&view).len() == 4 {
            break;
        }
    }
    assert_eq!(live.status(&session).await["delivery"]["status"], "delivered");
}

#[tokio::test]
async fn what_meta_says_of_a_failure_reaches_the_caller() {
    let live = Live::start().await;
    let (session, code) = live.session(PHONE).await;
    let (id, message) = live.message(OTHER_PHONE).await;
    for sent in [&code, &message] {
        live.tell(sent, &[Status::Sent, Status::Failed { code: 131_026 }]).await;
    }
    let (of_session, of_message) = (live.status(&session).await, live.message_status(&id).await);
    for view in [&of_session, &of_message] {
        assert_eq!(story(view), ["queued", "accepted", "sent", "failed"]);
        let error = &view["delivery"]["error"];
        assert_eq!((&error["code"], &error["title"]), (&json!(131_026), &json!("Message undeliverable")));
        assert!(text(&error["detail"]).len() > 10, "{error}");
    }
    assert_eq!(of_message["status"], "failed");
    // The worker ends the session of a code that nobody got.
    live.app.deliver().await;
    assert_eq!(live.status(&session).await["status"], "failed");
}

#[tokio::test]
async fn a_refusal_at_once_says_the_same() {
    let live = Live::start().await;
    live.whatsapp.push_fault(whatotp_simulator::Fault::once(whatotp_simulator::FaultKind::error(131_026)));
    let problem = live.ask_for_code(PHONE).await.problem(422, "recipient_unreachable");
    assert_eq!(problem["delivery_error"]["code"], 131_026);
    assert_eq!(problem["delivery_error"]["title"], "Message undeliverable");
}

#[tokio::test]
async fn each_kind_of_variable_finds_its_place() {
    let live = Live::start().await;
    let send = async |template: &str, locale: &str, variables: Value| {
        let body = json!({"phone_number": PHONE, "template_id": template, "locale": locale, "variables": variables});
        let id = text(&live.api.post("/v1/messages/send", body).await.success(202)["message_id"]);
        live.app.deliver().await;
        assert_eq!(live.message_status(&id).await["status"], "accepted");
        live.newest(PHONE)
    };
    let named = json!({"first_name": "Ada", "order_id": "A-1001"});
    let message = send("order_update", "en", named.clone()).await;
    assert_eq!(message.text, "Hello Ada, your order A-1001 is confirmed.");
    assert_eq!(message.request["template"]["components"][0]["parameters"][0]["parameter_name"], "first_name");
    let message = send("order_update", "es", named).await;
    assert_eq!(message.text, "Hola Ada, tu pedido A-1001 está confirmado.");
    // Values in an order of their own.
    let message = send("payment_received", "en", json!({"2": "F-7", "1": 12.5})).await;
    assert_eq!(message.text, "We received your payment of 12.5 for invoice F-7.");
    let shipping = json!({"header_1": "A-1001", "1": "Ada", "2": "Monday", "button_0": "parcel 7/ä"});
    let message = send("shipping_update", "en", shipping).await;
    assert_eq!(message.header.as_deref(), Some("Order A-1001"));
    assert_eq!(message.text, "Good news, Ada: your parcel arrives on Monday.");
    assert_eq!(message.buttons[0].target.as_deref(), Some("https://shop.example/track/parcel%207/%C3%A4"));

    let lacking = json!({"phone_number": PHONE, "template_id": "shipping_update", "variables": {"1": "Ada", "x": "y"}});
    let problem = live.api.post("/v1/messages/send", lacking).await.problem(422, "template_variables_mismatch");
    assert_eq!(problem, json!({"missing": ["header_1", "2", "button_0"], "unexpected": ["x"]}));
}

#[tokio::test]
async fn a_resent_code_is_the_same_code_with_a_reference_of_its_own() {
    let live = Live::start().await;
    let (id, first) = live.session(PHONE).await;
    live.tell(&first, &[Status::Delivered]).await;
    live.app.advance(30);
    let resent = live.api.post_nothing(&format!("/v1/otp/{id}/resend")).await.success(200);
    assert_eq!(resent["delivery"]["status"], "accepted", "it speaks of the latest message");
    let second = live.newest(PHONE);
    assert_eq!(first.code, second.code);
    assert_ne!(first.biz_opaque_callback_data, second.biz_opaque_callback_data);
    // News of the first message is not news of the second.
    live.tell(&first, &[Status::Read]).await;
    assert_eq!(live.status(&id).await["delivery"]["status"], "accepted");
    live.verify(&id, &first.code.unwrap()).await.success(200);
}

#[tokio::test]
async fn test_keys_never_reach_whatsapp() {
    let live = Live::start().await;
    live.app.send_otp(PHONE).await;
    live.app.message(PHONE).await;
    live.app.deliver_after(10_000).await;
    assert!(live.whatsapp.requests(None).is_empty());
}

#[tokio::test]
async fn without_a_sender_live_keys_are_told_so() {
    let app = crate::support::TestApp::start().await;
    let api = app.key(Mode::Live, &[whatotp_domain::Scope::OtpSend, whatotp_domain::Scope::MessagesSend]).await;
    let code = api.post("/v1/otp/send", json!({"to": PHONE, "channel": "whatsapp"})).await;
    code.problem(503, "channel_unavailable");
    let message = api.post("/v1/messages/send", crate::support::order_update(PHONE)).await;
    message.problem(503, "channel_unavailable");
}
