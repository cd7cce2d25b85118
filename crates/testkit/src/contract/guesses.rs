use whatotp_domain::{Attempted, GuessRefused, LedgerPolicy, NumberLedger, NumberLimits, SendRefused, SessionStatus};
use whatotp_ports::{
    Attempt, Before, Issued, LedgerKey, NewSession, Resend, Resent, SessionRecord, Settled, Withdrawal,
};

use super::Scene;
use super::attempts::fail_times;
use super::scene::{count, race};
use super::sessions::end_with;
use crate::START;
use crate::fixtures::{
    ALICE, BOB, CODE_LIFE, DAY, a_number, a_resend, a_session, a_withdrawal, an_attempt, at, everybodys, free_to_guess,
    free_to_send, home, index_of, just_before, limited_by, other_account, other_mode,
};

const PURPOSES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

pub async fn parallel_sessions_share_the_guesses_of_their_number(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    fail_times(&scene, 3, 0).await;
    let attempts = async |purpose: &str, second| {
        scene.issue(session.clone().purpose(purpose).at(at(second))).await.session.attempts_max
    };
    // The session that the wrong codes were given to holds two more.
    assert_eq!(attempts("a", 10).await, 5);
    assert_eq!(attempts("b", 11).await, 5);
    assert_eq!(attempts("c", 12).await, 5, "20 less 3, and less what the others hold");
    let refused = scene.try_issue(session.clone().purpose("d").at(at(13))).await;
    let until = |retry_at| Issued::NoGuesses(GuessRefused::Until { retry_at });
    assert_eq!(refused, until(at(0).plus(CODE_LIFE)), "when the first of them is over");
    assert_eq!(attempts("d", 300).await, 2);
}

pub async fn a_session_that_is_over_holds_no_guesses(scene: Scene) {
    let session = a_session(ALICE).limits(&LedgerPolicy { failures_max: 5, ..free_to_send() });
    let first = scene.issue(session.at(at(0))).await;
    let (second, superseded) = scene.issue_over(session.at(at(1))).await;
    assert_eq!(superseded.map(|live| live.session), Some(first.session.id));
    assert_eq!(second.session.attempts_max, 5, "a superseded one gives them on");
    scene.verify(&second, at(2)).await;
    let third = scene.issue(session.clone().purpose("b").at(at(3))).await;
    assert_eq!(third.session.attempts_max, 5, "a verified one gives them back");
    let refused = scene.try_issue(session.clone().purpose("c").at(just_before(third.session.expires_at))).await;
    assert_eq!(refused, Issued::NoGuesses(GuessRefused::Until { retry_at: third.session.expires_at }));
    let fourth = scene.issue(session.clone().purpose("c").at(third.session.expires_at)).await;
    assert_eq!(fourth.session.attempts_max, 5, "an expired one gives them back");
    // A canceled one keeps them until its expiry: nobody wins guesses by canceling.
    scene.store.cancel(home(), fourth.session.id, None, at(304)).await.unwrap();
    let refused = scene.try_issue(session.clone().purpose("d").at(at(305))).await;
    assert_eq!(refused, Issued::NoGuesses(GuessRefused::Until { retry_at: fourth.session.expires_at }));
    let fifth = scene.issue(session.purpose("c").at(at(306))).await;
    assert_eq!(fifth.session.attempts_max, 5, "but to the next one of its purpose it gives them at once");
}

pub async fn a_locked_session_holds_no_guesses(scene: Scene) {
    let session = a_session(ALICE).limits(&LedgerPolicy { failures_max: 7, ..free_to_send() });
    let first = scene.issue(session.at(at(0))).await;
    end_with(&scene, &first, SessionStatus::Locked).await;
    let second = scene.issue(session.clone().purpose("b").at(at(2))).await;
    assert_eq!(second.session.attempts_max, 2);
}

