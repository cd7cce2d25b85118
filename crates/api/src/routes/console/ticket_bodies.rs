use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{CommentView, Linked, TicketSummary, TicketView};
use whatotp_domain::{TicketLink, TicketPriority, TicketStatus};

use crate::errors::ErrorCode;
use crate::http::fields::{Bad, parsed};
use crate::http::{Fields, Problem};
use crate::routes::messages::MessageBody;
use crate::routes::otp_bodies::SessionBody;

const SUBJECT_MAX: usize = 200;
const BODY_MAX: usize = 10_000;

/// A ticket.
#[derive(Serialize, ToSchema)]
pub(crate) struct TicketObject {
    /// Its id.
    #[schema(example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// What it is called.
    #[schema(example = "Codes to one operator do not arrive")]
    subject: String,
    /// `open`: the people of the platform are to answer. `pending`: they have, and wait for you. `closed`: it is done.
    #[schema(pattern = "^(open|pending|closed)$", example = "open")]
    status: &'static str,
    /// How soon it is to be answered.
    #[schema(pattern = "^(low|normal|high|urgent)$", example = "normal")]
    priority: &'static str,
    /// The session or the message it is about.
    #[schema(required = true, example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    linked_id: Option<String>,
    /// Who opened it.
    #[schema(example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    opened_by: String,
    /// When it was opened.
    #[schema(format = "date-time", example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// When something last happened to it.
    #[schema(format = "date-time", example = "2026-11-23T10:00:00.000Z")]
    updated_at: String,
    /// Since when it is closed.
    #[schema(required = true, format = "date-time")]
    closed_at: Option<String>,
}

impl From<&TicketSummary> for TicketObject {
    fn from(summary: &TicketSummary) -> Self {
        let ticket = &summary.ticket;
        Self {
            id: ticket.id.to_string(),
            subject: summary.subject.clone(),
            status: ticket.status.as_str(),
            priority: ticket.priority.as_str(),
            linked_id: ticket.link.map(|link| link.to_string()),
            opened_by: ticket.opened_by.to_string(),
            created_at: ticket.created_at.to_string(),
            updated_at: ticket.updated_at.to_string(),
            closed_at: ticket.closed_at.map(|at| at.to_string()),
        }
    }
}

/// What somebody wrote on a ticket.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommentObject {
    /// Its id.
    #[schema(example = "cmt_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Who wrote it.
    #[schema(example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    author: String,
    /// What they are called; `null` when they are not a user any more.
    #[schema(required = true, example = "Ada Lovelace")]
    author_name: Option<String>,
    /// `customer`, or `platform` for the people who run it.
    #[schema(pattern = "^(customer|platform)$", example = "customer")]
    side: &'static str,
    /// Whether it is a note that only the people of the platform see.
    internal: bool,
    /// Plain text. Lines end with a line feed.
    #[schema(example = "Since this morning nothing arrives.")]
    body: String,
    /// When.
    #[schema(format = "date-time", example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
}

impl From<&CommentView> for CommentObject {
    fn from(comment: &CommentView) -> Self {
        Self {
            id: comment.id.to_string(),
            author: comment.author.to_string(),
            author_name: comment.author_name.clone(),
            side: comment.side.as_str(),
            internal: comment.is_internal,
            body: comment.body.clone(),
            created_at: comment.created_at.to_string(),
        }
    }
}

/// How the session or the message stands that a ticket is about: one of the two. Both are `null` when it is not kept any
/// more.
#[derive(Serialize, ToSchema)]
pub(crate) struct LinkedObject {
    /// The session.
    #[schema(required = true)]
    session: Option<SessionBody>,
    /// The message.
    #[schema(required = true)]
    message: Option<MessageBody>,
}

impl From<&Linked> for LinkedObject {
    fn from(linked: &Linked) -> Self {
        match linked {
            Linked::Session(view) => Self { session: Some(SessionBody::from(&**view)), message: None },
            Linked::Message(view) => Self { session: None, message: Some(MessageBody::from(&**view)) },
            Linked::Gone(_) => Self { session: None, message: None },
        }
    }
}

