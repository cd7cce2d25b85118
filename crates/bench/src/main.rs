//! `just bench`: what a release build of `whatotp` does, beside a server that only says hello, in one run.
//!
//! Machines are noisy and differ, so what counts is the ratio to hello of the same round. A wrong answer ends the run; a
//! slow one never does.

mod hello;
mod load;
mod report;
mod scenario;
mod server;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Why there is no result.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(name = "whatotp-bench", about = "Measures a release build of whatotp beside a server that only says hello")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// The binary. The one beside this program if left out.
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// How many rounds; in each, every server has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: u32,
    /// How long each measurement takes.
    #[arg(long, default_value_t = 3, value_name = "SECONDS")]
    seconds: u64,
    /// How many connections.
    #[arg(long, value_delimiter = ',', default_value = "64,256")]
    connections: Vec<usize>,
    /// What `whatotp` keeps its data in.
    #[arg(long, value_delimiter = ',', default_value = "sqlite,postgres")]
    stores: Vec<store::Engine>,
}

#[derive(Subcommand)]
enum Command {
    /// Be the server that says hello.
    #[command(hide = true)]
    Hello,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Hello) => hello::serve(),
        None => run(&cli),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::complain(&*failure);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let binary = cli.binary.clone().unwrap_or_else(|| own.with_file_name("whatotp"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut table = report::Table::default();
        for connections in &cli.connections {
            for round in 1..=cli.rounds {
                let load = load::Load { connections: *connections, duration: Duration::from_secs(cli.seconds) };
                report::say(&format!("{connections} connections, round {round} of {}", cli.rounds));
                table.add(scenario::hello(&own, load).await?);
                for engine in &cli.stores {
                    table.add(scenario::whatotp(&binary, load, *engine).await?);
                }
            }
        }
        table.print();
        Ok(())
    })
}
