use std::sync::Arc;

use whatotp_domain::{Attempted, GuessRefused, LedgerPolicy, NumberLimits, SendCap, SendRefused, SessionStatus};
use whatotp_ports::{
    Attempt, CancelSession, DeliveryFilter, Issued, NewSession, Prior, Resend, Resent, SessionRecord, Settled,
};

use super::Scene;
use super::scene::{count, race};
use crate::START;
use crate::fixtures::{
    ALICE, DAY, a_claim, a_message, a_number, a_resend, a_session, an_attempt, at, free_to_guess, free_to_send, home,
    index_of, limited_by,
};

pub async fn ten_racing_sends_to_one_number_make_one_session(scene: Scene) {
    for (number, purposes) in [(1, ["login"; 10]), (2, ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"])] {
        let to = a_number(number);
        let sessions = purposes.map(|purpose| a_session(&to).purpose(purpose).at(START));
        let issued = race(sessions.iter().cloned().map(|new| try_issue(&scene, new))).await;

        let too_soon = Issued::Refused(SendRefused::TooSoon { retry_at: at(30) });
        assert_eq!(count(&issued, |one| matches!(one, Issued::Created { .. })), 1, "{issued:?}");
        assert_eq!(count(&issued, |one| *one == too_soon), 9);
        for (new, issued) in sessions.iter().zip(&issued) {
            let created = matches!(issued, Issued::Created { .. });
            assert_eq!(scene.find(new.record.session.id).await.is_some(), created);
        }
        let filter = DeliveryFilter { number: Some(index_of(home(), &to)), limit: 20, ..DeliveryFilter::default() };
        assert_eq!(scene.store.list_deliveries(home(), &filter).await.unwrap().len(), 1);
    }
}

pub async fn racing_sends_that_are_all_allowed_leave_one_session_pending(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    let issued = race((0..20).map(|_| try_issue(&scene, session.at(START)))).await;
    let mut superseded = Vec::new();
    let mut pending = Vec::new();
    for one in &issued {
        let Issued::Created { record, superseded: previous } = one else { panic!("not created: {one:?}") };
        superseded.extend(previous.as_ref().map(|live| live.session));
        if scene.status(record.session.id, START).await == SessionStatus::Pending {
            pending.push(record.session.id);
        }
    }
    assert_eq!(pending.len(), 1, "at most one is pending, and nobody superseded the last one");
    superseded.sort_unstable();
    superseded.dedup();
    assert_eq!(superseded.len(), 19, "each of the others was superseded by exactly one");
    assert!(!superseded.contains(&pending[0]));
}

pub async fn racing_resends_are_one_message(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    let resends: Vec<_> = (0..10).map(|_| a_resend(&record, at(30))).collect();
    let resent = race(resends.into_iter().map(|resend| {
        let scene = scene.clone();
        async move { scene.try_resend(resend).await.expect("the session is there") }
    }))
    .await;
    let too_soon = Resent::Refused(SendRefused::TooSoon { retry_at: at(90) });
    assert_eq!(count(&resent, |one| matches!(one, Resent::Stored(_))), 1, "{resent:?}");
    assert_eq!(count(&resent, |one| *one == too_soon), 9);
    assert_eq!(scene.session(record.session.id).await.session.sends, 2);
    let filter = DeliveryFilter { session: Some(record.session.id), limit: 20, ..DeliveryFilter::default() };
    assert_eq!(scene.store.list_deliveries(home(), &filter).await.unwrap().len(), 2);
}

/// SECURITY.md O3.
pub async fn of_a_hundred_racing_right_codes_exactly_one_is_accepted(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let settled = race((0..100).map(|_| settle(&scene, an_attempt(&record, true)))).await;
    assert_eq!(count(&settled, |one| attempted(one) == Attempted::Verified), 1);
    let finished = Attempted::Finished(SessionStatus::Verified);
    assert_eq!(count(&settled, |one| attempted(one) == finished), 99);
    assert_eq!(scene.session(record.session.id).await.session.attempts, 1);
}

/// SECURITY.md O4.
pub async fn of_a_hundred_racing_wrong_codes_exactly_five_are_looked_at(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let settled = race((0..100).map(|_| settle(&scene, an_attempt(&record, false)))).await;
    let mut lefts: Vec<u8> = settled.iter().filter_map(|one| wrong(attempted(one))).collect();
    lefts.sort_unstable();
    assert_eq!(lefts, [0, 1, 2, 3, 4]);
    let locked = Attempted::Finished(SessionStatus::Locked);
    assert_eq!(count(&settled, |one| attempted(one) == locked), 95);
    let session = scene.session(record.session.id).await.session;
    assert_eq!((session.status, session.attempts), (SessionStatus::Locked, 5));
}

pub async fn racing_right_and_wrong_codes_never_overspend(scene: Scene) {
    for round in 0..12 {
        let record = scene.issue(a_session(&a_number(round)).at(START)).await;
        let calls = (0..100).map(|n| settle(&scene, an_attempt(&record, n % 2 == round % 2)));
        let answers: Vec<Attempted> = race(calls).await.iter().map(attempted).collect();

        let verified = count(&answers, |one| *one == Attempted::Verified);
        let wrong = count(&answers, |one| wrong(*one).is_some());
        let session = scene.session(record.session.id).await.session;
        assert!(verified <= 1 && verified + wrong <= 5, "{verified} right and {wrong} wrong");
        assert_eq!(usize::from(session.attempts), verified + wrong, "every one that was looked at is charged");
        let end = if verified == 1 { SessionStatus::Verified } else { SessionStatus::Locked };
        assert_eq!(session.status, end);
        assert_eq!(count(&answers, |one| *one == Attempted::Finished(end)), 100 - verified - wrong);
    }
}

/// SECURITY.md O7: sessions for many purposes at once bring no more guesses than one after the other.
pub async fn racing_sessions_share_the_guesses_of_their_number(scene: Scene) {
    let mut records = Vec::new();
    for purpose in ["a", "b", "c", "d", "e", "f"] {
        records.push(scene.issue(a_session(ALICE).limits(&free_to_guess()).purpose(purpose).at(START)).await);
    }
    let calls: Vec<Attempt> = (0..10).flat_map(|_| records.iter().map(|record| an_attempt(record, false))).collect();
    let settled = race(calls.into_iter().map(|attempt| settle(&scene, attempt))).await;
    let charged = count(&settled, |one| matches!(one, Settled::Done(_, Attempted::Wrong { .. })));
    assert_eq!(charged, 20, "the number's guesses for a day, of 30 that the sessions would have allowed");

    let mut attempts = 0;
    for record in &records {
        attempts += usize::from(scene.session(record.session.id).await.session.attempts);
    }
    assert_eq!(attempts, 20);
    let fresh = scene.issue(a_session(ALICE).limits(&free_to_guess()).at(at(1))).await;
    assert!(matches!(scene.settle(&fresh, true, at(2)).await, Some(Settled::Blocked(_))));
}

pub async fn a_right_code_and_a_cancellation_race_for_one_end(scene: Scene) {
    for round in 0..20 {
        let record = scene.issue(a_session(&a_number(round)).at(START)).await;
        let ends = race((0..10).map(|n| {
            let (scene, attempt) = (scene.clone(), an_attempt(&record, true));
            async move {
                if n % 2 == round % 2 {
                    let settled = settle(&scene, attempt).await;
                    (attempted(&settled) == Attempted::Verified).then_some(SessionStatus::Verified)
                } else {
                    let canceled = scene.store.cancel(home(), attempt.session, None, at(1)).await.unwrap();
                    matches!(canceled, Some(CancelSession::Done(_))).then_some(SessionStatus::Canceled)
                }
            }
        }))
        .await;
        let ends: Vec<SessionStatus> = ends.into_iter().flatten().collect();
        assert_eq!(ends, [scene.session(record.session.id).await.session.status], "one end, and it is the stored one");
    }
}

pub async fn racing_changes_of_one_session_lose_none(scene: Scene) {
    for round in 0..5 {
        let free = free_to_send();
        let record = scene.issue(a_session(&a_number(round)).limits(&free).at(START)).await;
        let changed = race((0..8).map(|n| {
            let (scene, attempt) = (scene.clone(), an_attempt(&record, false));
            let resend = Resend { limits: limited_by(&free), ..a_resend(&record, at(1)) };
            async move {
                if n % 2 == 0 {
                    matches!(settle(&scene, attempt).await, Settled::Done(_, Attempted::Wrong { .. }))
                } else {
                    matches!(scene.try_resend(resend).await, Some(Resent::Stored(_)))
                }
            }
        }))
        .await;
        assert_eq!(count(&changed, |done| *done), 8);
        let session = scene.session(record.session.id).await.session;
        assert_eq!((session.attempts, session.sends, session.status), (4, 5, SessionStatus::Pending));
        let filter = DeliveryFilter { session: Some(record.session.id), limit: 20, ..DeliveryFilter::default() };
        assert_eq!(scene.store.list_deliveries(home(), &filter).await.unwrap().len(), 5);
    }
}

pub async fn racing_sends_and_failures_of_one_number_are_all_counted(scene: Scene) {
    let unlimited_guesses = NumberLimits { account: free_to_guess(), everybody: None };
    let session = a_session(ALICE).limited(&unlimited_guesses);
    for round in 0..4 {
        // Five wrong codes and two more sessions at once: neither may overwrite what the other has counted.
        let record = scene.issue(session.clone().purpose(&format!("{round}")).at(START)).await;
        race((0..7).map(|n| {
            let (scene, attempt) = (scene.clone(), an_attempt(&record, false));
            let new = session.clone().purpose(&format!("{round} {n}")).at(at(1));
            async move {
                if n % 3 == 1 {
                    scene.issue(new).await;
                } else {
                    let settled = settle(&scene, attempt).await;
                    assert!(matches!(settled, Settled::Done(_, Attempted::Wrong { .. })), "{settled:?}");
                }
            }
        }))
        .await;
    }
    let last = scene.issue(session.at(at(2))).await;
    assert_eq!(
        scene.settle(&last, true, at(3)).await,
        Some(Settled::Blocked(GuessRefused::Until { retry_at: at(1).plus(DAY) })),
        "20 failures"
    );
    let fourteen = SendCap { sends: 14, window: DAY };
    let caps = |cap| LedgerPolicy { caps: vec![cap], ..free_to_guess() };
    scene.issue(a_session(ALICE).limits(&caps(fourteen)).at(at(4))).await;
    let refused = scene.refused_issue(a_session(ALICE).limits(&caps(fourteen)).at(at(4))).await;
    assert_eq!(refused, SendRefused::Capped { retry_at: START.plus(DAY) }, "13 messages before, and one just now");
}

pub async fn racing_sends_under_one_key_are_one_session(scene: Scene) {
    let claim = a_claim("send", START);
    // To different numbers, so that only the claim is in the way.
    let sessions: Vec<_> = (0..50).map(|number| a_session(&a_number(number)).claim(&claim).at(START)).collect();
    let issued = race(sessions.clone().into_iter().map(|new| try_issue(&scene, new))).await;
    assert_eq!(count(&issued, |one| matches!(one, Issued::Created { .. })), 1, "{issued:?}");
    assert_eq!(count(&issued, |one| *one == Issued::Replay(Prior::Running)), 49);
    for (new, issued) in sessions.iter().zip(&issued) {
        let created = matches!(issued, Issued::Created { .. });
        assert_eq!(scene.find(new.record.session.id).await.is_some(), created);
        assert_eq!(scene.find_delivery(new.delivery.id).await.is_some(), created);
    }
}

pub async fn racing_attempts_under_one_key_are_one_attempt(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let attempt = Attempt { claim: Some(a_claim("verify", START)), ..an_attempt(&record, false) };
    let settled = race((0..50).map(|_| settle(&scene, attempt.clone()))).await;
    assert_eq!(count(&settled, |one| matches!(one, Settled::Done(_, Attempted::Wrong { left: 4 }))), 1);
    assert_eq!(count(&settled, |one| *one == Settled::Replay(Prior::Running)), 49);
    assert_eq!(scene.session(record.session.id).await.session.attempts, 1);
}

pub async fn racing_workers_never_share_a_delivery(scene: Scene) {
    for number in 0..60 {
        scene.enqueue(a_message(&a_number(number), START)).await;
    }
    let claimed = race((0..20).map(|_| {
        let scene = scene.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let claimed = scene.claim(7, START).await;
                assert!(claimed.len() <= 7);
                if claimed.is_empty() {
                    return mine;
                }
                mine.extend(claimed.into_iter().map(|one| one.record.id));
            }
        }
    }))
    .await;
    let mut claimed: Vec<_> = claimed.into_iter().flatten().collect();
    assert_eq!(claimed.len(), 60, "every delivery was given to somebody");
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 60, "and none to two");
}

