use std::collections::BTreeMap;
use std::time::Duration;

use whatotp_application::{OtpResent, OtpSent, OtpVerified, SendOtp};
use whatotp_domain::{
    CodeLength, DeliveryStatus, Locale, Metadata, Mode, Purpose, SendRefused, SessionId, SessionStatus, SessionTtl,
};
use whatotp_ports::Topic;
use whatotp_testkit::fixtures::{ALICE, a_claim, at, other_mode};

use crate::stage::{Stage, a_send, a_send_of, accepted, number, refused, retry, unavailable};

#[tokio::test]
async fn an_accepted_code_is_handed_over_once_and_is_the_one_that_verifies() {
    let stage = Stage::with([accepted()]).await;
    let command = SendOtp { locale: Locale::parse("pt-BR"), ..a_send() };
    let view = stage.send_as(command).await;
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Pending, DeliveryStatus::Accepted));
    assert_eq!((view.session.sends, view.session.attempts_remaining()), (1, 5));
    assert_eq!((view.session.expires_at, view.session.resend_available_at), (at(300), at(30)));

    let handed = stage.outgoing.last();
    assert_eq!((handed.to.as_str(), handed.attempt, handed.at), (ALICE, 1, at(0)));
    assert_eq!(handed.locale.as_deref(), Some("pt-BR"));
    let delivery = stage.delivery(handed.delivery).await;
    assert_eq!(stage.known_as("wamid.1").await, Some(handed.delivery));
    assert_eq!((delivery.attempts, delivery.delivery.status()), (1, DeliveryStatus::Accepted));

    assert!(matches!(stage.verify(view.session.id, &handed.says).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn what_was_asked_for_comes_back() {
    let stage = Stage::with([accepted()]).await;
    let metadata = Metadata::new(BTreeMap::from([("order".to_owned(), "42".to_owned())])).unwrap();
    let command = SendOtp {
        length: CodeLength::MAX,
        purpose: Purpose::parse("login").unwrap(),
        ttl: SessionTtl::from_seconds(60),
        metadata: metadata.clone(),
        ..a_send()
    };
    let sent = stage.send_as(command).await;
    assert_eq!(stage.outgoing.last().says.len(), 8);
    let view = stage.look(sent.session.id).await;
    assert_eq!(view, sent);
    assert_eq!((view.metadata, view.to.as_e164()), (metadata, ALICE));
    assert_eq!((view.session.purpose.as_str(), view.session.expires_at), ("login", at(60)));
    assert!(stage.app.otp_status(other_mode(), sent.session.id).await.unwrap().is_none(), "it is of another scope");
}

#[tokio::test]
async fn a_refused_recipient_fails_the_session_and_is_told_why() {
    let stage = Stage::with([refused()]).await;
    let OtpSent::Unreachable(error) = stage.app.send_otp(a_send()).await.unwrap() else { panic!("it was refused") };
    assert_eq!(error.code, 131_026);
    let delivery = stage.delivery(stage.outgoing.last().delivery).await;
    assert_eq!(delivery.delivery.status(), DeliveryStatus::Failed);
    assert_eq!(delivery.delivery.error(), Some(&error));
    let whatotp_ports::DeliveryKind::Otp(session) = delivery.kind else { panic!("it is a code") };
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
    assert_eq!(stage.next_due().await, None, "nobody has to look at it again");
    let code = stage.outgoing.last().says;
    assert!(matches!(stage.verify(session, &code).await, OtpVerified::Finished(SessionStatus::Failed)));
}

#[tokio::test]
async fn an_outage_leaves_nothing_behind_and_charges_nothing() {
    let stage = Stage::with([unavailable(), accepted()]).await;
    let claim = a_claim("a key", stage.now());
    let command = SendOtp { claim: Some(claim.clone()), ..a_send() };
    assert!(matches!(stage.app.send_otp(command).await.unwrap(), OtpSent::ChannelUnavailable));
    assert!(stage.deliveries().await.is_empty());
    assert_eq!(stage.next_due().await, None);
    assert_eq!(stage.app.earlier(&claim).await.unwrap(), None, "the key can be used again");
    // No cooldown stands in the way, and the next message is the number's first.
    let view = stage.send().await;
    assert_eq!(view.session.resend_available_at, at(30));
}

#[tokio::test]
async fn an_outage_gives_the_superseded_session_its_place_back() {
    let stage = Stage::with([accepted(), unavailable()]).await;
    let first = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.pass(30);
    assert!(matches!(stage.app.send_otp(a_send()).await.unwrap(), OtpSent::ChannelUnavailable));
    assert_eq!(stage.look(first).await.status, SessionStatus::Pending);
    assert!(matches!(stage.verify(first, &code).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn a_new_code_supersedes_the_one_before_and_tells_who_watches_it() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let first = stage.send().await.session.id;
    let mut watcher = stage.app.ports().wakeups.subscribe(Topic::Session(first));
    let code = stage.outgoing.last().says;
    stage.pass(30);
    let second = stage.send().await.session.id;
    tokio::time::timeout(Duration::from_secs(10), watcher.changed(Duration::from_secs(60))).await.unwrap();
    assert!(matches!(stage.verify(first, &code).await, OtpVerified::Finished(SessionStatus::Superseded)));
    let code = stage.outgoing.last().says;
    assert!(matches!(stage.verify(second, &code).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn a_number_in_its_cooldown_gets_no_message() {
    let stage = Stage::with([accepted(), accepted()]).await;
    stage.send().await;
    stage.pass(29);
    let refused = stage.app.send_otp(a_send()).await.unwrap();
    assert!(matches!(refused, OtpSent::Refused(SendRefused::TooSoon { retry_at }) if retry_at == at(30)));
    stage.pass(1);
    stage.send().await;
}

#[tokio::test]
async fn magic_numbers_have_no_limits_in_test_mode() {
    let stage = Stage::with((0..25).map(|_| accepted())).await;
    for _ in 0..25 {
        stage.send_as(SendOtp { to: number("+12025550100"), ..a_send() }).await;
    }
}

#[tokio::test]
async fn without_a_sender_a_live_key_stores_nothing() {
    let stage = Stage::with([]).await;
    assert!(matches!(stage.app.send_otp(a_send_of(other_mode())).await.unwrap(), OtpSent::ChannelUnavailable));
    let nobody = SessionId::earliest_at(stage.now());
    let resent = stage.app.resend_otp(other_mode(), nobody, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(resent, OtpResent::ChannelUnavailable));
    assert_eq!(stage.next_due().await, None);
    // A channel that needs none sends, and the same call is the number's first message.
    let live = Stage::with([accepted()]).await;
    let app = live.but(|ports| ports.live_channel = ports.sandbox.clone());
    let OtpSent::Sent(view) = app.send_otp(a_send_of(other_mode())).await.unwrap() else { panic!("it was not sent") };
    assert_eq!((view.session.scope.mode, view.session.resend_available_at), (Mode::Live, at(30)));
}

#[tokio::test]
async fn a_code_that_was_refused_for_now_is_queued_and_the_answer_says_so() {
    let stage = Stage::with([retry(Duration::from_secs(4))]).await;
    let view = stage.send().await;
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Pending, DeliveryStatus::Queued));
    assert_eq!(stage.way(view.session.id).await, DeliveryStatus::Queued);
}