pub async fn a_refused_issue_leaves_everything_as_it_was(scene: Scene) {
    let session = a_session(ALICE).limits(&LedgerPolicy { failures_max: 1, ..free_to_send() });
    let first = scene.issue(session.at(at(0))).await;
    assert_eq!(scene.attempt(&first, false, at(1)).await, Attempted::Wrong { left: 0 });
    let ledgers = ledgers_of(&scene, ALICE).await;
    let refused = session.at(at(2));
    let (id, delivery) = (refused.record.session.id, refused.record.delivery);
    let until = at(1).plus(DAY);
    assert_eq!(scene.try_issue(refused).await, Issued::NoGuesses(GuessRefused::Until { retry_at: until }));
    assert_eq!(scene.find(id).await, None);
    assert_eq!(scene.find_delivery(delivery).await, None);
    assert_eq!(ledgers_of(&scene, ALICE).await, ledgers);
    let refused = scene.try_issue(session.at(just_before(until))).await;
    assert_eq!(refused, Issued::NoGuesses(GuessRefused::Until { retry_at: until }));
    scene.issue(session.at(until)).await;
}

pub async fn a_short_code_has_fewer_guesses_in_a_session_and_a_day(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    let short = scene.issue(session.clone().digits(4).at(at(0))).await;
    assert_eq!(short.session.attempts_max, 2, "a tenth of the 20 a day");
    for left in [1, 0] {
        assert_eq!(scene.attempt(&short, false, at(1)).await, Attempted::Wrong { left });
    }
    let until = GuessRefused::Until { retry_at: at(1).plus(DAY) };
    for digits in [4, 5] {
        let refused = scene.try_issue(session.clone().digits(digits).at(at(2))).await;
        assert_eq!(refused, Issued::NoGuesses(until));
        let fresh = scene.issue(session.clone().limits(&free_to_guess()).digits(digits).at(at(3))).await;
        assert_eq!(fresh.session.attempts_max, 3, "as if it had been issued under other limits");
        assert_eq!(scene.settle(&fresh, true, at(4)).await, Some(Settled::Blocked(until)));
    }
    let long = scene.issue(session.clone().at(at(5))).await;
    assert_eq!(long.session.attempts_max, 5);
    scene.verify(&long, at(6)).await;
    scene.issue(session.digits(4).at(at(7))).await;
}

/// SECURITY.md O7.
pub async fn a_hundred_wrong_codes_in_a_row_disable_a_number_until_it_is_forgiven(scene: Scene) {
    let session = a_session(ALICE).limits(&free_to_send());
    // Twenty a day, so that no other limit is met.
    for day in 0..5 {
        fail_times(&scene, 20, day * 86_400 * 2).await;
        let policy = LedgerPolicy::default();
        scene.store.purge_ledgers(&policy, at((day + 1) * 86_400 * 2 - 10), 1000).await.unwrap();
    }
    let disabled = GuessRefused::Disabled;
    let later = 86_400 * 3650;
    assert_eq!(scene.try_issue(session.at(at(later))).await, Issued::NoGuesses(disabled));
    let older = scene.issue(session.clone().limits(&free_to_guess()).at(at(later))).await;
    assert_eq!(scene.settle(&older, true, at(later + 1)).await, Some(Settled::Blocked(disabled)));
    for scope in [other_account(), other_mode()] {
        let other = scene.issue(session.clone().of(scope).at(at(later))).await;
        scene.verify(&other, at(later + 1)).await;
    }
    assert_eq!(scene.try_issue(session.at(at(later))).await, Issued::NoGuesses(disabled), "that was another account");

    let key = LedgerKey::of(home(), older.number);
    let sends = scene.store.find_ledger(&key).await.unwrap().expect("it is there").sends().to_vec();
    assert!(scene.store.forgive(&key).await.unwrap());
    let ledger = scene.store.find_ledger(&key).await.unwrap().expect("it is there");
    assert_eq!((ledger.guesses().in_a_row(), ledger.guesses().failures()), (0, &[][..]));
    assert_eq!(ledger.sends(), sends, "what it received still counts");
    assert!(!scene.store.forgive(&key).await.unwrap(), "there is nothing more to forgive");
    scene.verify(&older, at(later + 2)).await;
}

