use diesel::result::Error;
use whatotp_ports::StoreError;

use crate::rows::Unreadable;

/// Why an operation on a connection failed. Its text never holds data: the engine's messages name tables and columns.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The connection could not be opened.
    #[error(transparent)]
    Connect(#[from] diesel::ConnectionError),
    /// The engine said no.
    #[error(transparent)]
    Engine(#[from] Error),
    /// A row could not be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The operation panicked.
    #[error("a store operation panicked")]
    Panicked,
    /// No connection was free in time.
    #[error("no connection to the database was free in time")]
    NoConnection,
    /// No answer came in time.
    #[error("the database did not answer in time")]
    Late,
    /// Another process stored the same row first. Once more, the operation finds that row.
    #[error("another process was faster, again and again")]
    Raced,
    /// The commit failed. Only then is it not known whether anything was changed.
    #[error("the commit failed: {0}")]
    Commit(Error),
}

impl Failure {
    /// Whether it is about one row, which will not be better next time.
    pub(crate) const fn is_corrupt(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Engine(Error::DeserializationError(_)))
    }

    /// Whether nothing was changed and the engine can still be asked, so that another try makes sense.
    pub(crate) const fn may_rerun(&self) -> bool {
        use diesel::result::DatabaseErrorKind::{ClosedConnection, UnableToSendCommand};
        match self {
            Self::Engine(Error::DatabaseError(ClosedConnection | UnableToSendCommand, _))
            | Self::Connect(_)
            | Self::NoConnection
            | Self::Late
            | Self::Commit(_) => false,
            Self::Engine(_) | Self::Unreadable(_) | Self::Panicked | Self::Raced => true,
        }
    }

    /// What the caller is told. Several callers can be told the same: of a failed commit, for one.
    pub(crate) fn to_store_error(&self) -> StoreError {
        if matches!(self, Self::NoConnection) {
            return StoreError::Overloaded;
        }
        let source = self.to_string().into();
        if self.is_corrupt() { StoreError::Corrupt(source) } else { StoreError::Unavailable(source) }
    }
}
