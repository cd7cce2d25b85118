//! The storage ports on SQLite and PostgreSQL, through Diesel.
#![deny(missing_docs)]

mod failure;
pub mod postgres;
mod rows;
mod schema;
mod sqlite;
mod statement;

pub use sqlite::{Holder, OpenError, SqliteSettings, SqliteStore, is_unused, migrate};