pub async fn what_is_not_counted_cannot_be_forgiven(scene: Scene) {
    let keys = [LedgerKey::of(home(), index_of(home(), ALICE)), LedgerKey::everybody(home().mode, everybodys(ALICE))];
    for key in keys {
        assert_eq!(scene.store.find_ledger(&key).await.unwrap(), None);
        assert!(!scene.store.forgive(&key).await.unwrap());
        assert_eq!(scene.store.find_ledger(&key).await.unwrap(), None);
    }
}

pub async fn a_right_code_ends_the_row_and_ninety_nine_may_follow(scene: Scene) {
    let limits = NumberLimits { account: LedgerPolicy { failures_max: 1000, ..free_to_send() }, everybody: None };
    let session = a_session(ALICE).limited(&limits);
    let mut second = 0;
    for _ in 0..2 {
        for _ in 0..99 {
            second += 1;
            let fresh = scene.issue(session.at(at(second))).await;
            let attempt = Attempt { limits: limits.clone(), ..an_attempt(&fresh, false) };
            let settled = scene.store.settle_attempt(attempt, at(second)).await.unwrap();
            assert!(matches!(settled, Some(Settled::Done(_, Attempted::Wrong { .. }))), "{settled:?}");
        }
        second += 1;
        let last = scene.issue(session.at(at(second))).await;
        assert_eq!(last.session.attempts_max, 1);
        let attempt = Attempt { limits: limits.clone(), ..an_attempt(&last, true) };
        let settled = scene.store.settle_attempt(attempt, at(second)).await.unwrap();
        assert!(matches!(settled, Some(Settled::Done(_, Attempted::Verified))), "{settled:?}");
    }
}

pub async fn fifty_messages_a_day_over_all_accounts(scene: Scene) {
    let scopes = [home(), other_account()];
    for n in 0..50_u64 {
        let scope = scopes[usize::try_from(n % 2).unwrap()];
        scene.issue(a_session(ALICE).limits(&free_to_send()).of(scope).at(at(n))).await;
    }
    let capped = SendRefused::Capped { retry_at: START.plus(DAY) };
    for scope in scopes {
        let one_more = a_session(ALICE).limits(&free_to_send()).of(scope);
        assert_eq!(scene.refused_issue(one_more.at(at(60))).await, capped);
        assert_eq!(scene.refused_issue(one_more.at(just_before(START.plus(DAY)))).await, capped);
    }
    let last = a_session(ALICE).limits(&free_to_send()).of(other_mode());
    scene.issue(last.at(at(61))).await;
    scene.issue(a_session(BOB).at(at(61))).await;
    let one_more = scene.issue(a_session(ALICE).limits(&free_to_send()).at(START.plus(DAY))).await;
    let again = Resend { limits: limited_by(&free_to_send()), ..a_resend(&one_more, START.plus(DAY)) };
    let capped = SendRefused::Capped { retry_at: at(1).plus(DAY) };
    assert_eq!(scene.try_resend(again).await, Some(Resent::Refused(capped)), "a resend counts as well");
}

