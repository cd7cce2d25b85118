//! The `whatotp` binary.

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    whatotp::cli::Cli::parse().run().await
}
