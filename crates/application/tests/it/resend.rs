use whatotp_application::{OtpResent, OtpVerified, SendOtp, SessionView};
use whatotp_domain::{DeliveryStatus, Locale, SendRefused, SessionId, SessionStatus};
use whatotp_ports::Prior;
use whatotp_testkit::fixtures::{a_claim, at, home, other_account};

use crate::stage::{Stage, a_send, accepted, refused, unavailable, unknown};

async fn resend(stage: &Stage, id: SessionId) -> OtpResent {
    stage.app.resend_otp(home(), id, whatotp_domain::Asked::default(), None).await.unwrap()
}

fn resent(outcome: OtpResent) -> SessionView {
    match outcome {
        OtpResent::Sent(view) => *view,
        other => panic!("the code was not sent again: {other:?}"),
    }
}

#[tokio::test]
async fn the_same_code_is_sent_again_in_the_same_session_and_language() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let first = stage.send_as(SendOtp { locale: Locale::parse("de"), ..a_send() }).await;
    stage.verify(first.session.id, "000").await;
    stage.pass(30);
    let view = resent(resend(&stage, first.session.id).await);
    assert_eq!((view.session.id, view.session.sends), (first.session.id, 2));
    assert_eq!((view.session.expires_at, view.session.resend_available_at), (at(300), at(90)));
    let handed = stage.outgoing.all();
    assert_eq!((&handed[0].says, &handed[0].locale), (&handed[1].says, &handed[1].locale));
    assert_ne!(handed[0].delivery, handed[1].delivery, "it is another message");
    assert_eq!(handed[1].attempt, 1);
    assert_eq!(stage.deliveries().await.len(), 2);
    assert!(matches!(stage.verify(first.session.id, &handed[1].says).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn a_resend_brings_no_new_attempts() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let id = stage.send().await.session.id;
    let wrong = crate::stage::another(&stage.outgoing.last().says);
    stage.verify(id, &wrong).await;
    stage.pass(30);
    assert_eq!(resent(resend(&stage, id).await).session.attempts_remaining(), 4);
}

#[tokio::test]
async fn an_outage_withdraws_the_resend_and_keeps_the_session() {
    let stage = Stage::with([accepted(), unavailable(), accepted()]).await;
    let id = stage.send().await.session.id;
    let before = stage.look(id).await;
    stage.pass(30);
    let claim = a_claim("a key", stage.now());
    let outcome =
        stage.app.resend_otp(home(), id, whatotp_domain::Asked::default(), Some(claim.clone())).await.unwrap();
    assert!(matches!(outcome, OtpResent::ChannelUnavailable));
    assert_eq!(stage.look(id).await, before, "as if it had not been asked for");
    assert_eq!(stage.deliveries().await.len(), 1);
    assert_eq!(stage.app.earlier(&claim).await.unwrap(), None);
    // Neither the cooldown nor the session has counted it.
    let view = resent(resend(&stage, id).await);
    assert_eq!((view.session.sends, view.session.resend_available_at), (2, at(90)));
}

#[tokio::test]
async fn a_refused_resend_leaves_the_session_open_for_the_earlier_message() {
    let stage = Stage::with([accepted(), refused()]).await;
    let id = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.pass(30);
    assert!(matches!(resend(&stage, id).await, OtpResent::Unreachable(error) if error.code == 131_026));
    assert_eq!(stage.way(id).await, DeliveryStatus::Failed);
    assert!(matches!(stage.verify(id, &code).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn an_unknown_resend_is_told_as_such() {
    let stage = Stage::with([accepted(), unknown()]).await;
    let id = stage.send().await.session.id;
    stage.pass(30);
    assert_eq!(resent(resend(&stage, id).await).delivery.status(), DeliveryStatus::Unknown);
}

#[tokio::test]
async fn what_may_not_be_sent_again_is_not() {
    let stage = Stage::with((0..5).map(|_| accepted())).await;
    let id = stage.send().await.session.id;
    assert!(
        matches!(resend(&stage, id).await, OtpResent::Refused(SendRefused::TooSoon { retry_at }) if retry_at == at(30))
    );
    for pause in [30, 60, 120] {
        stage.pass(pause);
        resent(resend(&stage, id).await);
    }
    stage.clock.set(at(300));
    assert!(matches!(resend(&stage, id).await, OtpResent::Finished(SessionStatus::Expired)));
    assert!(matches!(resend(&stage, SessionId::earliest_at(at(0))).await, OtpResent::NotFound));
    let strange = stage.app.resend_otp(other_account(), id, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(strange, OtpResent::NotFound));
    // The fifth message of the number is its last in ten minutes.
    stage.clock.set(at(450));
    let id = stage.send().await.session.id;
    stage.clock.set(at(599));
    assert!(matches!(resend(&stage, id).await, OtpResent::Refused(SendRefused::Capped { .. })));
}

#[tokio::test]
async fn a_session_has_five_messages() {
    let stage = Stage::with((0..5).map(|_| accepted())).await;
    let to = crate::stage::number("+12025550100");
    let id = stage.send_as(SendOtp { to, ..a_send() }).await.session.id;
    for sends in 2..=5 {
        assert_eq!(resent(resend(&stage, id).await).session.sends, sends);
    }
    assert!(matches!(resend(&stage, id).await, OtpResent::NoSendsLeft { until } if until == at(300)));
}

#[tokio::test]
async fn a_repeated_resend_sends_nothing() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let id = stage.send().await.session.id;
    stage.pass(30);
    let claim = a_claim("a key", stage.now());
    resent(stage.app.resend_otp(home(), id, whatotp_domain::Asked::default(), Some(claim.clone())).await.unwrap());
    let again = stage.app.resend_otp(home(), id, whatotp_domain::Asked::default(), Some(claim)).await.unwrap();
    assert!(matches!(again, OtpResent::Replay(Prior::Running)));
}
