//! Many processes of the program on one PostgreSQL and one Redis, all of them real: what they race for, and what
//! becomes of it when one of them, the database or Redis fails. Nothing in here sleeps to wait: what has to be waited for
//! is looked at again and again.

mod client;
mod haproxy;

mod fairness;
mod limits;
mod load;
mod races;
mod redis_faults;

mod rolling;
mod starts;
mod storage_faults;
mod waiting;
mod workers;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use secrecy::SecretString;
use tempfile::TempDir;
use tokio::time::{Instant, MissedTickBehavior, interval};
use whatotp_domain::Mode;
use whatotp_storage::postgres::migrate;
use whatotp_testkit::{
    PostgresDatabase, PostgresServer, PostgresVersion, RedisKind, RedisServer, ServerBuilder, ServerProcess, create_key,
};

use client::Client;

const BINARY: &str = env!("CARGO_BIN_EXE_whatotp");
/// Nothing that is waited for takes so long, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// A migrated database, a master key, and the settings that every process on them shares.
struct Stage {
    postgres: PostgresServer,
    database: PostgresDatabase,
    redis: Option<RedisServer>,
    directory: TempDir,
    variables: Vec<(String, String)>,
}

impl Stage {
    /// With limits that no test meets, and nobody to share them with.
    async fn start(version: &PostgresVersion) -> Self {
        println!("{version:?}");
        let postgres = PostgresServer::start(version);
        let migrated = async |url: &str| drop(migrate(&SecretString::from(url), false).await.unwrap());
        let database = postgres.database(migrated).await;
        let directory = tempfile::tempdir().unwrap();
        let mut stage = Self { postgres, database, redis: None, directory, variables: Vec::new() };
        let url = stage.database.url().to_owned();
        stage.set("DATABASE_URL", &url);
        stage.set("MASTER_KEY_FILE", "master.key");
        stage.set("LOG__LEVEL", "warn");
        stage.set("SERVER__WORKERS", "2");
        for limit in ["AUTH_PER_MINUTE", "CONSOLE_PER_MINUTE", "PRODUCT_PER_MINUTE", "KEY_PER_MINUTE"] {
            stage.set(&format!("LIMITS__{limit}"), "1000000");
        }
        stage
    }

    /// The same, with request limits in a Redis.
    async fn with_redis(version: &PostgresVersion) -> Self {
        let mut stage = Self::start(version).await;
        let redis = RedisServer::start(RedisKind::Redis);
        stage.set("REDIS_URL", &redis.url());
        stage.redis = Some(redis);
        stage
    }

    fn redis(&mut self) -> &mut RedisServer {
        self.redis.as_mut().expect("the stage has a Redis")
    }

    /// A setting, in place of what it was.
    fn set(&mut self, name: &str, value: &str) {
        let name = format!("WHATOTP_{name}");
        self.variables.retain(|(known, _)| *known != name);
        self.variables.push((name, value.to_owned()));
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    fn builder(&self, role: &str) -> ServerBuilder {
        let server = ServerProcess::builder(BINARY).directory(self.directory.path()).arg("serve");
        let server = server.env("WHATOTP_ROLE", role);
        self.variables.iter().fold(server, |server, (name, value)| server.env(name, value))
    }

    /// A process that listens.
    fn serve(&self, role: &str) -> ServerProcess {
        self.builder(role).start()
    }

    fn serve_many(&self, role: &str, count: usize) -> Vec<ServerProcess> {
        (0..count).map(|_| self.serve(role)).collect()
    }

    fn key(&self, mode: Mode) -> String {
        create_key(BINARY.as_ref(), self.directory.path(), &self.variables(), mode)
    }

    /// Runs the program to its end, which must be a good one, and returns what it printed.
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(PathBuf::from(BINARY));
        command.current_dir(self.directory.path()).env_clear().envs(self.variables()).args(arguments);
        let output = command.stdin(Stdio::null()).output().expect("the program starts");
        let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert!(output.status.success(), "{arguments:?}:\n{stdout}{stderr}");
        stdout
    }
}

/// One customer for each server, all with the same key.
fn clients(servers: &[ServerProcess], key: &str) -> Vec<Client> {
    servers.iter().map(|server| Client::new(server.base_url(), key)).collect()
}

/// Looks again and again, and returns how long it took.
async fn until(what: &str, done: impl AsyncFnMut() -> bool) -> Duration {
    eventually(done).await.unwrap_or_else(|| panic!("not within {LONG:?}: {what}"))
}

/// The same, or nothing when it has not come to it.
async fn eventually(mut done: impl AsyncFnMut() -> bool) -> Option<Duration> {
    let begun = Instant::now();
    let mut looks = interval(Duration::from_millis(20));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while begun.elapsed() < LONG {
        looks.tick().await;
        if done().await {
            return Some(begun.elapsed());
        }
    }
    None
}

/// Sends a signal, such as `STOP`.
fn signal(server: &ServerProcess, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &server.id().to_string()]).status();
    assert!(sent.expect("kill starts").success(), "SIG{name} was not sent");
}

/// No process has panicked.
fn assert_sound(servers: &[ServerProcess]) {
    for server in servers {
        assert!(!server.logs().contains("panicked"), "{}", server.logs());
    }
}
