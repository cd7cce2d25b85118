use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{AccountId, AccountScope, Mode, OtpPolicy, Purpose, SendCap};

const LIFE: Duration = Duration::from_secs(300);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_ms(1_800_000_000_000).plus(Duration::from_secs(seconds))
}

fn session(number: u32, purpose: &str, length: CodeLength, now: Timestamp) -> OtpSession {
    let scope = AccountScope { account: AccountId::new(at(0), [1; 10]), mode: Mode::Live };
    let mut tail = [0; 10];
    tail[..4].copy_from_slice(&number.to_be_bytes());
    let purpose = Purpose::parse(purpose).unwrap();
    OtpSession::new(SessionId::new(at(0), tail), scope, purpose, length, &OtpPolicy::default(), (now, now.plus(LIFE)))
}

fn without_caps() -> NumberLimits {
    let account = LedgerPolicy { cooldowns: Vec::new(), caps: Vec::new(), ..LedgerPolicy::default() };
    let everybody = LedgerPolicy { caps: Vec::new(), ..LedgerPolicy::everybody() };
    NumberLimits { account, everybody: Some(everybody) }
}

#[test]
fn parallel_sessions_share_the_twenty_guesses() {
    let (limits, mut ledgers) = (without_caps(), NumberLedgers::default());
    for (n, purpose) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let mut session = session(n.try_into().unwrap(), purpose, CodeLength::DEFAULT, at(0));
        ledgers.issue(&mut session, &limits, at(0)).unwrap();
        assert_eq!(session.attempts_max, 5);
    }
    let before = ledgers.clone();
    let mut fifth = session(9, "e", CodeLength::DEFAULT, at(1));
    let refused = IssueRefused::Guess(GuessRefused::Until { retry_at: at(300) });
    assert_eq!(ledgers.issue(&mut fifth, &limits, at(1)), Err(refused));
    assert_eq!(ledgers, before, "a refusal changes nothing");
    let mut instead = session(10, "a", CodeLength::DEFAULT, at(2));
    ledgers.issue(&mut instead, &limits, at(2)).unwrap();
    assert_eq!(instead.attempts_max, 5, "it has the guesses of the one whose place it takes");
}

#[test]
fn a_session_gets_what_is_left() {
    let (limits, mut ledgers) = (without_caps(), NumberLedgers::default());
    for _ in 0..18 {
        ledgers.account.guesses_mut().record_failure(
            &limits.account,
            (SessionId::new(at(0), [7; 10]), CodeLength::DEFAULT),
            at(0),
        );
    }
    let mut next = session(1, "a", CodeLength::DEFAULT, at(1));
    ledgers.issue(&mut next, &limits, at(1)).unwrap();
    assert_eq!(next.attempts_max, 2);
}

#[test]
fn a_short_code_has_three_attempts_and_two_a_day() {
    let (mut limits, mut ledgers) = (without_caps(), NumberLedgers::default());
    let mut short = session(1, "a", CodeLength::MIN, at(0));
    assert_eq!(short.attempts_max, 3);
    ledgers.issue(&mut short, &limits, at(0)).unwrap();
    assert_eq!(short.attempts_max, 2, "there are two a day");
    let mut other = session(2, "b", CodeLength::MIN, at(0));
    assert!(matches!(ledgers.issue(&mut other, &limits, at(0)), Err(IssueRefused::Guess(_))));
    let mut long = session(3, "b", CodeLength::DEFAULT, at(0));
    ledgers.issue(&mut long, &limits, at(0)).unwrap();
    assert_eq!(long.attempts_max, 5);

    limits.account.short_failures_max = Some(10);
    let mut short = session(4, "c", CodeLength::MIN, at(0));
    ledgers.issue(&mut short, &limits, at(0)).unwrap();
    assert_eq!(short.attempts_max, 3);
}

#[test]
fn a_right_code_forgives_the_account_and_not_everybody() {
    let (limits, mut ledgers) = (without_caps(), NumberLedgers::default());
    let mut session = session(1, "a", CodeLength::DEFAULT, at(0));
    ledgers.issue(&mut session, &limits, at(0)).unwrap();
    ledgers.count_guess(&session, false, &limits, at(1));
    assert_eq!(ledgers.count_guess(&session, true, &limits, at(2)), Attempted::Verified);
    assert_eq!(ledgers.account.guesses(), &crate::Guesses::default());
    assert_eq!(ledgers.everybody.guesses().failures(), [at(1)]);
    assert_eq!(ledgers.everybody.guesses().reserved(), []);
}

#[test]
fn of_two_ledgers_the_one_that_refuses_longer_is_told() {
    let tight = LedgerPolicy { caps: vec![SendCap { sends: 1, window: LIFE }], ..LedgerPolicy::everybody() };
    let limits = NumberLimits { everybody: Some(tight), ..NumberLimits::default() };
    let mut ledgers = NumberLedgers::default();
    let mut first = session(1, "a", CodeLength::DEFAULT, at(0));
    ledgers.issue(&mut first, &limits, at(0)).unwrap();
    assert_eq!(first.resend_available_at, at(300));
    assert_eq!(ledgers.may_send(&limits, at(10)), Err(SendRefused::Capped { retry_at: at(300) }));
    let alone = NumberLimits { everybody: None, ..limits };
    assert_eq!(ledgers.may_send(&alone, at(10)), Err(SendRefused::TooSoon { retry_at: at(30) }));
}

