use diesel::prelude::*;
use whatotp_domain::{
    AccountId, CannedReplyId, CommentId, Ticket, TicketId, TicketLink, TicketPriority, TicketSide, TicketStatus,
    Timestamp, UserId,
};
use whatotp_ports::{CannedReply, TicketComment, TicketRecord};
use whatotp_vault::Sealed;

use super::{InColumn, Read, moment, storable, unix_ms};
use crate::schema::{canned_replies, ticket_comments, tickets};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = tickets, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct TicketRow {
    account_id: String,
    id: String,
    status: String,
    priority: String,
    assignee: Option<String>,
    link: Option<String>,
    opened_by: String,
    subject: Vec<u8>,
    comments: i64,
    created_at: i64,
    updated_at: i64,
    closed_at: Option<i64>,
}

impl TicketRow {
    pub(crate) fn new(record: &TicketRecord) -> Self {
        let ticket = &record.ticket;
        Self {
            account_id: ticket.account.to_string(),
            id: ticket.id.to_string(),
            status: ticket.status.as_str().to_owned(),
            priority: ticket.priority.as_str().to_owned(),
            assignee: ticket.assignee.map(|user| user.to_string()),
            link: ticket.link.map(|link| link.to_string()),
            opened_by: ticket.opened_by.to_string(),
            subject: record.subject.as_bytes().to_vec(),
            comments: ticket.comments.into(),
            created_at: ticket.created_at.unix_ms(),
            updated_at: ticket.updated_at.unix_ms(),
            closed_at: unix_ms(ticket.closed_at),
        }
    }

    pub(crate) fn read(self) -> Read<TicketRecord> {
        let assignee = self.assignee.map(|user| UserId::parse(&user).in_column("tickets.assignee")).transpose()?;
        let link = self.link.map(|link| TicketLink::parse(&link).in_column("tickets.link")).transpose()?;
        let ticket = Ticket {
            id: TicketId::parse(&self.id).in_column("tickets.id")?,
            account: AccountId::parse(&self.account_id).in_column("tickets.account_id")?,
            status: TicketStatus::parse(&self.status).in_column("tickets.status")?,
            priority: TicketPriority::parse(&self.priority).in_column("tickets.priority")?,
            assignee,
            link,
            opened_by: UserId::parse(&self.opened_by).in_column("tickets.opened_by")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            updated_at: Timestamp::from_unix_ms(self.updated_at),
            closed_at: moment(self.closed_at),
            comments: self.comments.try_into().in_column("tickets.comments")?,
        };
        Ok(TicketRecord { ticket, subject: Sealed::from_bytes(self.subject) })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = ticket_comments)]
pub(crate) struct CommentRow {
    account_id: String,
    ticket_id: String,
    id: String,
    author: String,
    side: String,
    internal: i32,
    body: Vec<u8>,
    created_at: i64,
}

impl CommentRow {
    pub(crate) fn new(account: AccountId, ticket: TicketId, comment: &TicketComment) -> Self {
        Self {
            account_id: account.to_string(),
            ticket_id: ticket.to_string(),
            id: comment.id.to_string(),
            author: comment.author.to_string(),
            side: comment.side.as_str().to_owned(),
            internal: comment.is_internal.into(),
            body: comment.body.as_bytes().to_vec(),
            created_at: comment.created_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<TicketComment> {
        Ok(TicketComment {
            id: CommentId::parse(&self.id).in_column("ticket_comments.id")?,
            author: UserId::parse(&self.author).in_column("ticket_comments.author")?,
            side: TicketSide::parse(&self.side).in_column("ticket_comments.side")?,
            is_internal: self.internal != 0,
            body: Sealed::from_bytes(self.body),
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = canned_replies)]
pub(crate) struct CannedReplyRow {
    id: String,
    title: String,
    body: String,
    created_at: i64,
}

impl CannedReplyRow {
    pub(crate) fn new(reply: &CannedReply) -> Self {
        Self {
            id: reply.id.to_string(),
            title: storable(&reply.title),
            body: storable(&reply.body),
            created_at: reply.created_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<CannedReply> {
        Ok(CannedReply {
            id: CannedReplyId::parse(&self.id).in_column("canned_replies.id")?,
            title: self.title,
            body: self.body,
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}
