use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_domain::CannedReplyId;
use whatotp_ports::CannedReply;

use super::ticket_bodies::{paragraphs, subject};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, json};

/// An answer to have ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct CannedReplyObject {
    /// Its id.
    #[schema(example = "rpl_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// What it is found by.
    #[schema(example = "Which number?")]
    title: String,
    /// What it says.
    #[schema(example = "Please tell us the last four digits of the number.")]
    body: String,
    /// When it was written.
    #[schema(format = "date-time", example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
}

impl From<&CannedReply> for CannedReplyObject {
    fn from(reply: &CannedReply) -> Self {
        Self {
            id: reply.id.to_string(),
            title: reply.title.clone(),
            body: reply.body.clone(),
            created_at: reply.created_at.to_string(),
        }
    }
}

/// All answers to have ready.
#[derive(Serialize, ToSchema)]
pub(crate) struct CannedReplyList {
    /// Newest first.
    data: Vec<CannedReplyObject>,
    /// There is one page: always `null`.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List canned replies
///
/// The answers that the people of the platform keep ready.
#[utoipa::path(get, path = "/api/v1/admin/canned-replies", operation_id = "canned_reply_list", tag = "Console",
    responses((status = 200, description = "All of them.", body = CannedReplyList)))]
pub(crate) async fn list(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let replies = ctx.app.canned_replies().await?;
    let data = replies.iter().map(CannedReplyObject::from).collect();
    json(HttpResponse::Ok(), &CannedReplyList { data, next_cursor: None })
}

/// An answer that is to be kept ready.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct CannedReplyRequest {
    /// What it is found by, on one line.
    #[schema(min_length = 1, max_length = 200, example = "Which number?")]
    title: String,
    /// Plain text of several lines.
    #[schema(min_length = 1, max_length = 10000, example = "Please tell us the last four digits of the number.")]
    body: String,
}

/// Add a canned reply
///
/// Keeps an answer ready for every account's tickets.
#[utoipa::path(post, path = "/api/v1/admin/canned-replies", operation_id = "canned_reply_add", tag = "Console",
    request_body = CannedReplyRequest,
    responses((status = 201, description = "The reply.", body = CannedReplyObject)))]
pub(crate) async fn add(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let (title, body) = (fields.required("title", subject), fields.required("body", paragraphs));
    let (title, body) = fields.finish(title.zip(body))?;
    let reply = ctx.app.add_canned_reply(member.user.id, title, body).await?;
    json(HttpResponse::Created(), &CannedReplyObject::from(&reply))
}

/// Delete a canned reply
///
/// Answers that were written with it stay as they are.
#[utoipa::path(delete, path = "/api/v1/admin/canned-replies/{canned_reply_id}", operation_id = "canned_reply_delete",
    tag = "Console",
    params(("canned_reply_id" = String, Path, description = "The reply.",
        example = "rpl_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "It is gone.")))]
pub(crate) async fn delete(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<CannedReplyId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    member.operates()?;
    if ctx.app.delete_canned_reply(member.user.id, id.0).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::new(ErrorCode::CannedReplyNotFound))
}
