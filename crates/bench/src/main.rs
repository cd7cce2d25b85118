//! `just bench`: what a release build of `whatotp` does, beside a server that only says hello, itself with stores that
//! only remember, and the bare databases, in one run.
//!
//! Machines are noisy and differ, so what counts is the ratio to what else the same round measured. A wrong answer ends
//! the run; a slow one never does.

mod callers;
mod database;
mod growth;
mod hello;
mod http;
mod load;
mod meta;
mod null;
mod overload;
mod plot;
mod raw;
mod readers;
mod report;
mod scenario;
mod server;
mod site;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

use growth::Rows;
use load::Load;
use meta::Meta;
use report::Table;
use site::Site;

/// Why there is no result.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Measures a release build of whatotp beside a server that only says hello
///
/// Each measurement is made in every round, in alternation, and printed is the median of all rounds. A server answers for a
/// sixth of the time, at most half a second, before it is measured.
#[derive(Parser)]
#[command(name = "whatotp-bench")]
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
    /// How many live sessions there are before, with their deliveries and their numbers' ledgers. Several are measured one
    /// after the other; what is filled serves all rounds.
    #[arg(long, value_delimiter = ',', default_value = "0", value_name = "SESSIONS")]
    rows: Vec<u64>,
    /// How many deliveries of the last year there are before.
    #[arg(long, default_value_t = 0)]
    deliveries: u64,
    /// Draws throughput by connections and by sessions into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    plot: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Be the server that says hello.
    #[command(hide = true)]
    Hello,
    /// Ask for five times as many codes as the server can send, and for live codes at the most that Meta takes from one
    /// sender.
    Overload,
    /// Be our own server with stores that only remember.
    #[command(hide = true)]
    Null,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Some(Command::Hello) => hello::serve(),
        Some(Command::Null) => null::serve(),
        Some(Command::Overload) => overloaded(&cli),
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

fn overloaded(cli: &Cli) -> Result<(), Failure> {
    let (runtime, binary, duration) = (runtime()?, cli.binary()?, Duration::from_secs(cli.seconds));
    runtime.block_on(async {
        let meta = Meta::start().await?;
        for engine in &cli.stores {
            overload::overload(&binary, *engine, duration).await?;
            overload::delivery(&binary, *engine, duration, &meta).await?;
        }
        Ok(())
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

impl Cli {
    fn binary(&self) -> Result<PathBuf, Failure> {
        let own = std::env::current_exe()?;
        Ok(self.binary.clone().unwrap_or_else(|| own.with_file_name("whatotp")))
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let own = std::env::current_exe()?;
    let (runtime, binary) = (runtime()?, cli.binary()?);
    runtime.block_on(async {
        let (mut table, meta) = (Table::default(), Meta::start().await?);
        for sessions in &cli.rows {
            let rows = Rows { sessions: *sessions, deliveries: cli.deliveries };
            // Filling takes long, so what is filled serves all rounds.
            let mut filled = Vec::new();
            for engine in cli.stores.iter().filter(|_| !rows.is_none()) {
                report::say(&format!("filling {}", engine.name()));
                filled.push(Site::found(&binary, *engine, meta.settings(), rows).await?);
            }
            for connections in &cli.connections {
                for round in 1..=cli.rounds {
                    let load =
                        Load { connections: *connections, duration: Duration::from_secs(cli.seconds), rate: None };
                    let rounds = cli.rounds;
                    report::say(&format!("{sessions} sessions, {connections} connections, round {round} of {rounds}"));
                    table.add(*sessions, scenario::hello(&own, load).await?);
                    table.add(*sessions, scenario::null(&own, load).await?);
                    for site in &filled {
                        table.add(*sessions, scenario::whatotp(&binary, load, site, &meta).await?);
                    }
                    for engine in cli.stores.iter().filter(|_| rows.is_none()) {
                        let site = Site::found(&binary, *engine, meta.settings(), rows).await?;
                        table.add(*sessions, scenario::whatotp(&binary, load, &site, &meta).await?);
                    }
                }
            }
        }
        table.print();
        if let Some(directory) = &cli.plot {
            plot::write(directory, &table)?;
        }
        Ok(())
    })
}
