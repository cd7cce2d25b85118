//! What changes senders, and which account uses which.

use std::borrow::Cow;

use actix_web::{HttpResponse, web};
use secrecy::SecretString;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{FixedSender, NewSender, SenderChange};
use whatotp_domain::{AccountId, AuditAction, SenderId, WabaId};
use whatotp_ports::Endpoint;

use super::audit;
use super::senders::SenderObject;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::Bad;
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};
use crate::routes::console::keys::{bad_field, texts};
use crate::routes::console::template_changes::is_template_name;
use crate::settings::is_safe;

/// A number that is to send.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct SenderRequest {
    /// Meta's id of the phone number: digits, not the number itself.
    #[schema(pattern = "^[0-9]+$", max_length = 32, example = "106540352242922")]
    phone_number_id: String,
    /// Meta's id of the business account that the number belongs to.
    #[schema(pattern = "^[0-9]+$", max_length = 32, example = "102290129340398")]
    waba_id: String,
    /// The token of a system user, which is sealed and never shown again.
    #[schema(max_length = 4096, pattern = "^[!-~]+$", format = "password")]
    access_token: String,
    /// What to call it.
    #[schema(max_length = 100, example = "main")]
    name: Option<String>,
    /// The authentication template that codes go out in; the setting `whatsapp.otp_template` if left out.
    #[schema(pattern = "^[a-z0-9_]{1,512}$", example = "verification_code")]
    otp_template: Option<String>,
    /// Where it is reached; the setting `whatsapp.base_url` if left out.
    #[schema(max_length = 500, format = "uri", example = "https://graph.facebook.com")]
    base_url: Option<String>,
    /// Whether every account without senders of its own uses it; `true` if left out.
    shared: Option<bool>,
}

/// Add a sender
///
/// Live keys send from it within five seconds, with the templates of its business account, which are read now. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/senders", operation_id = "admin_sender_add", tag = "Admin",
    request_body = SenderRequest,
    responses((status = 201, description = "The sender.", body = SenderObject)))]
pub(crate) async fn add(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let digits = "Write the id that Meta shows: digits, not the number itself.";
    let id = fields.required("phone_number_id", f::parsed("invalid_id", digits, SenderId::parse));
    let waba = fields.required("waba_id", f::parsed("invalid_id", digits, WabaId::parse));
    let token = fields.required("access_token", token);
    let name = fields.optional("name", name);
    let otp_template = fields.optional("otp_template", template);
    let base_url = fields.optional("base_url", base_url);
    let shared = fields.optional("shared", f::boolean);
    let ((id, waba), access_token) = fields.finish(id.zip(waba).zip(token))?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    match ctx.app.changeable_sender(&id).await? {
        Err(FixedSender::Unknown) => {}
        Err(FixedSender::Configured) => return Err(fixed(FixedSender::Configured)),
        Ok(_) => return Err(bad_field("phone_number_id", "sender_exists", "This sender is there: change it instead.")),
    }
    let endpoint = ctx.endpoint.clone();
    let new = NewSender {
        id: id.clone(),
        waba,
        name: name.unwrap_or_default(),
        endpoint: Endpoint { base_url: base_url.unwrap_or(endpoint.base_url), ..endpoint },
        access_token,
        otp_template: otp_template.unwrap_or_else(|| ctx.otp_template.clone()),
        shared: shared.unwrap_or(true),
    };
    ctx.app.put_sender(new).await?;
    audit(&ctx, &member, AuditAction::SenderAdded, (None, id.to_string()), String::new()).await?;
    ctx.app.sync_templates().await?;
    let added = ctx.app.changeable_sender(&id).await?.map_err(fixed)?;
    json(HttpResponse::Created(), &SenderObject::from(added))
}

/// What is to change of a sender; what is left out stays.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct ChangeSenderRequest {
    /// A new token of a system user.
    #[schema(max_length = 4096, pattern = "^[!-~]+$", format = "password")]
    access_token: Option<String>,
    /// What to call it.
    #[schema(max_length = 100, example = "main")]
    name: Option<String>,
    /// The authentication template that codes go out in.
    #[schema(pattern = "^[a-z0-9_]{1,512}$", example = "verification_code")]
    otp_template: Option<String>,
    /// Where it is reached.
    #[schema(max_length = 500, format = "uri", example = "https://graph.facebook.com")]
    base_url: Option<String>,
    /// Whether every account without senders of its own uses it.
    shared: Option<bool>,
}

