use async_trait::async_trait;
use whatotp_domain::{AccountScope, Attempted, DeliveryId, SessionId, Timestamp};
use whatotp_vault::{Fingerprint, IdempotencyHash, Sealed};

use crate::StoreResult;

/// A caller's right to do something once, under its `Idempotency-Key`.
///
/// It is stored by the same transaction as the work it protects: either both are there or neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose.
    pub scope: AccountScope,
    /// A keyed hash of the route and the key.
    pub key: IdempotencyHash,
    /// A keyed hash of the request's body.
    pub fingerprint: Fingerprint,
    /// Until when a second caller is told to wait for the first.
    pub lease_until: Timestamp,
    /// When it is forgotten.
    pub expires_at: Timestamp,
}

/// What the work under a claim was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A session was issued, resent or canceled.
    Session(SessionId),
    /// A message was stored or canceled.
    Message(DeliveryId),
    /// A code was tried.
    Attempt(SessionId, Attempted),
}

/// What an earlier request under the same key left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prior {
    /// Its answer.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The sealed body.
        body: Sealed,
    },
    /// It is still running.
    Running,
    /// It had another body.
    OtherRequest,
    /// It did its work, and then its process died before it could store the answer.
    Abandoned(Subject),
}

/// The answers kept for callers that repeat themselves.
///
/// Every store method that takes a [`Claim`] MUST, in its transaction: return `Replay` and change nothing when an
/// unexpired claim with the same scope and key is there; store the claim when, and only when, it does the work.
#[async_trait]
pub trait IdempotencyStore: Send + Sync {
    /// What an earlier request under `claim`'s key left behind, if any did and it is not forgotten at `now`.
    async fn find_prior(&self, claim: &Claim, now: Timestamp) -> StoreResult<Option<Prior>>;

    /// Keeps the answer to a claim, whether or not work was done under it. The first answer stays.
    async fn keep_answer(&self, claim: &Claim, status: u16, body: Sealed) -> StoreResult<()>;

    /// Forgets at most `limit` claims whose time is over at `now`. Returns how many.
    async fn purge_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64>;
}
