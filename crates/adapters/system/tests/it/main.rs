//! What the adapters of the machine promise.
// Lets the helpers unwrap, which clippy otherwise allows in the tests themselves only.
#![cfg(test)]

mod rate_limiter_bounds;
mod rate_limiter_clock;
mod rate_limiter_contract;
mod rate_limiter_oracle;
mod rate_limiter_windows;

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use whatotp_domain::Timestamp;
use whatotp_ports::{Clock, RateDecision, RateLimiter as _, RateRule};
use whatotp_system::LocalRateLimiter;
use whatotp_testkit::ManualClock;

const MINUTE: Duration = Duration::from_secs(60);

fn at(unix_ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(unix_ms)
}

/// Moves a clock by a span that may be negative.
fn step(clock: &ManualClock, ms: i64) {
    clock.set(at(clock.now().unix_ms() + ms));
}

/// A limiter and its clock, which shows the epoch.
fn limiter(capacity: usize) -> (Arc<ManualClock>, LocalRateLimiter) {
    let clock = Arc::new(ManualClock::new(at(0)));
    (Arc::<ManualClock>::clone(&clock), LocalRateLimiter::new(clock, capacity))
}

fn per_minute(key: u64, quota: u32) -> RateRule {
    RateRule { key, quota, window: MINUTE, cost: 1 }
}

/// Asks. The limiter never waits, so the answer is there at once.
fn ask(limiter: &LocalRateLimiter, rules: &[RateRule]) -> RateDecision {
    limiter.admit(rules).now_or_never().expect("decided without waiting")
}

fn admits(limiter: &LocalRateLimiter, rules: &[RateRule]) -> bool {
    ask(limiter, rules).admitted
}
