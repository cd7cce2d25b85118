use async_trait::async_trait;
use whatotp_domain::{
    AccountId, CannedReplyId, CommentId, Ticket, TicketChange, TicketId, TicketPriority, TicketSide, TicketStatus,
    Timestamp, UserId,
};
use whatotp_vault::Sealed;

use crate::StoreResult;

/// A ticket, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    /// The ticket.
    pub ticket: Ticket,
    /// Its subject.
    pub subject: Sealed,
}

/// What somebody wrote on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketComment {
    /// Its id.
    pub id: CommentId,
    /// Who.
    pub author: UserId,
    /// On which side.
    pub side: TicketSide,
    /// Whether it is for the people of the platform only.
    pub is_internal: bool,
    /// What.
    pub body: Sealed,
    /// When.
    pub created_at: Timestamp,
}

/// Which tickets are wanted. What is `None` does not narrow it down.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TicketFilter {
    /// Those of this account.
    pub account: Option<AccountId>,
    /// Those that stand like this.
    pub status: Option<TicketStatus>,
    /// Those that are to be answered as soon as this.
    pub priority: Option<TicketPriority>,
    /// Those that this person cares for; `Some(None)` for nobody's.
    pub assignee: Option<Option<UserId>>,
    /// Those opened before this one.
    pub before: Option<TicketId>,
    /// So many at most.
    pub limit: u32,
}

/// What became of a change of a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketChanged {
    /// It was made: as the ticket was, and as it is.
    Done {
        /// Before.
        before: Ticket,
        /// After.
        after: Box<TicketRecord>,
    },
    /// The ticket has as many comments as it may have.
    Full,
}

/// An answer to have ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CannedReply {
    /// Its id.
    pub id: CannedReplyId,
    /// What it is found by.
    pub title: String,
    /// What it says.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What customers ask the people of the platform.
#[async_trait]
pub trait TicketStore: Send + Sync {
    /// Stores a new ticket with its first comment.
    async fn insert_ticket(&self, ticket: TicketRecord, first: TicketComment) -> StoreResult<()>;

    /// A ticket of this account, or of any where that is `None`.
    async fn find_ticket(&self, account: Option<AccountId>, id: TicketId) -> StoreResult<Option<TicketRecord>>;

    /// The comments of a ticket of this account, the oldest first, notes included.
    async fn list_comments(&self, account: AccountId, id: TicketId) -> StoreResult<Vec<TicketComment>>;

    /// The tickets that fit, newest first.
    async fn list_tickets(&self, filter: &TicketFilter) -> StoreResult<Vec<TicketRecord>>;

    /// Puts [`Ticket::after`] in the place of a ticket, with the comment that goes with the change, if one does. MUST be
    /// one atomic step: no change is lost to another at the same time, and no ticket gets more comments than
    /// [`Ticket::MAX_COMMENTS`]. `None` when there is no such ticket in the account.
    async fn change_ticket(
        &self,
        account: AccountId,
        id: TicketId,
        change: TicketChange,
        comment: Option<TicketComment>,
        now: Timestamp,
    ) -> StoreResult<Option<TicketChanged>>;

    /// Deletes at most `limit` tickets that were closed before `closed_before`, each with all its comments. Returns how
    /// many.
    async fn purge_tickets(&self, closed_before: Timestamp, limit: u32) -> StoreResult<u64>;

    /// Stores an answer to have ready.
    async fn insert_canned_reply(&self, reply: CannedReply) -> StoreResult<()>;

    /// All of them, newest first.
    async fn list_canned_replies(&self) -> StoreResult<Vec<CannedReply>>;

    /// Deletes one. `false` when there is none.
    async fn delete_canned_reply(&self, id: CannedReplyId) -> StoreResult<bool>;
}
