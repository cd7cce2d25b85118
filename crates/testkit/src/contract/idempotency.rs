use whatotp_domain::{
    AccountScope, Attempted, DeliveryId, GuessRefused, OtpPolicy, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{
    Attempt, CancelDelivery, CancelSession, Claim, Enqueued, Issued, Prior, Resend, Resent, Settled, Subject,
};

use super::Scene;
use super::sessions::end_with;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, CLAIM_LIFE, DAY, LEASE, a_claim, a_message, a_number, a_resend, a_session, an_attempt, at,
    free_to_guess, free_to_send, home, just_before, other_account, other_mode, sealed, with_another_body,
};

pub async fn a_key_nobody_used_has_no_past(scene: Scene) {
    assert_eq!(scene.prior(&a_claim("new", START), START).await, None);
}

/// SECURITY.md P10: the whole life of a key.
pub async fn a_claim_is_running_then_answered_then_forgotten(scene: Scene) {
    let claim = a_claim("send", START);
    let session = a_session(ALICE).claim(&claim);
    let record = scene.issue(session.at(START)).await;
    assert_eq!(scene.prior(&claim, START).await, Some(Prior::Running));
    assert_eq!(scene.try_issue(session.at(START)).await, Issued::Replay(Prior::Running));

    let body = sealed("{\"status\":\"pending\"}");
    scene.store.keep_answer(&claim, 200, body.clone()).await.unwrap();
    let answered = Prior::Answered { status: 200, body };
    let end = START.plus(CLAIM_LIFE);
    for now in [START, START.plus(LEASE), just_before(end)] {
        assert_eq!(scene.prior(&claim, now).await, Some(answered.clone()), "at {now}");
        let again = session.at(now);
        let id = again.record.session.id;
        assert_eq!(scene.try_issue(again).await, Issued::Replay(answered.clone()));
        assert_eq!(scene.find(id).await, None, "a replay does no work");
    }
    assert_eq!(scene.session(record.session.id).await, record);

    assert_eq!(scene.prior(&claim, end).await, None);
    let afresh = a_session(ALICE).claim(&a_claim("send", end)).at(end);
    scene.issue(afresh).await;
    assert_eq!(scene.prior(&claim, end).await, Some(Prior::Running), "the key begins a new life");
}

pub async fn a_claim_without_an_answer_is_abandoned_when_its_lease_is_over(scene: Scene) {
    let claim = a_claim("send", START);
    let record = scene.issue(a_session(ALICE).claim(&claim).at(START)).await;
    let lapse = START.plus(LEASE);
    let abandoned = Prior::Abandoned(Subject::Session(record.session.id));
    assert_eq!(scene.prior(&claim, just_before(lapse)).await, Some(Prior::Running));
    assert_eq!(scene.prior(&claim, lapse).await, Some(abandoned.clone()));
    let again = a_session(ALICE).claim(&a_claim("send", lapse)).at(lapse);
    assert_eq!(scene.try_issue(again).await, Issued::Replay(abandoned.clone()));
    assert_eq!(scene.prior(&claim, lapse).await, Some(abandoned), "whoever asks renews no lease");

    let body = sealed("the answer, put together again");
    scene.store.keep_answer(&claim, 200, body.clone()).await.unwrap();
    assert_eq!(scene.prior(&claim, lapse).await, Some(Prior::Answered { status: 200, body }));
}

pub async fn an_abandoned_claim_is_forgotten_in_time_as_well(scene: Scene) {
    let claim = a_claim("send", START);
    scene.issue(a_session(ALICE).claim(&claim).at(START)).await;
    let end = START.plus(CLAIM_LIFE);
    assert!(matches!(scene.prior(&claim, just_before(end)).await, Some(Prior::Abandoned(_))));
    assert_eq!(scene.prior(&claim, end).await, None);
}

pub async fn a_key_with_another_body_is_another_request(scene: Scene) {
    let claim = a_claim("send", START);
    let other = with_another_body(&claim);
    scene.issue(a_session(ALICE).claim(&claim).at(START)).await;
    let expect_other = async |now| {
        assert_eq!(scene.prior(&other, now).await, Some(Prior::OtherRequest));
        let issued = scene.try_issue(a_session(BOB).claim(&other).at(now)).await;
        assert_eq!(issued, Issued::Replay(Prior::OtherRequest));
    };
    expect_other(START).await;
    expect_other(START.plus(LEASE)).await;
    scene.store.keep_answer(&claim, 200, sealed("body")).await.unwrap();
    expect_other(START.plus(LEASE)).await;
    assert!(matches!(scene.prior(&claim, START).await, Some(Prior::Answered { .. })), "the first is not disturbed");
}

