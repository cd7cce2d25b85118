use whatotp_domain::{Attempted, DeliveryStatus, SessionStatus};
use whatotp_ports::{CancelSession, Lease, Resent};

use super::Scene;
use super::sessions::end_with;
use crate::START;
use crate::fixtures::{ALICE, BOB, LEASE, a_number, a_resend, a_session, an_acceptance, at, free_to_send, home};

pub async fn a_session_is_canceled_once(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Wrong { left: 4 });
    let cancel = |now| scene.store.cancel(home(), record.session.id, None, now);
    let mut expected = scene.session(record.session.id).await;
    expected.session.cancel(at(2)).expect("it is pending");

    assert_eq!(cancel(at(2)).await.unwrap(), Some(CancelSession::Done(expected.clone())));
    assert_eq!(scene.session(record.session.id).await, expected);
    assert_eq!(cancel(at(3)).await.unwrap(), Some(CancelSession::Finished(SessionStatus::Canceled)));
    assert_eq!(scene.attempt(&record, true, at(3)).await, Attempted::Finished(SessionStatus::Canceled));
    let resent = scene.try_resend(a_resend(&record, at(40))).await;
    assert_eq!(resent, Some(Resent::Finished(SessionStatus::Canceled)));
    assert_eq!(scene.session(record.session.id).await, expected, "what came later changed nothing");
}

pub async fn a_session_that_is_over_cannot_be_canceled(scene: Scene) {
    for (number, end) in [SessionStatus::Verified, SessionStatus::Locked, SessionStatus::Failed].into_iter().enumerate()
    {
        let record = scene.issue(a_session(&a_number(number)).at(START)).await;
        end_with(&scene, &record, end).await;
        let before = scene.session(record.session.id).await;
        let canceled = scene.store.cancel(home(), record.session.id, None, at(5)).await.unwrap();
        assert_eq!(canceled, Some(CancelSession::Finished(end)));
        assert_eq!(scene.session(record.session.id).await, before);
    }
    let expired = scene.issue(a_session(ALICE).at(START)).await;
    let canceled = scene.store.cancel(home(), expired.session.id, None, expired.session.expires_at).await.unwrap();
    assert_eq!(canceled, Some(CancelSession::Finished(SessionStatus::Expired)));
}

pub async fn the_code_of_a_session_is_no_message_to_cancel(scene: Scene) {
    let record = scene.issue(a_session(ALICE).unleased().at(START)).await;
    assert_eq!(scene.store.cancel_delivery(home(), record.delivery, None, at(1)).await.unwrap(), None);
    assert_eq!(scene.delivery_status(record.delivery).await, DeliveryStatus::Queued);
}

pub async fn canceling_a_session_cancels_what_is_still_queued_of_it(scene: Scene) {
    let record = scene.issue(a_session(ALICE).unleased().at(START)).await;
    let other = scene.issue(a_session(BOB).unleased().at(START)).await;
    let canceled = scene.store.cancel(home(), record.session.id, None, at(1)).await.unwrap();
    assert!(matches!(canceled, Some(CancelSession::Done(_))));

    assert_eq!(scene.delivery_status(record.delivery).await, DeliveryStatus::Canceled);
    let sent = scene.sent(record.session.id).await;
    assert_eq!(sent.delivery.reached_at(DeliveryStatus::Canceled), Some(at(1)));
    let due = scene.claim_one(at(1)).await;
    assert_eq!(due.record.id, other.delivery, "only the other session's message is still to be sent");
    assert_eq!(scene.claim(10, at(1).plus(LEASE)).await.len(), 1);
}

pub async fn canceling_a_session_takes_back_no_message_that_was_sent(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&free_to_send()).at(START)).await;
    scene.progress(&Lease::first(home(), record.delivery), an_acceptance("wamid.1", at(1))).await;
    scene.store.cancel(home(), record.session.id, None, at(2)).await.unwrap();
    assert_eq!(scene.delivery_status(record.delivery).await, DeliveryStatus::Accepted);
}
