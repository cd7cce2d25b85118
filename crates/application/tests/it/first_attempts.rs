//! What the request that asks for a code finds at once.

use whatotp_application::{MessageSent, OtpResent, OtpSent, OtpVerified, SendMessage, SendOtp};
use whatotp_domain::{DeliveryStatus, MessageTtl, SessionStatus};
use whatotp_ports::{DeliveryKind, SendOutcome};
use whatotp_testkit::fixtures::{a_claim, at, sender_id};

use crate::fake_catalog::{login_code_in, provider_template};
use crate::live::waba;
use crate::messages::a_message;
use crate::stage::{Stage, a_send_of, accepted, accepted_as, invalid, refused, retry, unavailable};

/// What says that a message was not sent for a reason that is not the recipient's.
fn ours() -> [SendOutcome; 2] {
    [invalid(), unavailable()]
}

#[tokio::test]
async fn what_is_not_the_recipients_fault_withdraws_the_session_and_charges_nothing() {
    for outcome in ours() {
        let stage = Stage::live([outcome.clone(), accepted()]).await;
        let claim = a_claim("a key", stage.now());
        let command = SendOtp { claim: Some(claim.clone()), ..a_send_of(stage.scope) };
        assert!(matches!(stage.app.send_otp(command).await.unwrap(), OtpSent::ChannelUnavailable), "{outcome:?}");
        assert!(stage.deliveries().await.is_empty());
        assert_eq!((stage.next_due().await, stage.app.earlier(&claim).await.unwrap()), (None, None));
        let view = stage.send().await;
        assert_eq!((view.session.sends, view.session.resend_available_at), (1, at(30)), "it is the number's first");
    }
}

#[tokio::test]
async fn what_is_not_the_recipients_fault_withdraws_a_resend_and_keeps_the_session() {
    for outcome in ours() {
        let stage = Stage::live([accepted_as("a"), outcome.clone(), accepted_as("b")]).await;
        let before = stage.send().await;
        stage.pass(30);
        let resent =
            stage.app.resend_otp(stage.scope, before.session.id, whatotp_domain::Asked::default(), None).await.unwrap();
        assert!(matches!(resent, OtpResent::ChannelUnavailable), "{outcome:?}");
        assert_eq!(stage.look(before.session.id).await, before);
        let resent =
            stage.app.resend_otp(stage.scope, before.session.id, whatotp_domain::Asked::default(), None).await.unwrap();
        assert!(matches!(resent, OtpResent::Sent(view) if view.session.sends == 2));
    }
}

#[tokio::test]
async fn a_recipient_that_is_refused_fails_the_session() {
    let stage = Stage::live([refused()]).await;
    let outcome = stage.app.send_otp(a_send_of(stage.scope)).await.unwrap();
    assert!(matches!(outcome, OtpSent::Unreachable(error) if error.code == 131_026));
    let delivery = stage.delivery(stage.outgoing.last().delivery).await;
    let DeliveryKind::Otp(session) = delivery.kind else { panic!("it carries a code") };
    assert_eq!((delivery.delivery.status(), delivery.sender), (DeliveryStatus::Failed, Some(sender_id(1))));
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_message_that_is_refused_or_invalid_ends_failed_with_the_reason() {
    for (outcome, code) in [(invalid(), 132_000), (refused(), 131_026)] {
        let stage = Stage::live([outcome]).await;
        stage.catalog.lists(&waba(), [provider_template("order_update", "en", "{{first_name}}: {{order_id}}")]);
        let message = SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
        let id = stage.queue(message).await;
        stage.settle().await;
        let record = stage.delivery(id).await;
        assert_eq!(record.delivery.error().map(|error| error.code), Some(code));
        assert_eq!((record.attempts, stage.next_due().await), (1, None), "it is not tried again");
    }
}

#[tokio::test]
async fn a_code_that_a_worker_finds_refused_or_invalid_fails_its_session() {
    for outcome in [invalid(), refused()] {
        let stage = Stage::live([retry(std::time::Duration::from_secs(1)), outcome]).await;
        let session = stage.send().await.session.id;
        stage.clock.set(stage.next_due().await.unwrap());
        assert_eq!(stage.deliver().await, 1);
        assert_eq!(stage.next_due().await, Some(stage.now()), "what follows is the next round's");
        assert_eq!(stage.look(session).await.status, SessionStatus::Pending);
        assert_eq!(stage.deliver().await, 1);
        let view = stage.look(session).await;
        assert_eq!((view.status, view.delivery.status()), (SessionStatus::Failed, DeliveryStatus::Failed));
        assert_eq!((view.sender, stage.next_due().await), (Some(sender_id(1)), None));
        let code = stage.outgoing.last().says;
        let verified = stage.verify(session, &code).await;
        assert!(matches!(verified, OtpVerified::Finished(SessionStatus::Failed)));
    }
}

#[tokio::test]
async fn a_code_that_was_sent_twice_outlives_the_failure_of_one() {
    let stage = Stage::live([accepted_as("a"), retry(std::time::Duration::from_secs(1)), refused()]).await;
    let session = stage.send().await.session.id;
    stage.pass(30);
    stage.app.resend_otp(stage.scope, session, whatotp_domain::Asked::default(), None).await.unwrap();
    stage.clock.set(stage.next_due().await.unwrap());
    stage.settle().await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Pending, "the first may still arrive");
}

#[tokio::test]
async fn a_code_is_no_message() {
    let stage = Stage::live([]).await;
    stage.catalog.lists(&waba(), login_code_in(&["en"]));
    let template = whatotp_application::TemplateRef::Name(crate::fake_catalog::LOGIN_CODE.to_owned());
    let message = SendMessage { scope: stage.scope, template, ..a_message(MessageTtl::DEFAULT) };
    assert!(matches!(stage.app.send_message(message).await.unwrap(), MessageSent::ForCodesOnly));
}
