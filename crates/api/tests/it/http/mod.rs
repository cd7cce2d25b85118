//! The product API over HTTP: every claim of its contract.

mod about;
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
