use whatotp_domain::{Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{CancelDelivery, DeliveryRecord, Enqueued, Progress, Via};

use super::Scene;
use super::scene::assert_same_way;
use crate::fixtures::{
    ALICE, BOB, LEASE, a_message, a_session, an_acceptance, an_event, at, home, just_before, message_of, other_account,
    other_mode, sender_id,
};
use crate::{START, SeededEntropy};

pub async fn a_message_is_found_with_everything_in_it(scene: Scene) {
    let new = a_message(ALICE, START);
    let id = scene.enqueue(new.clone()).await;
    let stored = scene.delivery(id).await;
    assert_same_way(&stored.delivery, &Delivery::queued(START));
    let expected = DeliveryRecord {
        id: new.id,
        scope: new.scope,
        kind: new.kind,
        recipient: new.recipient,
        number: new.number,
        country: new.country,
        asked: new.asked,
        variables: new.variables,
        metadata: new.metadata,
        locale: new.locale,
        delivery: stored.delivery.clone(),
        route: new.route,
        fallback: false,
        sender: None,
        attempts: 0,
        in_doubt: 0,
        created_at: new.created_at,
        expires_at: new.expires_at,
    };
    assert_eq!(stored, expected);
    let new = a_message(BOB, START);
    let enqueued = scene.store.enqueue(new.clone(), None, START).await.unwrap();
    assert_eq!(enqueued, Enqueued::Stored(Box::new(scene.delivery(new.id).await)), "the caller is shown the same");
}

pub async fn nobody_else_can_see_or_cancel_a_message(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    for stranger in [other_account(), other_mode()] {
        assert_eq!(scene.store.find_delivery(stranger, id).await.unwrap(), None);
        assert_eq!(scene.store.cancel_delivery(stranger, id, None, START).await.unwrap(), None);
    }
    let unknown = DeliveryId::new(START, [0xFF; 10]);
    assert_eq!(scene.find_delivery(unknown).await, None);
    assert_eq!(scene.store.cancel_delivery(home(), unknown, None, START).await.unwrap(), None);
    assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Queued);
    assert_eq!(scene.claim_one(START).await.record.id, id);
}

pub async fn progress_is_kept_and_says_when_to_look_again(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claimed = scene.claim_one(START).await;
    let via = Some(Via { route: 2, sender: Some(sender_id(3)) });
    let accepted = Progress { via, due_at: Some(at(9)), ..an_acceptance("wamid.HBgL==", at(1)) };
    let way = scene.progress(&claimed.lease, accepted).await;
    let stored = scene.delivery(id).await;
    assert_same_way(&way, &stored.delivery);
    assert_eq!((way.status(), way.reached_at(DeliveryStatus::Accepted)), (DeliveryStatus::Accepted, Some(at(1))));
    assert_eq!((stored.attempts, stored.route, &stored.sender), (1, 2, &Some(sender_id(3))));
    let message = message_of("wamid.HBgL==");
    assert_eq!(scene.store.find_by_message(&message).await.unwrap().as_ref(), Some(&stored));

    assert_eq!(scene.store.next_due().await.unwrap(), Some(at(9)));
    assert!(scene.claim(10, just_before(at(9))).await.is_empty());
    let again = scene.claim_one(at(9)).await;
    assert_eq!(again.record, stored, "a worker gets the delivery as it is stored");
    assert!(!again.interrupted && again.lease.token > claimed.lease.token);

    // A poll that is no attempt, with news of no id and no sender: none of them is lost.
    let delivered = Progress { events: vec![an_event(DeliveryStatus::Delivered, at(10))], ..Progress::default() };
    scene.store.progress(&again.lease, delivered).await.unwrap().expect("the lease holds");
    let stored = scene.delivery(id).await;
    assert_eq!((stored.attempts, stored.route, &stored.sender), (1, 2, &Some(sender_id(3))));
    assert_eq!(stored.delivery.status(), DeliveryStatus::Delivered);
    assert_eq!(scene.store.find_by_message(&message).await.unwrap(), Some(stored));
    assert_eq!(scene.store.next_due().await.unwrap(), None, "nobody has to look at it again");
    assert!(scene.claim(10, at(1_000_000)).await.is_empty());
}

