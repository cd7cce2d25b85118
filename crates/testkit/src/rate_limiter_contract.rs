//! What every rate limiter must do, as claims: the MUSTs of `whatotp_ports::RateLimiter`, run on each implementation by
//! [`rate_limiter_contract!`].
//!
//! A claim is an `async fn` that takes a [`Bench`] whose limiter knows nobody yet, and panics when it does not hold.
//! Time stands still unless the claim moves it.
//!
//! [`rate_limiter_contract!`]: macro@crate::rate_limiter_contract

#![expect(missing_docs, reason = "a claim's name says what it claims")]

mod clock;
mod oracle;
mod windows;

use std::future::Future;
use std::time::Duration;

use whatotp_ports::{RateDecision, RateRule};

pub use clock::*;
pub use oracle::*;
pub use windows::*;

const MINUTE: Duration = Duration::from_secs(60);

/// A limiter whose time the claims set.
pub trait Bench: Sync {
    /// Asks the limiter.
    fn admit(&self, rules: &[RateRule]) -> impl Future<Output = RateDecision> + Send;

    /// From now on it is this moment, which may be before the last one.
    fn set(&self, unix_ms: i64) -> impl Future<Output = ()> + Send;
}

fn per_minute(key: u64, quota: u32) -> RateRule {
    RateRule { key, quota, window: MINUTE, cost: 1 }
}

async fn admits(bench: &impl Bench, rules: &[RateRule]) -> bool {
    bench.admit(rules).await.admitted
}

/// How many of so many calls are admitted.
async fn admitted(bench: &impl Bench, calls: u32, rules: &[RateRule]) -> u32 {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += u32::from(admits(bench, rules).await);
    }
    admitted
}

/// Makes one `#[tokio::test]` for each claim, or, with `together as name`, a single one that asks them all one after
/// the other: for a limiter that takes long to start.
///
/// The first argument is an `async fn` that opens a new [`Bench`], and a guard that keeps its server until the claim
/// has been looked at.
///
/// ```text
/// async fn open() -> (RedisBench, RedisServer) { … }
/// whatotp_testkit::rate_limiter_contract!(open);
/// ```
///
/// [`Bench`]: trait@crate::rate_limiter_contract::Bench
#[macro_export]
macro_rules! rate_limiter_contract {
    ($open:expr) => {
        $crate::rate_limiter_contract! { @claims (separately $open) }
    };
    ($open:expr, together as $name:ident) => {
        $crate::rate_limiter_contract! { @claims (together $open, $name) }
    };
    (@claims $how:tt) => {
        $crate::rate_limiter_contract! { @$how
            a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota
            a_call_exactly_one_window_old_still_counts
            the_states_say_what_is_left_and_when_there_is_room_again
            a_window_is_never_shorter_than_asked_for
            the_tightest_rule_decides_and_the_others_are_not_charged
            a_look_costs_nothing_and_is_refused_when_nothing_more_fits
            a_key_that_is_named_twice_needs_room_for_both
            a_cost_is_all_or_nothing
            a_quota_of_nothing_admits_nobody_and_no_rule_admits_everybody
            the_longest_and_the_shortest_window_work
            it_decides_like_one_that_keeps_every_admission
            a_step_back_by_five_minutes_neither_freezes_the_limiter_nor_opens_it
            a_step_forward_by_five_minutes_ends_the_windows_as_the_clock_says
            a_full_key_is_free_one_window_after_a_step_back
            a_clock_that_is_set_back_again_and_again_gives_no_second_quota
        }
    };
    (@(separately $open:expr) $($claim:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $claim() {
            let (bench, _guard) = ($open)().await;
            $crate::rate_limiter_contract::$claim(&bench).await;
        }
    )*};
    (@(together $open:expr, $name:ident) $($claim:ident)*) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            $({
                let (bench, _guard) = ($open)().await;
                $crate::rate_limiter_contract::$claim(&bench).await;
            })*
        }
    };
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn every_claim_is_run() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let list = read(&folder.join("rate_limiter_contract.rs"));
        let mut claims = 0;
        for entry in std::fs::read_dir(folder.join("rate_limiter_contract")).unwrap() {
            for rest in read(&entry.unwrap().path()).split("\npub async fn ").skip(1) {
                let claim = rest.split('(').next().unwrap();
                assert!(list.lines().any(|line| line.trim() == claim), "{claim} is not in the list");
                claims += 1;
            }
        }
        assert_eq!(claims, 15);
    }
}
