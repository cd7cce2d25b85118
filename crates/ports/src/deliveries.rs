use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{
    AccountScope, ApiKeyId, Asked, Country, Delivery, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, Locale,
    RequestId, SenderId, SessionId, TemplateId, Timestamp,
};
use whatotp_vault::{BlindIndex, MessageIndex, Sealed};

use crate::{Claim, Prior, StoreResult};

/// What a delivery carries. Never the code: that is derived when it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryKind {
    /// The code of a session.
    Otp(SessionId),
    /// A template of the customer's.
    Message(TemplateId),
}

/// A delivery that is to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// Its id; for a message, the public one.
    pub id: DeliveryId,
    /// Whose it is.
    pub scope: AccountScope,
    /// What it carries.
    pub kind: DeliveryKind,
    /// The number, sealed.
    pub recipient: Sealed,
    /// The number's blind index.
    pub number: BlindIndex,
    /// Where the number belongs, if it is known.
    pub country: Option<Country>,
    /// Who asked for it.
    pub asked: Asked,
    /// The template's values, sealed.
    pub variables: Option<Sealed>,
    /// What the customer attached to a message, sealed.
    pub metadata: Option<Sealed>,
    /// The language asked for.
    pub locale: Option<Locale>,
    /// Which of the account's senders is the first to try, counted from 0.
    pub route: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time is over: it MUST NOT be sent after this.
    pub expires_at: Timestamp,
    /// How long the caller keeps it to itself, to make the first attempt; `None` leaves it to the next worker.
    pub leased_for: Option<Duration>,
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Its id.
    pub id: DeliveryId,
    /// Whose it is.
    pub scope: AccountScope,
    /// What it carries.
    pub kind: DeliveryKind,
    /// The number, sealed.
    pub recipient: Sealed,
    /// The number's blind index.
    pub number: BlindIndex,
    /// Where the number belongs, if it is known.
    pub country: Option<Country>,
    /// Who asked for it.
    pub asked: Asked,
    /// The template's values, sealed.
    pub variables: Option<Sealed>,
    /// What the customer attached, sealed.
    pub metadata: Option<Sealed>,
    /// The language asked for.
    pub locale: Option<Locale>,
    /// How far it has come.
    pub delivery: Delivery,
    /// Which of the account's senders is the next to try, or was the last.
    pub route: u32,
    /// Whether it was made because an earlier delivery of the same code had not arrived.
    pub fallback: bool,
    /// Who has it, or may have it.
    pub sender: Option<SenderId>,
    /// How often it was given to the provider, or tried to be.
    pub attempts: u32,
    /// In how many of these the outcome is unknown: it may have been sent.
    pub in_doubt: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time is over.
    pub expires_at: Timestamp,
}

/// The right to work on one delivery for a while.
///
/// The token fences: every new lease of a delivery has a greater one, and a worker whose lease was given to another
/// cannot write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Whose delivery.
    pub scope: AccountScope,
    /// Which delivery.
    pub delivery: DeliveryId,
    /// The fencing token, from 1.
    pub token: i64,
}

impl Lease {
    /// The lease that a delivery stored with `leased_for` begins with.
    #[must_use]
    pub const fn first(scope: AccountScope, delivery: DeliveryId) -> Self {
        Self { scope, delivery, token: 1 }
    }
}

/// A delivery that a worker has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedDelivery {
    /// The delivery.
    pub record: DeliveryRecord,
    /// The right to it.
    pub lease: Lease,
    /// Whether an earlier lease ran out without a word: its worker died, and may or may not have sent the message.
    pub interrupted: bool,
}

/// Who a delivery was given to, or was tried to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Which of the account's senders, counted from 0.
    pub route: u32,
    /// That sender; `None` in test mode, and when the account has none.
    pub sender: Option<SenderId>,
}

