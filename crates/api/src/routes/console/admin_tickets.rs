use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{TicketStep, TicketStepped};
use whatotp_domain::{AccountId, TicketId, UserId};
use whatotp_ports::TicketFilter;

use super::ticket_bodies::{AdminTicketDetail, AdminTicketObject, not_found, paragraphs, priority, status};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::{Bad, boolean, parsed};
use crate::http::{Body, Fields, Id, Invalid, Member, Problem, json};
use crate::routes::paging::Paging;

/// A page of every account's tickets.
#[derive(Serialize, ToSchema)]
pub(crate) struct AdminTicketList {
    /// Newest first.
    data: Vec<AdminTicketObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List every account's tickets
///
/// The queue of the people of the platform.
#[utoipa::path(get, path = "/api/v1/admin/tickets", operation_id = "admin_ticket_list", tag = "Console",
    params(
        ("account_id" = Option<String>, Query, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Those of this account."),
        ("status" = Option<String>, Query, pattern = "^(open|pending|closed)$", description = "Those that stand so."),
        ("priority" = Option<String>, Query, pattern = "^(low|normal|high|urgent)$",
            description = "Those of this priority."),
        ("assignee" = Option<String>, Query, pattern = "^(nobody|usr_[0-7][0-9a-hjkmnp-tv-z]{25})$",
            description = "Those that this person cares for, or `nobody`."),
        ("cursor" = Option<String>, Query, pattern = "^tkt_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of tickets.", body = AdminTicketList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut query = Fields::of_query(request.query_string())?;
    let account = parsed("invalid_account", "Give the id of an account (acc_…).", |text| AccountId::parse(text).ok());
    let account = query.optional("account_id", account);
    let (status, priority) = (query.optional("status", status), query.optional("priority", priority));
    let assignee = query.optional("assignee", assignee);
    let paging = Paging::take(&mut query, TicketId::parse);
    query.finish(Some(()))?;
    let filter = TicketFilter { account, status, priority, assignee, before: paging.before, limit: paging.rows() };
    let tickets = ctx.app.list_tickets(&filter).await?;
    let (tickets, next_cursor) = paging.cut(tickets, |summary| summary.ticket.id.to_string());
    let data = tickets.iter().map(AdminTicketObject::from).collect();
    json(HttpResponse::Ok(), &AdminTicketList { data, next_cursor })
}

/// Get any ticket
///
/// With the notes that its customer does not see.
#[utoipa::path(get, path = "/api/v1/admin/tickets/{ticket_id}", operation_id = "admin_ticket_get", tag = "Console",
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket.", body = AdminTicketDetail)))]
pub(crate) async fn get(ctx: web::Data<Context>, member: Member, id: Id<TicketId>) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let view = ctx.app.ticket(None, id.0).await?.ok_or_else(not_found)?;
    json(HttpResponse::Ok(), &AdminTicketDetail::from(&view))
}

/// What is to change about a ticket. What is left out stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct TicketChangeRequest {
    /// How it stands.
    #[schema(pattern = "^(open|pending|closed)$", example = "closed")]
    status: Option<String>,
    /// How soon it is to be answered.
    #[schema(pattern = "^(low|normal|high|urgent)$", example = "high")]
    priority: Option<String>,
    /// Who of the people of the platform cares for it, or `nobody`.
    #[schema(pattern = "^(nobody|usr_[0-7][0-9a-hjkmnp-tv-z]{25})$", example = "nobody")]
    assignee: Option<String>,
}

/// Assign, prioritise or close any ticket
///
/// Changes what is named and leaves the rest. Only somebody who runs the platform can be assigned.
#[utoipa::path(patch, path = "/api/v1/admin/tickets/{ticket_id}", operation_id = "admin_ticket_change", tag = "Console",
    request_body = TicketChangeRequest,
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket as it stands now.", body = AdminTicketObject)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TicketId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let (status, priority) = (fields.optional("status", status), fields.optional("priority", priority));
    let assignee = fields.optional("assignee", assignee);
    fields.finish(Some(()))?;
    step(&ctx, &member, id.0, TicketStep::Triage { status, priority, assignee }).await
}

/// An answer or a note.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AnswerRequest {
    /// Plain text of several lines.
    #[schema(min_length = 1, max_length = 10000, example = "We are looking into it.")]
    body: String,
    /// Whether it is a note that only the people of the platform see.
    #[schema(default = false)]
    internal: Option<bool>,
}

/// Answer any ticket
///
/// An answer leaves the ticket `pending`: the customer is next. A note leaves it as it is.
#[utoipa::path(post, path = "/api/v1/admin/tickets/{ticket_id}/comments", operation_id = "admin_ticket_comment",
    tag = "Console", request_body = AnswerRequest,
    params(("ticket_id" = String, Path, description = "The ticket.", example = "tkt_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The ticket as it stands now.", body = AdminTicketObject)))]
pub(crate) async fn add_comment(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<TicketId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let internal = fields.optional("internal", boolean);
    let text = fields.required("body", paragraphs);
    let text = fields.finish(text)?;
    let answer = if internal.unwrap_or(false) { TicketStep::Note(text) } else { TicketStep::Answer(text) };
    step(&ctx, &member, id.0, answer).await
}

async fn step(ctx: &Context, member: &Member, id: TicketId, step: TicketStep) -> Result<HttpResponse, Problem> {
    match ctx.app.step_ticket(None, id, member.user.id, step).await? {
        Some(TicketStepped::Done(summary)) => json(HttpResponse::Ok(), &AdminTicketObject::from(&summary)),
        Some(TicketStepped::Full) => Err(Problem::new(ErrorCode::TicketFull)),
        Some(TicketStepped::NoSuchOperator) => {
            let bad = ("not_found", "Give the id of somebody who runs the platform.".into());
            Err(Problem::invalid(vec![Invalid::new("assignee", bad)]))
        }
        None => Err(not_found()),
    }
}

/// The id of a user, or nobody.
fn assignee(value: Value) -> Result<Option<UserId>, Bad> {
    parsed("invalid_user", "Give the id of a user (usr_…), or nobody.", |text| match text {
        "nobody" => Some(None),
        id => UserId::parse(id).ok().map(Some),
    })(value)
}
