use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{DeadLetterView, Replayed};
use whatotp_domain::{AuditAction, DeliveryId};
use whatotp_ports::DeliveryKind;

use super::audit;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, json};
use crate::routes::console::delivery_bodies::{DeliveryObject, ErrorObject};
use crate::routes::otp::{channel_unavailable, unreachable};
use crate::routes::paging::Paging;
use crate::routes::refusals::not_admitted;

/// A delivery that was given up.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterObject {
    /// Its id.
    #[schema(example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Whose it is.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: String,
    /// `live` or `test`.
    #[schema(pattern = "^(live|test)$", example = "live")]
    mode: &'static str,
    /// What it carries.
    #[schema(pattern = "^(code|message)$", example = "message")]
    kind: &'static str,
    /// The session whose code it carries.
    #[schema(required = true)]
    session_id: Option<String>,
    /// The template that it is.
    #[schema(required = true)]
    template_id: Option<String>,
    /// The number, masked; `null` when it cannot be opened any more.
    #[schema(required = true, example = "+1******0123")]
    to: Option<String>,
    /// Where the number belongs.
    #[schema(required = true, example = "US")]
    country: Option<String>,
    /// Where it ended.
    #[schema(pattern = "^(failed|expired)$", example = "failed")]
    status: &'static str,
    /// Why.
    #[schema(required = true)]
    error: Option<ErrorObject>,
    /// Who had it last.
    #[schema(required = true)]
    sender_id: Option<String>,
    /// How often it was tried.
    attempts: u32,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// When its time was over.
    #[schema(format = DateTime, example = "2026-11-23T10:05:00.000Z")]
    expires_at: String,
}

impl From<&DeadLetterView> for DeadLetterObject {
    fn from(view: &DeadLetterView) -> Self {
        let letter = &view.letter;
        let (kind, session_id, template_id) = match letter.kind {
            DeliveryKind::Otp(session) => ("code", Some(session.to_string()), None),
            DeliveryKind::Message(template) => ("message", None, Some(template.to_string())),
        };
        Self {
            id: letter.id.to_string(),
            account_id: letter.scope.account.to_string(),
            mode: letter.scope.mode.as_str(),
            kind,
            session_id,
            template_id,
            to: view.to.as_ref().map(ToString::to_string),
            country: letter.country.map(|country| country.to_string()),
            status: letter.status.as_str(),
            error: letter.error.as_ref().map(ErrorObject::from),
            sender_id: letter.sender.as_ref().map(ToString::to_string),
            attempts: letter.attempts,
            created_at: letter.created_at.to_string(),
            expires_at: letter.expires_at.to_string(),
        }
    }
}

/// A page of dead letters.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterList {
    /// Newest first.
    data: Vec<DeadLetterObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List the dead letters
///
/// What was given up of live messages, of every account, until somebody has seen to it. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/dead-letters", operation_id = "dead_letter_list", tag = "Admin",
    params(
        ("cursor" = Option<String>, Query, pattern = "^msg_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of dead letters.", body = DeadLetterList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, DeliveryId::parse);
    query.finish(Some(()))?;
    let views = ctx.app.dead_letters(paging.before, paging.rows()).await?;
    let (views, next_cursor) = paging.cut(views, |view| view.letter.id.to_string());
    json(HttpResponse::Ok(), &DeadLetterList { data: views.iter().map(DeadLetterObject::from).collect(), next_cursor })
}

/// A dead letter, with all that is known of its delivery.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterDetail {
    /// Whose it is.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: String,
    /// The delivery, as its account sees it.
    delivery: DeliveryObject,
}

/// Get a dead letter
///
/// Its way, its attempts, why it was given up and what to do about that. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/dead-letters/{delivery_id}", operation_id = "dead_letter_get", tag = "Admin",
    params(("delivery_id" = String, Path, description = "The dead letter.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The dead letter.", body = DeadLetterDetail)))]