pub async fn every_try_is_counted(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    for tries in 1..=3 {
        let claimed = scene.claim_one(at(tries)).await;
        assert_eq!(u64::from(claimed.record.attempts), tries - 1);
        let retry = Progress { attempted: true, due_at: Some(at(tries + 1)), ..Progress::default() };
        scene.store.progress(&claimed.lease, retry).await.unwrap().expect("the lease holds");
        assert_eq!(u64::from(scene.delivery(id).await.attempts), tries);
        assert_eq!(scene.delivery(id).await.in_doubt, 0);
        assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Queued, "no event, no news");
    }
}

pub async fn tries_of_unknown_outcome_are_counted_apart(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    for (tries, in_doubt) in [(1, false), (2, true), (3, true)] {
        let claimed = scene.claim_one(at(tries)).await;
        let tried = Progress { attempted: true, in_doubt, due_at: Some(at(tries + 1)), ..Progress::default() };
        scene.store.progress(&claimed.lease, tried).await.unwrap().expect("the lease holds");
    }
    let stored = scene.delivery(id).await;
    assert_eq!((stored.attempts, stored.in_doubt), (3, 2));
}

pub async fn a_late_event_moves_nothing_back(scene: Scene) {
    use DeliveryStatus::{Accepted, Delivered, Failed, Sent};
    let id = scene.enqueue(a_message(ALICE, START)).await;
    step(&scene, at(1), vec![an_event(Accepted, at(1)), an_event(Sent, at(3))]).await;
    let way = step(&scene, at(2), vec![an_event(Accepted, at(4)), an_event(Sent, at(2))]).await;
    assert_eq!(way.status(), Sent);
    assert_eq!((way.reached_at(Sent), way.reached_at(Accepted)), (Some(at(2)), Some(at(1))));
    let way = step(&scene, at(3), vec![an_event(Failed, at(6)), an_event(Delivered, at(7))]).await;
    assert_eq!((way.status(), way.error()), (Delivered, None), "it has arrived, whoever says that it failed");
    assert_same_way(&scene.delivery(id).await.delivery, &way);
}

pub async fn a_failure_keeps_what_the_provider_said(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let failed = an_event(DeliveryStatus::Failed, at(2));
    let way = step(&scene, at(1), vec![failed.clone()]).await;
    assert_eq!((way.status(), way.error()), (DeliveryStatus::Failed, failed.error.as_ref()));
    let stored = scene.delivery(id).await;
    assert_eq!(stored.delivery.error(), failed.error.as_ref());
    assert_eq!(stored.delivery.reached_at(DeliveryStatus::Failed), Some(at(2)));
}

pub async fn in_whatever_order_events_come_the_story_is_the_same(scene: Scene) {
    // What has arrived is due no more, so no worker has more to say: that is for reports.
    let statuses: Vec<_> =
        DeliveryStatus::ALL.into_iter().filter(|status| *status < DeliveryStatus::Delivered).collect();
    for seed in 0..40 {
        let dice = SeededEntropy::new(seed);
        let new = a_message(ALICE, START);
        let mut expected = Delivery::queued(START);
        let id = scene.enqueue(new).await;
        let mut now = START;
        for _ in 0..6 {
            let events: Vec<DeliveryEvent> =
                (0..dice.next_u64() % 4).map(|_| an_event(dice.pick(&statuses), at(dice.next_u64() % 20))).collect();
            for event in &events {
                expected.record(event);
            }
            now = now.plus(LEASE);
            let way = step(&scene, now, events).await;
            assert_same_way(&way, &expected);
        }
        assert_same_way(&scene.delivery(id).await.delivery, &expected);
        let claimed = scene.claim_one(now.plus(LEASE)).await;
        scene.progress(&claimed.lease, Progress::default()).await;
    }
}

pub async fn a_session_shows_the_way_of_its_latest_delivery(scene: Scene) {
    let record = scene.issue(a_session(ALICE).unleased().at(START)).await;
    let way = step(&scene, at(1), vec![an_event(DeliveryStatus::Sent, at(1))]).await;
    let sent = scene.sent(record.session.id).await;
    assert_same_way(&sent.delivery, &way);
    assert_eq!((sent.delivery.status(), sent.sender), (DeliveryStatus::Sent, None));
}

