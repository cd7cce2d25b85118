use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

use futures_util::TryStreamExt as _;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::NoTls;

use super::process::{Manners, Process};
use super::{binaries, free_port, wait_until};

/// How often another port is tried when somebody else was faster.
const TRIES: usize = 5;
const MANNERS: Manners =
    Manners { ready: "database system is ready to accept connections", on_stderr: true, end: "QUIT" };
const TEMPLATE: &str = "whatotp_template";
/// `nobody`, of every Linux. PostgreSQL refuses to run as root.
const NOBODY: u32 = 65_534;
/// What is safe to switch off because nothing here outlives the machine, and what keeps it small. A commit is still
/// written before it is acknowledged: it survives the end of the server.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "max_connections=300",
];

/// A PostgreSQL that is installed here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostgresVersion {
    directory: PathBuf,
    /// Such as `15.18`.
    number: String,
}

impl PostgresVersion {
    /// Such as 15.
    #[must_use]
    pub fn major(&self) -> u32 {
        let major = self.number.split('.').next().and_then(|major| major.parse().ok());
        major.unwrap_or_else(|| panic!("{} is no version", self.number))
    }

    fn of(directory: PathBuf) -> Self {
        let output = Command::new(directory.join("postgres")).arg("--version").output();
        let output = output.unwrap_or_else(|error| panic!("{}/postgres starts: {error}", directory.display()));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        // "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"
        let number = printed.split_whitespace().nth(2);
        let number = number.unwrap_or_else(|| panic!("{}: {printed:?}", directory.display())).to_owned();
        Self { directory, number }
    }

    fn program(&self, name: &str) -> Command {
        let program = self.directory.join(name);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        let id = NOBODY.to_string();
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups"]);
        // Its programs may lie below a directory that only root may enter.
        command.args(["--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search", "--"]).arg(program);
        command
    }

    /// A cluster as `initdb` makes it, made once for each version and machine: copying it takes a tenth of the time.
    fn blank_cluster(&self) -> PathBuf {
        let parent = std::env::temp_dir();
        let (place, user) = (self.directory.metadata().map_or(0, |directory| directory.ino()), whoami());
        let finished = parent.join(format!("whatotp-test-postgres-{}-{user}-{place}", self.number));
        if finished.join("PG_VERSION").exists() {
            return finished;
        }
        let directory = TempDir::new_in(parent).expect("a temporary directory is made");
        hand_over(directory.path());
        let data = directory.path().join("data");
        let mut initdb = self.program("initdb");
        initdb.arg("--pgdata").arg(&data).args(["--username", "postgres", "--auth", "trust", "--encoding", "UTF8"]);
        let output = initdb.args(["--no-locale", "--no-sync"]).output().expect("initdb starts");
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
        // Another process may have been faster: its cluster is as good.
        match fs::rename(&data, &finished) {
            Ok(()) => finished,
            Err(error) => {
                assert!(finished.join("PG_VERSION").exists(), "the new cluster cannot be moved: {error}");
                finished
            }
        }
    }
}

/// A PostgreSQL of its own. The user is `postgres` and has no password.
#[derive(Debug)]
pub struct PostgresServer {
    version: PostgresVersion,
    settings: Vec<&'static str>,
    port: u16,
    // Before its directory: fields are dropped in this order.
    process: Option<Process>,
    directory: TempDir,
    template: OnceCell<()>,
    databases: AtomicU32,
}

