//! Ways to reach people on WhatsApp. So far there is one that reaches nobody: the sandbox of test mode.
#![deny(missing_docs)]

mod sandbox;

pub use sandbox::{SCENARIOS, Sandbox, Scenario, ScenarioRow, inbox_text, is_magic};
