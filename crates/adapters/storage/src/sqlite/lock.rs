use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::OpenError;

/// The file `<database>.lock`, held by the one process that may serve the database.
///
/// Two servers on one file would each believe that every lease but its own belongs to a dead worker. The operating
/// system takes the lock back when the process ends, however it ends; the file itself stays, because removing it
/// would let two processes hold locks on two files of that name.
#[derive(Debug)]
pub(super) struct LockFile {
    _held: File,
}

impl LockFile {
    /// Takes the lock, and leaves this process's id in the file for whoever comes next.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = path_for(database);
        let failed = |source| OpenError::Io { path: path.clone(), source };
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::InUse { path: database.to_owned(), holder: Holder(read_pid(file)) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { _held: file })
    }
}

/// The process that has the lock, as far as its file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder(pub Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}

fn path_for(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".lock");
    name.into()
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    super::connection::only_for_owner(&mut options);
    options.open(path)
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    file.flush()
}

fn read_pid(mut file: File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