pub async fn the_first_answer_stays(scene: Scene) {
    let claim = a_claim("send", START);
    scene.issue(a_session(ALICE).claim(&claim).at(START)).await;
    let first = Prior::Answered { status: 200, body: sealed("first") };
    scene.store.keep_answer(&claim, 200, sealed("first")).await.unwrap();
    scene.store.keep_answer(&claim, 422, sealed("second")).await.unwrap();
    scene.store.keep_answer(&with_another_body(&claim), 500, sealed("third")).await.unwrap();
    assert_eq!(scene.prior(&claim, START).await, Some(first));
}

pub async fn an_answer_is_kept_without_work_too(scene: Scene) {
    let claim = a_claim("send", START);
    scene.store.keep_answer(&claim, 422, sealed("refused")).await.unwrap();
    let answered = Prior::Answered { status: 422, body: sealed("refused") };
    assert_eq!(scene.prior(&claim, START).await, Some(answered.clone()));
    assert_eq!(scene.prior(&with_another_body(&claim), START).await, Some(Prior::OtherRequest));
    assert_eq!(scene.try_issue(a_session(ALICE).claim(&claim).at(START)).await, Issued::Replay(answered.clone()));
    scene.store.keep_answer(&claim, 200, sealed("later")).await.unwrap();
    assert_eq!(scene.prior(&claim, START).await, Some(answered));
    assert_eq!(scene.prior(&claim, START.plus(CLAIM_LIFE)).await, None);
}

pub async fn every_status_and_any_body_is_kept(scene: Scene) {
    for (status, text) in [(200, String::new()), (422, "\0\u{7f}é\"".to_owned()), (599, "x".repeat(100_000))] {
        let claim = a_claim(&status.to_string(), START);
        scene.store.keep_answer(&claim, status, sealed(&text)).await.unwrap();
        assert_eq!(scene.prior(&claim, START).await, Some(Prior::Answered { status, body: sealed(&text) }));
    }
}

pub async fn claims_of_other_scopes_are_independent(scene: Scene) {
    let claim = a_claim("send", START);
    scene.issue(a_session(ALICE).claim(&claim).at(START)).await;
    for scope in [other_account(), other_mode()] {
        // The very same hash, which real hashes never share between scopes.
        let theirs = Claim { scope, ..claim.clone() };
        assert_eq!(scene.prior(&theirs, START).await, None);
        scene.issue(a_session(ALICE).of(scope).claim(&theirs).at(START)).await;
        scene.store.keep_answer(&theirs, 200, sealed("theirs")).await.unwrap();
    }
    assert_eq!(scene.prior(&claim, START).await, Some(Prior::Running));
    let another_key = a_claim("another", START);
    assert_eq!(scene.prior(&another_key, START).await, None);
}

pub async fn refused_work_stores_no_claim(scene: Scene) {
    let claim = a_claim("refused", at(1));
    let record = scene.issue(a_session(ALICE).at(at(0))).await;

    scene.refused_issue(a_session(ALICE).claim(&claim).at(at(1))).await;
    assert_eq!(scene.prior(&claim, at(1)).await, None, "a send that was refused");

    let resend = Resend { claim: Some(claim.clone()), ..a_resend(&record, at(1)) };
    assert!(matches!(scene.try_resend(resend).await, Some(Resent::Refused(_))));
    assert_eq!(scene.prior(&claim, at(1)).await, None, "a resend that was refused");

    let policy = OtpPolicy { sends_max: 1, ..OtpPolicy::default() };
    let once = scene.issue(a_session(BOB).policy(policy).at(at(0))).await;
    let resend = Resend { claim: Some(claim.clone()), ..a_resend(&once, at(40)) };
    assert_eq!(scene.try_resend(resend).await, Some(Resent::NoSendsLeft));
    assert_eq!(scene.prior(&claim, at(1)).await, None, "a session without sends");

    end_with(&scene, &record, SessionStatus::Verified).await;
    let resend = Resend { claim: Some(claim.clone()), ..a_resend(&record, at(2)) };
    assert_eq!(scene.try_resend(resend).await, Some(Resent::Finished(SessionStatus::Verified)));
    let canceled = scene.store.cancel(home(), record.session.id, Some(claim.clone()), at(2)).await.unwrap();
    assert_eq!(canceled, Some(CancelSession::Finished(SessionStatus::Verified)));
    assert_eq!(scene.prior(&claim, at(2)).await, None, "a session that is over");
    scene.issue(a_session(&a_number(1)).claim(&claim).at(at(2))).await;
}

