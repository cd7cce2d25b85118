use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{InboxItem, InboxQuery};
use whatotp_domain::{AccountId, DeliveryId, DeliveryStatus, Locale, Mode, Scope, SessionId};
use whatotp_ports::{Content, DeliveryKind};
use whatotp_whatsapp::inbox_text;

use super::paging::Paging;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Caller, Fields, Problem, fields as f, json};

/// A message as the recipient's phone would show it.
#[derive(Serialize, ToSchema)]
pub(crate) struct InboxMessage {
    /// The delivery's id.
    #[schema(example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// The number, in full: it is yours, and nothing was sent to it.
    #[schema(example = "+14155550123")]
    to: String,
    /// The session, if it carries a code.
    #[schema(required = true, example = "otp_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    session_id: Option<String>,
    /// The message, if it is one of `POST /v1/messages/send`.
    #[schema(required = true, example = json!(null))]
    message_id: Option<String>,
    /// What it says.
    #[schema(example = "*123456* is your verification code. For your security, do not share this code.")]
    text: String,
    /// The code, if it carries one.
    #[schema(required = true, example = "123456")]
    code: Option<String>,
    /// Where it stands.
    #[schema(example = "delivered")]
    status: &'static str,
    /// When it was handed over.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    at: String,
}

impl InboxMessage {
    fn new(item: &InboxItem, default_locale: &Locale) -> Self {
        let record = &item.record;
        let way = &record.delivery;
        let at = way.reached_at(DeliveryStatus::Accepted).or(way.reached_at(DeliveryStatus::Unknown));
        let (session_id, message_id) = match record.kind {
            DeliveryKind::Otp(session) => (Some(session.to_string()), None),
            DeliveryKind::Message(_) => (None, Some(record.id.to_string())),
        };
        let code = match &item.content {
            Content::Code { code, .. } => Some(code.expose().to_owned()),
            Content::Template { .. } => None,
        };
        Self {
            id: record.id.to_string(),
            to: item.to.as_e164().to_owned(),
            session_id,
            message_id,
            text: inbox_text(&item.content, default_locale),
            code,
            status: way.status().as_str(),
            at: at.unwrap_or(record.created_at).to_string(),
        }
    }
}

/// A page of the inbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct Inbox {
    /// Newest first.
    data: Vec<InboxMessage>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Read the sandbox inbox
///
/// What test keys have sent, with the codes, so that an automated test can complete the round trip. Test keys only.
#[utoipa::path(get, path = "/v1/sandbox/messages", operation_id = "sandbox_inbox", tag = "Sandbox",
    params(
        ("to" = Option<String>, Query, format = "phone-number", description = "Only messages to this number, in E.164."),
        ("session_id" = Option<String>, Query, pattern = "^otp_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Only messages of this session."),
        ("message_id" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "Only this message."),
        ("cursor" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of the inbox.", body = Inbox)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    if scope.mode != Mode::Test {
        let detail = "Use a test key (sk_test_…): live messages go to phones and have no inbox.";
        return Err(Problem::new(ErrorCode::InsufficientScope).detail(detail));
    }
    inbox(&ctx, scope.account, &request).await
}

/// Reads the inbox of an account, whoever asks.
pub(in crate::routes) async fn inbox(
    ctx: &Context,
    account: AccountId,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let mut query = Fields::of_query(request.query_string())?;
    let session = f::parsed("invalid_id", "Use a session's id (otp_…).", |text| SessionId::parse(text).ok());
    let message = f::parsed("invalid_id", "Use a message's id (msg_…).", |text| DeliveryId::parse(text).ok());
    let paging = Paging::take(&mut query, DeliveryId::parse);
    let wanted = InboxQuery {
        to: query.optional("to", f::phone_number),
        session: query.optional("session_id", session),
        message: query.optional("message_id", message),
        before: paging.before,
        limit: paging.rows(),
    };
    query.finish(Some(()))?;
    let items = ctx.app.sandbox_inbox(account, wanted).await?;
    let (items, next_cursor) = paging.cut(items, |item| item.record.id.to_string());
    let default_locale = &ctx.app.policy().default_locale;
    let data = items.iter().map(|item| InboxMessage::new(item, default_locale)).collect();
    json(HttpResponse::Ok(), &Inbox { data, next_cursor })
}
