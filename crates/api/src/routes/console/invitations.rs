use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::NotInvited;
use whatotp_domain::{Invitation, LinkId, LinkKind, Permission};
use whatotp_vault::LinkToken;

use super::auth_bodies::email;
use super::members::{owners_only, role};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Body, Fields, Id, Member, Problem, json};
use crate::routes::paging::Paging;

/// Somebody who was asked to become a member.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationBody {
    /// Its id.
    #[schema(example = "lnk_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// Who was asked.
    #[schema(example = "grace@example.org")]
    email: String,
    /// As what.
    #[schema(pattern = "^(owner|admin|developer|support|viewer)$", example = "developer")]
    role: &'static str,
    /// By whom.
    #[schema(example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    invited_by: String,
    /// When.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// Until when the link can be used.
    #[schema(format = DateTime, example = "2026-11-30T10:00:00.000Z")]
    expires_at: String,
    /// The link, in the answer that makes it and never again. Nothing is sent: hand it over by a way you trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://otp.example.org/console/join#token=clt_…")]
    link: Option<String>,
}

impl InvitationBody {
    fn new(invitation: &Invitation, link: Option<String>) -> Self {
        Self {
            id: invitation.id.to_string(),
            email: invitation.email.as_str().to_owned(),
            role: invitation.role.as_str(),
            invited_by: invitation.invited_by.to_string(),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
            link,
        }
    }

    pub(super) fn with_link(ctx: &Context, (invitation, token): &(Invitation, LinkToken)) -> Self {
        Self::new(invitation, Some(ctx.console.link(LinkKind::Invitation, token)))
    }
}

/// A page of invitations.
#[derive(Serialize, ToSchema)]
pub(crate) struct InvitationList {
    /// Newest first.
    data: Vec<InvitationBody>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List the invitations
///
/// Those that nobody has accepted yet.
#[utoipa::path(get, path = "/api/v1/invitations", operation_id = "invitation_list", tag = "Console",
    params(
        ("cursor" = Option<String>, Query, pattern = "^lnk_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of invitations.", body = InvitationList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ManageMembers)?;
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, LinkId::parse);
    query.finish(Some(()))?;
    let mut invitations = ctx.app.list_invitations(account).await?;
    invitations.retain(|invitation| paging.before.is_none_or(|before| invitation.id < before));
    let (invitations, next_cursor) = paging.cut(invitations, |invitation| invitation.id.to_string());
    let data = invitations.iter().map(|invitation| InvitationBody::new(invitation, None)).collect();
    json(HttpResponse::Ok(), &InvitationList { data, next_cursor })
}

/// Somebody who is to be invited.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct InvitationRequest {
    /// What they will log in by.
    #[schema(max_length = 254, example = "grace@example.org")]
    email: String,
    /// As what.
    #[schema(pattern = "^(owner|admin|developer|support|viewer)$", example = "developer")]
    role: String,
}

/// Invite somebody
///
/// Makes a link that works once, for seven days. Only an owner invites an owner.
#[utoipa::path(post, path = "/api/v1/invitations", operation_id = "invitation_create", tag = "Console",
    request_body = InvitationRequest,
    responses((status = 201, description = "The invitation, with its link.", body = InvitationBody)))]
pub(crate) async fn invite(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.may(Permission::ManageMembers)?;
    let mut fields = Fields::of_json(&body.0)?;
    let (email, role) = (fields.required("email", email), fields.required("role", role));
    let (email, role) = fields.finish(email.zip(role))?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let made = ctx.app.invite(&member.user, &email, role).await?.map_err(not_invited)?;
    json(HttpResponse::Created(), &InvitationBody::with_link(&ctx, &made))
}

pub(super) fn not_invited(why: NotInvited) -> Problem {
    match why {
        NotInvited::OwnersOnly => owners_only(),
        NotInvited::TooMany => Problem::new(ErrorCode::TooManyInvitations),
    }
}

/// Make a new link for an invitation
///
/// The one before is dead; the seven days begin anew.
#[utoipa::path(post, path = "/api/v1/invitations/{invitation_id}/resend", operation_id = "invitation_resend",
    tag = "Console",
    params(("invitation_id" = String, Path, description = "The invitation.", example = "lnk_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The invitation, with its new link.", body = InvitationBody)))]
pub(crate) async fn resend(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<LinkId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.may(Permission::ManageMembers)?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let renewed = ctx.app.renew_invitation(&member.user, id.0).await?;
    let renewed = renewed.ok_or_else(|| Problem::new(ErrorCode::InvitationNotFound))?;
    json(HttpResponse::Ok(), &InvitationBody::with_link(&ctx, &renewed))
}

/// Take an invitation back
///
/// Its link is dead.
#[utoipa::path(delete, path = "/api/v1/invitations/{invitation_id}", operation_id = "invitation_withdraw", tag = "Console",
    params(("invitation_id" = String, Path, description = "The invitation.", example = "lnk_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "It is taken back.")))]
pub(crate) async fn withdraw(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<LinkId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.may(Permission::ManageMembers)?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    if ctx.app.withdraw_invitation(&member.user, id.0).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::new(ErrorCode::InvitationNotFound))
}
