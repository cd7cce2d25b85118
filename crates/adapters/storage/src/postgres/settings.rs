use std::time::Duration;

use secrecy::SecretString;

/// How to reach a database, and how long to wait for it.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:5432/database`, with `sslmode` (`disable`, `prefer`, `require`, `verify-ca` or
    /// `verify-full`) and `sslrootcert` (a file with certificates of authorities; without it, the operating system's).
    pub url: SecretString,
    /// How many connections read, and write what is not asked for often.
    pub connections: u32,
    /// How many connections write for many callers at once. One or two: more of them make smaller batches, and those
    /// are slower.
    pub batch_connections: u32,
    /// How many callers may wait for each kind of batch before more are turned away.
    pub queue: usize,
    /// How long to wait for a free connection.
    pub connection_wait: Duration,
    /// How long a caller waits for its answer.
    pub answer_within: Duration,
    /// How long the making of a connection may take.
    pub connect_timeout: Duration,
    /// How long a statement may take, by the server's clock.
    pub statement_timeout: Duration,
    /// How long a statement may wait for another's lock.
    pub lock_timeout: Duration,
    /// How long the server keeps a transaction open in which nothing is asked.
    pub idle_in_transaction_timeout: Duration,
    /// Whether something like `PgBouncer` hands a connection to another client after each transaction. The timeouts are
    /// then set anew in each, and even a read is one. It MUST know prepared statements: `PgBouncer` 1.21 or newer with
    /// `max_prepared_statements` above 0.
    pub transaction_pooler: bool,
    /// What the server calls this program in its lists, unless the URL says something else.
    pub application_name: String,
}

impl PostgresSettings {
    /// The settings of a server.
    #[must_use]
    pub fn new(url: SecretString) -> Self {
        Self {
            url,
            connections: 8,
            batch_connections: 2,
            queue: 1024,
            connection_wait: Duration::from_millis(250),
            answer_within: Duration::from_millis(900),
            connect_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(2),
            lock_timeout: Duration::from_millis(500),
            idle_in_transaction_timeout: Duration::from_secs(2),
            transaction_pooler: false,
            application_name: "whatotp".to_owned(),
        }
    }

    /// What is set on every connection.
    ///
    /// Our statements find their rows by key, and are prepared once for every size of batch. The planner, which may do
    /// that while a table is still empty, would choose to read it from end to end, and go on doing so while it fills up.
    pub(super) fn session(&self) -> [(&'static str, String); 8] {
        let ms = |time: Duration| time.as_millis().to_string();
        let off = || "off".to_owned();
        [
            ("statement_timeout", ms(self.statement_timeout)),
            ("lock_timeout", ms(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", ms(self.idle_in_transaction_timeout)),
            ("plan_cache_mode", "force_generic_plan".to_owned()),
            ("enable_seqscan", off()),
            ("enable_hashjoin", off()),
            ("enable_mergejoin", off()),
            ("jit", off()),
        ]
    }

    /// What a transaction begins with.
    pub(super) fn begin(&self) -> String {
        if !self.transaction_pooler {
            return "BEGIN".to_owned();
        }
        let set = self.session().map(|(name, value)| format!("; SET LOCAL {name} = '{value}'"));
        format!("BEGIN{}", set.concat())
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum PostgresOpenError {
    /// The URL is none. It is not repeated, because it holds a password.
    #[error("the database's URL cannot be used: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// The certificates that the connection is to be checked with cannot be used.
    #[error("the connection to the database cannot be protected: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// Nobody answers there, or whoever does wants nothing to do with us.
    #[error("the database cannot be reached at {server}: correct its URL, or start it")]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Its schema is older than this program.
    #[error("the database lacks the migrations {}: run `whatotp migrate`, or start the server, which does it", names.join(", "))]
    PendingMigrations {
        /// Which.
        names: Vec<String>,
    },
    /// Its schema is newer than this program.
    #[error("the database is newer than this program, which does not know its migrations {}: install the newer program", versions.join(", "))]
    Newer {
        /// Which.
        versions: Vec<String>,
    },
    /// A migration failed. The database is as it was before.
    #[error("the migration {name} failed, and the database was left as it was")]
    Migration {
        /// Which.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// PostgreSQL cannot do what is asked of it.
    #[error("PostgreSQL cannot use the database")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}
