use async_trait::async_trait;
use whatotp_domain::{
    AccountId, AccountScope, Attempted, CodeLength, Delivery, DeliveryId, GuessRefused, LedgerPolicy, LiveSession,
    Mode, NumberLedger, NumberLimits, OtpSession, Purpose, SendRefused, SenderId, SessionId, SessionStatus, Timestamp,
};
use whatotp_vault::{BlindIndex, Kid, Sealed};

use crate::{Claim, NewDelivery, Prior, StoreResult};

/// A session as it is stored: the code is not in it, and the number only sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// The session.
    pub session: OtpSession,
    /// The master key that its code is derived from.
    pub kid: Kid,
    /// The number, sealed.
    pub recipient: Sealed,
    /// The number's blind index.
    pub number: BlindIndex,
    /// What the customer attached, sealed.
    pub metadata: Option<Sealed>,
    /// Its latest delivery.
    pub delivery: DeliveryId,
    /// A keyed hash of the end user's address, if the customer named it: what the session counts under.
    pub client_ip: Option<String>,
}

/// A session that is to be issued.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// The session, with no message counted yet.
    pub record: SessionRecord,
    /// Its first message.
    pub delivery: NewDelivery,
    /// The number's limits.
    pub limits: NumberLimits,
    /// The number as it is counted over all accounts.
    pub everybody: BlindIndex,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What came of issuing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Issued {
    /// The session and its delivery are stored.
    Created {
        /// The session, with its first message counted.
        record: Box<SessionRecord>,
        /// The pending session whose place it took.
        superseded: Option<LiveSession>,
    },
    /// The number gets no message now; nothing was stored.
    Refused(SendRefused),
    /// The number has no guess left that the session could have; nothing was stored.
    NoGuesses(GuessRefused),
    /// The caller's key was used before.
    Replay(Prior),
}

/// A session's code that is to be sent again.
#[derive(Debug, Clone)]
pub struct Resend {
    /// Whose.
    pub scope: AccountScope,
    /// Which session.
    pub session: SessionId,
    /// The message.
    pub delivery: NewDelivery,
    /// The number's limits.
    pub limits: NumberLimits,
    /// The number as it is counted over all accounts.
    pub everybody: BlindIndex,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What came of a resend.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is the large one nearly always, and is moved a few times")]
pub enum Resent {
    /// The delivery is stored and the session's latest.
    Stored(SessionRecord),
    /// The number gets no message now; nothing was stored.
    Refused(SendRefused),
    /// The session has used up its messages.
    NoSendsLeft,
    /// The session is over, like this.
    Finished(SessionStatus),
    /// The caller's key was used before.
    Replay(Prior),
}

/// A message that was definitely not sent, whose session (or resend) is to be undone.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// Whose.
    pub scope: AccountScope,
    /// The session.
    pub session: SessionId,
    /// The delivery.
    pub delivery: DeliveryId,
    /// For a new session: the one whose place it took. For a resend: the delivery that was the latest before.
    pub before: Before,
    /// The number's limits.
    pub limits: NumberLimits,
    /// The number as it is counted over all accounts.
    pub everybody: BlindIndex,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What there was before a withdrawn message.
#[derive(Debug, Clone)]
pub enum Before {
    /// No session: it was the first message of a new one, which took this one's place.
    NoSession(Option<LiveSession>),
    /// The same session, whose latest delivery was this one.
    Delivery {
        /// The delivery.
        latest: DeliveryId,
        /// From when on it allowed a resend.
        resend_available_at: Timestamp,
    },
}

/// A code that was given to a session, compared already.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whose.
    pub scope: AccountScope,
    /// Which session.
    pub session: SessionId,
    /// The session's number.
    pub number: BlindIndex,
    /// How many digits its code has.
    pub length: CodeLength,
    /// Whether the code is right.
    pub matched: bool,
    /// The number's limits.
    pub limits: NumberLimits,
    /// The number as it is counted over all accounts.
    pub everybody: BlindIndex,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// How far a session's message has come, and who sends it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sent {
    /// How far.
    pub delivery: Delivery,
    /// Who; `None` when nobody has taken it yet, and in test mode.
    pub sender: Option<SenderId>,
}

/// What lists and statistics need to know of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionState {
    /// Which.
    pub id: SessionId,
    /// What its code is for.
    pub purpose: Purpose,
    /// Where it stands. One whose time is over may still be called pending.
    pub status: SessionStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its time is over.
    pub expires_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl SessionState {
    /// Where it stands at `now`.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> SessionStatus {
        match self.status {
            SessionStatus::Pending if self.expires_at <= now => SessionStatus::Expired,
            status => status,
        }
    }
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is the large one nearly always, and is moved a few times")]
pub enum Settled {
    /// It was settled; the session as it then is.
    Done(SessionRecord, Attempted),
    /// The number has failed too often, and the attempt was neither charged nor looked at.
    Blocked(GuessRefused),
    /// The caller's key was used before.
    Replay(Prior),
}

