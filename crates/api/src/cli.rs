//! The command line.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod users;
pub(crate) mod whatsapp;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use whatotp_domain::{AccountId, ApiKeyId, IpNet, Mode, Scope};

use crate::commands;
use crate::settings::Settings;
use accounts::{Accounts, Blocks};
use users::Users;
use whatsapp::{Events, Senders, Simulator, Templates};

/// The self-hosted, encrypted OTP service for WhatsApp.
///
/// Without a command it is the quick start: it makes ./data, an account and a test key, and serves.
#[derive(Debug, Parser)]
#[command(name = "whatotp", version, about)]
pub struct Cli {
    /// A configuration file (TOML); see `whatotp config --default` for everything it can say.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve. Prints one line, `listening on http://…`, when ready.
    Serve,
    /// Bring the database up to date, making it first if it is not there.
    Migrate {
        /// Only list what is pending; exits with 1 if anything is.
        #[arg(long)]
        check: bool,
    },
    /// Make, list, rotate and revoke API keys.
    #[command(subcommand)]
    Keys(Keys),
    /// Make accounts, and say where each may write to and how much.
    #[command(subcommand)]
    Accounts(Accounts),
    /// See who logs in to the console, let the first one in, and help those who cannot.
    #[command(subcommand, name = "user")]
    Users(Users),
    /// Block numbers, prefixes and countries, and lift what is blocked.
    #[command(subcommand)]
    Blocks(Blocks),
    /// Add and list the WhatsApp numbers that live messages are sent from.
    #[command(subcommand)]
    Senders(Senders),
    /// List, read and make WhatsApp templates.
    #[command(subcommand)]
    Templates(Templates),
    /// Seal everything with the first key of the key file. It can be interrupted and run again.
    RotateKeys,
    /// Delete everything that is stored about a number.
    Erase(Erase),
    /// Show what is counted of a phone number, and unblock it.
    #[command(subcommand)]
    Numbers(Numbers),
    /// Show what happened that an operator should know.
    Events(Events),
    /// Show who did what, and check that nobody has tampered with that.
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Run a WhatsApp Cloud API simulator, with a page that shows each phone's chat.
    Simulator(Simulator),
    /// Run the example of the documentation against a running server: send a code, read it, verify it.
    Try(Try),
    /// Check everything that has to be right, and say what to do about what is not.
    Doctor,
    /// Print every setting, its value (secrets redacted), and where it comes from.
    Config {
        /// Print the commented defaults instead: a configuration file to start from.
        #[arg(long)]
        default: bool,
    },
    /// Print the OpenAPI document.
    Openapi,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Make a key. It is shown this once.
    Create(CreateKey),
    /// List the keys: everything but the keys themselves.
    List {
        /// Only of this account.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Make a key like another one, which goes on working for a while: time to hand out the new one. It is shown this once.
    Rotate {
        /// The old key's id (key_…).
        id: ApiKeyId,
        /// For how many hours the old key goes on working. 0 ends it now.
        #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=2160))]
        overlap_hours: u32,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// End a key. It stops working within 5 seconds everywhere.
    Revoke {
        /// The key's id (key_…).
        id: ApiKeyId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CreateKey {
    /// What the key reaches: people, or the sandbox.
    #[arg(long, value_enum)]
    pub mode: KeyMode,
    /// What to call it.
    #[arg(long, default_value = "")]
    pub name: String,
    /// Whose key. The oldest account if left out; it is made if there is none.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// What it may do (repeat it): otp:send, otp:verify, messages:send, read. Everything if left out.
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope)]
    pub scopes: Vec<Scope>,
    /// From where it may be used (repeat it), as a CIDR network. From anywhere if left out.
    #[arg(long = "allow-ip", value_name = "CIDR")]
    pub allowed_ips: Vec<IpNet>,
    /// After how many days it stops working by itself. Never if left out.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    pub expires_in_days: Option<u32>,
    /// For machines.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum KeyMode {
    Test,
    Live,
}

impl From<KeyMode> for Mode {
    fn from(mode: KeyMode) -> Self {
        match mode {
            KeyMode::Test => Self::Test,
            KeyMode::Live => Self::Live,
        }
    }
}

fn scope(text: &str) -> Result<Scope, String> {
    Scope::parse(text).ok_or_else(|| "use otp:send, otp:verify, messages:send or read".to_owned())
}

#[derive(Debug, Args)]
pub(crate) struct Erase {
    /// The number, in E.164.
    pub number: String,
    /// Only in this account. In every one, and in what is counted over all of them, if left out.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Numbers {
    /// Show the messages and wrong codes that count against a number, and whether it is blocked.
    Show {
        /// The number, in E.164.
        number: String,
        /// In this account. The oldest account if left out.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Forgive a number its wrong codes. First make sure, by other means, whose it is.
    Unblock {
        /// The number, in E.164.
        number: String,
        /// In this account. The oldest account if left out.
        #[arg(long, value_name = "ID", conflicts_with = "all_accounts")]
        account: Option<AccountId>,
        /// In every account, and in what is counted over all of them.
        #[arg(long)]
        all_accounts: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Try {
    /// To which number. The default is a magic number of the sandbox.
    #[arg(long, default_value = "+12025550100")]
    pub to: String,
    /// The server. The configured address if left out. Plain http only: this is for the machine it runs on.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The test key. If there is none, one is made in the configured database for this run, and revoked after it.
    #[arg(long, env = "WHATOTP_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub key: Option<String>,
}

impl Cli {
    /// Runs the command. What goes wrong is printed to standard error, and exits with 1.
    pub async fn run(self) -> ExitCode {
        match self.dispatch().await {
            Ok(code) => code,
            Err(error) => commands::complain(&*error),
        }
    }

    async fn dispatch(self) -> commands::Outcome {
        if let Some(Command::Config { default }) = self.command {
            return commands::config::run(default, self.config.as_deref());
        }
        if let Some(Command::Openapi) = self.command {
            return commands::config::openapi();
        }
        if let Some(Command::Simulator(options)) = self.command {
            return commands::simulator::run(options).await;
        }
        let settings = Settings::load(self.config.as_deref(), std::env::vars().collect())?;
        match self.command {
            None => commands::serve::quick_start(&settings).await,
            Some(Command::Serve) => commands::serve::serve(&settings).await,
            Some(Command::Migrate { check }) => commands::migrate::run(&settings, check).await,
            Some(Command::Keys(keys)) => commands::keys::run(&settings, keys).await,
            Some(Command::Try(options)) => commands::try_run::run(&settings, options).await,
            Some(Command::Doctor) => commands::doctor::run(&settings).await,
            Some(Command::Accounts(accounts)) => commands::accounts::run(&settings, accounts).await,
            Some(Command::Users(users)) => commands::users::run(&settings, users).await,
            Some(Command::Blocks(blocks)) => commands::blocks::run(&settings, blocks).await,
            Some(Command::Senders(senders)) => commands::senders::run(&settings, senders).await,
            Some(Command::Templates(templates)) => commands::templates::run(&settings, templates).await,
            Some(Command::RotateKeys) => commands::rotate_keys::run(&settings).await,
            Some(Command::Erase(options)) => commands::erase::run(&settings, &options).await,
            Some(Command::Numbers(numbers)) => commands::numbers::run(&settings, numbers).await,
            Some(Command::Audit(command)) => commands::audit::run(&settings, &command).await,
            Some(Command::Events(options)) => commands::events::run(&settings, &options).await,
            Some(Command::Config { .. } | Command::Openapi | Command::Simulator(_)) => Ok(ExitCode::SUCCESS),
        }
    }
}
