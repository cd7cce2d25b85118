//! The limiter among other processes, and on servers that fail.
#![cfg(test)]

mod address;
mod failures;
mod shared;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use whatotp_ports::{RateLimiter as _, RateRule};
use whatotp_redis::{RedisAddress, RedisRateLimiter};
use whatotp_system::{LocalRateLimiter, SystemClock};

const MINUTE: Duration = Duration::from_secs(60);

/// A limiter as one process has it.
async fn process(url: &str) -> RedisRateLimiter {
    let local = Arc::new(LocalRateLimiter::new(Arc::new(SystemClock), 10_000));
    RedisRateLimiter::connect(RedisAddress::parse(url).unwrap(), local).await
}

fn per_minute(key: u64, quota: u32) -> RateRule {
    RateRule { key, quota, window: MINUTE, cost: 1 }
}

/// How many of so many calls, one after the other, are admitted.
async fn admitted(limiter: &RedisRateLimiter, calls: u32, rules: &[RateRule]) -> u32 {
    let mut admitted = 0;
    for _ in 0..calls {
        admitted += u32::from(limiter.admit(rules).await.admitted);
    }
    admitted
}
