use async_trait::async_trait;
use whatotp_domain::{AccountId, Counts, Dimension, Timestamp};

use crate::StoreResult;

/// One thing whose messages are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrafficKey {
    /// Of which account.
    pub account: AccountId,
    /// What `key` is.
    pub dimension: Dimension,
    /// The code of a country, or a keyed hash; empty where the dimension has one thing only.
    pub key: String,
}

/// Live messages that were counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// What they were counted by.
    pub of: TrafficKey,
    /// Which part of it: the country, of the messages of an end user's address. Otherwise empty.
    pub part: String,
    /// When the slot that they are in begins.
    pub slot: Timestamp,
    /// How many.
    pub counts: Counts,
}

/// How many messages went where, and how many codes came back, over all processes. Each counts for itself and adds what
/// it has counted now and then, so that no request waits for it.
#[async_trait]
pub trait TrafficStore: Send + Sync {
    /// Adds to what is there. MUST lose nothing that others add at the same time. Everything is added, or nothing.
    async fn add_traffic(&self, traffic: Vec<Traffic>) -> StoreResult<()>;

    /// All that is kept under these keys.
    async fn read_traffic(&self, keys: Vec<TrafficKey>) -> StoreResult<Vec<Traffic>>;

    /// Deletes at most `limit` rows of a dimension whose slots begin before `before`. Returns how many.
    async fn purge_traffic(&self, dimension: Dimension, before: Timestamp, limit: u32) -> StoreResult<u64>;
}