pub async fn what_is_not_found_stores_no_claim(scene: Scene) {
    let claim = a_claim("nothing", START);
    let record = a_session(ALICE).at(START).record;
    let resend = Resend { claim: Some(claim.clone()), ..a_resend(&record, START) };
    assert_eq!(scene.try_resend(resend).await, None);
    let attempt = Attempt { claim: Some(claim.clone()), ..an_attempt(&record, true) };
    assert_eq!(scene.store.settle_attempt(attempt, START).await.unwrap(), None);
    assert_eq!(scene.store.cancel(home(), record.session.id, Some(claim.clone()), START).await.unwrap(), None);
    let canceled = scene.store.cancel_delivery(home(), record.delivery, Some(claim.clone()), START).await.unwrap();
    assert_eq!(canceled, None);
    assert_eq!(scene.prior(&claim, START).await, None);
}

pub async fn a_blocked_attempt_stores_no_claim(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    for round in 0..4 {
        let record = scene.issue(session.at(at(round))).await;
        for left in (0..5).rev() {
            assert_eq!(scene.attempt(&record, false, at(round)).await, Attempted::Wrong { left });
        }
    }
    // As if it had been issued under other limits.
    let record = scene.issue(session.limits(&free_to_guess()).at(at(10))).await;
    let claim = a_claim("verify", at(11));
    let attempt = Attempt { claim: Some(claim.clone()), ..an_attempt(&record, true) };
    let settled = scene.store.settle_attempt(attempt, at(11)).await.unwrap();
    assert_eq!(settled, Some(Settled::Blocked(GuessRefused::Until { retry_at: at(0).plus(DAY) })));
    assert_eq!(scene.prior(&claim, at(11)).await, None);
}

pub async fn an_attempt_under_a_claim_is_charged_once_and_its_outcome_kept(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let outcomes =
        [(false, Attempted::Wrong { left: 4 }), (false, Attempted::Wrong { left: 3 }), (true, Attempted::Verified)];
    for (n, (matched, expected)) in outcomes.into_iter().enumerate() {
        let claim = a_claim(&format!("verify {n}"), START);
        let attempt = Attempt { claim: Some(claim.clone()), ..an_attempt(&record, matched) };
        let settle = || scene.store.settle_attempt(attempt.clone(), at(1));
        let Some(Settled::Done(settled, attempted)) = settle().await.unwrap() else { panic!("not settled") };
        assert_eq!(attempted, expected);
        assert_eq!(settle().await.unwrap(), Some(Settled::Replay(Prior::Running)));
        assert_eq!(scene.session(record.session.id).await, settled, "the replay was not charged");
        let abandoned = Prior::Abandoned(Subject::Attempt(record.session.id, expected));
        assert_eq!(scene.prior(&claim, START.plus(LEASE)).await, Some(abandoned));
    }
}

pub async fn a_locking_attempt_is_kept_as_what_it_was(scene: Scene) {
    let policy = OtpPolicy { attempts_max: 1, ..OtpPolicy::default() };
    let record = scene.issue(a_session(ALICE).policy(policy).at(START)).await;
    let claim = a_claim("verify", START);
    let attempt = Attempt { claim: Some(claim.clone()), ..an_attempt(&record, false) };
    scene.store.settle_attempt(attempt, START).await.unwrap();
    let subject = Subject::Attempt(record.session.id, Attempted::Wrong { left: 0 });
    assert_eq!(scene.prior(&claim, START.plus(LEASE)).await, Some(Prior::Abandoned(subject)));
}

