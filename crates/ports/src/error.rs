/// What a failure came from.
pub type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What a store answers.
pub type StoreResult<T> = Result<T, StoreError>;

/// Why a store could not answer. Nothing was changed, unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The engine cannot be reached or cannot write just now. Nothing was changed; trying again later may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// The store's queue is full. Nothing was changed; trying again later helps.
    #[error("the store has more to do than it can take in")]
    Overloaded,
    /// A stored row is not what this program writes. Trying again does not help: somebody has to look at it.
    #[error("the store holds a row that cannot be read")]
    Corrupt(#[source] Source),
}
