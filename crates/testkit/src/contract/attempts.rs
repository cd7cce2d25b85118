use whatotp_domain::{Attempted, GuessRefused, LedgerPolicy, OtpPolicy, SessionStatus};
use whatotp_ports::{Attempt, Settled};

use super::Scene;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, DAY, a_resend, a_session, an_attempt, at, free_to_guess, free_to_send, just_before, limited_by,
    other_account, other_mode,
};

pub async fn the_right_code_is_accepted_once(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let Some(Settled::Done(settled, Attempted::Verified)) = scene.settle(&record, true, at(5)).await else {
        panic!("the right code was not accepted");
    };
    let mut expected = record.clone();
    expected.session.attempt(true, at(5));
    assert_eq!(settled, expected);
    assert_eq!(scene.session(record.session.id).await, expected);
    for matched in [true, false] {
        let finished = Attempted::Finished(SessionStatus::Verified);
        assert_eq!(scene.settle(&record, matched, at(6)).await, Some(Settled::Done(expected.clone(), finished)));
    }
    assert_eq!(scene.session(record.session.id).await, expected, "what came later changed nothing");
}

pub async fn the_fifth_wrong_code_locks_and_the_right_one_comes_too_late(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    let mut expected = record.clone();
    for (second, left) in (1..=5).zip((0..5).rev()) {
        expected.session.attempt(false, at(second));
        let settled = scene.settle(&record, false, at(second)).await;
        assert_eq!(settled, Some(Settled::Done(expected.clone(), Attempted::Wrong { left })));
    }
    assert_eq!((expected.session.status, expected.session.attempts), (SessionStatus::Locked, 5));
    assert_eq!(scene.attempt(&record, true, at(6)).await, Attempted::Finished(SessionStatus::Locked));
    assert_eq!(scene.session(record.session.id).await, expected);
}

pub async fn a_session_has_as_many_attempts_as_it_was_issued_with(scene: Scene) {
    let policy = OtpPolicy { attempts_max: 2, ..OtpPolicy::default() };
    let record = scene.issue(a_session(ALICE).policy(policy).at(START)).await;
    assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Wrong { left: 1 });
    assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Wrong { left: 0 });
    assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Finished(SessionStatus::Locked));
}

pub async fn a_resend_brings_no_new_attempts(scene: Scene) {
    let record = scene.issue(a_session(ALICE).at(START)).await;
    for left in (1..5).rev() {
        assert_eq!(scene.attempt(&record, false, at(1)).await, Attempted::Wrong { left });
    }
    let resent = scene.resend(a_resend(&record, at(30))).await;
    assert_eq!(resent.session.attempts, 4);
    assert_eq!(scene.attempt(&record, false, at(31)).await, Attempted::Wrong { left: 0 });
    assert_eq!(scene.attempt(&record, true, at(32)).await, Attempted::Finished(SessionStatus::Locked));
}

/// SECURITY.md O6 and O7: whoever starts anew before a session locks gains nothing.
pub async fn twenty_wrong_codes_in_a_day_block_the_number_over_all_its_sessions(scene: Scene) {
    // As if it had been issued under other limits: under these it would not have been.
    let session = a_session(ALICE).limits(&free_to_guess());
    fail_times(&scene, 20, 0).await;
    let until = at(1).plus(DAY);
    let blocked = GuessRefused::Until { retry_at: until };

    let fresh = scene.issue(session.at(at(100))).await;
    for (matched, second) in [(true, 101), (false, 102)] {
        assert_eq!(scene.settle(&fresh, matched, at(second)).await, Some(Settled::Blocked(blocked)));
    }
    assert_eq!(scene.session(fresh.session.id).await, fresh, "a blocked attempt is not charged");

    let later = scene.issue(session.at(until.minus(DAY / 1000))).await;
    assert_eq!(scene.settle(&later, true, just_before(until)).await, Some(Settled::Blocked(blocked)));
    scene.verify(&later, until).await;
}

pub async fn a_blocked_number_blocks_no_other_and_no_other_account(scene: Scene) {
    fail_times(&scene, 20, 0).await;
    let blocked = scene.issue(a_session(ALICE).limits(&free_to_guess()).at(at(100))).await;
    assert!(matches!(scene.settle(&blocked, true, at(101)).await, Some(Settled::Blocked(_))));
    let bob = scene.issue(a_session(BOB).at(at(100))).await;
    scene.verify(&bob, at(101)).await;
    for scope in [other_account(), other_mode()] {
        let same_number = scene.issue(a_session(ALICE).of(scope).at(at(100))).await;
        scene.verify(&same_number, at(101)).await;
    }
}

pub async fn nineteen_wrong_codes_do_not_block_and_the_twentieth_does(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    fail_times(&scene, 19, 0).await;
    let twentieth = scene.issue(session.at(at(100))).await;
    assert_eq!(twentieth.session.attempts_max, 1);
    assert_eq!(scene.attempt(&twentieth, false, at(101)).await, Attempted::Wrong { left: 0 });
    let blocked = GuessRefused::Until { retry_at: at(1).plus(DAY) };
    assert_eq!(scene.settle(&twentieth, true, at(102)).await, Some(Settled::Blocked(blocked)));
}

pub async fn a_right_code_forgives_the_failures_before_it(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    fail_times(&scene, 19, 0).await;
    let right = scene.issue(session.at(at(100))).await;
    scene.verify(&right, at(101)).await;
    fail_times(&scene, 19, 200).await;
    let last = scene.issue(session.at(at(300))).await;
    scene.verify(&last, at(301)).await;
}

pub async fn wrong_codes_for_a_session_that_is_over_are_not_counted(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    fail_times(&scene, 15, 0).await;
    let old = scene.issue(session.at(at(100))).await;
    for left in [4, 3, 2, 1] {
        assert_eq!(scene.attempt(&old, false, at(101)).await, Attempted::Wrong { left });
    }
    scene.issue(session.at(at(102))).await;
    for _ in 0..5 {
        assert_eq!(scene.attempt(&old, false, at(103)).await, Attempted::Finished(SessionStatus::Superseded));
    }
    // 19 are counted: one more is looked at.
    let last = scene.issue(session.at(at(104))).await;
    assert_eq!(scene.attempt(&last, false, at(105)).await, Attempted::Wrong { left: 0 });
    assert!(matches!(scene.settle(&last, true, at(106)).await, Some(Settled::Blocked(_))));
}

pub async fn without_limits_a_number_is_never_blocked(scene: Scene) {
    let limits = LedgerPolicy::unlimited();
    // All in one moment: a ledger without limits has no memory, and would forget them by itself.
    for _ in 0..8 {
        let record = scene.issue(a_session(ALICE).limits(&limits).at(START)).await;
        for left in (0..5).rev() {
            let attempt = Attempt { limits: limited_by(&limits), ..an_attempt(&record, false) };
            let settled = scene.store.settle_attempt(attempt, START).await.unwrap();
            let Some(Settled::Done(_, attempted)) = settled else { panic!("not settled: {settled:?}") };
            assert_eq!(attempted, Attempted::Wrong { left });
        }
    }
}

/// Gives `times` wrong codes, one a second from the first after `from`; never more than four to a session.
pub(super) async fn fail_times(scene: &Scene, times: u64, from: u64) {
    let session = a_session(ALICE).limits(&free_to_send());
    for first in (0..times).step_by(4) {
        let record = scene.issue(session.at(at(from + first))).await;
        for n in first..times.min(first + 4) {
            let attempted = scene.attempt(&record, false, at(from + n + 1)).await;
            assert!(matches!(attempted, Attempted::Wrong { .. }), "{attempted:?}");
        }
    }
}
