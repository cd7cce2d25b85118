//! The commands of the binary, one file each.

pub(crate) mod config;
pub(crate) mod doctor;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod serve;
pub(crate) mod try_run;

use std::error::Error;
use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use whatotp_application::error_chain;

/// How a command ends: an exit code, or an error to print.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// One line on standard output. Whoever closed it does not want to read it.
pub(crate) fn say(line: impl std::fmt::Display) {
    let _ = writeln!(stdout(), "{line}");
}

/// An error, with what caused it, on standard error.
pub(crate) fn complain(error: &(dyn Error + 'static)) -> ExitCode {
    let _ = writeln!(stderr(), "whatotp: {}", error_chain(error));
    ExitCode::FAILURE
}
