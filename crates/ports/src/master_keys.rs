use async_trait::async_trait;
use whatotp_domain::{
    AccountId, AccountScope, CommentId, DeliveryId, LinkId, SenderId, SessionId, TicketId, Timestamp, UserId,
};
use whatotp_vault::{IdempotencyHash, Kid, Sealed};

use crate::StoreResult;

/// A table that has sealed columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SealedTable {
    /// `senders`: `access_token`.
    Senders,
    /// `otp_sessions`: `recipient` and `metadata`.
    Sessions,
    /// `deliveries`: `recipient`, `variables` and `metadata`.
    Deliveries,
    /// `idempotency_claims`: `answer`.
    Claims,
    /// `tickets`: `subject`.
    Tickets,
    /// `ticket_comments`: `body`.
    Comments,
    /// `users`: `email`, `name`, `totp` and `totp_pending`.
    Users,
    /// `console_links`: `email`.
    Links,
}

impl SealedTable {
    /// Every one. The senders come first: they are few, and without their tokens nothing is sent.
    pub const ALL: [Self; 8] = [
        Self::Senders,
        Self::Sessions,
        Self::Deliveries,
        Self::Claims,
        Self::Tickets,
        Self::Comments,
        Self::Users,
        Self::Links,
    ];

    /// Its name in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Senders => "senders",
            Self::Sessions => "otp_sessions",
            Self::Deliveries => "deliveries",
            Self::Claims => "idempotency_claims",
            Self::Tickets => "tickets",
            Self::Comments => "ticket_comments",
            Self::Users => "users",
            Self::Links => "console_links",
        }
    }
}

/// Which row of such a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SealedRowKey {
    /// A sender.
    Sender(SenderId),
    /// A session.
    Session(AccountScope, SessionId),
    /// A delivery.
    Delivery(AccountScope, DeliveryId),
    /// A claim.
    Claim(AccountScope, IdempotencyHash),
    /// A ticket.
    Ticket(AccountId, TicketId),
    /// A comment on a ticket.
    Comment(AccountId, TicketId, CommentId),
    /// A user.
    User(AccountId, UserId),
    /// An invitation.
    Link(AccountId, LinkId),
}

impl SealedRowKey {
    /// Its table.
    #[must_use]
    pub const fn table(&self) -> SealedTable {
        match self {
            Self::Sender(_) => SealedTable::Senders,
            Self::Session(..) => SealedTable::Sessions,
            Self::Delivery(..) => SealedTable::Deliveries,
            Self::Claim(..) => SealedTable::Claims,
            Self::Ticket(..) => SealedTable::Tickets,
            Self::Comment(..) => SealedTable::Comments,
            Self::User(..) => SealedTable::Users,
            Self::Link(..) => SealedTable::Links,
        }
    }
}

/// A sealed column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SealedColumn {
    /// A sender's token.
    AccessToken,
    /// Whom a session or a delivery is for.
    Recipient,
    /// What the customer attached.
    Metadata,
    /// A template's values.
    Variables,
    /// The answer to a request under an `Idempotency-Key`.
    Answer,
    /// What a ticket is called.
    Subject,
    /// What a comment says.
    Body,
    /// What a user logs in by, or who is invited.
    Email,
    /// What a user is called.
    Name,
    /// A user's second factor.
    Totp,
    /// The one that is to be.
    TotpPending,
}

/// What is sealed in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Which row.
    pub key: SealedRowKey,
    /// Its sealed values, those that are there.
    pub values: Vec<(SealedColumn, Sealed)>,
    /// The master key that a pending session's code is derived from, and until when the code may be right.
    pub code: Option<(Kid, Timestamp)>,
}

/// One value that was sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// In which row.
    pub key: SealedRowKey,
    /// In which column.
    pub column: SealedColumn,
    /// What was there.
    pub old: Sealed,
    /// What is to be there.
    pub new: Sealed,
}

/// Which master keys the data needs, and the means to seal it with another one.
#[async_trait]
pub trait MasterKeyStore: Send + Sync {
    /// Notes that something is sealed with `kid`, or is about to be.
    async fn note_master_key(&self, kid: Kid) -> StoreResult<()>;

    /// Every key that was noted and not forgotten, in the order of their ids.
    async fn noted_master_keys(&self) -> StoreResult<Vec<Kid>>;

    /// Takes the note back: nothing needs `kid` any more.
    async fn forget_master_key(&self, kid: Kid) -> StoreResult<()>;

    /// At most `limit` rows of `table`, in the order of their keys, of every account; those after `after`. MUST leave out
    /// none that is there from the first call for a table to the last.
    async fn sealed_rows(
        &self,
        table: SealedTable,
        after: Option<SealedRowKey>,
        limit: u32,
    ) -> StoreResult<Vec<SealedRow>>;

    /// Puts new sealed values in place of old ones. MUST leave alone what is not `old` (any more), and everything else in
    /// the row. Returns how many were replaced.
    async fn reseal(&self, values: Vec<Resealed>) -> StoreResult<u64>;
}
