use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::Blocked;
use whatotp_domain::{AccountId, AuditAction, Country, PhoneNumber};
use whatotp_ports::{Block, BlockKey, BlockKind};

use super::accounts::find;
use super::audit;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::{Bad, text};
use crate::http::{Body, Fields, Member, Problem, fields as f, json};
use crate::routes::console::keys::bad_field;

/// A year: who needs longer leaves it open.
const LONGEST_SECONDS: u32 = 31_536_000;
const REASON_MAX: usize = 200;

/// Numbers that get no message.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockObject {
    /// For which account; `null` for all.
    #[schema(required = true, example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: Option<String>,
    /// What `key` is.
    #[schema(pattern = "^(prefix|number|country)$", example = "prefix")]
    kind: &'static str,
    /// The beginning of numbers, a keyed hash of one, or a country.
    #[schema(example = "+4915112")]
    key: String,
    /// Until when; `null` for no end.
    #[schema(required = true, format = DateTime)]
    until: Option<String>,
    /// Whether it holds now.
    in_force: bool,
    /// Why.
    reason: String,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
}

/// Every block.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockList {
    /// Newest first, those that have ended lately included.
    data: Vec<BlockObject>,
}

/// List the blocks
///
/// What operators and the protection against pumping have blocked. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/blocks", operation_id = "admin_block_list", tag = "Admin",
    responses((status = 200, description = "The blocks.", body = BlockList)))]
pub(crate) async fn list(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let now = ctx.app.ports().clock.now();
    let object = |block: Block| BlockObject {
        account_id: block.key.account.map(|account| account.to_string()),
        kind: block.key.kind.as_str(),
        in_force: block.is_in_force(now),
        key: block.key.key,
        until: block.until.map(|until| until.to_string()),
        reason: block.reason,
        created_at: block.created_at.to_string(),
    };
    json(HttpResponse::Ok(), &BlockList { data: ctx.app.list_blocks().await?.into_iter().map(object).collect() })
}

/// What is to be blocked.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct BlockRequest {
    /// For which account; for all if left out.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: Option<String>,
    /// What `key` is.
    #[schema(pattern = "^(prefix|number|country)$", example = "prefix")]
    kind: String,
    /// The beginning of numbers (`+4915112`), a number in E.164, or a country (`DE`).
    #[schema(max_length = 64, example = "+4915112")]
    key: String,
    /// For how long; until somebody lifts it if left out. In seconds.
    #[schema(minimum = 1, maximum = 31_536_000)]
    seconds: Option<u32>,
    /// Why, for the next operator.
    #[schema(min_length = 1, max_length = 200, example = "pumped, see ticket 12")]
    reason: String,
}

/// Block numbers
///
/// They get no code and no message, of one account or of all. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/blocks", operation_id = "admin_block_add", tag = "Admin",
    request_body = BlockRequest,
    responses((status = 204, description = "They are blocked.")))]
pub(crate) async fn add(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let account = fields.optional("account_id", account);
    let kind = fields.required("kind", kind);
    let key = fields.required("key", text);
    let seconds = fields.optional("seconds", f::integer(1, LONGEST_SECONDS));
    let reason = fields.required("reason", reason);
    let ((kind, key), reason) = fields.finish(kind.zip(key).zip(reason))?;
    if let Some(account) = account {
        find(&ctx, account).await?;
    }
    let what = blocked(kind, &key)?;
    let lasts = seconds.map(|seconds| Duration::from_secs(seconds.into()));
    ctx.app.block(account, &what, lasts, reason.clone()).await?;
    audit(&ctx, &member, AuditAction::BlockAdded, (account, what.to_string()), reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What is to be lifted.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct LiftRequest {
    /// For which account; for all if left out.
    account_id: Option<String>,
    /// What `key` is.
    #[schema(pattern = "^(prefix|number|country)$", example = "prefix")]
    kind: String,
    /// As the list has it; or the number itself.
    #[schema(max_length = 64, example = "+4915112")]
    key: String,
}

/// Lift a block
///
/// The numbers get messages again. For operators of the platform.
#[utoipa::path(delete, path = "/api/v1/admin/blocks", operation_id = "admin_block_lift", tag = "Admin",
    request_body = LiftRequest,
    responses((status = 204, description = "It is lifted.")))]
pub(crate) async fn lift(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let account = fields.optional("account_id", account);
    let (kind, key) = (fields.required("kind", kind), fields.required("key", text));
    let (kind, key) = fields.finish(kind.zip(key))?;
    let (lifted, name) = if kind == BlockKind::Number && !key.starts_with('+') {
        let name = format!("number {}", key.chars().take(12).collect::<String>());
        (ctx.app.lift_block(BlockKey { account, kind, key }).await?, name)
    } else {
        let what = blocked(kind, &key)?;
        (ctx.app.lift(account, &what).await?, what.to_string())
    };
    if !lifted {
        return Err(Problem::new(ErrorCode::BlockNotFound));
    }
    audit(&ctx, &member, AuditAction::BlockLifted, (account, name), String::new()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn blocked(kind: BlockKind, key: &str) -> Result<Blocked, Problem> {
    match kind {
        BlockKind::Prefix => is_prefix(key).then(|| Blocked::Prefix(key.to_owned())).ok_or_else(|| {
            bad_field(
                "key",
                "invalid_prefix",
                "Write the beginning of numbers, such as +4915112; a whole one is a number.",
            )
        }),
        BlockKind::Number => PhoneNumber::parse(key)
            .map(Blocked::Number)
            .map_err(|error| bad_field("key", "invalid_phone_number", f::sentence(&error))),
        BlockKind::Country => Country::parse(key)
            .map(Blocked::Country)
            .ok_or_else(|| bad_field("key", "invalid_country", "Use a two-letter country code.")),
    }
}

/// It is stored as it is written, so it must not be a whole number.
fn is_prefix(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let fits = (1..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits && PhoneNumber::parse(text).is_err()
}

fn kind(value: Value) -> Result<BlockKind, Bad> {
    f::parsed("invalid_kind", "Use prefix, number or country.", BlockKind::parse)(value)
}

fn account(value: Value) -> Result<AccountId, Bad> {
    f::parsed("invalid_id", "Use an account's id (acc_…).", |text| AccountId::parse(text).ok())(value)
}

fn reason(value: Value) -> Result<String, Bad> {
    let reason = text(value)?.trim().to_owned();
    if (1..=REASON_MAX).contains(&reason.chars().count()) {
        return Ok(reason);
    }
    Err(("invalid_reason", format!("Use 1 to {REASON_MAX} characters.").into()))
}
