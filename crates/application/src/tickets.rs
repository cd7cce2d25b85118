use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use whatotp_domain::{
    AccountId, Actor, AuditAction, AuditEntry, CannedReplyId, CommentId, Mode, Ticket, TicketChange, TicketId,
    TicketLink, TicketPriority, TicketSide, TicketStatus, Timestamp, UserId,
};
use whatotp_ports::{CannedReply, TicketChanged, TicketComment, TicketFilter, TicketRecord, random};

use crate::sealing::{COMMENTS, Row, TICKETS, of_account};
use crate::{Application, Failure, MessageView, SessionView};

/// A ticket that is to be opened.
#[derive(Debug, Clone)]
pub struct NewTicket {
    /// For which account.
    pub account: AccountId,
    /// By whom.
    pub by: UserId,
    /// In a few words.
    pub subject: String,
    /// In more.
    pub body: String,
    /// How soon it is to be answered.
    pub priority: TicketPriority,
    /// What it is about.
    pub link: Option<TicketLink>,
}

/// A ticket in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketSummary {
    /// The ticket.
    pub ticket: Ticket,
    /// What it is called.
    pub subject: String,
}

/// A ticket with all that was written on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketView {
    /// The ticket.
    pub summary: TicketSummary,
    /// What was written, the oldest first.
    pub comments: Vec<CommentView>,
    /// What it is about.
    pub linked: Option<Linked>,
}

/// What somebody wrote on a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentView {
    /// Its id.
    pub id: CommentId,
    /// Who.
    pub author: UserId,
    /// What they are called; `None` when they are gone.
    pub author_name: Option<String>,
    /// On which side.
    pub side: TicketSide,
    /// Whether it is for the people of the platform only.
    pub is_internal: bool,
    /// What.
    pub body: String,
    /// When.
    pub created_at: Timestamp,
}

/// What a ticket is about, and how that stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linked {
    /// An OTP session.
    Session(Box<SessionView>),
    /// A message.
    Message(Box<MessageView>),
    /// It is not kept any more.
    Gone(TicketLink),
}

/// What became of a new ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketOpened {
    /// It is there.
    Opened(TicketSummary),
    /// The account has no such session or message.
    LinkNotFound,
    /// The account has [`Ticket::MAX_OPEN`] that are not closed.
    TooMany,
}

