use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{MessageCanceled, MessageQuery, MessageSent, MessageView, SendMessage, TemplateRef};
use whatotp_domain::{AccountScope, Asked, DeliveryId, DeliveryStatus, MessageTtl, Scope, TemplateId, Variables};
use whatotp_ports::Claim;

use super::otp::channel_unavailable;
use super::otp_bodies::DeliveryBody;
use super::paging::Paging;
use super::refusals::not_admitted;
use super::waiting::{wait_for_change, wait_seconds};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::{self as f, Bad};
use crate::http::{Answer, Body, Caller, Fields, Id, Invalid, Problem, Reply, json, once};

/// A template message that is to be sent.
#[derive(ToSchema)]
#[schema(example = json!({"phone_number": "+14155550123", "template_id": "order_update",
    "variables": {"first_name": "Ada", "order_id": "A-1001"}}))]
#[expect(
    dead_code,
    reason = "the shape for the OpenAPI document; the request is read field by field, to name every error"
)]
pub(crate) struct SendMessageRequest {
    /// The number, in E.164 with its `+`.
    #[schema(max_length = 64, format = "phone-number", example = "+14155550123")]
    phone_number: String,
    /// A template's id or name.
    #[schema(min_length = 1, max_length = 512, example = "order_update")]
    template_id: String,
    /// A value (string or number) for each of the template's placeholders, no more and no fewer.
    #[schema(value_type = Option<BTreeMap<String, Value>>)]
    variables: Option<BTreeMap<String, String>>,
    /// Past this the message is dropped, never sent late. In seconds.
    #[schema(minimum = 30, maximum = 86400, default = 300)]
    expires_in_seconds: Option<u32>,
    /// The language, as a BCP 47 tag.
    #[schema(pattern = "^[A-Za-z]{2,3}([-_][A-Za-z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?$", example = "en")]
    locale: Option<String>,
    /// Up to 10 pairs (key ≤ 40, value ≤ 256 characters) that come back with every answer.
    metadata: Option<BTreeMap<String, String>>,
}

fn read(body: &[u8], scope: AccountScope, asked: Asked) -> Result<impl FnOnce(Option<Claim>) -> SendMessage, Problem> {
    let mut fields = Fields::of_json(body)?;
    let to = fields.required("phone_number", f::phone_number);
    let template = fields.required("template_id", template_ref);
    let variables = fields.optional("variables", variables);
    let ttl = fields.optional("expires_in_seconds", f::integer(MessageTtl::MIN_SECONDS, MessageTtl::MAX_SECONDS));
    let locale = fields.optional("locale", f::locale);
    let metadata = fields.optional("metadata", f::metadata);
    let (to, template) = fields.finish(to.zip(template))?;
    Ok(move |claim| SendMessage {
        scope,
        to,
        template,
        variables: variables.unwrap_or_default(),
        locale,
        ttl: ttl.and_then(MessageTtl::from_seconds).unwrap_or(MessageTtl::DEFAULT),
        metadata: metadata.unwrap_or_default(),
        asked,
        claim,
    })
}

pub(super) fn template_ref(value: Value) -> Result<TemplateRef, Bad> {
    f::parsed("invalid_template", "Name a template by its id or its name.", |text| {
        (1..=512).contains(&text.chars().count()).then(|| match TemplateId::parse(text) {
            Ok(id) => TemplateRef::Id(id),
            Err(_) => TemplateRef::Name(text.to_owned()),
        })
    })(value)
}

fn variables(value: Value) -> Result<Variables, Bad> {
    let Value::Object(pairs) = value else {
        return Err(("invalid_type", "This must be an object of strings or numbers.".into()));
    };
    let pairs = pairs.into_iter().map(|(name, value)| match value {
        Value::String(value) => Ok((name, value)),
        Value::Number(value) => Ok((name, value.to_string())),
        _ => Err(("invalid_type", "Every value must be a string or a number.".into())),
    });
    let pairs = pairs.collect::<Result<Vec<_>, Bad>>()?;
    Variables::new(pairs).map_err(|error| ("invalid_variables", f::sentence(&error)))
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageBody {
    /// Its id.
    #[schema(example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    message_id: String,
    /// Where it stands; the same as `delivery.status`.
    #[schema(pattern = "^(queued|unknown|accepted|sent|canceled|expired|failed|delivered|read)$", example = "queued")]
    status: &'static str,
    /// Its template.
    #[schema(example = "tpl_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    template_id: String,
    /// The number, masked.
    #[schema(example = "+1******0123")]
    phone_number: String,
    /// `live` or `test`, as the key.
    #[schema(pattern = "^(live|test)$", example = "test")]
    mode: &'static str,
    /// When it was stored.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    queued_at: String,
    /// When it is dropped if it is not sent by then.
    #[schema(format = DateTime, example = "2026-11-23T10:05:00.000Z")]
    expires_at: String,
    /// Its way.
    delivery: DeliveryBody,
    /// What you attached.
    metadata: BTreeMap<String, String>,
}

impl From<&MessageView> for MessageBody {
    fn from(view: &MessageView) -> Self {
        let record = &view.record;
        Self {
            message_id: record.id.to_string(),
            status: record.delivery.status().as_str(),
            template_id: view.template.to_string(),
            phone_number: view.to.to_string(),
            mode: record.scope.mode.as_str(),
            queued_at: record.created_at.to_string(),
            expires_at: record.expires_at.to_string(),
            delivery: DeliveryBody::new(&record.delivery, record.sender.as_ref()),
            metadata: view.metadata.pairs().clone(),
        }
    }
}

/// A page of messages.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageList {
    /// Newest first.
    data: Vec<MessageBody>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// Send a message
///
/// Stores a template message and sends it in the background. 202 means durable: it survives a crash, and ends
/// `delivered` or `read`, `failed`, `expired` or `canceled`, never lost.
#[utoipa::path(post, path = "/v1/messages/send", operation_id = "message_send", tag = "Messages",
    request_body(content = SendMessageRequest, description = "Whom to send what."),
    responses((status = 202, description = "The message is stored, and will be sent.", body = MessageBody)))]
