use whatotp_domain::{AccountScope, DeliveryStatus, Mode, Timestamp};
use whatotp_ports::{Erased, LedgerKey, NewDelivery, Progress, Sought, Trace, TraceTable};

use super::Scene;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, DAY, LEASE, a_claim, a_message, a_report, a_session, an_acceptance, an_event, at, free_to_send, home,
    index_of, just_before, message_of, other_account, other_mode,
};

pub async fn the_traces_of_a_number_are_found_in_its_scope_only(scene: Scene) {
    let mut expected = Vec::new();
    for second in 0..3 {
        let claim = a_claim(&format!("alice {second}"), at(second));
        let new = a_session(ALICE).limits(&free_to_send()).purpose(&format!("purpose {second}")).unleased();
        let record = scene.issue(new.claim(&claim).at(at(second))).await;
        let message = a_message(ALICE, at(second));
        expected.extend([
            Trace::Session(record.session.id),
            Trace::Delivery(record.delivery),
            Trace::Delivery(message.id),
        ]);
        expected.push(Trace::Claim(claim.key));
        scene.enqueue(message).await;
        // Bob's, and Alice's elsewhere, are nobody's business here.
        scene
            .issue(
                a_session(BOB)
                    .purpose(&format!("purpose {second}"))
                    .limits(&free_to_send())
                    .claim(&a_claim(&format!("bob {second}"), START))
                    .at(at(second)),
            )
            .await;
        for scope in [other_mode(), other_account()] {
            scene
                .issue(
                    a_session(ALICE)
                        .of(scope)
                        .purpose(&format!("purpose {second}"))
                        .limits(&free_to_send())
                        .at(at(second)),
                )
                .await;
        }
    }
    for claimed in scene.claim(100, at(10)).await {
        let wamid = format!("wamid.{}", claimed.record.id);
        scene.progress(&claimed.lease, an_acceptance(&wamid, at(10))).await;
    }
    for limit in [1, 2, 100] {
        let found = all_traces(&scene, home(), ALICE, limit, at(11)).await;
        let messages = found.iter().filter(|trace| matches!(trace, Trace::ProviderMessage(..))).count();
        assert_eq!(messages, 6, "one of each delivery");
        let mut found: Vec<String> = found.iter().map(|trace| format!("{trace:?}")).collect();
        found.retain(|trace| !trace.starts_with("ProviderMessage"));
        let mut expected: Vec<String> = expected.iter().map(|trace| format!("{trace:?}")).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "in pages of {limit}");
    }
}

pub async fn what_is_erased_is_gone_and_nothing_else(scene: Scene) {
    for (number, name) in [(ALICE, "alice"), (BOB, "bob")] {
        let claim = a_claim(name, START);
        scene.issue(a_session(number).limits(&free_to_send()).unleased().claim(&claim).at(START)).await;
        scene.enqueue(a_message(number, START)).await;
    }
    for claimed in scene.claim(100, START).await {
        let wamid = format!("wamid.{}", claimed.record.id);
        scene.progress(&claimed.lease, an_acceptance(&wamid, START)).await;
    }
    let alice = all_traces(&scene, home(), ALICE, 100, at(1)).await;
    let bob = all_traces(&scene, home(), BOB, 100, at(1)).await;
    assert_eq!((alice.len(), bob.len()), (6, 6), "a session, two deliveries with their ids, and a claim");

    let nothing = scene.store.erase_traces(other_account(), alice.clone(), at(1)).await.unwrap();
    assert_eq!(nothing, Erased::default(), "nobody erases another account's");
    let nothing = scene.store.erase_traces(other_mode(), alice.clone(), at(1)).await.unwrap();
    assert_eq!(nothing, Erased::default(), "or the other mode's");
    let erased = scene.store.erase_traces(home(), alice.clone(), at(1)).await.unwrap();
    assert_eq!(erased, Erased { sessions: 1, deliveries: 2, claims: 1, provider_messages: 2, ..Erased::default() });
    assert_eq!(erased.total(), 6);
    assert_eq!(all_traces(&scene, home(), ALICE, 100, at(1)).await, []);
    assert_eq!(all_traces(&scene, home(), BOB, 100, at(1)).await, bob);
    for trace in &alice {
        match trace {
            Trace::Session(id) => assert_eq!(scene.find(*id).await, None),
            Trace::Delivery(id) => {
                assert_eq!(scene.find_delivery(*id).await, None);
                let wamid = message_of(&format!("wamid.{id}"));
                assert_eq!(scene.store.find_by_message(&wamid).await.unwrap(), None);
            }
            Trace::Claim(_) => assert_eq!(scene.prior(&a_claim("alice", START), at(1)).await, None),
            Trace::ProviderMessage(..) => {}
        }
    }
    assert_eq!(scene.store.erase_traces(home(), alice, at(1)).await.unwrap(), Erased::default(), "twice is once");
}

pub async fn a_ledger_is_erased_in_one_place(scene: Scene) {
    let scopes = [home(), other_mode(), other_account()];
    for scope in scopes {
        scene.issue(a_session(ALICE).of(scope).at(START)).await;
    }
    scene.issue(a_session(BOB).at(START)).await;
    let key = LedgerKey::of(home(), index_of(home(), ALICE));
    for expected in [1, 0] {
        assert_eq!(scene.store.erase_ledger(&key).await.unwrap(), expected);
    }
    let left = [(home(), BOB), (other_mode(), ALICE), (other_account(), ALICE)];
    for (scope, number) in left {
        let key = LedgerKey::of(scope, index_of(scope, number));
        assert!(scene.store.find_ledger(&key).await.unwrap().is_some(), "{scope:?}");
    }
    assert_eq!(scene.store.erase_ledger(&LedgerKey::everybody(Mode::Live, key.number)).await.unwrap(), 0);
}

