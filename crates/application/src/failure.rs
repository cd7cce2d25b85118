use std::error::Error;

use whatotp_ports::{EntropyError, StoreError};
use whatotp_vault::{Kid, OpenError};

/// What no use case can answer: something it stands on is broken.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The source of randomness.
    #[error("there is no randomness")]
    Entropy(#[from] EntropyError),
    /// A sealed value does not open: its master key is missing, or it was tampered with.
    #[error("a sealed value cannot be opened")]
    Sealed(#[from] OpenError),
    /// The code of a session cannot be derived.
    #[error("master key {0} is in use and not in the key file")]
    MissingMasterKey(Kid),
    /// The key file is not this database's.
    #[error(
        "the database belongs to the master key {bound}, which is not in the key file (its first is {ours}): correct \
         master_key_file or database_url, or restore the key file from its backup"
    )]
    OtherMasterKey {
        /// The database's.
        bound: Kid,
        /// The one at hand.
        ours: Kid,
    },
    /// The key file lacks a key that something is sealed with.
    #[error(
        "a key id still in use cannot be dropped: the master key {0} is not in the key file, and something is sealed \
         with it. Put it back, run `whatotp rotate-keys`, and drop it when that says so"
    )]
    DroppedMasterKey(Kid),
    /// More passwords are being checked than there are cores for.
    #[error("too many passwords are being checked at the same time")]
    Busy,
    /// A value that was opened is not what was sealed.
    #[error("a stored {0} cannot be understood")]
    Corrupt(&'static str),
}

/// An error and all that caused it, in one line: for the log, and for people on a terminal.
#[must_use]
pub fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        // Some errors repeat their cause in their own words.
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_chain_is_told_once() {
        let io = std::io::Error::other("disk full");
        let failure = Failure::Store(StoreError::Unavailable(Box::new(io)));
        assert_eq!(error_chain(&failure), "the store failed: the store is unavailable: disk full");
    }
}