pub async fn fifty_wrong_codes_a_day_over_all_accounts(scene: Scene) {
    let mut second = 0;
    for (scope, wrong) in [(home(), 19), (other_account(), 19)] {
        for _ in 0..wrong {
            second += 1;
            wrong_code(&scene, &a_session(ALICE).of(scope).limits(&free_to_guess()).at(at(second))).await;
        }
    }
    // Later, when the sessions that they were given to hold nothing any more. A right one forgives those of its account, and none over all of them.
    let right = scene.issue(a_session(ALICE).limits(&free_to_guess()).at(at(400))).await;
    scene.verify(&right, at(400)).await;
    let next = scene.issue(a_session(ALICE).limits(&free_to_send()).at(at(401))).await;
    let another = |purpose| a_session(ALICE).limits(&free_to_send()).purpose(purpose);
    let second = scene.issue(another("second").at(at(402))).await;
    let third = scene.issue(another("third").at(at(403))).await;
    let attempts = [&next, &second, &third].map(|record| record.session.attempts_max);
    assert_eq!(attempts, [5, 5, 2], "50 less 38");
    let refused = scene.try_issue(another("fourth").at(at(403))).await;
    assert_eq!(refused, Issued::NoGuesses(GuessRefused::Until { retry_at: next.session.expires_at }));
    for record in [&next, &second, &third] {
        for left in (0..record.session.attempts_max).rev() {
            assert_eq!(scene.attempt(record, false, at(404)).await, Attempted::Wrong { left });
        }
    }
    let until = GuessRefused::Until { retry_at: at(1).plus(DAY) };
    for scope in [home(), other_account()] {
        let refused =
            scene.try_issue(a_session(ALICE).limits(&free_to_send()).purpose("new").of(scope).at(at(800))).await;
        assert_eq!(refused, Issued::NoGuesses(until));
    }
    let other_mode = a_session(ALICE).of(other_mode()).limits(&free_to_send());
    assert_eq!(scene.issue(other_mode.at(at(800))).await.session.attempts_max, 5, "modes are counted apart");
    let key = LedgerKey::everybody(home().mode, everybodys(ALICE));
    assert!(scene.store.forgive(&key).await.unwrap());
    let session = a_session(ALICE).limits(&free_to_send()).purpose("new");
    assert_eq!(scene.issue(session.at(at(801))).await.session.attempts_max, 5);
}

pub async fn a_withdrawal_gives_back_what_the_sessions_held(scene: Scene) {
    let limits = LedgerPolicy { failures_max: 6, ..free_to_send() };
    let session = a_session(ALICE).limits(&limits);
    let first = scene.issue(session.at(at(0))).await;
    assert_eq!(scene.attempt(&first, false, at(1)).await, Attempted::Wrong { left: 4 });
    let before = (scene.session(first.session.id).await, ledgers_of(&scene, ALICE).await);
    let (second, superseded) = scene.issue_over(session.at(at(2))).await;
    assert_eq!(second.session.attempts_max, 5);
    let withdrawal = a_withdrawal(&second, Before::NoSession(superseded));
    let withdrawal = Withdrawal { limits: limited_by(&limits), ..withdrawal };
    scene.store.withdraw(withdrawal, at(3)).await.unwrap();
    assert_eq!((scene.session(first.session.id).await, ledgers_of(&scene, ALICE).await), before);
    let other = scene.issue(session.clone().purpose("b").at(at(4))).await;
    assert_eq!(other.session.attempts_max, 1, "6 less one failure, and less the 4 of the first");
}

/// SECURITY.md O7: however many sessions are issued at once, and guessed at by a hundred.
pub async fn racing_sessions_and_guesses_never_exceed_the_budget(scene: Scene) {
    for round in 0..3 {
        let number = a_number(round);
        let session = a_session(&number).limits(&free_to_send());
        let issues = (0..40).map(|n| try_issue(&scene, session.clone().purpose(PURPOSES[n % 8]).at(START)));
        let mut records: Vec<SessionRecord> = Vec::new();
        for issued in race(issues).await {
            match issued {
                Issued::Created { record, .. } => records.push(*record),
                Issued::NoGuesses(_) => {}
                other => panic!("{other:?}"),
            }
        }
        let mut open = 0;
        for record in &records {
            let session = scene.session(record.session.id).await.session;
            if session.status == SessionStatus::Pending {
                open += u32::from(session.attempts_max);
            }
        }
        assert_eq!(open, 20, "every guess is held by somebody, and none by two");

        let calls = (0..100).map(|n| {
            let (scene, attempt) = (scene.clone(), an_attempt(&records[n % records.len()], false));
            async move { scene.store.settle_attempt(attempt, at(1)).await.expect("it answers") }
        });
        let settled = race(calls).await;
        let wrong = count(&settled, |one| matches!(one, Some(Settled::Done(_, Attempted::Wrong { .. }))));
        assert!(wrong <= 20, "{wrong} wrong codes were looked at");
        let ledger = scene.store.find_ledger(&LedgerKey::of(home(), index_of(home(), &number))).await.unwrap();
        let ledger = ledger.expect("it is there");
        let held: u32 = ledger.guesses().reserved().iter().map(|held| u32::from(held.guesses)).sum();
        let failures = ledger.guesses().failures().len();
        assert_eq!((failures, failures + usize::try_from(held).unwrap()), (wrong, 20));
    }
}

