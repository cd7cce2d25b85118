use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use zeroize::Zeroizing;

use crate::{MasterKey, MasterKeyError, MasterKeys};

/// Room for some hundred keys with comments. A larger file is something else.
const MAX_BYTES: u64 = 64 * 1024;
#[cfg(unix)]
const OWNER_ONLY: u32 = 0o600;

const HEADER: &str = "\
# The master key of WhatOTP. Without it no stored number can be read and no code can be verified:
# keep a copy of it, apart from the copies of the database.
# The first key seals what is new, the others open what they sealed. docs/OPERATIONS.md says how to rotate.
";

/// Why the master key file cannot be used, in one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// There is no such file.
    #[error(
        "there is no master key file at {path}: correct the path, or create it with \
         `(umask 077 && openssl rand -base64 32 > {path})`"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is there, but cannot be read.
    #[error("the master key file {path} cannot be read ({source}): give it to the user that runs whatotp")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others than the owner can get at the file.
    #[error("the master key file {path} is open to others (mode {mode:04o}): run `chmod 600 {path}`")]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file is far larger than a list of keys.
    #[error("the master key file {path} is larger than 64 KiB: check that it is the right file")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file's content is not a list of master keys.
    #[error("the master key file {path} cannot be used: {source}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: MasterKeyError,
    },
    /// A file to be created is there already.
    #[error("{path} already exists and may hold the only key to the data: choose another path, or move it away")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be created.
    #[error(
        "the master key file {path} cannot be written ({source}): \
         check that its directory exists, is writable and has room"
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The random bytes for a new key are visibly not random.
    #[error("the system's random number generator returned a pattern: no key was created, check the host")]
    NotRandom,
}

impl MasterKeys {
    /// Reads a master key file, as [`MasterKeys::parse`] does, and refuses one that others can read.
    pub fn load(path: &Path) -> Result<Self, KeyFileError> {
        let unreadable = |source| KeyFileError::Unreadable { path: path.to_owned(), source };
        let invalid = |source| KeyFileError::Invalid { path: path.to_owned(), source };
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => KeyFileError::Missing { path: path.to_owned() },
            _ => unreadable(source),
        })?;
        // The mode of the open file, not of the path, which could be another file by now.
        refuse_open_mode(&file, path)?;
        // Reserved in one piece, so that growing leaves no copy of the key behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_BYTES + 64).unwrap_or_default()));
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if u64::try_from(read).is_ok_and(|read| read > MAX_BYTES) {
            return Err(KeyFileError::TooLarge { path: path.to_owned() });
        }
        let text = std::str::from_utf8(&bytes).or(Err(invalid(MasterKeyError::NotText)))?;
        Self::parse(text).map_err(invalid)
    }

    /// Writes a new master key file that only its owner can read, made of 32 `random` bytes, and returns its key.
    ///
    /// Never touches a file that exists. Once this returns the file survives a power cut.
    pub fn create(path: &Path, random: [u8; 32]) -> Result<Self, KeyFileError> {
        let key = MasterKey::from_random(random).ok_or(KeyFileError::NotRandom)?;
        // Under its own name it appears whole or not at all: another process may be about to read or to make it.
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}.{}", std::process::id(), DRAFTS.fetch_add(1, Ordering::Relaxed)));
        let draft = Path::new(&draft);
        let created = write_durably(draft, &key).and_then(|()| fs::hard_link(draft, path));
        // It is ours, so it may go. If even that fails, the first error is the one to tell.
        let _ = fs::remove_file(draft);
        created.and_then(|()| sync_directory(path)).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists { path: path.to_owned() },
            _ => KeyFileError::Unwritable { path: path.to_owned(), source },
        })?;
        Ok(Self::from(key))
    }
}

/// Tells the drafts of one process apart.
static DRAFTS: AtomicU64 = AtomicU64::new(0);

fn write_durably(path: &Path, key: &MasterKey) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ONLY);
    let content = Zeroizing::new(format!("{HEADER}{}\n", *key.to_base64()));
    let mut file = options.open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

/// A file's name is in its directory, which needs a sync of its own.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

/// Other systems have no directory handles to sync.
#[cfg(not(unix))]
fn sync_directory(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn refuse_open_mode(file: &File, path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = file.metadata().map_err(|source| KeyFileError::Unreadable { path: path.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & !OWNER_ONLY == 0 { Ok(()) } else { Err(KeyFileError::TooOpen { path: path.to_owned(), mode }) }
}

/// Other systems have no permission bits; their access lists are the operator's to set.
#[cfg(not(unix))]
fn refuse_open_mode(_file: &File, _path: &Path) -> Result<(), KeyFileError> {
    Ok(())
}