pub(crate) async fn get(
    ctx: web::Data<Context>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let gone = || Problem::new(ErrorCode::DeadLetterNotFound);
    let id = DeliveryId::parse(&id).map_err(|_malformed| gone())?;
    let letter = ctx.app.dead_letter(id).await?.ok_or_else(gone)?;
    let delivery = ctx.app.delivery(letter.scope, id).await?.ok_or_else(gone)?;
    let account_id = letter.scope.account.to_string();
    json(HttpResponse::Ok(), &DeadLetterDetail { account_id, delivery: DeliveryObject::from(&delivery) })
}

/// What took a dead letter's place.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReplayedObject {
    /// The new delivery; `null` for a code, whose session knows it.
    #[schema(required = true, example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    delivery_id: Option<String>,
}

/// Replay a dead letter
///
/// A message is sent once more as a new one; a code only while its session is pending. The limits are the usual ones. For
/// operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/dead-letters/{delivery_id}/replay", operation_id = "dead_letter_replay",
    tag = "Admin",
    params(("delivery_id" = String, Path, description = "The dead letter.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 202, description = "It is on its way again.", body = ReplayedObject)))]
pub(crate) async fn replay(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<DeliveryId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    body.nothing()?;
    let letter = ctx.app.dead_letter(id.0).await?.ok_or_else(|| Problem::new(ErrorCode::DeadLetterNotFound))?;
    let not_replayable = |why: String| Problem::new(ErrorCode::NotReplayable).detail(why);
    let delivery = match ctx.app.replay_dead_letter(id.0).await? {
        Replayed::Sent(delivery) => delivery,
        Replayed::NotFound => return Err(Problem::new(ErrorCode::DeadLetterNotFound)),
        Replayed::SessionOver(status) => {
            return Err(not_replayable(format!(
                "Nobody could use the code any more: its session is {status}. Discard it."
            )));
        }
        Replayed::Suspended => {
            return Err(not_replayable(
                "Its account is suspended. Lift the suspension first, or discard it.".to_owned(),
            ));
        }
        Replayed::ValuesGone => {
            let why = "What goes into its template was wiped a day after its end. Have the account send it anew.";
            return Err(not_replayable(why.to_owned()));
        }
        Replayed::TemplateGone => {
            return Err(not_replayable("Its template is not there any more. Discard it.".to_owned()));
        }
        Replayed::TooMany => {
            let why = "The number has received too many messages, or one just now. Try again in a few minutes.";
            return Err(not_replayable(why.to_owned()));
        }
        Replayed::NotAdmitted(refused) => return Err(not_admitted(&refused, ctx.app.ports().clock.now())),
        Replayed::Unreachable(error) => return Err(unreachable(&error)),
        Replayed::ChannelUnavailable => return Err(channel_unavailable()),
    };
    let detail = delivery.map(|delivery| format!("as {delivery}")).unwrap_or_default();
    let subject = (Some(letter.scope.account), id.0.to_string());
    audit(&ctx, &member, AuditAction::DeadLetterReplayed, subject, detail).await?;
    json(HttpResponse::Accepted(), &ReplayedObject { delivery_id: delivery.map(|id| id.to_string()) })
}

/// Discard a dead letter
///
/// It is seen to. It stays in the log of its account. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/dead-letters/{delivery_id}/discard", operation_id = "dead_letter_discard",
    tag = "Admin",
    params(("delivery_id" = String, Path, description = "The dead letter.", example = "msg_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "It is discarded.")))]
pub(crate) async fn discard(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<DeliveryId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    body.nothing()?;
    let gone = || Problem::new(ErrorCode::DeadLetterNotFound);
    let letter = ctx.app.dead_letter(id.0).await?.ok_or_else(gone)?;
    if !ctx.app.discard_dead_letter(letter.scope, id.0).await? {
        return Err(gone());
    }
    let subject = (Some(letter.scope.account), id.0.to_string());
    audit(&ctx, &member, AuditAction::DeadLetterDiscarded, subject, String::new()).await?;
    Ok(HttpResponse::NoContent().finish())
}
