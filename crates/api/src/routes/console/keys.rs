use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::NewKey;
use whatotp_domain::{
    AccountId, ApiKey, ApiKeyId, ApiKeySecret, AuditAction, IpNet, Mode, Permission, Scope, ScopeSet, Timestamp,
};

use super::audit::audit;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::Bad;
use crate::http::{Body, Fields, Id, Invalid, Member, Problem, fields as f, json};
use crate::routes::paging::Paging;

/// How long the old key goes on working, unless told otherwise.
const OVERLAP: u32 = 86_400;
/// A month: who needs longer has two keys.
const OVERLAP_MAX: u32 = 2_678_400;
const NAME_MAX: usize = 100;
const NETS_MAX: usize = 50;

/// An API key.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyObject {
    /// Its id.
    #[schema(example = "key_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// What it is called.
    #[schema(example = "production")]
    name: String,
    /// What it reaches.
    #[schema(pattern = "^(live|test)$", example = "live")]
    mode: &'static str,
    /// What it looks like: its beginning and its end.
    #[schema(example = "sk_live_wa1_…9f3C")]
    hint: String,
    /// What it may do.
    #[schema(example = json!(["otp:send", "otp:verify"]))]
    scopes: Vec<&'static str>,
    /// From where it may be used; from anywhere when empty.
    #[schema(example = json!(["198.51.100.0/24"]))]
    allowed_ips: Vec<String>,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// When it stops working by itself.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
    /// When it was revoked.
    #[schema(required = true, format = DateTime)]
    revoked_at: Option<String>,
    /// When it last let somebody in, to about a minute.
    #[schema(required = true, format = DateTime)]
    last_used_at: Option<String>,
    /// The key, in the answer that makes it and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sk_live_wa1_…")]
    key: Option<String>,
    /// When the key that it takes the place of ends, in the answer that makes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    previous_key_ends_at: Option<String>,
}

impl From<&ApiKey> for KeyObject {
    fn from(key: &ApiKey) -> Self {
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        Self {
            id: key.id.to_string(),
            name: key.name.clone(),
            mode: key.scope.mode.as_str(),
            hint: key.hint.clone(),
            scopes: key.scopes.iter().map(Scope::as_str).collect(),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            created_at: key.created_at.to_string(),
            expires_at: text(key.expires_at),
            revoked_at: text(key.revoked_at),
            last_used_at: text(key.last_used_at),
            key: None,
            previous_key_ends_at: None,
        }
    }
}

impl KeyObject {
    fn shown_once(key: &ApiKey, secret: &ApiKeySecret, previous_ends_at: Option<Timestamp>) -> Self {
        Self {
            key: Some(secret.expose().to_owned()),
            previous_key_ends_at: previous_ends_at.map(|at| at.to_string()),
            ..Self::from(key)
        }
    }
}

/// A page of keys.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyList {
    /// Newest first.
    data: Vec<KeyObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List the API keys
///
/// Those of the account, in both modes, revoked and expired ones included.
#[utoipa::path(get, path = "/api/v1/keys", operation_id = "key_list", tag = "Console",
    params(
        ("cursor" = Option<String>, Query, pattern = "^key_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of keys.", body = KeyList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewKeys)?;
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, ApiKeyId::parse);
    query.finish(Some(()))?;
    let mut keys = ctx.app.list_keys(Some(account)).await?;
    keys.retain(|key| paging.before.is_none_or(|before| key.id < before));
    let (keys, next_cursor) = paging.cut(keys, |key| key.id.to_string());
    json(HttpResponse::Ok(), &KeyList { data: keys.iter().map(KeyObject::from).collect(), next_cursor })
}

/// A key that is to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct KeyRequest {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, example = "production")]
    name: String,
    /// What it reaches.
    #[schema(pattern = "^(live|test)$", example = "live")]
    mode: String,
    /// What it may do: any of `otp:send`, `otp:verify`, `messages:send` and `read`; all of it if left out.
    #[schema(example = json!(["otp:send", "otp:verify"]))]
    scopes: Option<Vec<String>>,
    /// From where it may be used, as addresses or networks in CIDR; from anywhere if left out.
    #[schema(example = json!(["198.51.100.0/24"]))]
    allowed_ips: Option<Vec<String>>,
    /// When it stops working by itself.
    #[schema(format = DateTime, example = "2027-11-23T10:00:00Z")]
    expires_at: Option<String>,
}

/// Make an API key
///
/// The key is in the answer, and nowhere else: it is stored as a hash.
#[utoipa::path(post, path = "/api/v1/keys", operation_id = "key_create", tag = "Console",
    request_body = KeyRequest,
    responses((status = 201, description = "The key, shown once.", body = KeyObject)))]
