use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use config::Config;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use whatotp_application::Policy;
use whatotp_domain::{IpNet, LedgerPolicy, Locale, NumberLimits, OtpPolicy, SendCap, SessionTtl};

mod abuse;
mod console;
mod database;
mod layers;
mod whatsapp;

pub use abuse::AbuseSettings;
pub use console::ConsoleSettings;
pub use database::Database;
pub use layers::{Explained, Variables, explain};
use layers::{Layers, unusable};
pub use whatsapp::WhatsappSettings;
pub(crate) use whatsapp::is_safe;

/// The configuration manual, which is also the defaults.
pub const DEFAULTS: &str = include_str!("../../../config.default.toml");

/// Why the configuration cannot be used. Says what to do; never holds a secret's value.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file named by `--config`.
    #[error("the configuration file {path} cannot be read: {reason}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A variable that names no setting.
    #[error("{variable} is not a setting of WhatOTP; `whatotp config` lists them all")]
    UnknownVariable {
        /// Which.
        variable: String,
    },
    /// A file that holds a secret.
    #[error("{variable} names a file that cannot be read: {reason}")]
    SecretFile {
        /// Which.
        variable: String,
        /// Why.
        reason: String,
    },
    /// A value that does not fit.
    #[error("the configuration is not usable: {0}")]
    Value(String),
}

/// The configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// What this process does.
    pub role: ServerRole,
    /// The database. It may carry a password.
    pub database_url: SecretString,
    /// Where request limits are shared; empty for limits of this process alone.
    pub redis_url: SecretString,
    /// The master keys.
    pub master_key_file: PathBuf,
    /// Proxies that are believed.
    #[serde(deserialize_with = "list")]
    pub trusted_proxies: Vec<IpNet>,
    /// For security.txt.
    pub security_contact: String,
    /// Request limits.
    pub limits: LimitSettings,
    /// Codes.
    pub otp: OtpSettings,
    /// Against abuse.
    pub abuse: AbuseSettings,
    /// Messages.
    pub delivery: DeliverySettings,
    /// WhatsApp.
    pub whatsapp: WhatsappSettings,
    /// How long things are kept.
    pub retention: RetentionSettings,
    /// The console.
    pub console: ConsoleSettings,
    /// HTTP.
    pub server: ServerSettings,
    /// SQLite.
    pub sqlite: SqliteTuning,
    /// PostgreSQL.
    pub postgres: PostgresTuning,
    /// The log.
    pub log: LogSettings,
}

/// What a process does. Any number of each may run on one PostgreSQL database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerRole {
    /// Everything.
    All,
    /// Answers requests, and makes the first attempt to send a code.
    Api,
    /// Delivers what is due, and deletes what is over. Answers health checks only.
    Worker,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Failed log-ins of one client address.
    pub auth_per_minute: u32,
    /// Requests of one session of the console.
    pub console_per_minute: u32,
    /// Requests of one key from one client address.
    pub product_per_minute: u32,
    /// Requests of one key.
    pub key_per_minute: u32,
    /// Subjects remembered.
    pub subjects: usize,
}

impl LimitSettings {
    const fn are_positive(&self) -> bool {
        let per_key = self.product_per_minute > 0 && self.key_per_minute > 0;
        per_key && self.auth_per_minute > 0 && self.console_per_minute > 0
    }
}

/// `[otp]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtpSettings {
    default_expires_in_seconds: u32,
    attempts_per_session: u8,
    short_code_attempts_per_session: u8,
    sends_per_session: u8,
    #[serde(deserialize_with = "list")]
    cooldown_seconds: Vec<u32>,
    sends_per_10_minutes: u32,
    sends_per_hour: u32,
    sends_per_day: u32,
    failures_per_day: u32,
    short_code_failures_per_day: u32,
    consecutive_failures: u32,
    everybody_sends_per_day: u32,
    everybody_failures_per_day: u32,
    #[serde(deserialize_with = "locale")]
    default_locale: Locale,
}

/// `[delivery]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeliverySettings {
    lease_seconds: u32,
    /// How long WhatsApp may take for its first answer.
    pub channel_timeout_seconds: u32,
    unknown_wait_seconds: u32,
    fallback_after_seconds: u32,
    /// Messages under way at the same time.
    pub concurrency: usize,
}

/// `[retention]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetentionSettings {
    session_hours: u32,
    delivery_days: u32,
    variables_hours: u32,
    event_days: u32,
    audit_days: u32,
    ticket_days: u32,
    idempotency_hours: u32,
}

