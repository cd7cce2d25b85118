//! SQLite: one file, one writing thread, a few that read.

mod audit;
mod connection;
mod console_links;
mod console_sessions;
mod deliveries;
mod destinations;
mod events;
mod idempotency;
mod keys;
mod ledgers;
mod listing;
mod lock;
mod master_keys;
mod migrations;
mod personal_data;
mod provider_messages;
mod purge;
mod quotas;
mod reports;
mod senders;
mod sessions;
mod statement;
mod templates;
mod tickets;
mod traffic;
mod update;
mod users;
mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diesel::SqliteConnection;
use whatotp_domain::Timestamp;
use whatotp_ports::StoreResult;

use self::connection::{Address, Role};
use self::lock::LockFile;
use self::purge::Cursor;
use self::worker::Workers;
use crate::failure::Failure;

pub use self::lock::Holder;
pub use self::migrations::{is_unused, migrate};

/// How to open a database.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The database file.
    pub path: PathBuf,
    /// Whether to make the file when it is not there; only ever done with `exclusive`. An installed server does not: a
    /// mistyped path must not become a new, empty database.
    pub create: bool,
    /// Whether this is the process that serves the database. It locks the file against others, applies pending
    /// migrations, and takes over what a process that died had leased. Without it (for short commands beside a server)
    /// none of that happens, and pending migrations are an error.
    pub exclusive: bool,
    /// How many operations may wait for the writer, and how many for the readers, before more are turned away.
    pub queue: usize,
    /// How many threads read single rows: 2 to 4 make sense. (One more reads lists.)
    pub readers: usize,
}

impl SqliteSettings {
    /// The settings of a server.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), create: false, exclusive: true, queue: 1024, readers: 2 }
    }

    /// The settings of a short command beside a server.
    #[must_use]
    pub fn beside(path: impl Into<PathBuf>) -> Self {
        Self { exclusive: false, readers: 1, ..Self::new(path) }
    }
}

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory that the file should be in is not there.
    #[error("there is no directory {}: correct the database's path, or make the directory", path.display())]
    NoDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The file is not there.
    #[error("there is no database at {}: correct the path, or make a new one with `whatotp migrate`", path.display())]
    NoDatabase {
        /// The file.
        path: PathBuf,
    },
    /// Another process serves it.
    #[error("the database {} is in use by {holder}: stop that first, or give this one a database of its own", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who has it.
        holder: Holder,
    },
    /// Its schema is older than this program.
    #[error("the database lacks the migrations {}: run `whatotp migrate`, or start the server, which does it", names.join(", "))]
    PendingMigrations {
        /// Which.
        names: Vec<String>,
    },
    /// A migration failed. The database is as it was before.
    #[error("a migration failed, and the database was left as it was")]
    Migration(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A file could not be made, opened or locked.
    #[error("{} cannot be used", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A thread could not be started.
    #[error("the store's threads cannot be started")]
    Thread(#[source] std::io::Error),
    /// SQLite cannot work with the file: it is no database, say, or the disk is full.
    #[error("SQLite cannot use the database")]
    Engine(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<diesel::result::Error> for OpenError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Engine(error.into())
    }
}

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Engine(failure.into())
    }
}

/// Every storage port on one SQLite file.
///
/// Dropping it carries out what is still queued, and waits for it.
pub struct SqliteStore {
    // In this order they are dropped: the writer closes the file last, because the last one to close it moves the log
    // into the database, and a reader may not.
    readers: Workers,
    scanner: Workers,
    writer: Workers,
    commits: Arc<AtomicU64>,
    claims_cursor: Cursor,
    ledgers_cursor: Cursor,
    _lock: Option<LockFile>,
}

impl SqliteStore {
    /// Opens a database. With `exclusive`, deliveries that a process leased which has died since are due at `now`, and
    /// claims that it held are abandoned.
    pub fn open(settings: &SqliteSettings, now: Timestamp) -> Result<Self, OpenError> {
        let address = Address::find(&settings.path, settings.create && settings.exclusive)?;
        let lock = if settings.exclusive { Some(LockFile::take(address.path())?) } else { None };
        let mut connection = address.connect(Role::Writer)?;
        if settings.exclusive {
            migrations::run_pending(&mut connection)?;
            deliveries::lapse_leases(&mut connection, now)?;
            idempotency::lapse_leases(&mut connection, now)?;
        }
        let names = migrations::pending(&mut connection)?;
        if !names.is_empty() {
            return Err(OpenError::PendingMigrations { names });
        }
        let commits = Arc::new(AtomicU64::new(0));
        let writer = Workers::writer(&address, settings.queue, Arc::clone(&commits)).map_err(OpenError::Thread)?;
        let readers = |count, name| Workers::readers(&address, settings.queue, count, name).map_err(OpenError::Thread);
        let (readers, scanner) = (readers(settings.readers, "sqlite-reader")?, readers(1, "sqlite-scanner")?);
        let (claims_cursor, ledgers_cursor) = Default::default();
        Ok(Self { readers, scanner, writer, commits, claims_cursor, ledgers_cursor, _lock: lock })
    }

    /// How many transactions the writer has committed. Operations that come in together share one, so under load it
    /// stays far behind their number.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Carries out `operation` on the writer, in one transaction with others that came in at the same time. It may be
    /// run twice, and MUST have no effect but on the database.
    async fn write<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.call(operation).await
    }

    /// As [`SqliteStore::write`], for the end of what was begun: it is not turned away when the queue is full.
    async fn finish<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        self.writer.finish(operation).await
    }

    /// Carries out `operation` on a reader: it sees one consistent state, and cannot write.
    async fn read<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        self.readers.call(operation).await
    }

    /// As [`SqliteStore::read`], for what may have to look at very many rows. It has a reader of its own, so that no
    /// list or purge, however long, keeps a code from being verified or a key from being found.
    async fn scan<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        self.scanner.call(operation).await
    }
}

#[cfg(test)]
mod tests;
