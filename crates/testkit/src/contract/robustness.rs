use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use whatotp_domain::{Attempted, DeliveryStatus, SessionStatus};
use whatotp_ports::{DeliveryFilter, Lease, Progress, SessionRecord, StoreError};

use super::Scene;
use super::scene::race;
use crate::START;
use crate::fixtures::{
    ALICE, LEASE, a_claim, a_message, a_number, a_resend, a_session, an_attempt, an_event, at, free_to_send, home,
    sealed,
};

type Call = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send>>;

/// Far longer than any of these calls takes: whoever waits so long waits for ever.
const STUCK: Duration = Duration::from_secs(60);

pub async fn two_hundred_calls_at_once_all_answer(scene: Scene) {
    let mut records = Vec::new();
    for n in 0..20 {
        records.push(scene.issue(a_session(&a_number(n)).limits(&free_to_send()).at(START)).await);
    }
    let calls: Vec<Call> = (0..200).map(|n| mixed_call(&scene, &records[n % 20], n)).collect();
    let answers = race(calls.into_iter().map(|call| tokio::time::timeout(STUCK, call))).await;
    for (n, answer) in answers.into_iter().enumerate() {
        answer
            .unwrap_or_else(|_| panic!("call {n} never answered"))
            .unwrap_or_else(|error| panic!("call {n}: {error}"));
    }
    // 20 issued before, 20 by the calls, and 20 messages: nothing is lost and nothing is there twice.
    let filter = DeliveryFilter { limit: 1000, ..DeliveryFilter::default() };
    let listed = scene.store.list_deliveries(home(), &filter).await.unwrap();
    assert_eq!(listed.iter().filter(|one| one.variables.is_some()).count(), 20, "every message is there");
    let sessions = listed.iter().filter(|one| one.variables.is_none() && one.created_at == at(1)).count();
    assert_eq!(sessions, 20, "every session is there");
}

/// One of ten sorts of calls: every sort and record meet.
fn mixed_call(scene: &Scene, record: &SessionRecord, n: usize) -> Call {
    let (store, record) = (Arc::clone(&scene.store), record.clone());
    let (now, id) = (at(1), record.session.id);
    match n / 20 {
        0 => Box::pin(async move { store.settle_attempt(an_attempt(&record, false), now).await.map(drop) }),
        1 => Box::pin(async move { store.settle_attempt(an_attempt(&record, true), now).await.map(drop) }),
        2 => {
            let claim = a_claim(&format!("mixed {n}"), now);
            let new = a_session(&a_number(1000 + n)).claim(&claim).at(now);
            Box::pin(async move { store.issue(new, now).await.map(drop) })
        }
        3 => Box::pin(async move { store.resend(a_resend(&record, at(40)), at(40)).await.map(drop) }),
        4 => Box::pin(async move { store.cancel(home(), id, None, now).await.map(drop) }),
        5 => Box::pin(async move { store.enqueue(a_message(ALICE, now), None, now).await.map(drop) }),
        6 => Box::pin(async move { store.claim_due(LEASE, 3, now).await.map(drop) }),
        7 => {
            let progress = Progress { events: vec![an_event(DeliveryStatus::Sent, now)], ..Progress::default() };
            let lease = Lease::first(home(), record.delivery);
            Box::pin(async move { store.progress(&lease, progress).await.map(drop) })
        }
        8 => Box::pin(async move { store.keep_answer(&a_claim(&format!("{n}"), now), 200, sealed("x")).await }),
        _ => Box::pin(async move { store.find(home(), id).await.map(drop) }),
    }
}

/// A client that hangs up drops the future of whatever runs for it. What was begun is then done or not done at all.
pub async fn a_caller_that_goes_away_leaves_the_store_working(scene: Scene) {
    let dropped: Vec<_> = (0..40).map(|n| a_session(&a_number(n)).at(START)).collect();
    for (n, new) in dropped.iter().cloned().enumerate() {
        give_up(scene.store.issue(new, START), n % 4).await;
    }
    let record = scene.issue(a_session(ALICE).at(START)).await;
    for n in 0..40 {
        give_up(scene.store.settle_attempt(an_attempt(&record, false), at(1)), n % 4).await;
        give_up(scene.store.find(home(), record.session.id), n % 4).await;
        give_up(scene.store.claim_due(LEASE, 10, at(1)), n % 4).await;
    }
    for new in &dropped {
        // The session is looked at first: when it is there, everything that was stored with it must be.
        if let Some((found, _)) = scene.find(new.record.session.id).await {
            assert_eq!(found.session.sends, 1);
            assert!(scene.find_delivery(new.delivery.id).await.is_some(), "half a session was stored");
        }
    }
    let attempts = scene.session(record.session.id).await.session.attempts;
    assert!(attempts <= 5);
    let after = scene.issue(a_session(&a_number(100)).at(at(2))).await;
    scene.verify(&after, at(3)).await;
    assert_eq!(scene.status(after.session.id, at(3)).await, SessionStatus::Verified);
}

/// Looks at a call once and so many times more, and drops it wherever it then is.
async fn give_up<T>(call: impl Future<Output = T>, looks: usize) {
    let mut call = pin!(call);
    for _ in 0..=looks {
        if poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await.is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub async fn an_aborted_task_leaves_the_store_working(scene: Scene) {
    for round in 0..30 {
        let record = scene.issue(a_session(&a_number(round)).at(START)).await;
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (scene, record) = (scene.clone(), record.clone());
                tokio::spawn(async move { scene.attempt(&record, false, at(1)).await })
            })
            .collect();
        for _ in 0..round % 5 {
            tokio::task::yield_now().await;
        }
        let mut answered = 0;
        for task in tasks {
            task.abort();
            match task.await {
                Ok(attempted) => {
                    assert!(matches!(attempted, Attempted::Wrong { .. }), "{attempted:?}");
                    answered += 1;
                }
                Err(error) => assert!(error.is_cancelled(), "{error}"),
            }
        }
        let attempted = scene.attempt(&record, false, at(2)).await;
        let Attempted::Wrong { left } = attempted else { panic!("{attempted:?}") };
        assert!(left <= 4 - answered, "{answered} wrong codes were answered before, and {left} are left");
    }
}
