use std::time::Duration;

use whatotp_application::{OtpCanceled, OtpVerified};
use whatotp_domain::{DeliveryStatus, SessionId, SessionStatus};
use whatotp_ports::Prior;
use whatotp_testkit::fixtures::{a_claim, home, other_account};

use crate::stage::{LEASE, Stage, accepted, retry};

#[tokio::test]
async fn the_code_of_a_canceled_session_is_not_right_any_more() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    let OtpCanceled::Canceled(view) = stage.app.cancel_otp(home(), id, None).await.unwrap() else {
        panic!("it was not canceled")
    };
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Canceled, DeliveryStatus::Accepted));
    assert!(matches!(stage.verify(id, &code).await, OtpVerified::Finished(SessionStatus::Canceled)));
}

#[tokio::test]
async fn what_is_still_queued_of_a_canceled_session_is_never_sent() {
    let stage = Stage::with([retry(Duration::from_secs(1))]).await;
    let id = stage.send().await.session.id;
    let OtpCanceled::Canceled(view) = stage.app.cancel_otp(home(), id, None).await.unwrap() else {
        panic!("it was not canceled")
    };
    assert_eq!(view.delivery.status(), DeliveryStatus::Canceled);
    assert!(view.is_settled());
    stage.pass(LEASE.as_secs());
    assert_eq!(stage.deliver().await, 0);
    assert_eq!(stage.outgoing.all().len(), 1);
}

#[tokio::test]
async fn a_session_is_canceled_once_and_by_its_owner() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let nobody = SessionId::earliest_at(stage.now());
    assert!(matches!(stage.app.cancel_otp(home(), nobody, None).await.unwrap(), OtpCanceled::NotFound));
    assert!(matches!(stage.app.cancel_otp(other_account(), id, None).await.unwrap(), OtpCanceled::NotFound));
    let claim = a_claim("a key", stage.now());
    let first = stage.app.cancel_otp(home(), id, Some(claim.clone())).await.unwrap();
    assert!(matches!(first, OtpCanceled::Canceled(_)));
    let repeated = stage.app.cancel_otp(home(), id, Some(claim)).await.unwrap();
    assert!(matches!(repeated, OtpCanceled::Replay(Prior::Running)));
    let again = stage.app.cancel_otp(home(), id, None).await.unwrap();
    assert!(matches!(again, OtpCanceled::Finished(SessionStatus::Canceled)));
}