pub async fn a_resend_under_a_claim_is_done_once(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(at(0))).await;
    let claim = a_claim("resend", at(30));
    let resend = |second| Resend { claim: Some(claim.clone()), ..a_resend(&record, at(second)) };
    let stored = scene.resend(resend(30)).await;
    // Past the cooldown: only the claim is in the way.
    let again = resend(90);
    let id = again.delivery.id;
    let abandoned = abandoned_session(record.session.id);
    assert_eq!(scene.try_resend(again).await, Some(Resent::Replay(abandoned)));
    assert_eq!(scene.session(record.session.id).await, stored);
    assert_eq!(scene.find_delivery(id).await, None);
}

pub async fn a_cancellation_under_a_claim_is_done_once(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let claim = a_claim("cancel", at(1));
    let cancel = |now| scene.store.cancel(home(), record.session.id, Some(claim.clone()), now);
    assert!(matches!(cancel(at(1)).await.unwrap(), Some(CancelSession::Done(_))));
    // Not `Finished(Canceled)`: the caller asks for the answer that it missed.
    assert_eq!(cancel(at(2)).await.unwrap(), Some(CancelSession::Replay(Prior::Running)));
    let abandoned = abandoned_session(record.session.id);
    assert_eq!(cancel(at(1).plus(LEASE)).await.unwrap(), Some(CancelSession::Replay(abandoned)));
}

pub async fn a_message_under_a_claim_is_stored_once(scene: Scene) {
    let claim = a_claim("message", START);
    let enqueue = async |now: Timestamp| {
        let new = a_message(ALICE, now);
        let id = new.id;
        (id, scene.store.enqueue(new, Some(claim.clone()), now).await.unwrap())
    };
    let (first, enqueued) = enqueue(START).await;
    assert!(matches!(enqueued, Enqueued::Stored(_)), "{enqueued:?}");
    let lapse = START.plus(LEASE);
    let abandoned = Prior::Abandoned(Subject::Message(first));
    for (now, prior) in [(START, Prior::Running), (lapse, abandoned)] {
        let (again, enqueued) = enqueue(now).await;
        assert_eq!(enqueued, Enqueued::Replay(prior));
        assert_eq!(scene.find_delivery(again).await, None);
    }
    assert_eq!(scene.claim_one(lapse).await.record.id, first);
}

pub async fn canceling_a_message_under_a_claim_is_done_once(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let claim = a_claim("cancel message", START);
    let cancel =
        |id: DeliveryId, scope: AccountScope, now| scene.store.cancel_delivery(scope, id, Some(claim.clone()), now);
    assert!(matches!(cancel(id, home(), START).await.unwrap(), Some(CancelDelivery::Done(_))));
    let replay = |prior| Some(CancelDelivery::Replay(prior));
    assert_eq!(cancel(id, home(), at(1)).await.unwrap(), replay(Prior::Running));
    let abandoned = Prior::Abandoned(Subject::Message(id));
    assert_eq!(cancel(id, home(), START.plus(LEASE)).await.unwrap(), replay(abandoned));
}

pub async fn a_message_that_is_not_canceled_stores_no_claim(scene: Scene) {
    let id = scene.enqueue(a_message(ALICE, START)).await;
    let held = scene.claim_one(START).await;
    let claim = a_claim("cancel message", START);
    let canceled = scene.store.cancel_delivery(home(), id, Some(claim.clone()), START).await.unwrap();
    assert!(matches!(canceled, Some(CancelDelivery::TooLate(_))), "{canceled:?} although {held:?}");
    assert_eq!(scene.prior(&claim, START).await, None);
}

pub async fn claims_are_purged_when_their_time_is_over(scene: Scene) {
    let claims: Vec<Claim> = (0..4).map(|second| a_claim(&format!("key {second}"), at(second))).collect();
    for claim in &claims {
        scene.store.keep_answer(claim, 200, sealed("body")).await.unwrap();
    }
    let stranger = Claim { scope: other_account(), ..claims[0].clone() };
    scene.store.keep_answer(&stranger, 200, sealed("body")).await.unwrap();
    // The first two and the stranger's are over: 0, 0 and 1 second old, plus a day.
    let now = at(1).plus(CLAIM_LIFE);
    for purged in [2, 1, 0] {
        assert_eq!(scene.store.purge_claims(now, 2).await.unwrap(), purged);
    }
    for (claim, stays) in claims.iter().zip([false, false, true, true]) {
        assert_eq!(scene.prior(claim, START).await.is_some(), stays, "{claim:?}");
    }
}

const fn abandoned_session(id: SessionId) -> Prior {
    Prior::Abandoned(Subject::Session(id))
}
