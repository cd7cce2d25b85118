use whatotp_domain::{Attempted, DeliveryStatus, LiveSession, SessionId, SessionStatus};
use whatotp_ports::{Attempt, Before, Resend, SessionRecord, Withdrawal};

use super::Scene;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, CODE_LIFE, a_number, a_resend, a_session, a_withdrawal, an_attempt, at, free_to_send, home,
    just_before, limited_by, other_account, other_mode,
};

pub async fn an_issued_session_is_found_with_everything_in_it(scene: Scene) {
    let new = a_session(ALICE).purpose("login é \"1\"").at(START);
    let mut expected = new.record.clone();
    expected.session.record_send(at(30));

    let (record, superseded) = scene.issue_over(new.clone()).await;
    assert_eq!(record, expected, "its first message is counted, and the next one allowed after the first cooldown");
    assert_eq!(superseded, None);

    let (found, sent) = scene.find(record.session.id).await.expect("the session is there");
    assert_eq!(found, expected);
    assert_eq!((sent.delivery.status(), sent.sender), (DeliveryStatus::Queued, None));
    assert_eq!(sent.delivery.reached_at(DeliveryStatus::Queued), Some(START));

    let stored = scene.delivery(new.delivery.id).await;
    let fields = (stored.id, stored.scope, stored.kind, stored.recipient, stored.number, stored.locale);
    let new = new.delivery;
    assert_eq!(fields, (new.id, new.scope, new.kind, new.recipient, new.number, new.locale));
    assert_eq!((stored.created_at, stored.expires_at), (new.created_at, new.expires_at));
    assert_eq!((stored.variables, stored.metadata, stored.attempts), (None, None, 0));
    assert_eq!((stored.route, stored.fallback, stored.sender), (new.route, false, None));
}

pub async fn a_session_without_metadata_comes_back_without(scene: Scene) {
    let mut new = a_session(ALICE).at(START);
    new.record.metadata = None;
    new.delivery.locale = None;
    let record = scene.issue(new).await;
    assert_eq!(scene.session(record.session.id).await.metadata, None);
    assert_eq!(scene.delivery(record.delivery).await.locale, None);
}

pub async fn a_session_that_never_was_is_not_found(scene: Scene) {
    scene.issue(a_session(ALICE).at(START)).await;
    let mut record = a_session(BOB).at(START).record;
    record.session.id = SessionId::new(START, [0xFF; 10]);
    let id = record.session.id;
    assert_eq!(scene.find(id).await, None);
    assert_eq!(scene.settle(&record, true, START).await, None);
    assert_eq!(scene.try_resend(a_resend(&record, START)).await, None);
    assert_eq!(scene.store.cancel(home(), id, None, START).await.unwrap(), None);
    scene.store.fail(home(), id, START).await.unwrap();
    scene.store.withdraw(a_withdrawal(&record, Before::NoSession(None)), START).await.unwrap();
    assert_eq!(scene.find(id).await, None);
}

pub async fn nobody_else_can_see_or_change_a_session(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let id = record.session.id;
    for stranger in [other_account(), other_mode()] {
        let (store, now) = (&scene.store, at(31));
        assert_eq!(store.find(stranger, id).await.unwrap(), None);
        assert_eq!(store.find_delivery(stranger, record.delivery).await.unwrap(), None);
        for matched in [false, true] {
            let attempt = Attempt { scope: stranger, ..an_attempt(&record, matched) };
            assert_eq!(store.settle_attempt(attempt, now).await.unwrap(), None);
        }
        let mut resend = Resend { scope: stranger, ..a_resend(&record, now) };
        resend.delivery.scope = stranger;
        let delivery = resend.delivery.id;
        assert_eq!(store.resend(resend, now).await.unwrap(), None);
        assert_eq!(store.find_delivery(stranger, delivery).await.unwrap(), None, "nothing was stored");
        assert_eq!(store.cancel(stranger, id, None, now).await.unwrap(), None);
        store.fail(stranger, id, now).await.unwrap();
        let withdrawal = Withdrawal { scope: stranger, ..a_withdrawal(&record, Before::NoSession(None)) };
        store.withdraw(withdrawal, now).await.unwrap();

        let (found, sent) = scene.find(id).await.expect("the session is there");
        assert_eq!(found, record, "nothing of it has changed");
        assert_eq!(sent.delivery.status(), DeliveryStatus::Queued);
    }
    // The number was not charged for them either: its next message is due as if they had never asked.
    let next = scene.issue(a_session(ALICE).at(at(31))).await;
    assert_eq!(next.session.resend_available_at, at(31 + 60));
}