pub async fn reports_that_wait_for_an_erased_message_are_erased_with_it(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claimed = scene.claim_one(START).await;
    scene.progress(&claimed.lease, an_acceptance("wamid.known", START)).await;
    scene.report(vec![a_report("wamid.known", DeliveryStatus::Sent, at(1))], at(1)).await;
    scene.report(vec![a_report("wamid.unknown", DeliveryStatus::Sent, at(1))], at(1)).await;
    let traces = all_traces(&scene, home(), ALICE, 100, at(2)).await;
    let stranger = Trace::ProviderMessage(0, message_of("wamid.unknown"));
    let erased = scene.store.erase_traces(home(), [traces, vec![stranger]].concat(), at(2)).await.unwrap();
    let expected = Erased { deliveries: 1, provider_messages: 1, waiting_reports: 1, ..Erased::default() };
    assert_eq!((erased, scene.find_delivery(id).await), (expected, None));
}

pub async fn a_delivery_that_a_worker_holds_is_neither_found_nor_erased(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claimed = scene.claim_one(START).await;
    let lapsed = START.plus(LEASE);
    for (now, held) in [(START, true), (just_before(lapsed), true), (lapsed, false)] {
        let looked = scene.store.look_for_traces(sought(home(), ALICE), TraceTable::Deliveries, None, 10, now).await;
        let looked = looked.unwrap();
        assert_eq!((looked.held, looked.found.is_empty()), (u64::from(held), held), "{now}");
        if held {
            let erased = scene.store.erase_traces(home(), vec![Trace::Delivery(id)], now).await.unwrap();
            assert_eq!(erased.total(), 0);
        }
    }
    let erased = scene.store.erase_traces(home(), vec![Trace::Delivery(id)], lapsed).await.unwrap();
    assert_eq!(erased.deliveries, 1, "whoever had it cannot write any more");
    assert_eq!(scene.store.progress(&claimed.lease, an_acceptance("wamid.1", lapsed)).await.unwrap(), None);
}

pub async fn variables_are_wiped_when_nobody_needs_them_any_more(scene: Scene) {
    use DeliveryStatus::{Accepted, Canceled, Delivered, Expired, Failed, Read};
    let mut ended = Vec::new();
    for (second, status) in (0..).zip([Canceled, Expired, Failed, Delivered, Read, Accepted]) {
        let id = scene.enqueue(a_message(ALICE, at(second))).await;
        end(&scene, at(second), status, None).await;
        ended.push((at(second), id));
    }
    let code = scene.issue(a_session(BOB).at(START)).await.delivery;
    let waiting = scene.enqueue(a_message(BOB, at(10))).await;
    end(&scene, at(10), Accepted, Some(START.plus(DAY))).await;
    let stranger = NewDelivery { scope: other_account(), ..a_message(ALICE, START) };
    scene.store.enqueue(stranger.clone(), None, START).await.unwrap();
    scene.store.cancel_delivery(other_account(), stranger.id, None, START).await.unwrap();

    let wipe = async |before, limit| scene.store.wipe_variables(before, limit).await.unwrap();
    assert_eq!(wipe(START, 10).await, 0);
    assert_eq!(wipe(at(3), 2).await, 2, "not more than asked for");
    assert_eq!(wipe(at(3), 10).await, 2, "three of this account, and one of the other");
    assert_eq!(wipe(at(3), 10).await, 0);
    for (at_, id) in &ended {
        let record = scene.delivery(*id).await;
        assert_eq!(record.variables.is_some(), *at_ >= at(3), "{record:?}");
        assert!(record.metadata.is_some(), "what the customer attached stays with the message");
    }
    let stranger = scene.store.find_delivery(other_account(), stranger.id).await.unwrap().expect("the message stays");
    assert_eq!(stranger.variables, None);
    assert_eq!(wipe(START.plus(2 * DAY), 10).await, 3);
    assert!(scene.delivery(waiting).await.variables.is_some(), "somebody has to look at it again");
    assert_eq!(scene.delivery_status(code).await, DeliveryStatus::Queued);
}

/// Takes the one delivery that is due and leaves it like this.
async fn end(scene: &Scene, now: Timestamp, status: DeliveryStatus, due_at: Option<Timestamp>) {
    let claimed = scene.claim_one(now).await;
    let progress = Progress { events: vec![an_event(status, now)], due_at, ..Progress::default() };
    scene.progress(&claimed.lease, progress).await;
}

fn sought(scope: AccountScope, number: &str) -> Sought {
    Sought { scope, number: index_of(scope, number), sessions: Vec::new(), deliveries: Vec::new() }
}

/// Everything that is found about a number, a few rows at a time.
async fn all_traces(scene: &Scene, scope: AccountScope, number: &str, limit: u32, now: Timestamp) -> Vec<Trace> {
    let (mut sought, mut traces) = (sought(scope, number), Vec::new());
    for table in [TraceTable::Sessions, TraceTable::Deliveries, TraceTable::Claims, TraceTable::ProviderMessages] {
        let mut after = None;
        loop {
            let looked = scene.store.look_for_traces(sought.clone(), table, after, limit, now).await;
            let looked = looked.expect("look_for_traces answers");
            traces.extend(looked.found);
            after = looked.next;
            if after.is_none() {
                break;
            }
        }
        for trace in &traces {
            match trace {
                Trace::Session(id) if !sought.sessions.contains(id) => sought.sessions.push(*id),
                Trace::Delivery(id) if !sought.deliveries.contains(id) => sought.deliveries.push(*id),
                _ => {}
            }
        }
    }
    traces
}
