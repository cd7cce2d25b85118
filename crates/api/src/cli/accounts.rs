//! The commands about who may write to whom: accounts and blocks.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use whatotp_application::Blocked;
use whatotp_domain::{AccountId, Country, PhoneNumber};

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// List the accounts, with where they may write to and how much.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Make an account.
    Create {
        /// What to call it.
        #[arg(long)]
        name: String,
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Say where an account may write to, and how much. What is left out stays as it is.
    Set(SetRules),
}

#[derive(Debug, Args)]
pub(crate) struct SetRules {
    /// The account.
    #[arg(value_name = "ID")]
    pub account: AccountId,
    /// The only countries it may write to, as two letters each: `DE,AT`; `all` for every one.
    #[arg(long, value_name = "CODES", value_parser = countries)]
    pub countries_allowed: Option<CountryList>,
    /// Countries it may not write to, whatever is allowed; `none` for none.
    #[arg(long, value_name = "CODES", value_parser = countries)]
    pub countries_denied: Option<CountryList>,
    /// Live codes and messages in a day (UTC); `none` for no limit.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub per_day: Option<Limit>,
    /// Live codes and messages in a month (UTC); `none` for no limit.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub per_month: Option<Limit>,
}

/// Countries as they are written on the command line.
#[derive(Debug, Clone)]
pub(crate) struct CountryList(pub BTreeSet<Country>);

/// A limit as it is written on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit(pub Option<u32>);

fn countries(text: &str) -> Result<CountryList, String> {
    if matches!(text, "all" | "none") {
        return Ok(CountryList(BTreeSet::new()));
    }
    let read = text.split(',').map(|code| Country::parse(code.trim()).ok_or(code));
    let read: Result<_, &str> = read.collect();
    read.map(CountryList).map_err(|code| format!("{code} is no country; write two letters each, such as DE,AT"))
}

fn limit(text: &str) -> Result<Limit, String> {
    match text.parse() {
        _ if text == "none" => Ok(Limit(None)),
        Ok(limit) if limit > 0 => Ok(Limit(Some(limit))),
        _ => Err("write a number of at least 1, or none".to_owned()),
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Blocks {
    /// List the blocks, newest first, those that ended within 30 days included.
    List {
        /// For machines.
        #[arg(long)]
        json: bool,
    },
    /// Block numbers. Every server notices within 5 seconds.
    Add {
        #[command(flatten)]
        what: What,
        /// For how many hours. Until somebody lifts it, if left out.
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=87_600))]
        hours: Option<u32>,
        /// Why, for whoever lists the blocks.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Lift a block. Every server notices within 5 seconds.
    Lift {
        #[command(flatten)]
        what: What,
    },
}

#[derive(Debug, Args)]
pub(crate) struct What {
    /// Every number that begins like this, such as +4915112.
    #[arg(long, value_name = "PREFIX", value_parser = prefix, required_unless_present_any = ["number", "country"])]
    prefix: Option<String>,
    /// One number, in E.164. A keyed hash of it is stored.
    #[arg(long, value_name = "NUMBER", value_parser = number, conflicts_with = "prefix")]
    number: Option<PhoneNumber>,
    /// A country, as two letters.
    #[arg(long, value_name = "CODE", value_parser = country, conflicts_with_all = ["prefix", "number"])]
    country: Option<Country>,
    /// Only for this account. For every one if left out.
    #[arg(long, value_name = "ID")]
    pub account: Option<AccountId>,
}

impl What {
    /// What is blocked; clap sees to it that one of them is there.
    pub(crate) fn blocked(&self) -> Option<Blocked> {
        let prefix = self.prefix.clone().map(Blocked::Prefix);
        let number = || self.number.clone().map(Blocked::Number);
        prefix.or_else(number).or_else(|| self.country.map(Blocked::Country))
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    if digits.is_empty() || digits.len() > 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("write the beginning of numbers in E.164, such as +4915112".to_owned());
    }
    // It is stored as it is written.
    if PhoneNumber::parse(text).is_ok() {
        return Err("this is a whole number: use --number, which stores a keyed hash of it".to_owned());
    }
    Ok(text.to_owned())
}

fn number(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::parse(text).map_err(|error| error.to_string())
}

fn country(text: &str) -> Result<Country, String> {
    Country::parse(text).ok_or_else(|| "write a country as two letters, such as DE".to_owned())
}
