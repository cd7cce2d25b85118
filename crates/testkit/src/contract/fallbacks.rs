use std::sync::Arc;

use whatotp_domain::{DeliveryId, DeliveryStatus, SessionId, SessionStatus};
use whatotp_ports::{Before, Lease, Progress, Resend, Sent, SessionRecord, Via};

use super::Scene;
use super::scene::{count, race};
use super::sessions::end_with;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, a_fallback, a_message, a_number, a_report, a_resend, a_session, a_withdrawal, an_acceptance, at,
    free_to_send, home, just_before, limited_by, naming, other_account, other_mode, sender_id,
};

pub async fn a_fallback_is_a_delivery_and_no_resend(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let new = a_fallback(&record, at(10));
    assert!(scene.store.fall_back(home(), record.session.id, record.delivery, new.clone(), at(10)).await.unwrap());

    let expected = SessionRecord { delivery: new.id, ..record.clone() };
    assert_eq!(scene.session(record.session.id).await, expected, "its messages are counted as before");
    let stored = scene.delivery(new.id).await;
    assert_eq!((stored.kind, stored.route, stored.fallback, stored.sender), (new.kind, new.route, true, None));
    assert_eq!(stored.delivery.reached_at(DeliveryStatus::Queued), Some(at(10)));
    assert!(!scene.delivery(record.delivery).await.fallback);
    assert_eq!(scene.claim_one(at(10)).await.record.id, new.id, "the next worker takes it");
    // Nor has the number's ledger counted it: the next message is the second.
    let resent = scene.resend(a_resend(&expected, at(30))).await;
    assert_eq!((resent.session.sends, resent.session.resend_available_at), (2, at(30 + 60)));
    assert!(!scene.delivery(resent.delivery).await.fallback);
}

pub async fn a_session_falls_back_from_its_latest_delivery_only(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&free_to_send()).at(START)).await;
    let id = record.session.id;
    let first = fall_back(&scene, &record, record.delivery).await.expect("it is the latest");
    assert_eq!(fall_back(&scene, &record, record.delivery).await, None, "it has a later one");
    let second = fall_back(&scene, &record, first).await.expect("it is the latest");
    let resent = scene.resend(Resend { limits: limited_by(&free_to_send()), ..a_resend(&record, at(3)) }).await;
    for earlier in [record.delivery, first, second, DeliveryId::new(START, [0xFF; 10])] {
        assert_eq!(fall_back(&scene, &record, earlier).await, None);
    }
    assert_eq!(scene.session(id).await, resent);
    for stranger in [other_account(), other_mode()] {
        let new = a_fallback(&record, at(4));
        assert!(!scene.store.fall_back(stranger, id, resent.delivery, new, at(4)).await.unwrap());
    }
    let unknown = SessionId::new(START, [0xFF; 10]);
    let new = a_fallback(&record, at(4));
    assert!(!scene.store.fall_back(home(), unknown, resent.delivery, new, at(4)).await.unwrap());
    assert_eq!(scene.session(id).await, resent);
}

pub async fn a_session_that_is_over_does_not_fall_back(scene: Scene) {
    for (number, end) in
        [SessionStatus::Verified, SessionStatus::Locked, SessionStatus::Canceled, SessionStatus::Failed]
            .into_iter()
            .enumerate()
    {
        let record = scene.issue(a_session(&a_number(number)).at(START)).await;
        end_with(&scene, &record, end).await;
        let before = scene.session(record.session.id).await;
        let new = a_fallback(&record, at(2));
        let id = new.id;
        assert!(!scene.store.fall_back(home(), record.session.id, record.delivery, new, at(2)).await.unwrap(), "{end}");
        assert_eq!(scene.session(record.session.id).await, before);
        assert_eq!(scene.find_delivery(id).await, None);
    }
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let falls_back = async |now| {
        scene.store.fall_back(home(), record.session.id, record.delivery, a_fallback(&record, now), now).await.unwrap()
    };
    assert!(!falls_back(record.session.expires_at).await);
    assert!(falls_back(just_before(record.session.expires_at)).await);
}

/// Of a code that went out more than once at the same time, the one that came furthest is shown, and its sender.
pub async fn a_session_shows_the_most_promising_of_a_delivery_and_its_fallbacks(scene: Scene) {
    use DeliveryStatus::{Accepted, Canceled, Delivered, Expired, Failed, Queued, Read, Sent, Unknown};
    let statuses = [Queued, Unknown, Accepted, Sent, Canceled, Expired, Failed, Delivered, Read];
    let mut number = 0;
    for first in statuses {
        for second in statuses {
            number += 1;
            let record = scene.issue(a_session(&a_number(number)).at(START)).await;
            let latest = fall_back(&scene, &record, record.delivery).await.expect("it is the latest");
            reach(&scene, record.delivery, 0, first).await;
            reach(&scene, latest, 1, second).await;
            let (expected, sender) = if first.promise() > second.promise() { (first, 0) } else { (second, 1) };
            let shown = scene.sent(record.session.id).await;
            assert_eq!(shown.delivery.status(), expected, "{first}, then {second}");
            assert_eq!(shown.sender, Some(sender_id(sender)), "{first}, then {second}: the later one when they tie");
        }
    }
}

