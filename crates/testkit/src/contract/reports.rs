use std::sync::Arc;
use std::time::Duration;

use whatotp_domain::{Delivery, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus};
use whatotp_ports::{DeliveryKind, Lease, NewDelivery, Progress, Report, Reported};

use super::Scene;
use super::scene::{assert_same_way, race};
use crate::fixtures::{
    ALICE, BOB, DAY, LEASE, a_message, a_number, a_report, a_session, an_acceptance, an_event, at, free_to_send, home,
    just_before, message_of, naming, other_account, other_mode,
};
use crate::{START, SeededEntropy};

pub async fn a_report_that_names_its_delivery_is_merged(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let message = scene.enqueue(a_message(BOB, START)).await;
    let kinds = [DeliveryKind::Otp(record.session.id), scene.delivery(message).await.kind];
    for (id, kind) in [record.delivery, message].into_iter().zip(kinds) {
        let report = naming(id, &a_report("wamid.unheard", DeliveryStatus::Sent, at(2)));
        let news = scene.report(vec![report], at(3)).await;
        assert_eq!(news, [Reported { scope: home(), delivery: id, kind, status: DeliveryStatus::Sent }]);
        let stored = scene.delivery(id).await.delivery;
        let mut expected = Delivery::queued(START);
        expected.record(&an_event(DeliveryStatus::Sent, at(2)));
        assert_same_way(&stored, &expected);
    }
    assert_eq!(scene.sent(record.session.id).await.delivery.status(), DeliveryStatus::Sent);
    assert_eq!(waiting(&scene).await, 0);
}

pub async fn a_report_is_joined_by_the_providers_id(scene: Scene) {
    let alice = accepted(&scene, ALICE, "wamid.alice").await;
    let bob = accepted(&scene, BOB, "wamid.bob").await;
    let failed = a_report("wamid.bob", DeliveryStatus::Failed, at(2));
    let news = scene.report(vec![failed.clone()], at(3)).await;
    assert_eq!(news.iter().map(|new| (new.delivery, new.status)).collect::<Vec<_>>(), [(bob, DeliveryStatus::Failed)]);
    assert_eq!(scene.delivery(bob).await.delivery.error(), failed.event.error.as_ref());
    assert_eq!(scene.delivery_status(alice).await, DeliveryStatus::Accepted);
    assert_eq!(waiting(&scene).await, 0);
}

pub async fn what_a_report_names_comes_before_the_providers_id(scene: Scene) {
    let alice = accepted(&scene, ALICE, "wamid.alice").await;
    let bob = accepted(&scene, BOB, "wamid.bob").await;
    scene.report(vec![naming(alice, &a_report("wamid.bob", DeliveryStatus::Read, at(2)))], at(3)).await;
    assert_eq!(scene.delivery_status(alice).await, DeliveryStatus::Read);
    assert_eq!(scene.delivery_status(bob).await, DeliveryStatus::Accepted);
}

pub async fn a_report_that_comes_before_the_id_is_told_waits_for_it(scene: Scene) {
    let id = leased(&scene, ALICE).await;
    let (sent, delivered) = (DeliveryStatus::Sent, DeliveryStatus::Delivered);
    for report in [a_report("wamid.1", delivered, at(3)), a_report("wamid.1", sent, at(2))] {
        for _ in 0..3 {
            assert_eq!(scene.report(vec![report.clone()], at(4)).await, []);
        }
    }
    scene.report(vec![a_report("wamid.2", DeliveryStatus::Failed, at(3))], at(4)).await;
    assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Queued);

    let planned = Progress { due_at: Some(at(60)), ..an_acceptance("wamid.1", at(1)) };
    let way = scene.progress(&Lease::first(home(), id), planned).await;
    let mut expected = Delivery::queued(START);
    for event in [an_event(DeliveryStatus::Accepted, at(1)), an_event(sent, at(2)), an_event(delivered, at(3))] {
        expected.record(&event);
    }
    assert_same_way(&way, &expected);
    assert_same_way(&scene.delivery(id).await.delivery, &expected);
    assert_eq!(scene.store.next_due().await.unwrap(), None, "it has arrived, whatever the worker planned");
    assert_eq!(waiting(&scene).await, 1, "only the report on the other message");
}