/// What a worker has to say about a delivery it holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Progress {
    /// What happened.
    pub events: Vec<DeliveryEvent>,
    /// The provider's id for it, if it was told just now.
    pub provider_message: Option<MessageIndex>,
    /// Who it was given to, if it was just now.
    pub via: Option<Via>,
    /// Whether it was given to the provider, or tried to be.
    pub attempted: bool,
    /// Whether the outcome of that is unknown.
    pub in_doubt: bool,
    /// When somebody has to look at it again; `None` when nobody has to.
    pub due_at: Option<Timestamp>,
}

/// What the provider reports about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Which message, when the report gives our own reference back.
    pub delivery: Option<(AccountScope, DeliveryId)>,
    /// Which message, by the provider's id.
    pub message: MessageIndex,
    /// What happened.
    pub event: DeliveryEvent,
}

/// A delivery that a report told something new about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// Whose.
    pub scope: AccountScope,
    /// Which.
    pub delivery: DeliveryId,
    /// What it carries.
    pub kind: DeliveryKind,
    /// How far it has come.
    pub status: DeliveryStatus,
}

/// What came of storing a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enqueued {
    /// It is stored, and due at once.
    Stored(Box<DeliveryRecord>),
    /// The caller's key was used before.
    Replay(Prior),
}

/// What came of canceling a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelDelivery {
    /// It is canceled.
    Done(Box<DeliveryRecord>),
    /// It is past `queued`, or a worker has it right now.
    TooLate(DeliveryStatus),
    /// The caller's key was used before.
    Replay(Prior),
}

/// Which deliveries to list. Everything that is `None` does not matter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryFilter {
    /// Only messages (`Some(false)` would be only codes).
    pub messages: Option<bool>,
    /// In this status.
    pub status: Option<DeliveryStatus>,
    /// Of this template.
    pub template: Option<TemplateId>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// This one.
    pub delivery: Option<DeliveryId>,
    /// To this number.
    pub number: Option<BlindIndex>,
    /// Made at or after this moment.
    pub created_after: Option<Timestamp>,
    /// Made before this moment.
    pub created_before: Option<Timestamp>,
    /// That failed for this reason, in the provider's numbers.
    pub error: Option<u32>,
    /// Asked for with this API key.
    pub key: Option<ApiKeyId>,
    /// Asked for in this request.
    pub request: Option<RequestId>,
    /// To this country.
    pub country: Option<Country>,
    /// Only what was ever given to the provider.
    pub handed_over: bool,
    /// Older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// What one look into the log found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeliveryPage {
    /// What fits, newest first.
    pub found: Vec<DeliveryRecord>,
    /// The oldest delivery that was looked at, when the look ended there: older ones may fit, too. `None` when there is
    /// nothing older, or as many as were asked for are found.
    pub looked_until: Option<DeliveryId>,
}

/// What statistics need to know of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryCount {
    /// Which.
    pub id: DeliveryId,
    /// The session whose code it carries.
    pub session: Option<SessionId>,
    /// Whether it is the first of its session.
    pub is_first: bool,
    /// The template that it is.
    pub template: Option<TemplateId>,
    /// Where its number belongs, if it is known.
    pub country: Option<Country>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Whether the provider ever had it, or may have had it.
    pub handed_over: bool,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<u32>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A delivery that was given up, or that nobody can work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose.
    pub scope: AccountScope,
    /// Which.
    pub id: DeliveryId,
    /// What it carries.
    pub kind: DeliveryKind,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Why it failed, if the provider said so.
    pub error: Option<DeliveryError>,
    /// Where its number belongs, if it is known.
    pub country: Option<Country>,
    /// Who had it last.
    pub sender: Option<SenderId>,
    /// How often it was given to the provider, or tried to be.
    pub attempts: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time was over.
    pub expires_at: Timestamp,
}

