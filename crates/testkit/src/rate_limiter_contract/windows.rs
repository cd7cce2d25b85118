use std::time::Duration;

use whatotp_ports::{RateRule, RateState};

use super::{Bench, admits, admitted, per_minute};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub async fn a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota(bench: &impl Bench) {
    // From a minute's beginning, and from just before its end, where a fixed window lets twice as many through.
    for (key, quota, start) in [(1, 20, 1_795_428_000_000), (2, 120, 1_795_428_659_950)] {
        let rule = [per_minute(key, quota)];
        let mut admitted = Vec::new();
        // Every 50 ms for three minutes; and every millisecond around the moment at which there is room again.
        for after in (0..120_000).step_by(50).chain(120_001..120_200).chain((120_200..180_000).step_by(50)) {
            bench.set(start + after).await;
            if admits(bench, &rule).await {
                admitted.push(after);
            }
        }
        let further = usize::try_from(quota).unwrap();
        for (first, next) in admitted.iter().zip(&admitted[further..]) {
            assert!(next - first > 60_000, "more than {quota} between {first} and {next}");
            assert!(next - first <= 60_050, "there was room before {next}");
        }
        assert_eq!(admitted.len(), 3 * further);
    }
}

pub async fn a_call_exactly_one_window_old_still_counts(bench: &impl Bench) {
    let rule = [per_minute(1, 1)];
    bench.set(5).await;
    assert!(admits(bench, &rule).await);
    for now in [5, 60_004, 60_005] {
        bench.set(now).await;
        assert!(!admits(bench, &rule).await, "at {now}");
    }
    bench.set(60_006).await;
    assert!(admits(bench, &rule).await);
}

pub async fn the_states_say_what_is_left_and_when_there_is_room_again(bench: &impl Bench) {
    let rule = [per_minute(1, 2)];
    let state = |remaining, retry_after, reset_after| {
        vec![RateState { remaining, retry_after: ms(retry_after), reset_after: ms(reset_after) }]
    };
    let look = [RateRule { cost: 0, ..rule[0] }];
    bench.set(0).await;
    assert_eq!(bench.admit(&look).await.states, state(2, 0, 0));
    assert_eq!(bench.admit(&rule).await.states, state(1, 0, 60_001));
    bench.set(1_000).await;
    assert_eq!(bench.admit(&rule).await.states, state(0, 59_001, 60_001));
    bench.set(31_000).await;
    assert_eq!(bench.admit(&rule).await.states, state(0, 29_001, 30_001), "a refused call counts nowhere");
    bench.set(60_000).await;
    assert_eq!(bench.admit(&look).await.states, state(0, 1, 1_001));
    bench.set(60_001).await;
    assert_eq!(bench.admit(&look).await.states, state(1, 0, 1_000), "whoever waits as long as told is let in");
    bench.set(61_001).await;
    assert_eq!(bench.admit(&look).await.states, state(2, 0, 0));
}

pub async fn a_window_is_never_shorter_than_asked_for(bench: &impl Bench) {
    let rule = [RateRule { window: Duration::from_micros(1_500), ..per_minute(1, 1) }];
    bench.set(0).await;
    assert!(admits(bench, &rule).await);
    bench.set(2).await;
    assert!(!admits(bench, &rule).await);
    bench.set(3).await;
    assert!(admits(bench, &rule).await);
}

pub async fn the_tightest_rule_decides_and_the_others_are_not_charged(bench: &impl Bench) {
    let (tight, wide) = (per_minute(1, 3), per_minute(2, 100));
    bench.set(0).await;
    assert_eq!(admitted(bench, 50, &[wide, tight]).await, 3);
    let states = bench.admit(&[wide, tight]).await.states;
    let remaining: Vec<u32> = states.iter().map(|state| state.remaining).collect();
    assert_eq!(remaining, [97, 0], "in the order asked");
}

pub async fn a_look_costs_nothing_and_is_refused_when_nothing_more_fits(bench: &impl Bench) {
    let failures = per_minute(1, 2);
    let look = RateRule { cost: 0, ..failures };
    bench.set(0).await;
    for failed_before in 0..2 {
        assert!(admits(bench, &[look, look]).await, "after {failed_before}");
        assert!(admits(bench, &[failures]).await);
    }
    assert!(!admits(bench, &[look]).await);
    assert!(!admits(bench, &[look, per_minute(2, 9)]).await);
    assert_eq!(bench.admit(&[per_minute(2, 9)]).await.states[0].remaining, 8, "only this call was charged");
}

pub async fn a_key_that_is_named_twice_needs_room_for_both(bench: &impl Bench) {
    let rule = per_minute(1, 3);
    bench.set(0).await;
    assert!(admits(bench, &[rule, rule]).await);
    assert!(!admits(bench, &[rule, rule]).await);
    assert!(admits(bench, &[rule]).await);
    assert!(!admits(bench, &[rule]).await);
}

pub async fn a_cost_is_all_or_nothing(bench: &impl Bench) {
    let of = |cost| [RateRule { cost, ..per_minute(1, 5) }];
    bench.set(0).await;
    assert!(!admits(bench, &of(6)).await);
    assert!(admits(bench, &of(4)).await);
    assert!(!admits(bench, &of(2)).await);
    assert!(!admits(bench, &of(u32::MAX)).await);
    assert!(admits(bench, &of(1)).await);
}

pub async fn a_quota_of_nothing_admits_nobody_and_no_rule_admits_everybody(bench: &impl Bench) {
    bench.set(0).await;
    let decision = bench.admit(&[per_minute(1, 0)]).await;
    assert!(!decision.admitted);
    assert_eq!(decision.states[0].retry_after, ms(60_000));
    let decision = bench.admit(&[]).await;
    assert!(decision.admitted && decision.states.is_empty());
}

pub async fn the_longest_and_the_shortest_window_work(bench: &impl Bench) {
    let longest = [RateRule { window: Duration::MAX, ..per_minute(1, 1) }];
    let shortest = [RateRule { window: Duration::ZERO, ..per_minute(2, 1) }];
    bench.set(7).await;
    assert!(admits(bench, &longest).await);
    assert!(admits(bench, &shortest).await);
    assert!(!admits(bench, &shortest).await, "in the same millisecond");
    bench.set(8).await;
    assert!(admits(bench, &shortest).await);
    bench.set(30 * 24 * 3_600 * 1_000).await;
    assert!(!admits(bench, &longest).await);
}
