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
    /// A value that was opened is not what was sealed.
    #[error("a stored {0} cannot be understood")]
    Corrupt(&'static str),
}
