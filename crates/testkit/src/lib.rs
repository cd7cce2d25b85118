//! Test support: the store contract suite, a clock that stands still, seeded randomness, fixtures, and real server
//! processes.
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
pub mod fixtures;
mod keyring;
mod server;

pub use clock::{ManualClock, START};
pub use entropy::{FailingEntropy, SeededEntropy};
pub use keyring::{TEST_MASTER_KEY, test_keyring};
pub use server::{ServerBuilder, ServerProcess, create_key};