/// A ticket with all that was written on it.
#[derive(Serialize, ToSchema)]
pub(crate) struct TicketDetail {
    /// The ticket.
    ticket: TicketObject,
    /// What was written, the oldest first.
    comments: Vec<CommentObject>,
    /// What it is about; `null` when it is about nothing in particular.
    #[schema(required = true)]
    linked: Option<LinkedObject>,
}

impl From<&TicketView> for TicketDetail {
    fn from(view: &TicketView) -> Self {
        Self {
            ticket: TicketObject::from(&view.summary),
            comments: view.comments.iter().map(CommentObject::from).collect(),
            linked: view.linked.as_ref().map(LinkedObject::from),
        }
    }
}

/// A ticket as the people of the platform see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdminTicketObject {
    /// The ticket.
    ticket: TicketObject,
    /// Whose it is.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: String,
    /// Who cares for it.
    #[schema(required = true, example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    assignee: Option<String>,
    /// How many comments it has, notes included.
    #[schema(example = 3)]
    comments_count: u32,
}

impl From<&TicketSummary> for AdminTicketObject {
    fn from(summary: &TicketSummary) -> Self {
        Self {
            ticket: TicketObject::from(summary),
            account_id: summary.ticket.account.to_string(),
            assignee: summary.ticket.assignee.map(|user| user.to_string()),
            comments_count: summary.ticket.comments,
        }
    }
}

/// A ticket with all that was written on it, as the people of the platform see it.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdminTicketDetail {
    /// The ticket.
    ticket: AdminTicketObject,
    /// What was written, notes included, the oldest first.
    comments: Vec<CommentObject>,
    /// What it is about; `null` when it is about nothing in particular.
    #[schema(required = true)]
    linked: Option<LinkedObject>,
}

impl From<&TicketView> for AdminTicketDetail {
    fn from(view: &TicketView) -> Self {
        Self {
            ticket: AdminTicketObject::from(&view.summary),
            comments: view.comments.iter().map(CommentObject::from).collect(),
            linked: view.linked.as_ref().map(LinkedObject::from),
        }
    }
}

pub(super) fn status(value: Value) -> Result<TicketStatus, Bad> {
    parsed("invalid_status", "Use open, pending or closed.", TicketStatus::parse)(value)
}

pub(super) fn priority(value: Value) -> Result<TicketPriority, Bad> {
    parsed("invalid_priority", "Use low, normal, high or urgent.", TicketPriority::parse)(value)
}

pub(super) fn link(value: Value) -> Result<TicketLink, Bad> {
    parsed("invalid_id", "Give the id of a session (otp_…) or of a message (msg_…).", TicketLink::parse)(value)
}

/// One line that says what something is about.
pub(super) fn subject(value: Value) -> Result<String, Bad> {
    within(SUBJECT_MAX, &crate::http::fields::text(value)?)
}

/// Text of several lines, which may be indented.
pub(super) fn paragraphs(value: Value) -> Result<String, Bad> {
    let Value::String(text) = value else { return Err(("invalid_type", "This must be a string.".into())) };
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')) {
        return Err(("invalid_characters", "Remove the control characters; line feeds and tabs are fine.".into()));
    }
    within(BODY_MAX, &text)
}

fn within(max: usize, text: &str) -> Result<String, Bad> {
    let text = text.trim().to_owned();
    let count = text.chars().count();
    if count == 0 || count > max {
        return Err(("invalid_length", format!("Write 1 to {max} characters.").into()));
    }
    Ok(text)
}

/// The one field `body` of a comment.
pub(super) fn comment(body: &[u8]) -> Result<String, Problem> {
    let mut fields = Fields::of_json(body)?;
    let text = fields.required("body", paragraphs);
    fields.finish(text)
}

pub(super) fn not_found() -> Problem {
    Problem::new(ErrorCode::TicketNotFound)
}