pub async fn a_report_tells_the_id_that_no_answer_told(scene: Scene) {
    let id = leased(&scene, ALICE).await;
    let found = async |id: &str| scene.store.find_by_message(&message_of(id)).await.unwrap().map(|one| one.id);
    scene.report(vec![naming(id, &a_report("wamid.1", DeliveryStatus::Sent, at(2)))], at(3)).await;
    assert_eq!(found("wamid.1").await, Some(id));
    // The first try's answer was lost, the second one's was not.
    let unknown =
        Progress { events: vec![an_event(DeliveryStatus::Unknown, at(4))], ..an_acceptance("wamid.2", at(5)) };
    scene.progress(&Lease::first(home(), id), unknown).await;
    scene.report(vec![naming(id, &a_report("wamid.3", DeliveryStatus::Delivered, at(6)))], at(7)).await;
    for known in ["wamid.1", "wamid.2", "wamid.3"] {
        assert_eq!(found(known).await, Some(id), "{known}");
    }
    // Of one that was accepted in so many words, every id is known.
    let bob = accepted(&scene, BOB, "wamid.bob").await;
    scene.report(vec![naming(bob, &a_report("wamid.other", DeliveryStatus::Sent, at(2)))], at(3)).await;
    assert_eq!(found("wamid.other").await, None);
}

pub async fn a_report_on_what_is_not_there_does_no_harm(scene: Scene) {
    let id = accepted(&scene, ALICE, "wamid.1").await;
    let unknown = DeliveryId::new(START, [0xFF; 10]);
    let read = a_report("wamid.unheard", DeliveryStatus::Read, at(2));
    let strangers = [other_account(), other_mode()].map(|scope| Some((scope, id)));
    for delivery in [Some((home(), unknown))].into_iter().chain(strangers) {
        let report = Report { delivery, ..read.clone() };
        assert_eq!(scene.report(vec![report.clone()], at(3)).await, [], "{delivery:?}");
        assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Accepted);
    }
    assert_eq!(waiting(&scene).await, 0, "there is nothing to wait for");
    // What it names is not there, but the provider's id is known.
    let report = naming(unknown, &a_report("wamid.1", DeliveryStatus::Read, at(2)));
    assert_eq!(scene.report(vec![report], at(3)).await.len(), 1);
    assert_eq!(scene.delivery_status(id).await, DeliveryStatus::Read);
}

pub async fn what_is_told_again_is_no_news(scene: Scene) {
    use DeliveryStatus::{Delivered, Failed, Sent};
    let id = accepted(&scene, ALICE, "wamid.1").await;
    let told = [(Sent, 2), (Failed, 3), (Delivered, 4)].map(|(status, second)| a_report("wamid.1", status, at(second)));
    for (told_so_far, report) in (1..).zip(&told) {
        assert_eq!(scene.report(vec![report.clone()], at(5)).await.len(), 1);
        for again in &told[..told_so_far] {
            assert_eq!(scene.report(vec![again.clone(), naming(id, again)], at(6)).await, [], "{again:?}");
        }
    }
}

pub async fn a_batch_tells_of_each_delivery_once_as_it_then_is(scene: Scene) {
    use DeliveryStatus::{Delivered, Read, Sent};
    let alice = accepted(&scene, ALICE, "wamid.alice").await;
    let bob = accepted(&scene, BOB, "wamid.bob").await;
    let news = scene.report(
        vec![
            a_report("wamid.alice", Read, at(4)),
            a_report("wamid.unheard", Sent, at(2)),
            naming(bob, &a_report("wamid.bob", Sent, at(2))),
            naming(alice, &a_report("wamid.alice", Sent, at(2))),
            a_report("wamid.bob", Delivered, at(3)),
        ],
        at(5),
    );
    let news: Vec<_> = news.await.into_iter().map(|new| (new.delivery, new.status)).collect();
    assert_eq!(news, [(alice, Read), (bob, Delivered)]);
    assert_eq!(scene.report(Vec::new(), at(6)).await, []);
}

