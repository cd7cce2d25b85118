//! The program as it is run: its own process, real HTTP, a real database. Nothing in here sleeps: what has to be waited
//! for is a line of output, the end of a process, or an answer of the server's own long poll.

mod accounts;
mod attacks;
mod attempts;
mod audited;
mod client;
mod commands;
mod connection;
mod crash;
mod database;
mod erasing;
mod history;
mod live;
mod naughty;
mod naughty_json;
mod numbers;
mod quick_start;
mod receipts;
mod refusals;
mod rotating;
mod searching;
mod secrecy;
mod signals;
mod slow_clients;
mod timing;
mod users;

use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use whatotp_testkit::{ServerBuilder, ServerProcess};

const BINARY: &str = env!("CARGO_BIN_EXE_whatotp");

/// A magic number whose messages are delivered half a second after they are handed over.
const DELIVERED: &str = "+12025550100";

/// A server in this directory.
fn server(directory: &Path) -> ServerBuilder {
    ServerProcess::builder(BINARY).directory(directory)
}

/// The same without limits that a test could meet.
fn without_limits(server: ServerBuilder) -> ServerBuilder {
    ["AUTH_PER_MINUTE", "CONSOLE_PER_MINUTE", "PRODUCT_PER_MINUTE", "KEY_PER_MINUTE"]
        .into_iter()
        .fold(server, |server, limit| server.env(format!("WHATOTP_LIMITS__{limit}"), "1000000"))
}

/// What a command that has ended printed.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the program in `directory` to its end.
fn run(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = Command::new(BINARY);
    command.current_dir(directory).env_clear().envs(variables.iter().copied()).args(arguments).stdin(Stdio::null());
    let output = command.output().expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Everything below a directory, as paths relative to it, in order.
fn files_in(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_in(&path));
        }
        found.push(path);
    }
    found.sort();
    found
}

/// What a test draws its chances from. Printed, so that a failure can be played again with `WHATOTP_TEST_SEED`.
fn seed() -> u64 {
    let given =
        std::env::var("WHATOTP_TEST_SEED").ok().map(|text| text.parse().expect("WHATOTP_TEST_SEED is a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one("seed"));
    println!("WHATOTP_TEST_SEED={seed}");
    seed
}
