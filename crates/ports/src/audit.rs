use async_trait::async_trait;
use whatotp_domain::{AccountId, AuditAction, AuditText, EventId, Timestamp};
use whatotp_vault::{AuditHead, AuditKey, AuditMac, AuditPoint};

use crate::StoreResult;

/// An entry of the audit log, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its place in the chain.
    pub point: AuditPoint,
    /// What it says.
    pub text: AuditText,
}

/// Which entries are wanted. What is empty or `None` does not narrow it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditFilter {
    /// About this account.
    pub account: Option<AccountId>,
    /// One of these actions.
    pub actions: Vec<AuditAction>,
    /// Not before this moment.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
}

/// Whether the chain was whole when it was made longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// It was, and is.
    Whole(AuditPoint),
    /// Somebody has changed or removed the head. The entry is stored all the same, and the head stays broken.
    Broken(AuditPoint),
}

/// What a purge of the audit log came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPurged {
    /// Entries deleted.
    pub deleted: u64,
    /// Whether all that was looked at was as it was written. What was not is kept: to delete it would be to hide it.
    pub is_whole: bool,
}

/// The audit log: one chain for the installation, in which every entry's MAC covers the one before it, and so all before
/// it; and one row, the head, that says from where to where it goes.
///
/// The chain is made with the [`AuditKey`], which a rotation of master keys does not change. So whoever can write to the
/// database, but has no master key, can change, insert, move or remove nothing in it without that being seen. What can
/// be neither prevented nor seen from within is that a whole database is set back to how it was some time ago.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Stores an entry as the newest. MUST be one atomic step: however many are appended at once, their numbers have no
    /// gap, and each is chained to the one before it. A head whose seal does not hold MUST NOT be given one that does.
    async fn append_audit(&self, entry: AuditText, key: &AuditKey) -> StoreResult<Appended>;

    /// At most `limit` entries that fit `filter` and are older than `before`, in the order of their ids, newest first.
    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRecord>>;

    /// At most `limit` entries after the one with the number `after`, in the order of the chain, whatever is in them.
    async fn audit_after(&self, after: i64, limit: u32) -> StoreResult<Vec<AuditRecord>>;

    /// The head and its seal. `None` when there is none, as in a log that nothing was ever written to.
    async fn audit_head(&self) -> StoreResult<Option<(AuditHead, AuditMac)>>;

    /// Deletes at most `limit` entries from before `written_before`, the oldest first, and puts the anchor to the newest
    /// of them. MUST leave out the first that is not as it was written, and all after it.
    async fn purge_audit(&self, written_before: Timestamp, limit: u32, key: &AuditKey) -> StoreResult<AuditPurged>;
}