/// Everything that is ever sent: the outbox, the timeline and the log in one.
#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Stores a message and the claim. When it returns, the message survives a crash.
    async fn enqueue(&self, new: NewDelivery, claim: Option<Claim>, now: Timestamp) -> StoreResult<Enqueued>;

    /// Leases at most `limit` deliveries that are due at `now`, longest due first, of every account.
    ///
    /// MUST give a delivery to one caller at a time. A lease that is neither finished by [`DeliveryStore::progress`]
    /// nor given up runs out after `lease_for`, and the delivery is due again, marked as interrupted.
    async fn claim_due(&self, lease_for: Duration, limit: u32, now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>>;

    /// Merges what a worker did into a delivery and ends its lease. The events are merged forward only.
    ///
    /// MUST NOT be [`Overloaded`](crate::StoreError::Overloaded): a message that has left, and of which nobody can say so, may
    /// leave once more. When others wait it waits, before those who come to begin something.
    ///
    /// MUST write nothing and return `None` when the lease is no longer the worker's. Otherwise returns the way of the
    /// delivery after the merge, which takes in what was reported before the provider's id was known here.
    async fn progress(&self, lease: &Lease, progress: Progress) -> StoreResult<Option<Delivery>>;

    /// Merges what the provider reports, whoever holds the leases. When it returns, the reports survive a crash.
    ///
    /// A report names its delivery, or else is joined by the provider's id. One that names a delivery whose answer has not
    /// come, or once did not, MUST tell that id as [`DeliveryStore::progress`] does. MUST keep one whose id nobody has told
    /// of yet, until `progress` does. A delivery of a code that becomes `failed` is due at once, one that is `delivered` or
    /// `read` is due no more; a lease is left alone. Returns the deliveries for which something was new. A delivery that
    /// does not exist (any more) does no harm.
    async fn record_reports(&self, reports: Vec<Report>, now: Timestamp) -> StoreResult<Vec<Reported>>;

    /// The delivery that has this id at the provider.
    async fn find_by_message(&self, message: &MessageIndex) -> StoreResult<Option<DeliveryRecord>>;

    /// One delivery.
    async fn find_delivery(&self, scope: AccountScope, id: DeliveryId) -> StoreResult<Option<DeliveryRecord>>;

    /// Deliveries of this scope that fit, newest first.
    async fn list_deliveries(&self, scope: AccountScope, filter: &DeliveryFilter) -> StoreResult<Vec<DeliveryRecord>>;

    /// As [`DeliveryStore::list_deliveries`], but looks at no more than `look_at` of the account's deliveries, of both
    /// modes, from the newest that the filter lets in by its time. MUST look at all of them, over as many calls as it takes,
    /// when each call's filter is `before` the last one's `looked_until`.
    async fn search_deliveries(
        &self,
        scope: AccountScope,
        filter: &DeliveryFilter,
        look_at: u32,
    ) -> StoreResult<DeliveryPage>;

    /// At most `limit` deliveries of this scope that were made at or after `from` and before `to`, and are older than
    /// `before`, newest first: only what statistics need of them.
    async fn count_deliveries(
        &self,
        scope: AccountScope,
        range: (Timestamp, Timestamp),
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<DeliveryCount>>;

    /// At most `limit` live deliveries, of every account, that failed or expired, are not due any more and were not discarded,
    /// and are older than `before`, newest first.
    async fn list_dead_letters(&self, before: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<DeadLetter>>;

    /// One of those that [`DeliveryStore::list_dead_letters`] lists.
    async fn find_dead_letter(&self, id: DeliveryId) -> StoreResult<Option<DeadLetter>>;

    /// Notes that an operator has seen to a delivery that was given up. `false`, and nothing changed, when it was not given
    /// up, or was discarded before.
    async fn discard_dead_letter(&self, scope: AccountScope, id: DeliveryId, now: Timestamp) -> StoreResult<bool>;

    /// Cancels a message that is queued and that no worker has taken. A session's code is no message: it is canceled with
    /// its session, and not found here.
    async fn cancel_delivery(
        &self,
        scope: AccountScope,
        id: DeliveryId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelDelivery>>;

    /// When the next delivery is due, of any account. `None` when none ever is.
    async fn next_due(&self) -> StoreResult<Option<Timestamp>>;

    /// Deletes at most `limit` deliveries that were created before `created_before`, of every account, and are not
    /// due any more, with what joins reports to them. Returns how many.
    async fn purge_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64>;

    /// Deletes at most `limit` reports that have waited since before `reported_before` for a delivery to join. Returns
    /// how many.
    async fn purge_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64>;
}
