//! What every limiter must do.

use std::sync::Arc;

use whatotp_ports::{RateDecision, RateLimiter as _, RateRule};
use whatotp_system::LocalRateLimiter;
use whatotp_testkit::rate_limiter_contract::Bench;
use whatotp_testkit::{ManualClock, rate_limiter_contract};

use super::{at, limiter};

struct LocalBench(Arc<ManualClock>, LocalRateLimiter);

impl Bench for LocalBench {
    async fn admit(&self, rules: &[RateRule]) -> RateDecision {
        self.1.admit(rules).await
    }

    async fn set(&self, unix_ms: i64) {
        self.0.set(at(unix_ms));
    }
}

rate_limiter_contract!(async || {
    let (clock, limiter) = limiter(1_000);
    (LocalBench(clock, limiter), ())
});
