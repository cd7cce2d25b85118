use std::sync::Arc;
use std::time::Duration;

use whatotp_domain::{Delivery, DeliveryStatus};
use whatotp_ports::{CancelDelivery, Lease, NewDelivery, Progress, Via};

use super::Scene;
use super::scene::{assert_same_way, count, race};
use crate::START;
use crate::fixtures::{
    ALICE, BOB, LEASE, a_message, a_number, a_resend, a_session, an_acceptance, an_event, at, home, just_before,
    message_of, other_account, other_mode,
};

pub async fn a_message_is_due_at_once(scene: Scene) {
    assert_eq!(scene.store.next_due().await.unwrap(), None);
    assert!(scene.claim(10, START).await.is_empty());
    let id = scene.enqueue(a_message(ALICE, START)).await;
    assert_eq!(scene.store.next_due().await.unwrap(), Some(START));
    assert!(scene.claim(10, just_before(START)).await.is_empty());
    let claimed = scene.claim_one(START).await;
    assert_eq!(claimed.record, scene.delivery(id).await);
    assert_eq!((claimed.lease.scope, claimed.lease.delivery), (home(), id));
    assert!(!claimed.interrupted && claimed.lease.token >= 1);
}

pub async fn workers_serve_every_account_longest_due_first(scene: Scene) {
    let mut expected = Vec::new();
    // The order of making, of ids and of accounts is not that of being due.
    for (due, scope) in [(5, home()), (1, other_account()), (4, other_mode()), (2, home()), (3, other_account())] {
        let leased_for = Some(Duration::from_secs(due));
        let new = NewDelivery { scope, leased_for, ..a_message(ALICE, START) };
        expected.push((due, scope, new.id));
        scene.store.enqueue(new, None, START).await.unwrap();
    }
    expected.sort_by_key(|(due, ..)| *due);
    let expected: Vec<_> = expected.into_iter().map(|(_, scope, id)| (scope, id)).collect();

    let mut claimed = Vec::new();
    for limit in [2, 1, 10, 10] {
        let batch = scene.claim(limit, at(4)).await;
        assert!(batch.len() <= usize::try_from(limit).expect("small"));
        claimed.extend(batch.into_iter().map(|one| (one.lease.scope, one.record.id)));
    }
    assert_eq!(claimed, expected[..4], "what is due at 5 is not due yet");
    assert!(scene.claim(0, at(5)).await.is_empty());
    assert_eq!(scene.claim_one(at(5)).await.record.id, expected[4].1);
}

pub async fn a_delivery_is_due_again_when_its_lease_is_over(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let lease_for = Duration::from_secs(20);
    let claim = async |now| scene.store.claim_due(lease_for, 10, now).await.unwrap();
    let mut token = claim(START).await[0].lease.token;
    for round in 1..4 {
        let lapse = at(20 * round);
        assert_eq!(scene.store.next_due().await.unwrap(), Some(lapse));
        assert!(claim(just_before(lapse)).await.is_empty());
        let claimed = claim(lapse).await;
        assert_eq!((claimed.len(), claimed[0].record.id), (1, id));
        assert!(claimed[0].interrupted, "its worker died without a word");
        assert!(claimed[0].lease.token > token, "every lease has a greater token");
        token = claimed[0].lease.token;
    }
}

/// SECURITY.md R2.
pub async fn a_worker_whose_lease_was_given_to_another_cannot_write(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let old = scene.claim_one(START).await.lease;
    let new = scene.claim_one(START.plus(LEASE)).await.lease;
    let before = scene.delivery(id).await;

    let late = Progress { events: vec![an_event(DeliveryStatus::Failed, at(1))], ..an_acceptance("wamid.late", at(1)) };
    assert_eq!(scene.store.progress(&old, late).await.unwrap(), None);
    assert_eq!(scene.delivery(id).await, before, "nothing was written");
    assert_eq!(scene.store.find_by_message(&message_of("wamid.late")).await.unwrap(), None);
    assert_eq!(scene.store.next_due().await.unwrap(), Some(START.plus(2 * LEASE)), "nor is the other's lease ended");

    let accepted = Progress { events: vec![an_event(DeliveryStatus::Accepted, at(61))], ..Progress::default() };
    let way = scene.store.progress(&new, accepted.clone()).await.unwrap().expect("the lease holds");
    assert_eq!(way.status(), DeliveryStatus::Accepted);
    assert_eq!(scene.store.progress(&new, accepted).await.unwrap(), None, "progress ends the lease");
}

