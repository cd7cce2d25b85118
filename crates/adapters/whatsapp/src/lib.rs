//! Ways to reach people on WhatsApp: the Cloud API, and the sandbox of test mode, which reaches nobody.
#![deny(missing_docs)]

pub mod cloud_api;
mod sandbox;

pub use cloud_api::{ClientError, CloudApi, Timeouts};
pub use sandbox::{SCENARIOS, Sandbox, Scenario, ScenarioRow, inbox_text, is_magic};