pub async fn a_code_that_failed_is_due_at_once_and_a_message_that_failed_is_not(scene: Scene) {
    let failed = |id| vec![naming(id, &a_report("wamid.1", DeliveryStatus::Failed, at(4)))];
    // Whether nobody has to look at it any more, or only later.
    for (number, due_at) in [None, Some(at(60))].into_iter().enumerate() {
        let record = scene.issue(a_session(&a_number(number)).at(START)).await;
        let progress = Progress { due_at, ..an_acceptance(&format!("wamid.{number}"), at(1)) };
        scene.progress(&Lease::first(home(), record.delivery), progress.clone()).await;
        let message = leased(&scene, ALICE).await;
        scene.progress(&Lease::first(home(), message), progress).await;

        scene.report(failed(message), at(5)).await;
        assert!(scene.claim(10, at(5)).await.is_empty());
        scene.report(failed(record.delivery), at(5)).await;
        assert!(scene.claim(10, just_before(at(5))).await.is_empty());
        let claimed = scene.claim_one(at(5)).await;
        assert_eq!((claimed.record.id, claimed.interrupted), (record.delivery, false));
        scene.progress(&claimed.lease, Progress::default()).await;
        // It fails once, however often and however differently that is told.
        let earlier = a_report("wamid.1", DeliveryStatus::Failed, at(3));
        assert_eq!(scene.report(vec![naming(record.delivery, &earlier)], at(6)).await.len(), 1);
        assert_eq!(scene.store.next_due().await.unwrap(), None);
    }
}

pub async fn what_has_arrived_is_due_no_more(scene: Scene) {
    for (number, status) in [DeliveryStatus::Delivered, DeliveryStatus::Read].into_iter().enumerate() {
        let record = scene.issue(a_session(&a_number(number)).unleased().at(START)).await;
        let message = scene.enqueue(a_message(ALICE, START)).await;
        for id in [record.delivery, message] {
            let sent = naming(id, &a_report("wamid.1", DeliveryStatus::Sent, at(1)));
            scene.report(vec![sent], at(2)).await;
            assert_eq!(scene.store.next_due().await.unwrap(), Some(START), "somebody still has to look after it");
            scene.report(vec![naming(id, &a_report("wamid.1", status, at(2)))], at(3)).await;
            scene.report(vec![naming(id, &a_report("wamid.1", DeliveryStatus::Failed, at(2)))], at(3)).await;
            assert_eq!(scene.delivery_status(id).await, status);
        }
        assert!(scene.claim(10, at(1_000_000)).await.is_empty());
    }
}

pub async fn a_report_leaves_a_lease_alone(scene: Scene) {
    for (number, status) in [DeliveryStatus::Failed, DeliveryStatus::Delivered].into_iter().enumerate() {
        let record = scene.issue(a_session(&a_number(number)).at(START)).await;
        scene.report(vec![naming(record.delivery, &a_report("wamid.1", status, at(1)))], at(2)).await;
        assert!(scene.claim(10, just_before(START.plus(LEASE))).await.is_empty());
        assert_eq!(scene.store.next_due().await.unwrap(), Some(START.plus(LEASE)));
        // What its holder writes down and what was reported are both there.
        let planned = Progress { due_at: Some(at(30)), ..an_acceptance(&format!("wamid.{number}"), at(3)) };
        let way = scene.progress(&Lease::first(home(), record.delivery), planned).await;
        assert_eq!((way.status(), way.reached_at(DeliveryStatus::Accepted)), (status, Some(at(3))));
        let arrived = status == DeliveryStatus::Delivered;
        assert_eq!(scene.store.next_due().await.unwrap(), (!arrived).then_some(at(30)));
        for claimed in scene.claim(10, at(30)).await {
            scene.progress(&claimed.lease, Progress::default()).await;
        }
    }
}

pub async fn a_delivery_is_found_by_the_ids_it_has_at_the_provider(scene: Scene) {
    let found = async |id: &str| scene.store.find_by_message(&message_of(id)).await.unwrap();
    let theirs = NewDelivery { scope: other_account(), leased_for: Some(LEASE), ..a_message(ALICE, START) };
    let lease = Lease::first(theirs.scope, theirs.id);
    scene.store.enqueue(theirs, None, START).await.unwrap();
    scene.progress(&lease, an_acceptance("wamid.theirs", at(1))).await;
    assert_eq!(found("wamid.theirs").await.map(|one| (one.scope, one.id)), Some((other_account(), lease.delivery)));

    let id = leased(&scene, ALICE).await;
    let again = Progress { due_at: Some(at(2)), ..an_acceptance("wamid.first", at(1)) };
    scene.progress(&Lease::first(home(), id), again).await;
    let claimed = scene.claim_one(at(2)).await;
    scene.progress(&claimed.lease, an_acceptance("wamid.second", at(3))).await;
    for message in ["wamid.first", "wamid.second"] {
        assert_eq!(found(message).await, Some(scene.delivery(id).await), "{message}");
    }
    for message in ["wamid.third", "", "WAMID.FIRST"] {
        assert_eq!(found(message).await, None, "{message}");
    }
}