pub async fn a_slow_worker_that_nobody_replaced_may_still_write(scene: Scene) {
    scene.enqueue(a_message(ALICE, START)).await;
    let lease = scene.claim_one(START).await.lease;
    assert!(scene.claim(10, just_before(START.plus(LEASE))).await.is_empty());
    let accepted = Progress { events: vec![an_event(DeliveryStatus::Accepted, at(70))], ..Progress::default() };
    let way = scene.store.progress(&lease, accepted).await.unwrap().expect("nobody else has it");
    assert_eq!(way.status(), DeliveryStatus::Accepted);
    assert!(scene.claim(10, at(80)).await.is_empty(), "it is not sent twice");
}

pub async fn a_lease_is_good_for_its_own_delivery_only(scene: Scene) {
    let alice = scene.enqueue(a_message(ALICE, START)).await;
    let bob = scene.enqueue(a_message(BOB, START)).await;
    assert_eq!(scene.claim(1, START).await.len(), 1);
    assert_eq!(scene.claim(1, START).await.len(), 1);
    let failed = Progress { events: vec![an_event(DeliveryStatus::Failed, at(1))], ..Progress::default() };
    for lease in [
        Lease { scope: other_account(), delivery: alice, token: 1 },
        Lease { scope: other_mode(), delivery: alice, token: 1 },
        Lease { scope: home(), delivery: alice, token: 0 },
        Lease { scope: home(), delivery: bob, token: i64::MAX },
    ] {
        assert_eq!(scene.store.progress(&lease, failed.clone()).await.unwrap(), None, "{lease:?}");
    }
    assert_eq!(scene.delivery_status(alice).await, DeliveryStatus::Queued);
    assert_eq!(scene.delivery_status(bob).await, DeliveryStatus::Queued);
}

pub async fn a_delivery_in_nobodys_hands_cannot_be_written(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let failed = Progress { events: vec![an_event(DeliveryStatus::Failed, at(1))], ..Progress::default() };
    assert_eq!(scene.store.progress(&Lease::first(home(), id), failed).await.unwrap(), None);
    assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Queued);
    assert_eq!(scene.claim_one(START).await.record.id, id);
}

/// The caller of `issue` makes the first attempt itself; a worker takes over when it dies.
pub async fn a_first_lease_is_the_callers_until_it_lapses(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let first = Lease::first(home(), record.delivery);
    let lapse = START.plus(LEASE);
    assert_eq!(scene.store.next_due().await.unwrap(), Some(lapse));
    assert!(scene.claim(10, just_before(lapse)).await.is_empty());
    let worker = scene.claim_one(lapse).await;
    assert_eq!(worker.record.id, record.delivery);
    assert!(worker.interrupted && worker.lease.token > first.token);
    let accepted = Progress { events: vec![an_event(DeliveryStatus::Accepted, at(61))], ..Progress::default() };
    assert_eq!(scene.store.progress(&first, accepted.clone()).await.unwrap(), None);
    assert!(scene.store.progress(&worker.lease, accepted).await.unwrap().is_some());
}