pub async fn a_number_has_its_own_limits_in_every_scope(scene: Scene) {
    for scope in [home(), other_account(), other_mode()] {
        let record = scene.issue(a_session(ALICE).of(scope).at(START)).await;
        let (found, _) = scene.store.find(scope, record.session.id).await.unwrap().expect("it is there");
        assert_eq!(found, record);
    }
    scene.issue(a_session(BOB).at(START)).await;
}

pub async fn a_new_send_supersedes_the_pending_session_of_its_purpose_only(scene: Scene) {
    let free = free_to_send();
    let login = scene.issue(a_session(ALICE).limits(&free).purpose("login").at(at(0))).await;
    let payment = scene.issue(a_session(ALICE).limits(&free).purpose("payment").at(at(1))).await;
    let bob = scene.issue(a_session(BOB).limits(&free).purpose("login").at(at(2))).await;
    assert_eq!(scene.attempt(&login, false, at(3)).await, Attempted::Wrong { left: 4 });

    let (second, superseded) = scene.issue_over(a_session(ALICE).limits(&free).purpose("login").at(at(4))).await;
    assert_eq!(superseded, Some(live(&login)));
    let old = scene.session(login.session.id).await;
    assert_eq!(old.session.status, SessionStatus::Superseded);
    assert_eq!((old.session.finished_at, old.session.attempts), (Some(at(4)), 1));
    for other in [&payment, &bob, &second] {
        assert_eq!(scene.session(other.session.id).await, *other, "is not touched");
    }
    assert_eq!(scene.attempt(&login, true, at(5)).await, Attempted::Finished(SessionStatus::Superseded));
    scene.verify(&second, at(5)).await;
    scene.verify(&payment, at(5)).await;
}

pub async fn a_session_that_is_over_is_not_superseded(scene: Scene) {
    let free = free_to_send();
    let ends = [SessionStatus::Verified, SessionStatus::Locked, SessionStatus::Canceled, SessionStatus::Failed];
    for (number, end) in ends.into_iter().enumerate() {
        let session = a_session(&a_number(number)).limits(&free);
        let first = scene.issue(session.at(at(0))).await;
        end_with(&scene, &first, end).await;
        let ended = scene.session(first.session.id).await;
        assert_eq!(ended.session.status, end);
        let (_, superseded) = scene.issue_over(session.at(at(10))).await;
        assert_eq!(superseded, None, "a {end} session had no place any more");
        assert_eq!(scene.session(first.session.id).await, ended, "it stays {end}");
    }
}

pub async fn an_expired_session_is_not_superseded(scene: Scene) {
    let first = scene.issue(a_session(ALICE).at(START)).await;
    let expiry = START.plus(CODE_LIFE);
    let (_, superseded) = scene.issue_over(a_session(ALICE).at(expiry)).await;
    assert_eq!(superseded, None);
    assert_eq!(scene.status(first.session.id, expiry).await, SessionStatus::Expired);

    let second = scene.issue(a_session(BOB).at(START)).await;
    let (_, superseded) = scene.issue_over(a_session(BOB).at(just_before(expiry))).await;
    assert_eq!(superseded, Some(live(&second)));
}

pub async fn a_code_is_right_until_its_expiry_and_not_a_millisecond_longer(scene: Scene) {
    let free = free_to_send();
    let session = a_session(ALICE).limits(&free);
    let expiry = START.plus(CODE_LIFE);

    let late = scene.issue(session.clone().purpose("late").at(START)).await;
    for matched in [true, false] {
        assert_eq!(scene.attempt(&late, matched, expiry).await, Attempted::Finished(SessionStatus::Expired));
    }
    assert_eq!(scene.session(late.session.id).await.session.attempts, 0, "nothing was charged");
    assert_eq!(scene.status(late.session.id, expiry).await, SessionStatus::Expired);

    let in_time = scene.issue(session.purpose("in time").at(START)).await;
    scene.verify(&in_time, just_before(expiry)).await;
    let verified = scene.session(in_time.session.id).await.session;
    assert_eq!(verified.finished_at, Some(just_before(expiry)));
    assert_eq!(verified.status_at(expiry), SessionStatus::Verified, "it does not expire afterwards");
}

