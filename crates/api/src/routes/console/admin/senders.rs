use actix_web::{HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_domain::{AuditAction, DeliveryError, SenderId};
use whatotp_ports::{SendOutcome, SenderHealth, SenderRecord};

use super::audit;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};
use crate::routes::console::delivery_bodies::ErrorObject;

/// A number that messages are sent from.
#[derive(Serialize, ToSchema)]
pub(crate) struct SenderObject {
    /// Meta's id of the phone number.
    #[schema(example = "106540352242922")]
    id: String,
    /// The business account it belongs to.
    #[schema(example = "102290129340398")]
    waba_id: String,
    /// What the operator calls it.
    #[schema(example = "main")]
    name: String,
    /// What recipients think of it.
    #[schema(pattern = "^(red|yellow|unknown|green)$", example = "green")]
    quality: &'static str,
    /// The authentication template that codes go out in.
    #[schema(example = "verification_code")]
    otp_template: String,
    /// Where it is reached.
    #[schema(example = "https://graph.facebook.com")]
    base_url: String,
    /// Whether accounts without senders of their own use it.
    shared: bool,
    /// Whether it comes from the configuration, and is changed only there.
    configured: bool,
    /// The accounts that use it instead of the shared ones.
    accounts: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
}

impl From<SenderRecord> for SenderObject {
    fn from(record: SenderRecord) -> Self {
        Self {
            id: record.id.to_string(),
            waba_id: record.waba.to_string(),
            name: record.name,
            quality: record.quality.as_str(),
            otp_template: record.otp_template,
            base_url: record.endpoint.base_url,
            shared: record.shared,
            configured: record.configured,
            accounts: Vec::new(),
            created_at: record.created_at.to_string(),
        }
    }
}

/// Every sender.
#[derive(Serialize, ToSchema)]
pub(crate) struct SenderList {
    /// Oldest first.
    data: Vec<SenderObject>,
}

/// List the senders
///
/// Every number that messages are sent from, with its quality. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/senders", operation_id = "admin_sender_list", tag = "Admin",
    responses((status = 200, description = "The senders.", body = SenderList)))]
pub(crate) async fn list(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let (senders, routes) = (ctx.app.list_senders().await?, ctx.app.list_routes().await?);
    let object = |record: SenderRecord| {
        let uses = routes.iter().filter(|(_, senders)| senders.contains(&record.id));
        let accounts = uses.map(|(account, _)| account.to_string()).collect();
        SenderObject { accounts, ..SenderObject::from(record) }
    };
    json(HttpResponse::Ok(), &SenderList { data: senders.into_iter().map(object).collect() })
}

/// How a sender does, in Meta's words.
#[derive(Serialize, ToSchema)]
pub(crate) struct SenderHealthObject {
    /// The number as people see it.
    #[schema(example = "+1 555-078-3881")]
    display_phone_number: String,
    /// The name that recipients see.
    #[schema(example = "Example Inc.")]
    verified_name: String,
    /// What recipients think of it.
    #[schema(pattern = "^(red|yellow|unknown|green)$", example = "green")]
    quality: &'static str,
    /// Whether it is connected.
    #[schema(required = true, example = "CONNECTED")]
    status: Option<String>,
    /// How many people may be written to in 24 hours, by all numbers of the business together.
    #[schema(required = true, example = "TIER_2K")]
    messaging_limit: Option<String>,
    /// How many messages a second it takes: `STANDARD` 80, `HIGH` 1 000.
    #[schema(required = true, example = "STANDARD")]
    throughput: Option<String>,
}

impl From<SenderHealth> for SenderHealthObject {
    fn from(health: SenderHealth) -> Self {
        Self {
            display_phone_number: health.display_phone_number,
            verified_name: health.verified_name,
            quality: health.quality.as_str(),
            status: health.status,
            messaging_limit: health.messaging_limit,
            throughput: health.throughput,
        }
    }
}

/// Ask how a sender does
///
/// Asks Meta now. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/senders/{sender_id}/health", operation_id = "admin_sender_health", tag = "Admin",
    params(("sender_id" = String, Path, description = "The sender.", example = "106540352242922")),
    responses((status = 200, description = "What Meta says.", body = SenderHealthObject)))]
pub(crate) async fn health(ctx: web::Data<Context>, member: Member, id: Id<SenderId>) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let health = ctx.app.sender_health(&id.0).await?.ok_or_else(|| Problem::new(ErrorCode::SenderNotFound))?;
    let health = health
        .map_err(|error| Problem::new(ErrorCode::ChannelUnavailable).detail(f::sentence(&error)).retry_after(30))?;
    json(HttpResponse::Ok(), &SenderHealthObject::from(health))
}

/// Where a test message is to go.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct TestRequest {
    /// Your own number, in E.164.
    #[schema(format = "phone-number", example = "+14155550123")]
    to: String,
}

/// What came of a test message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Tested {
    /// What WhatsApp made of it.
    #[schema(pattern = "^(accepted|refused|retry|unavailable|invalid|unknown)$", example = "accepted")]
    outcome: &'static str,
    /// What it said, when it did not take it.
    #[schema(required = true)]
    error: Option<ErrorObject>,
}

impl From<&SendOutcome> for Tested {
    fn from(outcome: &SendOutcome) -> Self {
        let (outcome, error): (_, Option<&DeliveryError>) = match outcome {
            SendOutcome::Accepted { .. } => ("accepted", None),
            SendOutcome::Refused(error) => ("refused", Some(error)),
            SendOutcome::Retry { error, .. } => ("retry", Some(error)),
            SendOutcome::Unavailable { error, .. } => ("unavailable", Some(error)),
            SendOutcome::Invalid(error) => ("invalid", Some(error)),
            SendOutcome::Unknown { error, .. } => ("unknown", Some(error)),
        };
        Self { outcome, error: error.map(ErrorObject::from) }
    }
}

/// Send a test message
///
/// Sends a code that opens nothing from this sender, once, and tells what WhatsApp says. It is charged as any other. For
/// operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/senders/{sender_id}/test", operation_id = "admin_sender_test", tag = "Admin",
    request_body = TestRequest,
    params(("sender_id" = String, Path, description = "The sender.", example = "106540352242922")),
    responses((status = 200, description = "What came of it.", body = Tested)))]
pub(crate) async fn test(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<SenderId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let to = fields.required("to", f::phone_number);
    let to = fields.finish(to)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let detail = format!("to {to}");
    let outcome = ctx.app.test_sender(member.user.account, &id.0, to).await?;
    let outcome = outcome.ok_or_else(|| Problem::new(ErrorCode::SenderNotFound))?;
    audit(&ctx, &member, AuditAction::SenderTested, (None, id.0.to_string()), detail).await?;
    json(HttpResponse::Ok(), &Tested::from(&outcome))
}
