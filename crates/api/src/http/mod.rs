//! What every request passes through before and after its handler.

mod accept;
mod authenticate;
mod body;
mod client_ip;
mod edge;
pub(crate) mod fields;
mod idempotent;
mod path;
mod problem;
mod rate_limit;
mod unread;

pub(crate) use authenticate::{Caller, authenticate};
pub(crate) use body::{Body, JSON, WebhookBody, json};
pub(crate) use edge::edge;
pub(crate) use fields::{Fields, Invalid};
pub(crate) use idempotent::{Answer, Reply, once};
pub(crate) use path::{Id, no_such_route};
pub(crate) use problem::Problem;
