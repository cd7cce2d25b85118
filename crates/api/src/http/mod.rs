//! What every request passes through before and after its handler.

mod accept;
mod authenticate;
mod body;
pub mod client_ip;
mod edge;
pub mod fields;
mod idempotent;
mod known_keys;
mod member;
mod origin;
mod path;
pub mod problem;
mod rate_limit;
mod session_limits;
mod unread;

pub(crate) use authenticate::{Caller, authenticate};
pub(crate) use body::{Body, JSON, WebhookBody, json};
pub(crate) use client_ip::end_user;
pub(crate) use edge::edge;
pub(crate) use fields::{Fields, Invalid};
pub(crate) use idempotent::{Answer, Reply, once};
pub(crate) use known_keys::KnownKeys;
pub(crate) use member::{COOKIE, Member};
pub use origin::ConsoleAddress;
pub(crate) use origin::{NotFromElsewhere, is_ours, one_time_link};
pub(crate) use path::{Id, no_such_route};
pub(crate) use problem::Problem;
pub(crate) use session_limits::{limit_auth, limit_console};