/// Change a sender
///
/// Replaces its access token, or what else is given. Every process notices within five seconds; what is on its way goes on
/// with what was. For operators of the platform.
#[utoipa::path(patch, path = "/api/v1/admin/senders/{sender_id}", operation_id = "admin_sender_change", tag = "Admin",
    request_body = ChangeSenderRequest,
    params(("sender_id" = String, Path, description = "The sender.", example = "106540352242922")),
    responses((status = 200, description = "What it is now.", body = SenderObject)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<SenderId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let change = SenderChange {
        access_token: fields.optional("access_token", token),
        name: fields.optional("name", name),
        otp_template: fields.optional("otp_template", template),
        base_url: fields.optional("base_url", base_url),
        shared: fields.optional("shared", f::boolean),
    };
    fields.finish(Some(()))?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let changed: Vec<&str> = [
        ("access token", change.access_token.is_some()),
        ("name", change.name.is_some()),
        ("template", change.otp_template.is_some()),
        ("address", change.base_url.is_some()),
        ("sharing", change.shared.is_some()),
    ]
    .into_iter()
    .filter_map(|(what, is_given)| is_given.then_some(what))
    .collect();
    let sender = ctx.app.change_sender(&id.0, change).await?.map_err(fixed)?;
    audit(&ctx, &member, AuditAction::SenderChanged, (None, id.0.to_string()), changed.join(", ")).await?;
    json(HttpResponse::Ok(), &SenderObject::from(sender))
}

/// Remove a sender
///
/// Forgets it and its access token, and takes it from the accounts that use it; one that is left without senders of its own
/// uses the shared ones. A sender that comes from the configuration is removed there. For operators of the platform.
#[utoipa::path(delete, path = "/api/v1/admin/senders/{sender_id}", operation_id = "admin_sender_remove", tag = "Admin",
    params(("sender_id" = String, Path, description = "The sender.", example = "106540352242922")),
    responses((status = 204, description = "It is forgotten.")))]
pub(crate) async fn remove(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<SenderId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    ctx.app.remove_sender(&id.0).await?.map_err(fixed)?;
    audit(&ctx, &member, AuditAction::SenderRemoved, (None, id.0.to_string()), String::new()).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The senders that an account is to use.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AccountSendersRequest {
    /// Their ids, first choice first; none for the senders that everybody shares.
    #[schema(example = json!(["106540352242922"]))]
    senders: Vec<String>,
}

/// The senders of its own that an account uses.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountSenders {
    /// Their ids, first choice first; empty when it uses those that everybody shares.
    #[schema(example = json!(["106540352242922"]))]
    senders: Vec<String>,
}

/// Say which senders an account uses
///
/// In place of those that it used. It takes a few seconds to be noticed everywhere. For operators of the platform.
#[utoipa::path(put, path = "/api/v1/admin/accounts/{account_id}/senders", operation_id = "admin_account_senders",
    tag = "Admin", request_body = AccountSendersRequest,
    params(("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "What it uses now.", body = AccountSenders)))]
pub(crate) async fn assign(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<AccountId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let wanted = fields.required("senders", sender_ids);
    let wanted = fields.finish(wanted)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    super::accounts::find(&ctx, id.0).await?;
    let senders: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    if !ctx.app.route(id.0, wanted).await? {
        return Err(bad_field("senders", "unknown_sender", "One of these senders does not exist."));
    }
    audit(&ctx, &member, AuditAction::AccountSendersChanged, (Some(id.0), id.0.to_string()), senders.join(", "))
        .await?;
    json(HttpResponse::Ok(), &AccountSenders { senders })
}

fn sender_ids(value: Value) -> Result<Vec<SenderId>, Bad> {
    let mut ids = Vec::new();
    for text in texts(value)? {
        let id = SenderId::parse(&text).ok_or(("invalid_sender", "Write the phone number IDs, digits only.".into()))?;
        if ids.contains(&id) {
            return Err(("duplicate_sender", "Name each sender once.".into()));
        }
        ids.push(id);
    }
    Ok(ids)
}

fn fixed(why: FixedSender) -> Problem {
    match why {
        FixedSender::Unknown => Problem::new(ErrorCode::SenderNotFound),
        FixedSender::Configured => bad_field("sender_id", "configured_sender", f::sentence(&why)),
    }
}

fn token(value: Value) -> Result<SecretString, Bad> {
    let text = f::text(value)?;
    let fits = (1..=4096).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.into()) } else { Err(("invalid_token", "Paste the whole token, without spaces.".into())) }
}

fn name(value: Value) -> Result<String, Bad> {
    let text = f::text(value)?;
    let fits = text.chars().count() <= 100 && !text.contains(char::is_control);
    if fits { Ok(text) } else { Err(("invalid_name", "Use at most 100 characters in one line.".into())) }
}

fn template(value: Value) -> Result<String, Bad> {
    let text = f::text(value)?;
    if is_template_name(&text) { Ok(text) } else { Err(("invalid_name", "Use a to z, 0 to 9 and _.".into())) }
}

fn base_url(value: Value) -> Result<String, Bad> {
    let text = f::text(value)?;
    let fits = text.len() <= 500 && text.bytes().all(|byte| byte.is_ascii_graphic()) && is_safe(&text);
    let rule: Cow<'static, str> = "Begin with https://; plain http is for a server on this machine only.".into();
    if fits { Ok(text.trim_end_matches('/').to_owned()) } else { Err(("invalid_url", rule)) }
}
