//! The storage ports on SQLite, through Diesel.
#![deny(missing_docs)]

mod failure;
mod rows;
mod schema;
mod sqlite;

pub use sqlite::{Holder, OpenError, SqliteSettings, SqliteStore, is_unused, migrate};