pub async fn the_holder_of_a_first_lease_reports_like_any_worker(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    let resent = scene.resend(a_resend(&record, at(30))).await;
    let message = NewDelivery { leased_for: Some(LEASE), ..a_message(BOB, at(30)) };
    let message = scene.enqueue(message).await;
    assert!(scene.claim(10, at(59)).await.is_empty());
    for id in [record.delivery, resent.delivery, message] {
        let mut expected: Delivery = scene.delivery(id).await.delivery;
        let accepted = an_event(DeliveryStatus::Accepted, at(31));
        expected.record(&accepted);
        let progress = Progress { events: vec![accepted], attempted: true, ..Progress::default() };
        let lease = Lease::first(home(), id);
        let way = scene.store.progress(&lease, progress.clone()).await.unwrap().expect("the lease holds");
        assert_same_way(&way, &expected);
        assert_eq!(scene.delivery(id).await.attempts, 1);
        assert_eq!(scene.store.progress(&lease, progress).await.unwrap(), None, "progress ended the lease");
    }
    assert_eq!(scene.store.next_due().await.unwrap(), None);
}

pub async fn what_is_past_its_time_is_still_handed_out_so_that_its_end_is_written_down(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let late = scene.delivery(id).await.expires_at.plus(LEASE);
    let claimed = scene.claim_one(late).await;
    let expired = Progress { events: vec![an_event(DeliveryStatus::Expired, late)], ..Progress::default() };
    let way = scene.store.progress(&claimed.lease, expired).await.unwrap().expect("the lease holds");
    assert_eq!(way.status(), DeliveryStatus::Expired);
}

pub async fn the_next_due_is_the_earliest_of_all(scene: Scene) {
    for (number, second) in [50, 20, 40].into_iter().enumerate() {
        scene.enqueue(a_message(&a_number(number), at(second))).await;
    }
    let other = NewDelivery { scope: other_account(), ..a_message(ALICE, at(10)) };
    scene.store.enqueue(other, None, at(10)).await.unwrap();
    for second in [10, 20, 40, 50] {
        assert_eq!(scene.store.next_due().await.unwrap(), Some(at(second)));
        let claimed = scene.claim_one(at(second)).await;
        scene.store.progress(&claimed.lease, Progress::default()).await.unwrap().expect("the lease holds");
    }
    assert_eq!(scene.store.next_due().await.unwrap(), None);
}

pub async fn of_racing_reports_under_one_lease_one_is_written(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let lease = scene.claim_one(START).await.lease;
    let reports = race((0..20).map(|n| {
        let store = Arc::clone(&scene.store);
        let via = Some(Via { route: n, sender: None });
        let progress = Progress { via, ..an_acceptance(&format!("wamid.{n}"), at(1)) };
        async move { store.progress(&lease, progress).await.expect("progress answers") }
    }))
    .await;
    let written: Vec<u32> = (0_u32..).zip(&reports).filter_map(|(n, report)| report.as_ref().map(|_| n)).collect();
    assert_eq!(written.len(), 1, "{written:?}");
    let stored = scene.delivery(id).await;
    assert_eq!((stored.attempts, stored.route), (1, written[0]));
    for n in 0..20 {
        let found = scene.store.find_by_message(&message_of(&format!("wamid.{n}"))).await.unwrap();
        assert_eq!(found.is_some(), n == written[0]);
    }
}

pub async fn a_worker_and_a_cancellation_race_for_one_message(scene: Scene) {
    for round in 0..20 {
        let id = scene.enqueue(a_message(ALICE, at(round))).await;
        let won = race((0..6).map(|n| {
            let scene = scene.clone();
            async move {
                if (n + round) % 2 == 0 {
                    scene.claim(1, at(round)).await.len() == 1
                } else {
                    let canceled = scene.store.cancel_delivery(home(), id, None, at(round)).await.unwrap();
                    matches!(canceled, Some(CancelDelivery::Done(_)))
                }
            }
        }))
        .await;
        assert_eq!(count(&won, |won| *won), 1, "it is either sent or canceled");
        let canceled = scene.delivery_status(id).await == DeliveryStatus::Canceled;
        let place = won.iter().position(|won| *won).expect("one has won");
        assert_eq!(canceled, !(u64::try_from(place).expect("small") + round).is_multiple_of(2));
    }
}
