//! The limiter against one that is too simple to be wrong: it keeps everything, for ever.

use std::time::Duration;

use proptest::prelude::*;
use whatotp_ports::{RateDecision, RateRule, RateState};

use super::{ask, limiter, step};

/// By then every window is over.
const FAR: i64 = 100;

#[derive(Default)]
struct Oracle {
    /// The key and the moment of each admission.
    admitted: Vec<(u64, i64)>,
}

impl Oracle {
    /// The moments that count for a rule, oldest first.
    fn counting(&self, rule: &RateRule, now: i64) -> Vec<i64> {
        let window = i64::try_from(rule.window.as_millis()).unwrap();
        let mine = self.admitted.iter().filter(|(key, moment)| *key == rule.key && now - moment <= window);
        mine.map(|(_, moment)| *moment).collect()
    }

    fn ask(&mut self, rules: &[RateRule], now: i64) -> RateDecision {
        let admitted = rules.iter().all(|rule| {
            let cost: u32 = rules.iter().filter(|other| other.key == rule.key).map(|other| other.cost).sum();
            self.counting(rule, now).len() + usize::try_from(cost.max(1)).unwrap()
                <= usize::try_from(rule.quota).unwrap()
        });
        if admitted {
            for rule in rules {
                self.admitted.extend((0..rule.cost).map(|_| (rule.key, now)));
            }
        }
        RateDecision { admitted, states: rules.iter().map(|rule| self.state(rule, now)).collect() }
    }

    fn state(&self, rule: &RateRule, now: i64) -> RateState {
        let counting = self.counting(rule, now);
        let (used, quota) = (counting.len(), usize::try_from(rule.quota).unwrap());
        // Looks into the future, millisecond by millisecond.
        let first = |done: &dyn Fn(usize) -> bool| {
            let wait = (0..=FAR).find(|wait| done(self.counting(rule, now + wait).len())).unwrap();
            Duration::from_millis(u64::try_from(wait).unwrap())
        };
        RateState {
            remaining: u32::try_from(quota.saturating_sub(used)).unwrap(),
            retry_after: first(&|left| left < quota),
            reset_after: first(&|left| left == 0),
        }
    }
}

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
