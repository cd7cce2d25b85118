//! The product API over HTTP: every claim of its contract.

mod about;
mod console_admin;
mod console_auth;
mod console_deliveries;
mod console_keys;
mod console_limits;
mod console_platform;
pub(crate) mod console_scene;
mod console_tickets;
mod destinations;
mod edge;
mod failures;
mod idempotency;
mod isolation;
mod keys;
mod lists;
mod magic_numbers;
mod messages;
mod openapi;
mod rate_limits;
mod requests;
mod round_trip;
mod sends;
mod slow_bodies;
mod verify;
mod waiting;
