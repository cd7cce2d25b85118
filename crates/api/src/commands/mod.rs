//! The commands of the binary, one file each.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod blocks;
pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod erase;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod numbers;
mod refusal;
pub(crate) mod rotate_keys;
pub(crate) mod senders;
pub(crate) mod serve;
pub(crate) mod simulator;
mod table;
pub(crate) mod templates;
pub(crate) mod try_run;
pub(crate) mod users;

use std::error::Error;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;
use std::time::Duration;

use whatotp_application::{Application, Failure, error_chain};
use whatotp_domain::{AccountId, Actor, AuditAction, AuditEntry};

/// How a command ends: an exit code, or an error to print.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Writes down what was done by a command, and to whose data it belongs.
pub(crate) async fn audited(
    app: &Application,
    action: AuditAction,
    (account, subject): (Option<AccountId>, String),
    detail: String,
) -> Result<(), Failure> {
    app.audit(AuditEntry { account, actor: Actor::CommandLine, action, subject, detail }).await
}

/// An HTTP client for this machine's own server: plain http, and every status is an answer.
pub(crate) fn http_client(patience: Duration) -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(patience)).build().into()
}

/// One line on standard output. Whoever closed it does not want to read it.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(stdout(), "{line}");
}

/// An error, with what caused it, on standard error.
pub(crate) fn complain(error: &(dyn Error + 'static)) -> ExitCode {
    let _ = writeln!(stderr(), "whatotp: {}", error_chain(error));
    ExitCode::FAILURE
}
