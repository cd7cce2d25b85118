//! The WhatOTP server: HTTP, documentation, configuration, and the commands of the binary.
//!
//! A request walks one way: `routes` (parse) → `whatotp_application` (the rule) → ports → adapters → back. What every
//! request passes on its way is in `http`; who is plugged into which port stands in `wiring`.

mod assets;
pub mod cli;
mod commands;
mod console;
pub mod context;
pub mod docs;
pub mod errors;
pub mod http;
mod logging;
pub mod openapi;
mod routes;
pub mod server;
pub mod settings;
pub mod wiring;
mod worker;
