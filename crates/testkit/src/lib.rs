//! Test support: the contract suites of stores and rate limiters, a clock that stands still, seeded randomness,
//! fixtures, and real server processes: `whatotp`, PostgreSQL, Redis and Valkey, and a proxy that breaks connections.
#![deny(missing_docs)]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a failure in here is a test's failure"
)]

mod clock;
pub mod contract;
mod entropy;
mod fault_proxy;
pub mod fixtures;
mod keyring;
pub mod rate_limiter_contract;
mod server;
mod servers;

pub use clock::{ManualClock, START};
pub use entropy::{FailingEntropy, SeededEntropy};
pub use fault_proxy::{Direction, Fault, FaultProxy};
pub use keyring::{TEST_MASTER_KEY, test_keyring};
pub use server::{ServerBuilder, ServerProcess, create_key};
pub use servers::{PostgresDatabase, PostgresServer, PostgresVersion, RedisCluster, RedisKind, RedisServer};
