//! Rate limits that all replicas share, on Redis, Valkey or a cluster of either.
#![deny(missing_docs)]

mod address;
mod limiter;
mod link;
mod script;
#[cfg(test)]
mod tests;

pub use address::{RedisAddress, RedisAddressError};
pub use limiter::RedisRateLimiter;
