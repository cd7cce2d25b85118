//! What the server keeps its data in.

use clap::ValueEnum;
use whatotp_testkit::{PostgresServer, RedisKind, RedisServer};

use crate::Failure;
use crate::server::process_and_children;

const DATABASE: &str = "whatotp";

/// Where to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Engine {
    /// One file, as the quick start makes it.
    Sqlite,
    /// PostgreSQL, with the limits in Redis.
    Postgres,
    /// Nothing that lasts.
    #[value(skip)]
    None,
}

impl Engine {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL, Redis",
            Self::None => "none",
        }
    }
}

/// The servers that one measurement has for itself. They end with this value.
pub(crate) struct Store(Option<(PostgresServer, RedisServer)>);

impl Store {
    /// Starts what the engine needs, as it would be run: a commit waits until it is on the disk.
    pub(crate) async fn start(engine: Engine) -> Result<Self, Failure> {
        if engine != Engine::Postgres {
            return Ok(Self(None));
        }
        let newest = PostgresServer::each_version().pop().ok_or("there is no PostgreSQL")?;
        let postgres = PostgresServer::start_with(&newest, &["fsync=on", "full_page_writes=on"]);
        postgres.execute("postgres", &format!("CREATE DATABASE {DATABASE}")).await;
        Ok(Self(Some((postgres, RedisServer::start(RedisKind::Redis)))))
    }

    /// How `whatotp` is told.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let Some((postgres, redis)) = &self.0 else { return Vec::new() };
        let settings = [("WHATOTP_DATABASE_URL", postgres.url(DATABASE)), ("WHATOTP_REDIS_URL", redis.url())];
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Where PostgreSQL has the data, if it has.
    pub(crate) fn postgres(&self) -> Option<String> {
        self.0.as_ref().map(|(postgres, _)| postgres.url(DATABASE))
    }

    /// Whose processor time counts beside the server's own.
    pub(crate) fn processes(&self) -> Result<Vec<u32>, Failure> {
        let Some((postgres, redis)) = &self.0 else { return Ok(Vec::new()) };
        let postmaster = std::fs::read_to_string(postgres.data().join("postmaster.pid"))?;
        let postmaster = postmaster.lines().next().ok_or("postmaster.pid is empty")?.parse()?;
        let info = redis.command(&["INFO", "server"]);
        let redis = info.lines().find_map(|line| line.trim().strip_prefix("process_id:")).ok_or("no process_id")?;
        let mut processes = process_and_children(postmaster)?;
        processes.push(redis.parse()?);
        Ok(processes)
    }
}
