//! The store from outside: the contract, and the life of its file.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a failure in here is a test's failure")]

mod contract;
mod opening;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod retention;
#[cfg(test)]
mod tampering;
mod upgrading;
