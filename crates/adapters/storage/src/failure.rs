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
}

impl Failure {
    /// Whether it is about one row, which will not be better next time.
    pub(crate) const fn is_corrupt(&self) -> bool {
        matches!(self, Self::Unreadable(_) | Self::Engine(Error::DeserializationError(_)))
    }

    /// What the caller is told. Several callers can be told the same: of a failed commit, for one.
    pub(crate) fn to_store_error(&self) -> StoreError {
        let source = self.to_string().into();
        if self.is_corrupt() { StoreError::Corrupt(source) } else { StoreError::Unavailable(source) }
    }
}