/// WhatsApp tries to deliver a message for 30 days.
pub async fn an_id_is_known_for_a_month(scene: Scene) {
    let mut first = None;
    for day in 0..=30 {
        let now = START.plus(day * DAY);
        let new = NewDelivery { leased_for: Some(LEASE), ..a_message(ALICE, now) };
        let id = scene.enqueue(new).await;
        scene.progress(&Lease::first(home(), id), an_acceptance(&format!("wamid.{day}"), now)).await;
        first.get_or_insert(id);
    }
    let news = scene.report(vec![a_report("wamid.0", DeliveryStatus::Failed, START)], START.plus(30 * DAY)).await;
    assert_eq!(news.first().map(|new| new.delivery), first);
}

pub async fn a_purged_delivery_is_forgotten_with_its_id(scene: Scene) {
    let mut ids = Vec::new();
    for day in 0..3 {
        let now = START.plus(day * DAY);
        let new = NewDelivery { leased_for: Some(LEASE), ..a_message(ALICE, now) };
        ids.push(scene.enqueue(new).await);
        scene.progress(&Lease::first(home(), ids[ids.len() - 1]), an_acceptance(&format!("wamid.{day}"), now)).await;
    }
    assert_eq!(scene.store.purge_deliveries(START.plus(2 * DAY), 10).await.unwrap(), 2);
    for (day, stays) in [(0, false), (1, false), (2, true)] {
        let found = scene.store.find_by_message(&message_of(&format!("wamid.{day}"))).await.unwrap();
        assert_eq!(found.is_some(), stays, "{day}");
    }
    let late = a_report("wamid.0", DeliveryStatus::Read, at(1));
    assert_eq!(scene.report(vec![naming(ids[0], &late)], at(2)).await, []);
    assert_eq!(waiting(&scene).await, 0);
    assert_eq!(scene.report(vec![a_report("wamid.2", DeliveryStatus::Read, at(1))], at(2)).await.len(), 1);
}