pub(crate) async fn create(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageKeys)?;
    let now = ctx.app.ports().clock.now();
    let mut fields = Fields::of_json(&body.0)?;
    let name = fields.required("name", name);
    let mode = fields.required("mode", f::parsed("invalid_mode", "Use live or test.", Mode::parse));
    let scopes = fields.optional("scopes", scopes);
    let allowed_ips = fields.optional("allowed_ips", nets);
    let expires_at = fields.optional("expires_at", |value| match f::moment(value)? {
        moment if moment > now => Ok(moment),
        _ => Err(("out_of_range", "This must be in the future.".into())),
    });
    let (name, mode) = fields.finish(name.zip(mode))?;
    member.is_fresh(now)?;
    let scopes = scopes.unwrap_or_else(ScopeSet::all);
    let new = NewKey { account, mode, name, scopes, allowed_ips: allowed_ips.unwrap_or_default(), expires_at };
    let created = ctx.app.create_key(new).await?;
    let (key, secret) = created.ok_or_else(|| Problem::new(ErrorCode::InternalError))?;
    let detail = format!("{mode}, {}", key.scopes);
    audit(&ctx, &member, AuditAction::KeyCreated, (Some(account), key.id.to_string()), detail).await?;
    json(HttpResponse::Created(), &KeyObject::shown_once(&key, &secret, None))
}

/// How a key is to be rotated.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct RotateRequest {
    /// How long the old key goes on working. In seconds.
    #[schema(minimum = 0, maximum = 2_678_400, default = 86400)]
    overlap_seconds: Option<u32>,
}

/// Rotate an API key
///
/// Makes a key like this one, which goes on working for a while: time to hand out the new one.
#[utoipa::path(post, path = "/api/v1/keys/{key_id}/rotate", operation_id = "key_rotate", tag = "Console",
    request_body = RotateRequest,
    params(("key_id" = String, Path, description = "The key.", example = "key_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 201, description = "The new key, shown once.", body = KeyObject)))]
pub(crate) async fn rotate(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<ApiKeyId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageKeys)?;
    let overlap = if body.0.is_empty() {
        None
    } else {
        let mut fields = Fields::of_json(&body.0)?;
        let overlap = fields.optional("overlap_seconds", f::integer(0, OVERLAP_MAX));
        fields.finish(Some(overlap))?
    };
    member.is_fresh(ctx.app.ports().clock.now())?;
    is_theirs(&ctx, account, id.0).await?;
    let overlap = Duration::from_secs(overlap.unwrap_or(OVERLAP).into());
    let rotated = ctx.app.rotate_key(id.0, overlap).await?;
    let (key, secret, ends_at) = rotated.ok_or_else(|| Problem::new(ErrorCode::KeyNotFound))?;
    audit(
        &ctx,
        &member,
        AuditAction::KeyRotated,
        (Some(account), id.0.to_string()),
        format!("its successor is {}", key.id),
    )
    .await?;
    json(HttpResponse::Created(), &KeyObject::shown_once(&key, &secret, Some(ends_at)))
}

/// Revoke an API key
///
/// It stops working at once, for good.
#[utoipa::path(delete, path = "/api/v1/keys/{key_id}", operation_id = "key_revoke", tag = "Console",
    params(("key_id" = String, Path, description = "The key.", example = "key_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "It is revoked.")))]
pub(crate) async fn revoke(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<ApiKeyId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageKeys)?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    is_theirs(&ctx, account, id.0).await?;
    ctx.app.revoke_key(id.0).await?;
    audit(&ctx, &member, AuditAction::KeyRevoked, (Some(account), id.0.to_string()), String::new()).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn is_theirs(ctx: &Context, account: AccountId, id: ApiKeyId) -> Result<(), Problem> {
    let keys = ctx.app.list_keys(Some(account)).await?;
    let found = keys.iter().any(|key| key.id == id && key.scope.account == account);
    if found { Ok(()) } else { Err(Problem::new(ErrorCode::KeyNotFound)) }
}

/// A name that people know something by.
pub(super) fn name(value: Value) -> Result<String, Bad> {
    let name = f::text(value)?.trim().to_owned();
    if (1..=NAME_MAX).contains(&name.chars().count()) {
        return Ok(name);
    }
    Err(("invalid_name", format!("Use 1 to {NAME_MAX} characters.").into()))
}

fn scopes(value: Value) -> Result<ScopeSet, Bad> {
    let bad = || ("invalid_scope", "Use otp:send, otp:verify, messages:send or read, at least one.".into());
    let scopes: Option<Vec<Scope>> = texts(value)?.iter().map(|text| Scope::parse(text)).collect();
    scopes.filter(|scopes| !scopes.is_empty()).map(ScopeSet::new).ok_or_else(bad)
}

fn nets(value: Value) -> Result<Vec<IpNet>, Bad> {
    let net = |text: &String| {
        text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)))
    };
    let nets: Option<Vec<IpNet>> = texts(value)?.iter().map(net).collect();
    nets.filter(|nets| nets.len() <= NETS_MAX)
        .ok_or(("invalid_ip", "Write addresses or networks such as 198.51.100.0/24, at most 50.".into()))
}

/// A list of strings; a form sends them separated by spaces, commas or line breaks.
pub(super) fn texts(value: Value) -> Result<Vec<String>, Bad> {
    match value {
        Value::Array(values) => values.into_iter().map(f::text).collect(),
        Value::String(text) => {
            let words = text.split(|character: char| character.is_whitespace() || character == ',');
            Ok(words.filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect())
        }
        _ => Err(("invalid_type", "This must be a list of strings.".into())),
    }
}

/// A bad field that only the store knows to be bad.
pub(super) fn bad_field(
    field: &str,
    code: &'static str,
    message: impl Into<std::borrow::Cow<'static, str>>,
) -> Problem {
    Problem::invalid(vec![Invalid::new(field, (code, message.into()))])
}
