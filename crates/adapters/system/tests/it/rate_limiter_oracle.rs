//! The limiter against one that is too simple to be wrong: it keeps everything, for ever.

use std::time::Duration;

use proptest::prelude::*;
use whatotp_ports::RateRule;
use whatotp_testkit::rate_limiter_contract::Oracle;

use super::{ask, limiter, step};

/// Keys 1 and 17 share a shard; each key has a window and a quota of its own.
fn rule() -> impl Strategy<Value = RateRule> {
    let kinds = vec![(1, 1, 7), (17, 3, 20), (2, 5, 20), (3, 9, 40)];
    (prop::sample::select(kinds), 0_u32..4).prop_map(|((key, quota, window), cost)| RateRule {
        key,
        quota,
        window: Duration::from_millis(window),
        cost,
    })
}

fn call() -> impl Strategy<Value = (i64, Vec<RateRule>)> {
    // Mostly small steps, some back, some far.
    let step = prop_oneof![8 => 0_i64..8, 2 => -30_i64..0, 1 => 0_i64..100];
    (step, prop::collection::vec(rule(), 0..4))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn it_decides_like_one_that_keeps_every_admission(calls in prop::collection::vec(call(), 1..120)) {
        let (clock, limiter) = limiter(1_000);
        let (mut oracle, mut forwards) = (Oracle::default(), 0);
        ask(&limiter, &[]);
        for (ms, rules) in calls {
            step(&clock, ms);
            forwards += ms.max(0);
            prop_assert_eq!(ask(&limiter, &rules), oracle.ask(&rules, forwards), "{:?} at {}", rules, forwards);
        }
    }
}
