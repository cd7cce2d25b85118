use std::fmt::Write;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use super::OpenError;
use crate::failure::Failure;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one connection that writes.
    Writer,
    /// One of those that only read.
    Reader,
}

/// How to reach a database file that is there.
#[derive(Debug, Clone)]
pub(super) struct Address {
    path: PathBuf,
}

impl Address {
    /// Finds the database file, or makes an empty one when it may. Never makes a directory.
    ///
    /// The path is resolved first, so that one database has one lock file, whichever way it is named.
    pub(super) fn find(path: &Path, create: bool) -> Result<Self, OpenError> {
        if !path.try_exists().map_err(|source| OpenError::Io { path: path.to_owned(), source })? {
            let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            if !directory.is_dir() {
                return Err(OpenError::NoDirectory { path: directory.to_owned() });
            }
            if !create {
                return Err(OpenError::NoDatabase { path: path.to_owned() });
            }
            make_file(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?;
        }
        match path.canonicalize() {
            Ok(path) => Ok(Self { path }),
            Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A new connection. It never creates the file: one that has vanished is not replaced by an empty one.
    pub(super) fn connect(&self, role: Role) -> Result<SqliteConnection, Failure> {
        let access = match role {
            Role::Writer => "rw",
            Role::Reader => "ro",
        };
        let mut connection = SqliteConnection::establish(&format!("file:{}?mode={access}", uri_path(&self.path)))?;
        // FULL, because with NORMAL a power cut can undo a commit, and a used code would be right again. NORMAL would
        // save next to nothing: one sync serves all the operations of a batch.
        connection.batch_execute(
            "PRAGMA busy_timeout = 5000;
             PRAGMA synchronous = FULL;
             PRAGMA foreign_keys = ON;
             PRAGMA trusted_schema = OFF;
             PRAGMA temp_store = MEMORY;
             PRAGMA wal_autocheckpoint = 1000;",
        )?;
        // Kibibytes, as SQLite wants them: with a minus.
        connection.batch_execute(match role {
            Role::Writer => "PRAGMA cache_size = -8000;",
            Role::Reader => "PRAGMA cache_size = -2000; PRAGMA query_only = ON;",
        })?;
        Ok(connection)
    }

    /// Sees to it that the file is in WAL mode, which is a property of the file and lasts.
    pub(super) fn use_wal(connection: &mut SqliteConnection) -> Result<(), Failure> {
        // When several processes change the mode of a new file at once, SQLite answers some of them "busy" without
        // waiting. Waiting for an empty transaction of one's own does wait, and then another has changed it.
        const TRIES: u32 = 8;
        for _ in 1..TRIES {
            if connection.batch_execute("PRAGMA journal_mode = WAL;").is_ok() {
                return Ok(());
            }
            connection.exclusive_transaction(|_| Ok::<_, Failure>(()))?;
        }
        Ok(connection.batch_execute("PRAGMA journal_mode = WAL;")?)
    }
}

/// Nobody but the owner may read what is in the file. (SQLite gives its side files the same mode.)
#[cfg(unix)]
pub(super) fn only_for_owner(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(not(unix))]
pub(super) fn only_for_owner(_options: &mut OpenOptions) {}

fn make_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    // Not `create_new`: another process may make it in this very moment, and an empty file is all that is needed.
    options.append(true).create(true);
    only_for_owner(&mut options);
    options.open(path).map(drop)
}

/// A path as SQLite takes it in a URI: anything but plain characters as `%20`.
fn uri_path(path: &Path) -> String {
    path.as_os_str().as_encoded_bytes().iter().fold(String::new(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(uri, "%{byte:02X}");
        }
        uri
    })
}