pub async fn failing_ends_a_pending_session_and_no_other(scene: Scene) {
    let free = free_to_send();
    let pending = scene.issue(a_session(ALICE).limits(&free).at(START)).await;
    scene.store.fail(home(), pending.session.id, at(3)).await.unwrap();
    let failed = scene.session(pending.session.id).await.session;
    assert_eq!((failed.status, failed.finished_at), (SessionStatus::Failed, Some(at(3))));
    assert_eq!(scene.attempt(&pending, true, at(4)).await, Attempted::Finished(SessionStatus::Failed));

    for (number, end) in [SessionStatus::Verified, SessionStatus::Canceled].into_iter().enumerate() {
        let record = scene.issue(a_session(&a_number(number)).limits(&free).at(START)).await;
        end_with(&scene, &record, end).await;
        let before = scene.session(record.session.id).await;
        scene.store.fail(home(), record.session.id, at(9)).await.unwrap();
        assert_eq!(scene.session(record.session.id).await, before);
    }
    let sent_twice = scene.issue(a_session(&a_number(2)).limits(&free).at(START)).await;
    let sent_twice = scene.resend(Resend { limits: limited_by(&free), ..a_resend(&sent_twice, at(1)) }).await;
    scene.store.fail(home(), sent_twice.session.id, at(2)).await.unwrap();
    assert_eq!(scene.session(sent_twice.session.id).await, sent_twice, "its other message may still arrive");

    let expired = scene.issue(a_session(BOB).limits(&free).at(START)).await;
    let expiry = expired.session.expires_at;
    scene.store.fail(home(), expired.session.id, expiry).await.unwrap();
    assert_eq!(scene.status(expired.session.id, expiry).await, SessionStatus::Expired);
}

pub async fn old_sessions_are_purged_and_young_ones_are_not(scene: Scene) {
    let mut records = Vec::new();
    for (number, second) in [0, 1, 2, 3].into_iter().enumerate() {
        records.push(scene.issue(a_session(&a_number(number)).at(at(second))).await);
    }
    let stranger = scene.issue(a_session(ALICE).of(other_account()).at(at(0))).await;
    let purge = |limit| scene.store.purge_sessions(at(2), limit);
    assert_eq!(purge(2).await.unwrap(), 2, "not more than asked for");
    assert_eq!(purge(10).await.unwrap(), 1, "of every account");
    assert_eq!(purge(10).await.unwrap(), 0);
    assert_eq!(scene.store.find(other_account(), stranger.session.id).await.unwrap(), None);
    for (record, stays) in records.iter().zip([false, false, true, true]) {
        assert_eq!(scene.find(record.session.id).await.is_some(), stays, "{record:?}");
    }
}

pub(super) fn live(record: &SessionRecord) -> LiveSession {
    let session = &record.session;
    LiveSession { purpose: session.purpose.clone(), session: session.id, expires_at: session.expires_at }
}

/// Brings a pending session that was issued at `at(0)` to its end, within ten seconds.
pub(super) async fn end_with(scene: &Scene, record: &SessionRecord, end: SessionStatus) {
    match end {
        SessionStatus::Verified => scene.verify(record, at(1)).await,
        SessionStatus::Locked => {
            for left in (0..record.session.attempts_max).rev() {
                assert_eq!(scene.attempt(record, false, at(1)).await, Attempted::Wrong { left });
            }
        }
        SessionStatus::Canceled => {
            scene.store.cancel(home(), record.session.id, None, at(1)).await.unwrap().expect("it is there");
        }
        SessionStatus::Failed => scene.store.fail(home(), record.session.id, at(1)).await.unwrap(),
        SessionStatus::Pending | SessionStatus::Expired | SessionStatus::Superseded => {
            panic!("nobody can make a session {end} from outside")
        }
    }
}
