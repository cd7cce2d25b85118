use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use whatotp_redis::RedisAddress;
use whatotp_storage::postgres::PostgresSettings;

use super::layers::without_password;
use super::{Settings, SettingsError, seconds};

/// Where the data is.
#[derive(Debug, Clone)]
pub enum Database {
    /// In this file.
    Sqlite(PathBuf),
    /// On the server that this URL names.
    Postgres(SecretString),
}

impl Settings {
    /// Where the data is.
    pub fn database(&self) -> Result<Database, SettingsError> {
        let url = self.database_url.expose_secret();
        match url.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Database::Sqlite(PathBuf::from(path))),
            Some(("sqlite", _)) => {
                Err(SettingsError::Value("database_url names no file; write sqlite:PATH".to_owned()))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Database::Postgres(self.database_url.clone())),
            _ => Err(SettingsError::Value(
                "database_url has a scheme that this version does not know; write sqlite:PATH or postgres://…"
                    .to_owned(),
            )),
        }
    }

    /// How the PostgreSQL server with this URL is used.
    #[must_use]
    pub fn postgres(&self, url: SecretString) -> PostgresSettings {
        let tuning = &self.postgres;
        PostgresSettings {
            connections: tuning.connections,
            queue: tuning.queue,
            statement_timeout: seconds(tuning.statement_timeout_seconds),
            transaction_pooler: tuning.transaction_pooler,
            ..PostgresSettings::new(url)
        }
    }

    /// Where request limits are shared.
    pub fn redis(&self) -> Result<Option<RedisAddress>, SettingsError> {
        let url = self.redis_url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        let address = RedisAddress::parse(url).map_err(|error| SettingsError::Value(format!("redis_url: {error}")))?;
        Ok(Some(address))
    }
}

impl fmt::Display for Database {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => f.write_str(&without_password(url.expose_secret())),
        }
    }
}