/// What somebody does to a ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketStep {
    /// The customer writes.
    Comment(String),
    /// The people of the platform answer.
    Answer(String),
    /// The people of the platform write something down for themselves.
    Note(String),
    /// It is done.
    Close,
    /// It is not done after all.
    Reopen,
    /// The people of the platform sort their work. What is `None` stays.
    Triage {
        /// Another status.
        status: Option<TicketStatus>,
        /// Another priority.
        priority: Option<TicketPriority>,
        /// Another assignee; `Some(None)` for nobody.
        assignee: Option<Option<UserId>>,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketStepped {
    /// It was done.
    Done(TicketSummary),
    /// The ticket has as many comments as it may have.
    Full,
    /// Whoever should care for it does not run the platform.
    NoSuchOperator,
}

/// What customers ask the people of the platform.
impl Application {
    /// Opens a ticket. What it is about has to be the account's own.
    pub async fn open_ticket(&self, new: NewTicket) -> Result<TicketOpened, Failure> {
        if let Some(link) = new.link
            && matches!(self.linked(new.account, link).await?, Linked::Gone(_))
        {
            return Ok(TicketOpened::LinkNotFound);
        }
        if self.unfinished_tickets(new.account).await? >= Ticket::MAX_OPEN {
            return Ok(TicketOpened::TooMany);
        }
        let now = self.ports.clock.now();
        let ticket = Ticket {
            id: TicketId::new(now, random(&*self.ports.entropy)?),
            account: new.account,
            status: TicketStatus::Open,
            priority: new.priority,
            assignee: None,
            link: new.link,
            opened_by: new.by,
            created_at: now,
            updated_at: now,
            closed_at: None,
            comments: 1,
        };
        let first = self.new_comment(&ticket, new.by, TicketSide::Customer, false, &new.body)?;
        let subject = self.seal(ticket_row(&ticket, &ticket.id.to_bytes()), "subject", new.subject.as_bytes())?;
        self.ports.tickets.insert_ticket(TicketRecord { ticket: ticket.clone(), subject }, first).await?;
        let detail = ticket.link.map_or_else(String::new, |link| format!("about {link}"));
        self.audit_ticket(&ticket, new.by, AuditAction::TicketOpened, detail).await?;
        Ok(TicketOpened::Opened(TicketSummary { ticket, subject: new.subject }))
    }

    /// The tickets that fit, newest first.
    pub async fn list_tickets(&self, filter: &TicketFilter) -> Result<Vec<TicketSummary>, Failure> {
        let records = self.ports.tickets.list_tickets(filter).await?;
        records.into_iter().map(|record| self.ticket_summary(record)).collect()
    }

    /// A ticket of this account as its members see it; where that is `None`, any, as the people of the platform do.
    pub async fn ticket(&self, account: Option<AccountId>, id: TicketId) -> Result<Option<TicketView>, Failure> {
        let Some(record) = self.ports.tickets.find_ticket(account, id).await? else { return Ok(None) };
        let summary = self.ticket_summary(record)?;
        let owner = summary.ticket.account;
        let mut comments = self.ports.tickets.list_comments(owner, id).await?;
        comments.retain(|comment| account.is_none() || !comment.is_internal);
        let mut names: BTreeMap<UserId, Option<String>> = BTreeMap::new();
        for comment in &comments {
            if let Entry::Vacant(unknown) = names.entry(comment.author) {
                unknown.insert(self.find_user(comment.author).await?.map(|user| user.name));
            }
        }
        let view = |comment: TicketComment| {
            let body = self.open_text(comment_place(owner, &comment_row(id, comment.id)), "body", &comment.body)?;
            let TicketComment { id, author, side, is_internal, created_at, .. } = comment;
            let author_name = names.get(&author).cloned().flatten();
            Ok(CommentView { id, author, author_name, side, is_internal, body, created_at })
        };
        let comments = comments.into_iter().map(view).collect::<Result<_, Failure>>()?;
        let linked = match summary.ticket.link {
            Some(link) => Some(self.linked(owner, link).await?),
            None => None,
        };
        Ok(Some(TicketView { summary, comments, linked }))
    }

    /// Goes on with a ticket of this account, or with any where that is `None`. `None` when there is no such ticket.
    pub async fn step_ticket(
        &self,
        account: Option<AccountId>,
        id: TicketId,
        by: UserId,
        step: TicketStep,
    ) -> Result<Option<TicketStepped>, Failure> {
        let Some(record) = self.ports.tickets.find_ticket(account, id).await? else { return Ok(None) };
        let ticket = record.ticket;
        let (change, action) = match &step {
            TicketStep::Comment(_) => (TicketChange::Commented, AuditAction::TicketCommented),
            TicketStep::Answer(_) => (TicketChange::Answered, AuditAction::TicketAnswered),
            TicketStep::Note(_) => (TicketChange::Noted, AuditAction::TicketNoted),
            TicketStep::Close => (TicketChange::Closed, AuditAction::TicketClosed),
            TicketStep::Reopen => (TicketChange::Reopened, AuditAction::TicketReopened),
            TicketStep::Triage { status, priority, assignee } => {
                if let Some(Some(assignee)) = assignee
                    && !self.find_user(*assignee).await?.is_some_and(|user| user.operator)
                {
                    return Ok(Some(TicketStepped::NoSuchOperator));
                }
                let change = TicketChange::Triaged { status: *status, priority: *priority, assignee: *assignee };
                (change, AuditAction::TicketTriaged)
            }
        };
        let comment = match &step {
            TicketStep::Comment(body) => Some(self.new_comment(&ticket, by, TicketSide::Customer, false, body)?),
            TicketStep::Answer(body) => Some(self.new_comment(&ticket, by, TicketSide::Platform, false, body)?),
            TicketStep::Note(body) => Some(self.new_comment(&ticket, by, TicketSide::Platform, true, body)?),
            TicketStep::Close | TicketStep::Reopen | TicketStep::Triage { .. } => None,
        };
        let now = self.ports.clock.now();
        let changed = self.ports.tickets.change_ticket(ticket.account, id, change, comment, now).await?;
        Ok(match changed {
            None => None,
            Some(TicketChanged::Full) => Some(TicketStepped::Full),
            Some(TicketChanged::Done { before, after }) => {
                let detail = difference(&before, &after.ticket);
                self.audit_ticket(&before, by, action, detail).await?;
                Some(TicketStepped::Done(self.ticket_summary(*after)?))
            }
        })
    }

    /// The answers to have ready, newest first.
    pub async fn canned_replies(&self) -> Result<Vec<CannedReply>, Failure> {
        Ok(self.ports.tickets.list_canned_replies().await?)
    }

    /// Writes an answer to have ready.
    pub async fn add_canned_reply(&self, by: UserId, title: String, body: String) -> Result<CannedReply, Failure> {
        let created_at = self.ports.clock.now();
        let id = CannedReplyId::new(created_at, random(&*self.ports.entropy)?);
        let reply = CannedReply { id, title, body, created_at };
        self.ports.tickets.insert_canned_reply(reply.clone()).await?;
        self.audit_reply(by, AuditAction::CannedReplyCreated, id).await?;
        Ok(reply)
    }

    /// Deletes an answer to have ready. `false` when there is none.
    pub async fn delete_canned_reply(&self, by: UserId, id: CannedReplyId) -> Result<bool, Failure> {
        let deleted = self.ports.tickets.delete_canned_reply(id).await?;
        if deleted {
            self.audit_reply(by, AuditAction::CannedReplyDeleted, id).await?;
        }
        Ok(deleted)
    }

    /// How many tickets of an account are not closed, counted no further than to the most there may be.
    async fn unfinished_tickets(&self, account: AccountId) -> Result<usize, Failure> {
        let mut count = 0;
        for status in [TicketStatus::Open, TicketStatus::Pending] {
            let limit = u32::try_from(Ticket::MAX_OPEN).unwrap_or(u32::MAX);
            let filter =
                TicketFilter { account: Some(account), status: Some(status), limit, ..TicketFilter::default() };
            count += self.ports.tickets.list_tickets(&filter).await?.len();
        }
        Ok(count)
    }

    /// How what a ticket is about stands now. An id says neither whose it is nor in which mode, so both are looked at,
    /// of this account only.
    async fn linked(&self, account: AccountId, link: TicketLink) -> Result<Linked, Failure> {
        for mode in [Mode::Live, Mode::Test] {
            let scope = whatotp_domain::AccountScope { account, mode };
            let found = match link {
                TicketLink::Session(id) => {
                    self.otp_status(scope, id).await?.map(|view| Linked::Session(Box::new(view)))
                }
                TicketLink::Message(id) => {
                    self.message_status(scope, id).await?.map(|view| Linked::Message(Box::new(view)))
                }
            };
            if let Some(found) = found {
                return Ok(found);
            }
        }
        Ok(Linked::Gone(link))
    }

    fn new_comment(
        &self,
        ticket: &Ticket,
        author: UserId,
        side: TicketSide,
        is_internal: bool,
        body: &str,
    ) -> Result<TicketComment, Failure> {
        let created_at = self.ports.clock.now();
        let id = CommentId::new(created_at, random(&*self.ports.entropy)?);
        let place = comment_row(ticket.id, id);
        let body = self.seal(comment_place(ticket.account, &place), "body", body.as_bytes())?;
        Ok(TicketComment { id, author, side, is_internal, body, created_at })
    }

    fn ticket_summary(&self, record: TicketRecord) -> Result<TicketSummary, Failure> {
        let TicketRecord { ticket, subject } = record;
        let subject = self.open_text(ticket_row(&ticket, &ticket.id.to_bytes()), "subject", &subject)?;
        Ok(TicketSummary { ticket, subject })
    }

    pub(crate) fn open_text(
        &self,
        row: Row<'_>,
        column: &'static str,
        sealed: &whatotp_vault::Sealed,
    ) -> Result<String, Failure> {
        String::from_utf8(self.open(row, column, sealed)?).ok().ok_or(Failure::Corrupt("text of a ticket"))
    }

    async fn audit_ticket(
        &self,
        ticket: &Ticket,
        by: UserId,
        action: AuditAction,
        detail: String,
    ) -> Result<(), Failure> {
        let (account, subject) = (Some(ticket.account), ticket.id.to_string());
        self.audit(AuditEntry { account, actor: Actor::User(by), action, subject, detail }).await
    }

    async fn audit_reply(&self, by: UserId, action: AuditAction, id: CannedReplyId) -> Result<(), Failure> {
        let (actor, subject) = (Actor::User(by), id.to_string());
        self.audit(AuditEntry { account: None, actor, action, subject, detail: String::new() }).await
    }
}

pub(crate) fn ticket_row<'a>(ticket: &Ticket, id: &'a [u8; 16]) -> Row<'a> {
    Row { scope: of_account(ticket.account), table: TICKETS, id }
}

/// What tells a comment from all others: its ticket's id, then its own.
pub(crate) fn comment_row(ticket: TicketId, comment: CommentId) -> Vec<u8> {
    [ticket.to_bytes(), comment.to_bytes()].concat()
}

pub(crate) const fn comment_place(account: AccountId, id: &[u8]) -> Row<'_> {
    Row { scope: of_account(account), table: COMMENTS, id }
}

/// What has changed about where a ticket stands.
fn difference(before: &Ticket, after: &Ticket) -> String {
    let mut parts = Vec::new();
    if before.status != after.status {
        parts.push(format!("{} to {}", before.status.as_str(), after.status.as_str()));
    }
    if before.priority != after.priority {
        parts.push(format!("priority {} to {}", before.priority.as_str(), after.priority.as_str()));
    }
    if before.assignee != after.assignee {
        parts
            .push(after.assignee.map_or_else(|| "assigned to nobody".to_owned(), |user| format!("assigned to {user}")));
    }
    parts.join(", ")
}