pub(crate) async fn send(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::MessagesSend)?;
    let command = read(&body.0, scope, caller.asked(&request))?;
    let route = ("POST /v1/messages/send", StatusCode::ACCEPTED);
    once(&ctx.app, scope, route, (&request, &body.0), async |claim| {
        match ctx.app.send_message(command(claim)).await? {
            MessageSent::Queued(view) => message(StatusCode::ACCEPTED, &view),
            MessageSent::NotAdmitted(refused) => Err(not_admitted(&refused, ctx.app.ports().clock.now())),
            MessageSent::TemplateNotFound => Err(Problem::new(ErrorCode::TemplateNotFound)),
            MessageSent::ForCodesOnly => Err(Problem::invalid(vec![Invalid::new(
                "template_id",
                ("invalid_template", "This template carries codes: send those with POST /v1/otp/send.".into()),
            )])),
            MessageSent::Mismatch(mismatch) => Err(Problem::new(ErrorCode::TemplateVariablesMismatch)
                .with("missing", mismatch.missing)
                .with("unexpected", mismatch.unexpected)),
            MessageSent::ChannelUnavailable => Err(channel_unavailable()),
            MessageSent::Replay(prior) => Ok(Reply::Earlier(prior)),
        }
    })
    .await
}

/// Get a message
///
/// The message and its way. With `wait_seconds` the answer waits until something changes.
#[utoipa::path(get, path = "/v1/messages/{message_id}", operation_id = "message_status", tag = "Messages",
    params(
        ("message_id" = String, Path, description = "The message.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("wait_seconds" = Option<u32>, Query, minimum = 1, maximum = 25,
            description = "Answer when something changes, or after so many seconds."),
    ),
    responses((status = 200, description = "The message.", body = MessageBody)))]
pub(crate) async fn status(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<DeliveryId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    let wait = wait_seconds(&request)?;
    let watch = ctx.app.watch_message(scope, id.0).await?;
    let mut watch = watch.ok_or_else(|| Problem::new(ErrorCode::MessageNotFound))?;
    if let Some(wait) = wait {
        wait_for_change(&ctx, &mut watch, wait, MessageView::is_settled).await?;
    }
    json(HttpResponse::Ok(), &MessageBody::from(watch.seen()))
}

/// List messages
///
/// Newest first. Every filter may be left out.
#[utoipa::path(get, path = "/v1/messages", operation_id = "message_list", tag = "Messages",
    params(
        ("status" = Option<String>, Query, pattern = "^(queued|unknown|accepted|sent|canceled|expired|failed|delivered|read)$",
            description = "Only messages that stand here.", example = "delivered"),
        ("template_id" = Option<String>, Query, min_length = 1, max_length = 512, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$", description = "Only messages of this template, by id or name."),
        ("phone_number" = Option<String>, Query, format = "phone-number", description = "Only messages to this number, in E.164."),
        ("created_after" = Option<String>, Query, format = DateTime, description = "Only messages made at this time or later (RFC 3339)."),
        ("cursor" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of messages.", body = MessageList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    caller: Caller,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::Read)?;
    let mut query = Fields::of_query(request.query_string())?;
    let status = f::parsed("invalid_status", "Use one of the delivery statuses.", DeliveryStatus::parse);
    let paging = Paging::take(&mut query, DeliveryId::parse);
    let wanted = MessageQuery {
        status: query.optional("status", status),
        template: query.optional("template_id", template_ref),
        number: query.optional("phone_number", f::phone_number),
        created_after: query.optional("created_after", f::moment),
        before: paging.before,
        limit: paging.rows(),
    };
    query.finish(Some(()))?;
    let views = ctx.app.list_messages(scope, wanted).await?;
    let (views, next) = paging.cut(views, |view| view.record.id.to_string());
    json(HttpResponse::Ok(), &MessageList { data: views.iter().map(MessageBody::from).collect(), next_cursor: next })
}

/// Cancel a message
///
/// Stops a message that is still queued.
#[utoipa::path(post, path = "/v1/messages/{message_id}/cancel", operation_id = "message_cancel", tag = "Messages",
    params(("message_id" = String, Path, description = "The message.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The message, canceled.", body = MessageBody)))]
pub(crate) async fn cancel(
    ctx: web::Data<Context>,
    caller: Caller,
    id: Id<DeliveryId>,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let scope = caller.may(Scope::MessagesSend)?;
    body.nothing()?;
    let route = format!("POST /v1/messages/{}/cancel", id.0);
    once(&ctx.app, scope, (&route, StatusCode::OK), (&request, &body.0), async |claim| {
        match ctx.app.cancel_message(scope, id.0, claim).await? {
            MessageCanceled::Canceled(view) => message(StatusCode::OK, &view),
            MessageCanceled::NotFound => Err(Problem::new(ErrorCode::MessageNotFound)),
            MessageCanceled::TooLate(status) => Err(Problem::new(ErrorCode::NotCancelable).detail(format!(
                "Only a queued message can be canceled: this one is {status}, or being sent right now."
            ))),
            MessageCanceled::Replay(prior) => Ok(Reply::Earlier(prior)),
        }
    })
    .await
}

fn message(status: StatusCode, view: &MessageView) -> Result<Reply, Problem> {
    Answer::new(status, &MessageBody::from(view)).map(Reply::Fresh)
}