pub async fn a_session_shows_nothing_from_before_its_latest_resend(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&free_to_send()).at(START)).await;
    let fallback = fall_back(&scene, &record, record.delivery).await.expect("it is the latest");
    reach(&scene, record.delivery, 0, DeliveryStatus::Read).await;
    let resent = scene.resend(Resend { limits: limited_by(&free_to_send()), ..a_resend(&record, at(3)) }).await;
    assert_eq!(scene.sent(record.session.id).await.delivery.status(), DeliveryStatus::Queued);
    // Three more senders, of which the last but one is the first to reach somebody.
    let mut latest = vec![resent.delivery];
    for route in 0..3 {
        let next = fall_back(&scene, &record, latest[route]).await.expect("it is the latest");
        latest.push(next);
    }
    reach(&scene, fallback, 9, DeliveryStatus::Read).await;
    reach(&scene, latest[2], 2, DeliveryStatus::Accepted).await;
    let Sent { delivery, sender } = scene.sent(record.session.id).await;
    assert_eq!((delivery.status(), sender), (DeliveryStatus::Accepted, Some(sender_id(2))));
}

pub async fn canceling_a_session_cancels_its_fallbacks_too(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&free_to_send()).unleased().at(START)).await;
    let mut ids = vec![record.delivery];
    for _ in 0..5 {
        let next = fall_back(&scene, &record, ids[ids.len() - 1]).await.expect("it is the latest");
        ids.push(next);
    }
    let resend = Resend { limits: limited_by(&free_to_send()), ..a_resend(&record, at(3)) };
    ids.push(scene.resend(resend).await.delivery);
    let other = scene.enqueue(a_message(BOB, at(3))).await;
    scene.store.cancel(home(), record.session.id, None, at(4)).await.unwrap();
    let leased = ids.pop().expect("the resend");
    for id in ids {
        assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Canceled, "{id}");
    }
    assert_eq!(scene.delivery_status(leased).await, DeliveryStatus::Queued, "its caller has it");
    assert_eq!(scene.claim_one(at(4)).await.record.id, other);
}

pub async fn a_session_fails_however_many_fallbacks_its_only_message_had(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let fallback = fall_back(&scene, &record, record.delivery).await.expect("it is the latest");
    fall_back(&scene, &record, fallback).await.expect("it is the latest");
    scene.store.fail(home(), record.session.id, at(3)).await.unwrap();
    assert_eq!(scene.status(record.session.id, at(3)).await, SessionStatus::Failed);
}

pub async fn a_fallback_is_not_withdrawn_but_a_resend_after_it_is(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&free_to_send()).at(START)).await;
    let fallback = fall_back(&scene, &record, record.delivery).await.expect("it is the latest");
    let before = scene.session(record.session.id).await;
    for delivery in [record.delivery, fallback] {
        let record = SessionRecord { delivery, ..record.clone() };
        scene.store.withdraw(a_withdrawal(&record, Before::NoSession(None)), at(3)).await.unwrap();
        assert_eq!(scene.session(record.session.id).await, before);
        assert!(scene.find_delivery(delivery).await.is_some());
    }
    let resent = scene.resend(Resend { limits: limited_by(&free_to_send()), ..a_resend(&record, at(4)) }).await;
    let resend_available_at = before.session.resend_available_at;
    let earlier = Before::Delivery { latest: fallback, resend_available_at };
    scene.store.withdraw(a_withdrawal(&resent, earlier), at(5)).await.unwrap();
    assert_eq!(scene.session(record.session.id).await, before);
}

pub async fn of_racing_fallbacks_one_is_stored(scene: Scene) {
    for round in 0..10 {
        let record = scene.issue(a_session(&a_number(round)).at(START)).await;
        let fallbacks: Vec<_> = (0..10).map(|_| a_fallback(&record, at(1))).collect();
        let stored = race(fallbacks.clone().into_iter().map(|new| {
            let (store, session, delivery) = (Arc::clone(&scene.store), record.session.id, record.delivery);
            async move { store.fall_back(home(), session, delivery, new, at(1)).await.expect("fall_back answers") }
        }))
        .await;
        assert_eq!(count(&stored, |stored| *stored), 1);
        let latest = scene.session(record.session.id).await.delivery;
        for (new, stored) in fallbacks.iter().zip(stored) {
            assert_eq!(stored, new.id == latest);
            assert_eq!(scene.find_delivery(new.id).await.is_some(), stored);
        }
    }
}

async fn fall_back(scene: &Scene, record: &SessionRecord, instead_of: DeliveryId) -> Option<DeliveryId> {
    let new = a_fallback(record, at(2));
    let id = new.id;
    let stored = scene.store.fall_back(home(), record.session.id, instead_of, new, at(2)).await;
    let stored = stored.expect("fall_back answers");
    assert_eq!(scene.find_delivery(id).await.is_some(), stored);
    stored.then_some(id)
}

/// Brings a delivery to a status, by the sender with this number.
async fn reach(scene: &Scene, id: DeliveryId, sender: u8, status: DeliveryStatus) {
    // Whoever has the others must not be in the way.
    let lease = match scene.claim(1000, at(2)).await.into_iter().find(|claimed| claimed.record.id == id) {
        Some(claimed) => claimed.lease,
        None => Lease::first(home(), id),
    };
    let via = Some(Via { route: sender.into(), sender: Some(sender_id(sender)) });
    let progress = Progress { events: Vec::new(), via, ..an_acceptance(&id.to_string(), at(2)) };
    scene.progress(&lease, progress).await;
    scene.report(vec![naming(id, &a_report("wamid.any", status, at(3)))], at(3)).await;
}