/// `[server]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// HTTP workers; 0 is one a core.
    pub workers: usize,
    body_timeout_seconds: u32,
    handler_timeout_seconds: u32,
    drain_seconds: u32,
    /// How long running requests may take after the listener closed.
    pub shutdown_seconds: u32,
}

impl ServerSettings {
    /// How long a body may take.
    #[must_use]
    pub fn body_timeout(&self) -> Duration {
        seconds(self.body_timeout_seconds)
    }

    /// How long an answer may take, once the body is there.
    #[must_use]
    pub fn handler_timeout(&self) -> Duration {
        seconds(self.handler_timeout_seconds)
    }

    /// How long to say no before closing.
    #[must_use]
    pub fn drain(&self) -> Duration {
        seconds(self.drain_seconds)
    }
}

/// `[sqlite]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqliteTuning {
    /// Reading threads.
    pub readers: usize,
    /// Operations that may wait.
    pub queue: usize,
}

/// `[postgres]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresTuning {
    connections: u32,
    queue: usize,
    statement_timeout_seconds: u32,
    transaction_pooler: bool,
}

/// `[log]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// What.
    pub level: String,
    /// How.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl Settings {
    /// The defaults, then the file, then the environment.
    pub fn load(file: Option<&Path>, variables: Variables) -> Result<Self, SettingsError> {
        let layers = Layers::read(file, variables)?;
        let merged = layers.merged().and_then(Config::try_deserialize::<Self>);
        let settings = merged.map_err(|error| unusable(&error))?;
        settings.check()?;
        Ok(settings)
    }

    /// The rules that these settings make.
    #[must_use]
    pub fn policy(&self) -> Policy {
        let (otp, delivery, retention) = (&self.otp, &self.delivery, &self.retention);
        let cap = |sends, span| SendCap { sends, window: seconds(span) };
        Policy {
            otp: OtpPolicy {
                attempts_max: otp.attempts_per_session,
                short_attempts_max: otp.short_code_attempts_per_session,
                sends_max: otp.sends_per_session,
                default_ttl: SessionTtl::from_seconds(otp.default_expires_in_seconds).unwrap_or(SessionTtl::DEFAULT),
            },
            limits: NumberLimits {
                account: LedgerPolicy {
                    cooldowns: otp.cooldown_seconds.iter().map(|pause| seconds(*pause)).collect(),
                    caps: vec![
                        cap(otp.sends_per_10_minutes, 600),
                        cap(otp.sends_per_hour, 3600),
                        cap(otp.sends_per_day, 86_400),
                    ],
                    failures_max: otp.failures_per_day,
                    short_failures_max: Some(otp.short_code_failures_per_day),
                    consecutive_max: Some(otp.consecutive_failures),
                    ..LedgerPolicy::default()
                },
                everybody: Some(LedgerPolicy {
                    caps: vec![cap(otp.everybody_sends_per_day, 86_400)],
                    failures_max: otp.everybody_failures_per_day,
                    ..LedgerPolicy::everybody()
                }),
            },
            default_locale: otp.default_locale.clone(),
            unlimited_in_test_mode: whatotp_whatsapp::is_magic,
            lease: seconds(delivery.lease_seconds),
            channel_timeout: seconds(delivery.channel_timeout_seconds),
            unknown_wait: seconds(delivery.unknown_wait_seconds),
            fallback_after: (delivery.fallback_after_seconds > 0).then(|| seconds(delivery.fallback_after_seconds)),
            otp_send_margin: seconds(30),
            claim_lease: seconds(60),
            claim_lifetime: seconds(retention.idempotency_hours.saturating_mul(3600)),
            abuse: self.abuse.policy(),
            session_retention: seconds(retention.session_hours.saturating_mul(3600)),
            delivery_retention: seconds(retention.delivery_days.saturating_mul(86_400)),
            variables_retention: seconds(retention.variables_hours.saturating_mul(3600)),
            event_retention: seconds(retention.event_days.saturating_mul(86_400)),
            audit_retention: seconds(retention.audit_days.saturating_mul(86_400)),
            ticket_retention: seconds(retention.ticket_days.saturating_mul(86_400)),
        }
    }

    /// What no type can say.
    fn check(&self) -> Result<(), SettingsError> {
        let (otp, delivery) = (&self.otp, &self.delivery);
        let rules = [
            (
                SessionTtl::from_seconds(otp.default_expires_in_seconds).is_some(),
                "otp.default_expires_in_seconds must be from 60 to 600: no code may live longer than 10 minutes",
            ),
            ((1..=10).contains(&otp.attempts_per_session), "otp.attempts_per_session must be from 1 to 10"),
            (
                (1..=otp.attempts_per_session).contains(&otp.short_code_attempts_per_session),
                "otp.short_code_attempts_per_session must be from 1 to otp.attempts_per_session",
            ),
            ((1..=20).contains(&otp.sends_per_session), "otp.sends_per_session must be from 1 to 20"),
            (!otp.cooldown_seconds.is_empty(), "otp.cooldown_seconds needs at least one number of seconds"),
            ((1..=100).contains(&otp.failures_per_day), "otp.failures_per_day must be from 1 to 100"),
            (
                (1..=otp.failures_per_day).contains(&otp.short_code_failures_per_day),
                "otp.short_code_failures_per_day must be from 1 to otp.failures_per_day",
            ),
            (
                (1..=100).contains(&otp.consecutive_failures),
                "otp.consecutive_failures must be from 1 to 100: NIST SP 800-63B-4 allows no more (section 3.2.2)",
            ),
            (
                otp.everybody_sends_per_day > 0 && (1..=1000).contains(&otp.everybody_failures_per_day),
                "otp.everybody_sends_per_day must be at least 1, and otp.everybody_failures_per_day from 1 to 1000",
            ),
            (
                otp.sends_per_10_minutes > 0 && otp.sends_per_hour > 0 && otp.sends_per_day > 0,
                "otp.sends_per_10_minutes, otp.sends_per_hour and otp.sends_per_day must be at least 1",
            ),
            (
                (1..=9).contains(&delivery.channel_timeout_seconds),
                "delivery.channel_timeout_seconds must be from 1 to 9: a send is answered within 10 seconds",
            ),
            (
                delivery.lease_seconds > 2 * delivery.channel_timeout_seconds,
                "delivery.lease_seconds must be more than twice delivery.channel_timeout_seconds, or two workers send the same message",
            ),
            (
                self.abuse.is_known(),
                "abuse.refused_number_types names a type that there is not: the ones there are stand in `whatotp config --default`",
            ),
            (delivery.concurrency > 0, "delivery.concurrency must be at least 1"),
            (self.limits.are_positive(), "every limit of [limits] must be at least 1"),
            (self.limits.subjects >= 1024, "limits.subjects must be at least 1024"),
            (
                self.retention.session_hours >= 25,
                "retention.session_hours must be at least 25: a session can be asked about for 24 hours",
            ),
            (self.retention.idempotency_hours >= 24, "retention.idempotency_hours must be at least 24"),
            (self.retention.delivery_days >= 2, "retention.delivery_days must be at least 2"),
            (self.sqlite.readers > 0 && self.sqlite.queue > 0, "sqlite.readers and sqlite.queue must be at least 1"),
            (self.retention.variables_hours > 0, "retention.variables_hours must be at least 1"),
            (self.retention.event_days > 0, "retention.event_days must be at least 1"),
            (self.retention.audit_days > 0, "retention.audit_days must be at least 1"),
            (self.retention.ticket_days > 0, "retention.ticket_days must be at least 1"),
            (
                self.postgres.connections > 0 && self.postgres.queue > 0 && self.postgres.statement_timeout_seconds > 0,
                "postgres.connections, postgres.queue and postgres.statement_timeout_seconds must be at least 1",
            ),
            (
                self.role == ServerRole::All || !matches!(self.database(), Ok(Database::Sqlite(_))),
                "role must be all with SQLite, which one process uses at a time; several processes need PostgreSQL",
            ),
            (
                self.console.is_usable(),
                "console.public_url must be an http or https URL without a query, such as https://otp.example.com",
            ),
            (self.server.body_timeout_seconds > 0, "server.body_timeout_seconds must be at least 1"),
            (self.server.handler_timeout_seconds > 0, "server.handler_timeout_seconds must be at least 1"),
        ];
        if let Some((_, rule)) = rules.iter().chain(&self.whatsapp.rules()).find(|(holds, _)| !holds) {
            return Err(SettingsError::Value((*rule).to_owned()));
        }
        self.redis()?;
        self.whatsapp.sender().map(drop)
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(u64::from(count))
}

fn locale<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Locale, D::Error> {
    let text = String::deserialize(deserializer)?;
    Locale::parse(&text).ok_or_else(|| serde::de::Error::custom("a language must be a BCP 47 tag such as en or pt-BR"))
}

/// A list, in TOML or separated by commas.
fn list<'de, T, D>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    T: std::str::FromStr + Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written<T> {
        List(Vec<T>),
        Text(String),
    }
    match Written::<T>::deserialize(deserializer)? {
        Written::List(list) => Ok(list),
        Written::Text(text) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            let items = items
                .map(|item| item.parse::<T>().or(Err(serde::de::Error::custom("an item of the list cannot be read"))));
            items.collect()
        }
    }
}

#[cfg(test)]
mod tests;