impl PostgresServer {
    /// Every PostgreSQL that is installed here, oldest first: those in the directories that `WHATOTP_TEST_POSTGRES`
    /// lists, as `PATH` lists directories; otherwise Debian's and those that `scripts/test.sh` installs.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn each_version() -> Vec<PostgresVersion> {
        let directories = binaries::postgres_directories("WHATOTP_TEST_POSTGRES");
        let mut versions: Vec<PostgresVersion> = directories.into_iter().map(PostgresVersion::of).collect();
        assert!(!versions.is_empty(), "there is no PostgreSQL: `scripts/test.sh test` installs it");
        versions.sort_by_key(PostgresVersion::major);
        versions
    }

    /// Starts one: for a test that stops it or counts on being alone.
    ///
    /// # Panics
    /// With what it printed when it does not start.
    #[must_use]
    pub fn start(version: &PostgresVersion) -> Self {
        Self::start_with(version, &[])
    }

    /// Starts one with other settings than those of tests, such as `fsync=on`.
    ///
    /// # Panics
    /// With what it printed when it does not start.
    #[must_use]
    pub fn start_with(version: &PostgresVersion, settings: &[&'static str]) -> Self {
        let mut printed = String::new();
        for _ in 0..TRIES {
            let mut server = Self {
                version: version.clone(),
                settings: settings.to_vec(),
                port: free_port(),
                directory: TempDir::new().expect("a temporary directory is made"),
                process: None,
                template: OnceCell::new(),
                databases: AtomicU32::new(0),
            };
            hand_over(server.directory.path());
            let copied = Command::new("cp").arg("-a").arg(version.blank_cluster()).arg(server.data()).status();
            assert!(copied.expect("cp starts").success(), "the cluster is not copied");
            match server.run() {
                Ok(process) => {
                    server.process = Some(process);
                    return server;
                }
                Err(output) => printed = output,
            }
        }
        panic!("PostgreSQL {} did not start; it printed:\n{printed}", version.number);
    }

    /// The one that all tests of this process share, started by the first: each works in a database of its own.
    #[must_use]
    pub fn shared(version: &PostgresVersion) -> &'static Self {
        static SHARED: LazyLock<Mutex<HashMap<PathBuf, &'static PostgresServer>>> = LazyLock::new(Mutex::default);
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.entry(version.directory.clone()).or_insert_with(|| Box::leak(Box::new(Self::start(version))))
    }

    /// Makes a new database: a copy of a template, which the first caller's `migrate` is given to prepare, by its URL.
    pub async fn database(&self, migrate: impl AsyncFnOnce(&str)) -> PostgresDatabase {
        let prepare = async || {
            self.execute("postgres", &format!("CREATE DATABASE {TEMPLATE}")).await;
            migrate(&self.url(TEMPLATE)).await;
        };
        self.template.get_or_init(prepare).await;
        let name = format!("whatotp_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")).await;
        PostgresDatabase { url: self.url(&name), name }
    }

    /// The URL of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The port it listens on, the same after every start.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Which PostgreSQL it is.
    #[must_use]
    pub const fn version(&self) -> &PostgresVersion {
        &self.version
    }

    /// Ends it at once, as a crash would (SIGQUIT, "immediate shutdown"): every connection breaks.
    pub fn stop(&mut self) {
        drop(self.process.take().expect("the server runs"));
    }

    /// Starts it again on the same port, with everything that was committed.
    ///
    /// # Panics
    /// With what it printed when it does not start. While it was away somebody may have taken the port for a moment, and
    /// the last of its old processes may still be on their way out: so it is tried more than once.
    pub fn start_again(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        let mut printed = String::new();
        for _ in 0..TRIES {
            wait_until("a port that is free again", || TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).is_ok());
            match self.run() {
                Ok(process) => {
                    self.process = Some(process);
                    return;
                }
                Err(output) => printed = output,
            }
        }
        panic!("it did not start again; it printed:\n{printed}");
    }

    /// Ends every connection to a database on the server's side, in the middle of whatever it does. Returns how many.
    pub async fn kill_backends(&self, database: &PostgresDatabase) -> u64 {
        let kill =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name);
        self.execute("postgres", &kill).await
    }

    /// Runs one statement in a database and returns how many rows it touched or found.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn execute(&self, database: &str, statement: &str) -> u64 {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await.expect("a connection");
        let driver = tokio::spawn(connection);
        let done = client.execute(statement, &[]).await;
        drop(client);
        driver.await.expect("the connection's task ends").expect("the connection is closed in order");
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"))
    }

    /// Everything in a database, table by table, as `COPY` writes it: bytes are hexadecimal digits.
    ///
    /// # Panics
    /// When the server refuses it.
    pub async fn dump(&self, database: &str) -> Vec<u8> {
        let (client, connection) = tokio_postgres::connect(&self.url(database), NoTls).await.expect("a connection");
        let driver = tokio::spawn(connection);
        let query = "SELECT format('%I.%I', table_schema, table_name) FROM information_schema.tables
            WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')";
        let tables = client.query(query, &[]).await.expect("the tables are listed");
        let mut dump = Vec::new();
        for table in tables {
            let table: String = table.get(0);
            dump.extend_from_slice(format!("\n{table}\n").as_bytes());
            let rows = client.copy_out(&format!("COPY {table} TO STDOUT")).await.expect("the rows are copied");
            let rows: Vec<_> = rows.try_collect().await.expect("the rows are copied");
            dump.extend(rows.iter().flatten());
        }
        drop(client);
        driver.await.expect("the connection's task ends").expect("the connection is closed in order");
        dump
    }

    /// Where it keeps its files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn run(&self) -> Result<Process, String> {
        let mut command = self.version.program("postgres");
        command.arg("-D").arg(self.data()).arg("-p").arg(self.port.to_string());
        // The last of several wins.
        for setting in SETTINGS.iter().chain(&self.settings) {
            command.args(["-c", setting]);
        }
        // Left behind by a server that was killed; its process may be anybody's by now.
        let _none_left = fs::remove_file(self.data().join("postmaster.pid"));
        Process::start(command, self.directory.path(), &MANNERS)
    }
}

/// A database of one test. It goes with its server.
#[derive(Debug, Clone)]
pub struct PostgresDatabase {
    url: String,
    name: String,
}

impl PostgresDatabase {
    /// `postgres://postgres@127.0.0.1:…/whatotp_…`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Gives a directory to the user whom the server runs as.
fn hand_over(directory: &Path) {
    if is_root() {
        chown(directory, Some(NOBODY), Some(NOBODY)).expect("root may give a directory away");
    }
}

fn is_root() -> bool {
    whoami() == 0
}

/// The number of the user whom this process runs as: the owner of what it makes.
fn whoami() -> u32 {
    static USER: LazyLock<u32> = LazyLock::new(|| {
        let made = tempfile::tempfile().expect("a temporary file is made");
        made.metadata().expect("an open file has metadata").uid()
    });
    *USER
}
