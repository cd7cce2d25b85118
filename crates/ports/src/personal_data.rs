use async_trait::async_trait;
use whatotp_domain::{AccountScope, DeliveryId, SessionId, Timestamp};
use whatotp_vault::{BlindIndex, IdempotencyHash, MessageIndex};

use crate::{LedgerKey, StoreResult};

/// Where a number leaves traces that a store can be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TraceTable {
    /// The sessions for it.
    Sessions,
    /// The deliveries to it.
    Deliveries,
    /// The answers to requests that made or changed those.
    Claims,
    /// The ids that those deliveries have at the provider.
    ProviderMessages,
}

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trace {
    /// A session.
    Session(SessionId),
    /// A delivery.
    Delivery(DeliveryId),
    /// A claim.
    Claim(IdempotencyHash),
    /// An id at the provider, told on this day since 1970.
    ProviderMessage(i64, MessageIndex),
}

/// Whose traces to look for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sought {
    /// In which account and mode.
    pub scope: AccountScope,
    /// The number, as that scope knows it. Finds sessions and deliveries.
    pub number: BlindIndex,
    /// Its sessions. They find claims.
    pub sessions: Vec<SessionId>,
    /// Its deliveries. They find claims and ids at the provider.
    pub deliveries: Vec<DeliveryId>,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Looked {
    /// What may be erased now.
    pub found: Vec<Trace>,
    /// How many deliveries a worker holds right now: they may be on their way.
    pub held: u64,
    /// Where the next look goes on; `None` when the table was looked through.
    pub next: Option<Trace>,
}

/// How many rows were deleted, of each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Sessions.
    pub sessions: u64,
    /// Deliveries, with their template variables.
    pub deliveries: u64,
    /// Ledgers of numbers.
    pub ledgers: u64,
    /// Claims of idempotency keys, with their answers.
    pub claims: u64,
    /// Ids at the provider.
    pub provider_messages: u64,
    /// Reports that waited for those.
    pub waiting_reports: u64,
}

impl Erased {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.sessions + self.deliveries + self.ledgers + self.claims + self.provider_messages + self.waiting_reports
    }
}

impl std::ops::AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.deliveries += other.deliveries;
        self.ledgers += other.ledgers;
        self.claims += other.claims;
        self.provider_messages += other.provider_messages;
        self.waiting_reports += other.waiting_reports;
    }
}

/// Finding and deleting what is stored about one person, and what is stored for longer than it is needed.
#[async_trait]
pub trait PersonalDataStore: Send + Sync {
    /// Looks at no more than `limit` rows of `table` after `after`, in the order of their keys, and finds the traces in
    /// them. MUST find a delivery that a worker holds at `now` as held and not as found.
    async fn look_for_traces(
        &self,
        sought: Sought,
        table: TraceTable,
        after: Option<Trace>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Looked>;

    /// Deletes these rows of a scope, and with an id at the provider the reports that wait for it. MUST leave a delivery
    /// alone that a worker holds at `now`. Returns how many were there.
    async fn erase_traces(&self, scope: AccountScope, traces: Vec<Trace>, now: Timestamp) -> StoreResult<Erased>;

    /// Deletes what is counted of a number in one place. Returns how many rows.
    async fn erase_ledger(&self, key: &LedgerKey) -> StoreResult<u64>;

    /// Deletes the variables of at most `limit` messages that nobody has to look at again and whose way ended before
    /// `ended_before`, of every account. The messages stay. Returns how many.
    ///
    /// A way ends with the first status that needs no more sending; when it never comes to one, with the last it has.
    async fn wipe_variables(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64>;
}
