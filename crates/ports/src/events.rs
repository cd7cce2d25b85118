use async_trait::async_trait;
use whatotp_domain::{AccountId, EventId, EventKind, LogEvent, Timestamp};

use crate::StoreResult;

/// An event that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// The event.
    pub event: LogEvent,
    /// What two tellings of the same event have in common. It holds nothing that must not be stored.
    pub fingerprint: [u8; 32],
}

/// Which events are wanted. What is `None` does not narrow it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventFilter {
    /// About this account.
    pub account: Option<AccountId>,
    /// Of this kind.
    pub kind: Option<EventKind>,
    /// That happened not before this moment.
    pub from: Option<Timestamp>,
    /// That happened before this moment.
    pub until: Option<Timestamp>,
}

/// What happened, for the operator.
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Stores an event. `false`, and nothing stored, when one with the same fingerprint is there.
    async fn append_event(&self, new: NewEvent) -> StoreResult<bool>;

    /// At most `limit` events that are older than `before`, newest first, of every account.
    async fn list_events(&self, before: Option<EventId>, limit: u32) -> StoreResult<Vec<LogEvent>>;

    /// At most `limit` events that fit `filter` and are older than `before`, newest first.
    async fn find_events(
        &self,
        filter: &EventFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> StoreResult<Vec<LogEvent>>;

    /// Deletes at most `limit` events from before `created_before`. Returns how many.
    async fn purge_events(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64>;
}