/// What came of canceling.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is the large one nearly always, and is moved a few times")]
pub enum CancelSession {
    /// It is canceled.
    Done(SessionRecord),
    /// It was over before, like this.
    Finished(SessionStatus),
    /// The caller's key was used before.
    Replay(Prior),
}

/// Where what is counted of a number stands: in one account, or over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LedgerKey {
    /// Which account; `None` over all of them.
    pub account: Option<AccountId>,
    /// In which mode. They are counted apart.
    pub mode: Mode,
    /// The number, as the account knows it, or as everybody does.
    pub number: BlindIndex,
}

impl LedgerKey {
    /// In one account.
    #[must_use]
    pub const fn of(scope: AccountScope, number: BlindIndex) -> Self {
        Self { account: Some(scope.account), mode: scope.mode, number }
    }

    /// Over all of them.
    #[must_use]
    pub const fn everybody(mode: Mode, number: BlindIndex) -> Self {
        Self { account: None, mode, number }
    }
}

/// The OTP sessions, with what their numbers have received and failed.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session, its first delivery (leased to the caller when the delivery says so), the number's
    /// ledgers and the claim, in one step.
    ///
    /// MUST refuse when the number's ledgers do ([`NumberLedgers::issue`](whatotp_domain::NumberLedgers::issue)), that of
    /// its account and that over all accounts: of any number of concurrent calls for one number as many succeed as its
    /// limits allow, and the attempts of all open sessions together are never more than its guesses. MUST supersede the
    /// pending session of the same number and purpose, so that at most one is pending. (A number keeps at most sixteen
    /// purposes in mind: more than its limits allow, but for a number that has none.)
    async fn issue(&self, new: NewSession, now: Timestamp) -> StoreResult<Issued>;

    /// Stores one more delivery of a pending session. Attempts, expiry and the number's failures MUST stay.
    async fn resend(&self, resend: Resend, now: Timestamp) -> StoreResult<Option<Resent>>;

    /// Undoes an issue or a resend whose message was definitely not sent: the delivery, the counts in the ledgers and
    /// the claim are gone; a new session is gone too with the guesses that it held, and the one it superseded is pending
    /// again if its time is not over, with the attempts it had
    /// ([`NumberLedgers::reinstate`](whatotp_domain::NumberLedgers::reinstate)). Does nothing when the session has moved on.
    ///
    /// MUST NOT be [`Overloaded`](crate::StoreError::Overloaded): what was begun is ended, however many wait.
    async fn withdraw(&self, withdrawal: Withdrawal, now: Timestamp) -> StoreResult<()>;

    /// Charges one attempt to a pending session and, when `matched`, consumes it.
    ///
    /// MUST be one atomic step: of any number of concurrent calls at most `attempts_max` are charged, and at most one
    /// returns [`Attempted::Verified`]. MUST count every attempt in the number's ledgers
    /// ([`NumberLedgers::count_guess`](whatotp_domain::NumberLedgers::count_guess)), and refuse a number that is blocked
    /// in one of them. MUST NOT change a session that is over, or of another scope.
    async fn settle_attempt(&self, attempt: Attempt, now: Timestamp) -> StoreResult<Option<Settled>>;

    /// Cancels a pending session, and its deliveries that are still queued.
    async fn cancel(
        &self,
        scope: AccountScope,
        session: SessionId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelSession>>;

    /// Stores a delivery with the code of a pending session whose latest delivery, `instead_of`, has not arrived. It is
    /// no resend: neither the session's nor the number's count of messages changes, and it is marked as a fallback.
    /// `false`, and nothing stored, when the session is not pending or has a later delivery.
    async fn fall_back(
        &self,
        scope: AccountScope,
        session: SessionId,
        instead_of: DeliveryId,
        delivery: NewDelivery,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// Ends a pending session whose only message cannot be delivered. Does nothing to any other.
    async fn fail(&self, scope: AccountScope, session: SessionId, now: Timestamp) -> StoreResult<()>;

    /// A session and the way of its latest delivery. Of a delivery and its fallbacks, which carry the same code at the
    /// same time, it is the one of the most [`promise`](whatotp_domain::DeliveryStatus::promise); the latest, when several are.
    async fn find(&self, scope: AccountScope, session: SessionId) -> StoreResult<Option<(SessionRecord, Sent)>>;

    /// Those of these sessions that are there, in any order.
    async fn session_states(&self, scope: AccountScope, sessions: Vec<SessionId>) -> StoreResult<Vec<SessionState>>;

    /// Deletes at most `limit` sessions that were created before `created_before`, of every account. Returns how many.
    async fn purge_sessions(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64>;

    /// What is counted of a number, if anything is.
    async fn find_ledger(&self, key: &LedgerKey) -> StoreResult<Option<NumberLedger>>;

    /// Forgives a number its wrong codes: it can be guessed at again, and is no longer disabled. The messages it received
    /// still count. `false` when there was nothing to forgive.
    async fn forgive(&self, key: &LedgerKey) -> StoreResult<bool>;

    /// Deletes at most `limit` ledgers in which nothing matters any more at `now`. Returns how many.
    async fn purge_ledgers(&self, limits: &LedgerPolicy, now: Timestamp, limit: u32) -> StoreResult<u64>;
}
