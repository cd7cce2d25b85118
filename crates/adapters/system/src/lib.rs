//! What the machine itself provides: the time, randomness, rate limits and wake-ups within one process.
//!
//! This is the only place that reads the system's clock and its source of randomness.
#![deny(missing_docs)]

mod clock;
mod entropy;
mod rate_limiter;
mod wakeups;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
pub use rate_limiter::{DEFAULT_CAPACITY, LocalRateLimiter};
pub use wakeups::LocalWakeups;