/// SECURITY.md F1 and O7, over all accounts.
pub async fn racing_accounts_share_the_limits_over_all_of_them(scene: Scene) {
    let limits = NumberLimits {
        account: LedgerPolicy { failures_max: 1000, ..free_to_send() },
        everybody: Some(LedgerPolicy::everybody()),
    };
    let scopes = [home(), other_account()];
    let racers = (0..100_usize).map(|n| {
        let session = a_session(ALICE).limited(&limits).of(scopes[n % 2]);
        try_issue(&scene, session.purpose(&format!("{}", n / 2)).at(START))
    });
    let issued = race(racers).await;
    let capped = Issued::Refused(SendRefused::Capped { retry_at: START.plus(DAY) });
    let created: Vec<SessionRecord> = issued
        .iter()
        .filter_map(|one| match one {
            Issued::Created { record, .. } => Some((**record).clone()),
            _ => None,
        })
        .collect();
    let attempts: u32 = created.iter().map(|record| u32::from(record.session.attempts_max)).sum();
    assert_eq!((created.len(), attempts), (10, 50), "50 guesses over all accounts: ten sessions hold them");
    assert_eq!(count(&issued, |one| matches!(one, Issued::NoGuesses(_))), 90);

    let unguessed = LedgerPolicy { failures_max: u32::MAX, ..LedgerPolicy::everybody() };
    let caps_only = NumberLimits { account: free_to_guess(), everybody: Some(unguessed) };
    let racers = (0..100_usize).map(|n| {
        let session = a_session(BOB).limited(&caps_only).of(scopes[n % 2]);
        try_issue(&scene, session.purpose(&format!("{n}")).at(START))
    });
    let issued = race(racers).await;
    assert_eq!(count(&issued, |one| matches!(one, Issued::Created { .. })), 50);
    assert_eq!(count(&issued, |one| *one == capped), 50);

    let calls = (0..100_usize).map(|n| {
        let attempt = Attempt { limits: limits.clone(), ..an_attempt(&created[n % created.len()], false) };
        let scene = scene.clone();
        async move { scene.store.settle_attempt(attempt, at(1)).await.expect("it answers") }
    });
    let settled = race(calls).await;
    let wrong = count(&settled, |one| matches!(one, Some(Settled::Done(_, Attempted::Wrong { .. }))));
    assert_eq!(wrong, 50);
}

pub async fn without_limits_nothing_is_counted_over_all_accounts(scene: Scene) {
    let record = scene.issue(a_session(ALICE).limits(&LedgerPolicy::unlimited()).at(START)).await;
    let attempt = Attempt { limits: NumberLimits::unlimited(), ..an_attempt(&record, false) };
    scene.store.settle_attempt(attempt, at(1)).await.unwrap();
    let key = LedgerKey::everybody(home().mode, everybodys(ALICE));
    assert_eq!(scene.store.find_ledger(&key).await.unwrap(), None);
}

async fn wrong_code(scene: &Scene, new: &NewSession) {
    let record = scene.issue(new.clone()).await;
    let attempted = scene.attempt(&record, false, new.delivery.created_at).await;
    assert!(matches!(attempted, Attempted::Wrong { .. }), "{attempted:?}");
}

async fn ledgers_of(scene: &Scene, number: &str) -> [Option<NumberLedger>; 2] {
    let everybody = LedgerKey::everybody(home().mode, everybodys(number));
    let account = LedgerKey::of(home(), index_of(home(), number));
    [scene.store.find_ledger(&account).await.unwrap(), scene.store.find_ledger(&everybody).await.unwrap()]
}

fn try_issue(scene: &Scene, new: NewSession) -> impl Future<Output = Issued> + Send + 'static {
    let scene = scene.clone();
    async move { scene.try_issue(new).await }
}
