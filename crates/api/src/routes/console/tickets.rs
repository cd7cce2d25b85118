use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{NewTicket, TicketOpened, TicketStep, TicketStepped};
use whatotp_domain::{Permission, TicketId, TicketPriority, UserId};
use whatotp_ports::TicketFilter;

use super::ticket_bodies::{
    TicketDetail, TicketObject, comment, link, not_found, paragraphs, priority, status, subject,
};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::parsed;
use crate::http::{Body, Fields, Id, Invalid, Member, Problem, json};
use crate::routes::paging::Paging;

/// A page of tickets.
#[derive(Serialize, ToSchema)]
pub(crate) struct TicketList {
    /// Newest first.
    data: Vec<TicketObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List tickets
///
/// What this account has asked the people of the platform.
#[utoipa::path(get, path = "/api/v1/tickets", operation_id = "ticket_list", tag = "Console",
    params(
        ("status" = Option<String>, Query, pattern = "^(open|pending|closed)$", description = "Those that stand so."),
        ("priority" = Option<String>, Query, pattern = "^(low|normal|high|urgent)$",
            description = "Those of this priority."),
        ("assignee" = Option<String>, Query, pattern = "^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Those that this person of the platform cares for."),
        ("cursor" = Option<String>, Query, pattern = "^tkt_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of tickets.", body = TicketList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTickets)?;
    let mut query = Fields::of_query(request.query_string())?;
    let (status, priority) = (query.optional("status", status), query.optional("priority", priority));
    let user = parsed("invalid_user", "Give the id of a user (usr_…).", |text| UserId::parse(text).ok());
    let assignee = query.optional("assignee", user).map(Some);
    let paging = Paging::take(&mut query, TicketId::parse);
    query.finish(Some(()))?;
    let filter = TicketFilter {
        account: Some(account),
        status,
        priority,
        assignee,
        before: paging.before,
        limit: paging.rows(),
    };
    let tickets = ctx.app.list_tickets(&filter).await?;
    let (tickets, next_cursor) = paging.cut(tickets, |summary| summary.ticket.id.to_string());
    json(HttpResponse::Ok(), &TicketList { data: tickets.iter().map(TicketObject::from).collect(), next_cursor })
}

/// A ticket that is to be opened.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct OpenTicketRequest {
    /// In a few words, on one line.
    #[schema(min_length = 1, max_length = 200, example = "Codes to one operator do not arrive")]
    subject: String,
    /// Plain text of several lines.
    #[schema(min_length = 1, max_length = 10000, example = "Since this morning nothing arrives.")]
    body: String,
    /// How soon it is to be answered.
    #[schema(pattern = "^(low|normal|high|urgent)$", default = "normal")]
    priority: Option<String>,
    /// The session or the message of this account that it is about.
    #[schema(pattern = "^(otp|msg)_[0-7][0-9a-hjkmnp-tv-z]{25}$", example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    linked_id: Option<String>,
}

/// Open a ticket
///
/// Asks the people of the platform. Whoever answers sees the timeline of what is linked.
#[utoipa::path(post, path = "/api/v1/tickets", operation_id = "ticket_open", tag = "Console",
    request_body = OpenTicketRequest,
    responses((status = 201, description = "The ticket.", body = TicketObject)))]
pub(crate) async fn open(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::WriteTickets)?;
    let mut fields = Fields::of_json(&body.0)?;
    let (subject, body) = (fields.required("subject", subject), fields.required("body", paragraphs));
    let priority = fields.optional("priority", priority).unwrap_or(TicketPriority::Normal);
    let link = fields.optional("linked_id", link);
    let new = subject.zip(body);
    let new = new.map(|(subject, body)| NewTicket { account, by: member.user.id, subject, body, priority, link });
    match ctx.app.open_ticket(fields.finish(new)?).await? {
        TicketOpened::Opened(summary) => json(HttpResponse::Created(), &TicketObject::from(&summary)),
        TicketOpened::TooMany => Err(Problem::new(ErrorCode::TooManyTickets)),
        TicketOpened::LinkNotFound => {
            let bad = ("not_found", "This account has no such session or message.".into());
            Err(Problem::invalid(vec![Invalid::new("linked_id", bad)]))
        }
    }
}

/// Get a ticket
///
/// The ticket, all that was written on it, and the timeline of what is linked.
#[utoipa::path(get, path = "/api/v1/tickets/{ticket_id}", operation_id = "ticket_get", tag = "Console",
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket.", body = TicketDetail)))]
pub(crate) async fn get(ctx: web::Data<Context>, member: Member, id: Id<TicketId>) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewTickets)?;
    let view = ctx.app.ticket(Some(account), id.0).await?.ok_or_else(not_found)?;
    json(HttpResponse::Ok(), &TicketDetail::from(&view))
}

/// A comment.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct CommentRequest {
    /// Plain text of several lines.
    #[schema(min_length = 1, max_length = 10000, example = "It works again.")]
    body: String,
}

/// Comment on a ticket
///
/// A ticket that was `pending` or `closed` is `open` again.
#[utoipa::path(post, path = "/api/v1/tickets/{ticket_id}/comments", operation_id = "ticket_comment", tag = "Console",
    request_body = CommentRequest,
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket as it stands now.", body = TicketObject)))]
pub(crate) async fn add_comment(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TicketId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.may(Permission::WriteTickets)?;
    step(&ctx, &member, id.0, TicketStep::Comment(comment(&body.0)?)).await
}

/// Close a ticket
///
/// It is done. A comment opens it again. One that is closed stays so.
#[utoipa::path(post, path = "/api/v1/tickets/{ticket_id}/close", operation_id = "ticket_close", tag = "Console",
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket as it stands now.", body = TicketObject)))]
pub(crate) async fn close(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TicketId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    step(&ctx, &member, id.0, TicketStep::Close).await
}

/// Reopen a ticket
///
/// It is not done after all. One that is not closed stays as it is.
#[utoipa::path(post, path = "/api/v1/tickets/{ticket_id}/reopen", operation_id = "ticket_reopen", tag = "Console",
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket as it stands now.", body = TicketObject)))]
pub(crate) async fn reopen(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TicketId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    step(&ctx, &member, id.0, TicketStep::Reopen).await
}

async fn step(ctx: &Context, member: &Member, id: TicketId, step: TicketStep) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::WriteTickets)?;
    match ctx.app.step_ticket(Some(account), id, member.user.id, step).await? {
        Some(TicketStepped::Done(summary)) => json(HttpResponse::Ok(), &TicketObject::from(&summary)),
        Some(TicketStepped::Full) => Err(Problem::new(ErrorCode::TicketFull)),
        Some(TicketStepped::NoSuchOperator) | None => Err(not_found()),
    }
}
