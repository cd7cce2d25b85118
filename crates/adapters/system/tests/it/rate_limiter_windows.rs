//! The edges of one window, and several rules at once.

use std::time::Duration;

use whatotp_ports::{RateRule, RateState};

use super::{admits, ask, at, limiter, per_minute};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Asks every millisecond for three minutes and returns when it was let in.
fn hammer(quota: u32, start: i64) -> Vec<i64> {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, quota)];
    let moments = start..start + 180_000;
    moments.filter(|now| (clock.set(at(*now)), admits(&limiter, &rule)).1).collect()
}

#[test]
fn a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota() {
    for quota in [20, 120] {
        // From a minute's beginning, and from just before its end, where a fixed window lets twice as many through.
        for start in [1_795_428_000_000, 1_795_428_059_950] {
            let admitted = hammer(quota, start);
            let further = usize::try_from(quota).unwrap();
            for (first, next) in admitted.iter().zip(&admitted[further..]) {
                assert_eq!(next - first, 60_001, "more than {quota} between {first} and {next}, or fewer than fit");
            }
            assert_eq!(admitted.len(), 3 * further);
        }
    }
}

#[test]
fn a_call_exactly_one_window_old_still_counts() {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, 1)];
    clock.set(at(5));
    assert!(admits(&limiter, &rule));
    for now in [5, 60_004, 60_005] {
        clock.set(at(now));
        assert!(!admits(&limiter, &rule), "at {now}");
    }
    clock.set(at(60_006));
    assert!(admits(&limiter, &rule));
}

#[test]
fn the_states_say_what_is_left_and_when_there_is_room_again() {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, 2)];
    let state = |remaining, retry_after, reset_after| {
        vec![RateState { remaining, retry_after: ms(retry_after), reset_after: ms(reset_after) }]
    };
    let look = [RateRule { cost: 0, ..rule[0] }];
    assert_eq!(ask(&limiter, &look).states, state(2, 0, 0));
    assert_eq!(ask(&limiter, &rule).states, state(1, 0, 60_001));
    clock.set(at(1_000));
    assert_eq!(ask(&limiter, &rule).states, state(0, 59_001, 60_001));
    clock.set(at(31_000));
    assert_eq!(ask(&limiter, &rule).states, state(0, 29_001, 30_001), "a refused call counts nowhere");
    clock.set(at(60_000));
    assert_eq!(ask(&limiter, &look).states, state(0, 1, 1_001));
    clock.set(at(60_001));
    assert_eq!(ask(&limiter, &look).states, state(1, 0, 1_000), "whoever waits as long as told is let in");
    clock.set(at(61_001));
    assert_eq!(ask(&limiter, &look).states, state(2, 0, 0));
}

#[test]
fn a_window_is_never_shorter_than_asked_for() {
    let (clock, limiter) = limiter(64);
    let rule = [RateRule { window: Duration::from_micros(1_500), ..per_minute(1, 1) }];
    assert!(admits(&limiter, &rule));
    clock.set(at(2));
    assert!(!admits(&limiter, &rule));
    clock.set(at(3));
    assert!(admits(&limiter, &rule));
}

#[test]
fn the_tightest_rule_decides_and_the_others_are_not_charged() {
    let (_, limiter) = limiter(64);
    let (tight, wide) = (per_minute(1, 3), per_minute(2, 100));
    let admitted = (0..50).filter(|_| admits(&limiter, &[wide, tight])).count();
    assert_eq!(admitted, 3);
    let remaining: Vec<u32> = ask(&limiter, &[wide, tight]).states.iter().map(|state| state.remaining).collect();
    assert_eq!(remaining, [97, 0], "in the order asked");
}

#[test]
fn a_look_costs_nothing_and_is_refused_when_nothing_more_fits() {
    let (_, limiter) = limiter(64);
    let failures = per_minute(1, 2);
    let look = RateRule { cost: 0, ..failures };
    for failed_before in 0..2 {
        assert!(admits(&limiter, &[look, look]), "after {failed_before}");
        assert!(admits(&limiter, &[failures]));
    }
    assert!(!admits(&limiter, &[look]));
    assert!(!admits(&limiter, &[look, per_minute(2, 9)]));
    assert_eq!(ask(&limiter, &[per_minute(2, 9)]).states[0].remaining, 8, "only this call was charged");
}

#[test]
fn looks_and_refusals_leave_no_key_behind() {
    let (_, limiter) = limiter(1_000);
    admits(&limiter, &[per_minute(0, 1)]);
    for key in 1..200 {
        admits(&limiter, &[RateRule { cost: 0, ..per_minute(key, 5) }]);
        admits(&limiter, &[per_minute(key, 5), per_minute(0, 1)]);
    }
    assert_eq!(limiter.len(), 1);
}

#[test]
fn a_key_that_is_named_twice_needs_room_for_both() {
    let (_, limiter) = limiter(64);
    let rule = per_minute(1, 3);
    assert!(admits(&limiter, &[rule, rule]));
    assert!(!admits(&limiter, &[rule, rule]));
    assert!(admits(&limiter, &[rule]));
    assert!(!admits(&limiter, &[rule]));
}

#[test]
fn a_cost_is_all_or_nothing() {
    let (_, limiter) = limiter(64);
    let of = |cost| [RateRule { cost, ..per_minute(1, 5) }];
    assert!(!admits(&limiter, &of(6)));
    assert!(admits(&limiter, &of(4)));
    assert!(!admits(&limiter, &of(2)));
    assert!(!admits(&limiter, &of(u32::MAX)));
    assert!(admits(&limiter, &of(1)));
}

#[test]
fn a_quota_of_nothing_admits_nobody_and_no_rule_admits_everybody() {
    let (_, limiter) = limiter(64);
    let decision = ask(&limiter, &[per_minute(1, 0)]);
    assert!(!decision.admitted);
    assert_eq!(decision.states[0].retry_after, ms(60_000));
    assert!(admits(&limiter, &[]));
}
