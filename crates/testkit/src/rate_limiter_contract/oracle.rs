use std::time::Duration;

use whatotp_ports::{RateDecision, RateRule, RateState};

use super::Bench;
use crate::SeededEntropy;

const SCRIPTS: u64 = 40;
const CALLS: usize = 60;

/// A limiter that is too simple to be wrong: it keeps everything, for ever.
#[derive(Default)]
pub struct Oracle {
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

    /// What is decided for these rules at `now`, in milliseconds, which never goes back.
    pub fn ask(&mut self, rules: &[RateRule], now: i64) -> RateDecision {
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
        let window = i64::try_from(rule.window.as_millis()).unwrap();
        // When fewer than that many are left: at the end of one of them, if not now.
        let fewer_than = |many: usize| {
            let ends = counting.iter().map(|moment| moment + window + 1 - now);
            let wait = std::iter::once(0).chain(ends).find(|wait| self.counting(rule, now + wait).len() < many);
            Duration::from_millis(u64::try_from(wait.unwrap()).unwrap())
        };
        RateState {
            remaining: u32::try_from(quota.saturating_sub(used)).unwrap(),
            retry_after: fewer_than(quota),
            reset_after: fewer_than(1),
        }
    }
}

pub async fn it_decides_like_one_that_keeps_every_admission(bench: &impl Bench) {
    // Each key has a window and a quota of its own. The windows are seconds, so that a server that forgets old keys by
    // a clock of its own does not forget them while it is looked at.
    let kinds = [(1, 1, 7_000), (17, 3, 20_000), (2, 5, 20_000), (3, 9, 40_000)];
    let steps = [0, 0, 0, 1, 2, 999, 1_000, 3_500, 6_999, 7_000, 7_001, 100_000];
    let mut now = 1_800_000_000_000;
    let (mut refused, mut over) = (0, 0);
    for seed in 0..SCRIPTS {
        let (dice, mut oracle) = (SeededEntropy::new(seed), Oracle::default());
        for _ in 0..CALLS {
            now += dice.pick(&steps);
            bench.set(now).await;
            let rules: Vec<RateRule> = (0..dice.pick(&[0, 1, 1, 2, 2, 3]))
                .map(|_| {
                    let (key, quota, window) = dice.pick(&kinds);
                    let cost = dice.pick(&[0, 1, 1, 1, 2, 3]);
                    // Nobody knows this script's keys yet.
                    RateRule { key: key + 1_000 * seed, quota, window: Duration::from_millis(window), cost }
                })
                .collect();
            let (decision, right) = (bench.admit(&rules).await, oracle.ask(&rules, now));
            assert_eq!(decision, right, "{rules:?} at {now} in script {seed}");
            refused += u32::from(!right.admitted);
            over += u32::from(right.states.iter().any(|state| state.reset_after.is_zero()));
        }
    }
    assert!(refused > 100 && over > 100, "the scripts are too tame: {refused} refused, {over} over");
}
