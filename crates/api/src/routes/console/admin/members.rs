//! The members of any account: who lets the first owner in, and helps those who are locked out.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_domain::{AccountId, Actor, LinkKind, Role, User, UserId};

use super::accounts::find;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::boolean;
use crate::http::{Body, Fields, Id, Member, Problem, json};
use crate::routes::console::auth_bodies::{UserBody, email};
use crate::routes::console::invitations::{InvitationBody, not_invited};
use crate::routes::console::members::{MemberList, changed, members_of, role};

/// List the members of an account
///
/// Everybody who can log in to it. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/accounts/{account_id}/members", operation_id = "admin_member_list",
    tag = "Admin",
    params(
        ("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("cursor" = Option<String>, Query, pattern = "^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of members.", body = MemberList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    account: Id<AccountId>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let account = find(&ctx, account.0).await?;
    json(HttpResponse::Ok(), &members_of(&ctx, account.id, &request).await?)
}

/// Somebody who is to be invited into an account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AdminInvitationRequest {
    /// What they will log in by.
    #[schema(max_length = 254, example = "grace@example.org")]
    email: String,
    /// As what.
    #[schema(pattern = "^(owner|admin|developer|support|viewer)$", default = "owner")]
    role: Option<String>,
}

/// Invite somebody into an account
///
/// Makes a link that works once, for seven days: the first owner comes in by one. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/accounts/{account_id}/invitations", operation_id = "admin_member_invite",
    tag = "Admin", request_body = AdminInvitationRequest,
    params(("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 201, description = "The invitation, with its link.", body = InvitationBody)))]
pub(crate) async fn invite(
    ctx: web::Data<Context>,
    member: Member,
    account: Id<AccountId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let (email, role) = (fields.required("email", email), fields.optional("role", role));
    let email = fields.finish(email)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let account = find(&ctx, account.0).await?;
    let invited = ctx.app.invite_into(account.id, member.user.id, &email, role.unwrap_or(Role::Owner)).await?;
    json(HttpResponse::Created(), &InvitationBody::with_link(&ctx, &invited.map_err(not_invited)?))
}

/// What is to change about a member of any account.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AdminMemberRequest {
    /// Whether they cannot log in. Their sessions end.
    #[schema(example = true)]
    disabled: bool,
}

/// Change a member of an account
///
/// Keeps them from logging in, or lets them in again. The last owner who can log in stays. For operators of the platform.
#[utoipa::path(patch, path = "/api/v1/admin/accounts/{account_id}/members/{member_id}",
    operation_id = "admin_member_change", tag = "Admin", request_body = AdminMemberRequest,
    params(
        ("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("member_id" = String, Path, description = "The member.", example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb"),
    ),
    responses((status = 200, description = "The member as they are now.", body = UserBody)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    ids: web::Path<(String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let disabled = fields.required("disabled", boolean);
    let disabled = fields.finish(disabled)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let found = find_member(&ctx, &ids).await?;
    changed(ctx.app.set_disabled(found, disabled, Actor::User(member.user.id)).await?)?;
    json(HttpResponse::Ok(), &UserBody::from(&find_member(&ctx, &ids).await?))
}

/// The way to a new password.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResetLink {
    /// Whose.
    #[schema(example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    member_id: String,
    /// The link, in this answer and never again. Nothing is sent: hand it over by a way you trust.
    #[schema(example = "https://otp.example.org/console/reset#token=clt_…")]
    link: String,
}

/// Make a link for a new password
///
/// It works once, for an hour, and links made before are dead. A second factor stays. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/accounts/{account_id}/members/{member_id}/reset",
    operation_id = "admin_member_reset", tag = "Admin",
    params(
        ("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb"),
        ("member_id" = String, Path, description = "The member.", example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb"),
    ),
    responses((status = 201, description = "The link.", body = ResetLink)))]
pub(crate) async fn reset(
    ctx: web::Data<Context>,
    member: Member,
    ids: web::Path<(String, String)>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let found = find_member(&ctx, &ids).await?;
    let token = ctx.app.reset_link(&found, Actor::User(member.user.id)).await?;
    let link = ctx.console.link(LinkKind::Reset, &token);
    json(HttpResponse::Created(), &ResetLink { member_id: found.id.to_string(), link })
}

/// The member of this account. Ids that are none are nobody's.
async fn find_member(ctx: &Context, ids: &(String, String)) -> Result<User, Problem> {
    let nobody = || Problem::new(ErrorCode::MemberNotFound);
    let account = AccountId::parse(&ids.0).map_err(|_malformed| nobody())?;
    let id = UserId::parse(&ids.1).map_err(|_malformed| nobody())?;
    ctx.app.find_user(id).await?.filter(|user| user.account == account).ok_or_else(nobody)
}