pub async fn one_of_twenty_racing_workers_gets_the_one_delivery(scene: Scene) {
    for round in 0..10 {
        let id = scene.enqueue(a_message(ALICE, at(round))).await;
        let claimed = race((0..20).map(|_| {
            let scene = scene.clone();
            async move { scene.claim(5, at(round)).await }
        }))
        .await;
        let claimed: Vec<_> = claimed.into_iter().flatten().map(|one| one.record.id).collect();
        assert_eq!(claimed, [id]);
    }
}

fn try_issue(scene: &Scene, new: NewSession) -> impl Future<Output = Issued> + Send + 'static {
    let scene = scene.clone();
    async move { scene.try_issue(new).await }
}

fn settle(scene: &Scene, attempt: Attempt) -> impl Future<Output = Settled> + Send + 'static {
    let store = Arc::clone(&scene.store);
    async move { store.settle_attempt(attempt, at(1)).await.expect("it answers").expect("the session is there") }
}

fn attempted(settled: &Settled) -> Attempted {
    match settled {
        Settled::Done(SessionRecord { .. }, attempted) => *attempted,
        other => panic!("not settled: {other:?}"),
    }
}

const fn wrong(attempted: Attempted) -> Option<u8> {
    match attempted {
        Attempted::Wrong { left } => Some(left),
        _ => None,
    }
}