pub async fn reports_that_wait_in_vain_are_purged(scene: Scene) {
    for second in 0..5 {
        let report = a_report(&format!("wamid.{second}"), DeliveryStatus::Sent, at(100 - second));
        scene.report(vec![report], at(second)).await;
    }
    let purge = |before, limit| scene.store.purge_reports(before, limit);
    assert_eq!(purge(at(3), 2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(at(3), 10).await.unwrap(), 1);
    assert_eq!(purge(at(3), 10).await.unwrap(), 0);
    for (second, stays) in [(0, false), (2, false), (3, true), (4, true)] {
        let id = leased(&scene, ALICE).await;
        let way = scene.progress(&Lease::first(home(), id), an_acceptance(&format!("wamid.{second}"), at(1))).await;
        assert_eq!(way.status() == DeliveryStatus::Sent, stays, "{second}");
    }
}

/// Reports come late, twice, in any order, before the provider's own answer, and under either name.
pub async fn in_whatever_order_reports_come_the_way_is_the_same(scene: Scene) {
    for seed in 0..200 {
        let dice = SeededEntropy::new(seed);
        let is_code = dice.one_in(2);
        let id = if is_code {
            let number = a_number(usize::try_from(seed).expect("small"));
            scene.issue(a_session(&number).limits(&free_to_send()).at(START)).await.delivery
        } else {
            leased(&scene, ALICE).await
        };
        let (mut steps, mut expected) = story(&dice, id, &format!("wamid.{seed}"));
        let acceptance = an_acceptance(&format!("wamid.{seed}"), at(dice.next_u64() % 10));
        expected.record(&acceptance.events[0]);
        steps.push(None);
        shuffle(&dice, &mut steps);

        let mut batch = Vec::new();
        for step in steps {
            let is_answer = step.is_none();
            batch.extend(step);
            if is_answer || dice.one_in(2) {
                scene.report(std::mem::take(&mut batch), at(50)).await;
            }
            if is_answer {
                scene.progress(&Lease::first(home(), id), acceptance.clone()).await;
            }
        }
        scene.report(batch, at(50)).await;
        assert_same_way(&scene.delivery(id).await.delivery, &expected);
        // Only a code that failed, after its worker had let it go, needs somebody again.
        for claimed in scene.claim(10, at(1000)).await {
            assert_eq!((claimed.record.id, is_code, expected.status()), (id, true, DeliveryStatus::Failed), "{seed}");
            scene.progress(&claimed.lease, Progress::default()).await;
        }
    }
    assert_eq!(waiting(&scene).await, 0);
}

/// Some reports on a message, each of them once or more often, and what they come to.
fn story(dice: &SeededEntropy, id: DeliveryId, message: &str) -> (Vec<Option<Report>>, Delivery) {
    use DeliveryStatus::{Delivered, Failed, Read, Sent};
    let (mut steps, mut expected) = (Vec::new(), Delivery::queued(START));
    for (place, status) in (0_u32..).zip([Sent, Delivered, Read, Failed, Failed]) {
        // Not every report gets through, and few messages both fail and arrive.
        if dice.one_in(3) || (status == Delivered && dice.one_in(2)) {
            continue;
        }
        // Each at a moment of its own, in no order.
        let moment = at((dice.next_u64() % 8) * 5 + u64::from(place));
        let error = (status == Failed).then(|| DeliveryError {
            code: 131_000 + place,
            title: format!("failure {place}"),
            detail: String::new(),
        });
        let event = DeliveryEvent { status, at: moment, error };
        expected.record(&event);
        for _ in 0..=dice.next_u64() % 3 {
            let report = Report { delivery: None, message: message_of(message), event: event.clone() };
            steps.push(Some(if dice.one_in(2) { naming(id, &report) } else { report }));
        }
    }
    (steps, expected)
}

fn shuffle<T>(dice: &SeededEntropy, items: &mut [T]) {
    for end in (1..items.len()).rev() {
        let other = dice.next_u64() % (u64::try_from(end).expect("small") + 1);
        items.swap(end, usize::try_from(other).expect("small"));
    }
}

pub async fn racing_reports_and_the_answer_they_wait_for_all_arrive(scene: Scene) {
    for round in 0..20 {
        let id = leased(&scene, ALICE).await;
        let message = format!("wamid.{round}");
        let statuses = [DeliveryStatus::Sent, DeliveryStatus::Delivered, DeliveryStatus::Read];
        race((0..12).map(|n: u64| {
            let (store, message) = (Arc::clone(&scene.store), message.clone());
            async move {
                if n == round % 12 {
                    let progress = an_acceptance(&message, at(1));
                    store.progress(&Lease::first(home(), id), progress).await.unwrap().expect("the lease holds");
                } else {
                    let status = statuses[usize::try_from(n % 3).expect("small")];
                    let report = a_report(&message, status, at(2).plus(Duration::from_secs(n % 3)));
                    store.record_reports(vec![report], at(9)).await.unwrap();
                }
            }
        }))
        .await;
        let way = scene.delivery(id).await.delivery;
        assert_eq!(way.reached_at(DeliveryStatus::Accepted), Some(at(1)));
        for (second, status) in (2..).zip(statuses) {
            assert_eq!(way.reached_at(status), Some(at(second)), "round {round}");
        }
    }
    assert_eq!(waiting(&scene).await, 0);
}

/// A message that its caller keeps to itself.
async fn leased(scene: &Scene, number: &str) -> DeliveryId {
    scene.enqueue(NewDelivery { leased_for: Some(LEASE), ..a_message(number, START) }).await
}

/// A message that the provider has accepted at `at(1)`.
async fn accepted(scene: &Scene, number: &str, provider_message_id: &str) -> DeliveryId {
    let id = leased(scene, number).await;
    scene.progress(&Lease::first(home(), id), an_acceptance(provider_message_id, at(1))).await;
    id
}

/// Counts the reports that wait, and forgets them.
async fn waiting(scene: &Scene) -> u64 {
    scene.store.purge_reports(at(1_000_000_000), 1000).await.expect("purge_reports answers")
}
