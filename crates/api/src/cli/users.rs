//! The commands about people who log in to the console.

use clap::Subcommand;
use whatotp_domain::{AccountId, EmailAddress};

#[derive(Debug, Subcommand)]
pub(crate) enum Users {
    /// List the users.
    List {
        /// Only of this account.
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Make the link by which the first user comes in. It works once, for an hour; one made before is dead.
    Bootstrap,
    /// Make the link by which somebody sets a new password. It works once, for an hour. First make sure who is asking.
    ResetPassword {
        /// Who.
        #[arg(value_name = "EMAIL", value_parser = email)]
        email: EmailAddress,
    },
    /// Forget the failed log-ins with an address, so that nobody has to wait.
    Unlock {
        /// Which.
        #[arg(value_name = "EMAIL", value_parser = email)]
        email: EmailAddress,
    },
    /// Keep somebody from logging in. Their sessions end.
    Disable {
        /// Who.
        #[arg(value_name = "EMAIL", value_parser = email)]
        email: EmailAddress,
        /// Let them in again.
        #[arg(long)]
        undo: bool,
    },
    /// Make somebody an operator of the platform, who sees every account.
    Operator {
        /// Who.
        #[arg(value_name = "EMAIL", value_parser = email)]
        email: EmailAddress,
        /// Take it back.
        #[arg(long)]
        revoke: bool,
    },
    /// Take somebody's second factor away. First make sure who is asking.
    ResetTotp {
        /// Who.
        #[arg(value_name = "EMAIL", value_parser = email)]
        email: EmailAddress,
    },
}

fn email(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).ok_or_else(|| "write the address as name@example.org".to_owned())
}