pub async fn a_queued_message_is_canceled_and_never_sent(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let canceled = scene.store.cancel_delivery(home(), id, None, at(1)).await.unwrap();
    let Some(CancelDelivery::Done(record)) = canceled else { panic!("not canceled: {canceled:?}") };
    assert_eq!(record.delivery.reached_at(DeliveryStatus::Canceled), Some(at(1)));
    assert_eq!(record.delivery.status(), DeliveryStatus::Canceled);
    assert_eq!(scene.delivery(id).await, *record);
    assert_eq!(scene.store.next_due().await.unwrap(), None);
    assert!(scene.claim(10, at(1_000_000)).await.is_empty());
    let again = scene.store.cancel_delivery(home(), id, None, at(2)).await.unwrap();
    assert_eq!(again, Some(CancelDelivery::TooLate(DeliveryStatus::Canceled)));
    assert_eq!(scene.delivery(id).await, *record);
}

pub async fn a_message_that_a_worker_has_is_not_canceled(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claimed = scene.claim_one(START).await;
    let now = just_before(START.plus(LEASE));
    let canceled = scene.store.cancel_delivery(home(), id, None, now).await.unwrap();
    assert_eq!(canceled, Some(CancelDelivery::TooLate(DeliveryStatus::Queued)));
    assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Queued);

    // The worker hands it back for a later try, and nobody has it any more.
    let retry = Progress { attempted: true, due_at: Some(at(100)), ..Progress::default() };
    scene.store.progress(&claimed.lease, retry).await.unwrap().expect("the cancellation took no lease away");
    let canceled = scene.store.cancel_delivery(home(), id, None, at(60)).await.unwrap();
    assert!(matches!(canceled, Some(CancelDelivery::Done(_))), "{canceled:?}");
    assert!(scene.claim(10, at(100)).await.is_empty());
}

pub async fn a_message_past_queued_is_not_canceled(scene: Scene) {
    use DeliveryStatus::{Accepted, Delivered, Expired, Failed, Unknown};
    for status in [Unknown, Accepted, Expired, Failed, Delivered] {
        let id = scene.enqueue(a_message(ALICE, START)).await;
        let claimed = scene.claim_one(START).await;
        let progress = Progress { events: vec![an_event(status, at(1))], attempted: true, ..Progress::default() };
        scene.store.progress(&claimed.lease, progress).await.unwrap().expect("the lease holds");
        let canceled = scene.store.cancel_delivery(home(), id, None, at(2)).await.unwrap();
        assert_eq!(canceled, Some(CancelDelivery::TooLate(status)));
        assert_eq!(scene.delivery_status(id).await, status);
    }
}

pub async fn old_deliveries_that_are_done_are_purged(scene: Scene) {
    let mut done = Vec::new();
    for second in 0..4 {
        done.push(scene.enqueue(a_message(ALICE, at(second))).await);
        let claimed = scene.claim_one(at(second)).await;
        let progress = Progress { events: vec![an_event(DeliveryStatus::Read, at(second))], ..Progress::default() };
        scene.store.progress(&claimed.lease, progress).await.unwrap().expect("the lease holds");
    }
    let mut stranger = a_message(ALICE, at(0));
    stranger.scope = other_account();
    let stranger_id = stranger.id;
    scene.store.enqueue(stranger, None, at(0)).await.unwrap();
    scene.store.cancel_delivery(other_account(), stranger_id, None, at(0)).await.unwrap();
    let waiting = scene.enqueue(a_message(BOB, at(0))).await;
    let leased = scene.enqueue(a_message(BOB, just_before(at(0)))).await;
    assert_eq!(scene.claim(1, at(4)).await[0].record.id, leased, "the one that is due for longest");

    let purge = |limit| scene.store.purge_deliveries(at(2), limit);
    assert_eq!(purge(2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(10).await.unwrap(), 1, "of every account");
    assert_eq!(purge(10).await.unwrap(), 0);
    for (id, stays) in done.iter().zip([false, false, true, true]) {
        assert_eq!(scene.find_delivery(*id).await.is_some(), stays, "{id}");
    }
    assert_eq!(scene.store.find_delivery(other_account(), stranger_id).await.unwrap(), None);
    assert!(scene.find_delivery(waiting).await.is_some(), "what is still to be sent stays, however old");
    assert!(scene.find_delivery(leased).await.is_some(), "and what a worker has");
}

/// A worker that takes the one delivery that is due, reports, and leaves it due again when its lease would be over.
async fn step(scene: &Scene, now: Timestamp, events: Vec<DeliveryEvent>) -> Delivery {
    let claimed = scene.claim_one(now).await;
    let progress = Progress { events, due_at: Some(now), ..Progress::default() };
    scene.store.progress(&claimed.lease, progress).await.unwrap().expect("the lease holds")
}