#[test]
fn a_session_that_comes_back_gets_what_others_have_left_of_its_attempts() {
    let (limits, mut ledgers) = (without_caps(), NumberLedgers::default());
    let mut first = session(1, "a", CodeLength::DEFAULT, at(0));
    ledgers.issue(&mut first, &limits, at(0)).unwrap();
    first.attempt(false, at(1));
    ledgers.count_guess(&first, false, &limits, at(1));
    first.supersede(at(2)).unwrap();
    ledgers.release(first.id);
    let held = |guesses| Reservation {
        session: SessionId::new(at(0), [8; 10]),
        guesses,
        is_short: false,
        expires_at: at(900),
    };
    for (others, back) in [(15, 4), (17, 2), (18, 1)] {
        let (mut ledgers, mut again) = (ledgers.clone(), first.clone());
        ledgers.account.guesses_mut().reserve(&limits.account, held(others), at(2));
        assert!(ledgers.reinstate(&mut again, &limits, at(3)));
        assert_eq!((again.attempts_remaining(), again.attempts), (back, 1));
    }
    ledgers.account.guesses_mut().reserve(&limits.account, held(19), at(2));
    let before = first.clone();
    assert!(!ledgers.reinstate(&mut first, &limits, at(3)));
    assert_eq!(first, before);
}

#[derive(Debug, Clone)]
enum Step {
    Issue { purpose: u8, is_short: bool },
    Guess { session: usize, matched: bool },
    Withdraw,
}

fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
    let step = prop_oneof![
        3 => (0_u8..6, any::<bool>()).prop_map(|(purpose, is_short)| Step::Issue { purpose, is_short }),
        9 => (0_usize..8, prop::bool::weighted(0.03)).prop_map(|(session, matched)| Step::Guess { session, matched }),
        1 => Just(Step::Withdraw),
    ];
    let pause = prop_oneof![6 => 0_u64..20, 1 => 200_u64..400, 1 => 20_000_u64..50_000];
    prop::collection::vec((step, pause), 1..300)
}

proptest! {
    /// The MUST of the whole: failures and open guesses together never exceed any budget.
    #[test]
    fn failures_and_reserved_guesses_never_exceed_a_budget(steps in steps(), everybody in 5_u32..50) {
        let mut limits = without_caps();
        limits.account.consecutive_max = Some(40);
        limits.everybody = limits.everybody.map(|policy| LedgerPolicy { failures_max: everybody, ..policy });
        let mut ledgers = NumberLedgers::default();
        let mut sessions: HashMap<SessionId, OtpSession> = HashMap::new();
        let mut order: Vec<(SessionId, Option<SessionId>)> = Vec::new();
        let (mut now, mut number) = (at(0), 0);
        let (mut failures, mut in_a_row): (Vec<(Timestamp, bool)>, u32) = (Vec::new(), 0);
        let mut everybodys: Vec<Timestamp> = Vec::new();
        for (step, pause) in steps {
            now = now.plus(Duration::from_secs(pause));
            match step {
                Step::Issue { purpose, is_short } => {
                    number += 1;
                    let length = if is_short { CodeLength::MIN } else { CodeLength::DEFAULT };
                    let mut new = session(number, &purpose.to_string(), length, now);
                    if let Ok(replaced) = ledgers.issue(&mut new, &limits, now) {
                        prop_assert!(new.attempts_max >= 1);
                        if let Some(old) = replaced.as_ref().and_then(|old| sessions.get_mut(&old.session)) {
                            let _finished = old.supersede(now);
                        }
                        order.push((new.id, replaced.map(|old| old.session)));
                        sessions.insert(new.id, new);
                    }
                }
                Step::Guess { session, matched } => {
                    let Some((id, _)) = order.iter().rev().nth(session) else { continue };
                    let Some(session) = sessions.get_mut(id) else { continue };
                    if session.status_at(now) != crate::SessionStatus::Pending {
                        continue;
                    }
                    let may = ledgers.may_guess(&limits, session.code_length, now);
                    prop_assert_eq!(may, Ok(()), "what was set aside for a session can be used");
                    session.attempt(matched, now);
                    ledgers.count_guess(session, matched, &limits, now);
                    if matched {
                        failures.clear();
                        in_a_row = 0;
                    } else {
                        failures.push((now, session.code_length.is_short()));
                        everybodys.push(now);
                        in_a_row += 1;
                    }
                }
                Step::Withdraw => {
                    let Some((id, previous)) = order.pop() else { continue };
                    sessions.remove(&id);
                    ledgers.release(id);
                    let live = previous.and_then(|id| sessions.get(&id)).filter(|old| old.expires_at > now);
                    let live = live.map(|old| LiveSession {
                        purpose: old.purpose.clone(), session: old.id, expires_at: old.expires_at,
                    });
                    let was_live = ledgers.account.restore_live(id, live.clone());
                    if let Some(old) = live.filter(|_| was_live).and_then(|live| sessions.get_mut(&live.session))
                        && old.status == crate::SessionStatus::Superseded
                    {
                        ledgers.reinstate(old, &limits, now);
                    }
                }
            }
            let recent = |at: &Timestamp| at.plus(limits.account.failure_window) > now;
            let open = |short: bool| -> usize {
                let open = sessions.values().filter(|one| one.status_at(now) == crate::SessionStatus::Pending);
                open.filter(|one| one.code_length.is_short() || !short).map(|one| usize::from(one.attempts_remaining())).sum()
            };
            let all = failures.iter().filter(|(at, _)| recent(at)).count();
            let short = failures.iter().filter(|(at, short)| *short && recent(at)).count();
            prop_assert!(all + open(false) <= 20, "{} and {}", all, open(false));
            prop_assert!(short + open(true) <= 2, "{} and {}", short, open(true));
            prop_assert!(usize::try_from(in_a_row).unwrap() + open(false) <= 40);
            let everybodys = everybodys.iter().filter(|at| recent(at)).count();
            prop_assert!(everybodys + open(false) <= usize::try_from(everybody).unwrap());
        }
    }
}
