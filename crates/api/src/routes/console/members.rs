use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_application::{ChangeMember, MemberChanged};
use whatotp_domain::{AccountId, Permission, Role, User, UserId};

use super::auth_bodies::UserBody;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::{Bad, boolean, parsed};
use crate::http::{Body, Fields, Id, Member, Problem, json};
use crate::routes::paging::Paging;

/// A page of members.
#[derive(Serialize, ToSchema)]
pub(crate) struct MemberList {
    /// Newest first.
    data: Vec<UserBody>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List the members
///
/// Everybody who can log in to this account.
#[utoipa::path(get, path = "/api/v1/members", operation_id = "member_list", tag = "Console",
    params(
        ("cursor" = Option<String>, Query, pattern = "^usr_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of members.", body = MemberList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewMembers)?;
    json(HttpResponse::Ok(), &members_of(&ctx, account, &request).await?)
}

/// A page of an account's members, newest first.
pub(super) async fn members_of(
    ctx: &Context,
    account: AccountId,
    request: &HttpRequest,
) -> Result<MemberList, Problem> {
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, UserId::parse);
    query.finish(Some(()))?;
    let mut members = ctx.app.list_users(Some(account)).await?;
    members.retain(|member| paging.before.is_none_or(|before| member.id < before));
    members.sort_by_key(|member| std::cmp::Reverse(member.id));
    let (members, next_cursor) = paging.cut(members, |member| member.id.to_string());
    Ok(MemberList { data: members.iter().map(UserBody::from).collect(), next_cursor })
}

/// What is to change about a member: one of the two.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct MemberRequest {
    /// What they are there to do.
    #[schema(pattern = "^(owner|admin|developer|support|viewer)$", example = "developer")]
    role: Option<String>,
    /// Whether they cannot log in. Their sessions end.
    #[schema(example = true)]
    disabled: Option<bool>,
}

/// Change a member
///
/// Gives them another role, keeps them from logging in, or lets them in again. Only an owner makes or changes an owner, and
/// the last owner stays one.
#[utoipa::path(patch, path = "/api/v1/members/{member_id}", operation_id = "member_change", tag = "Console",
    request_body = MemberRequest,
    params(("member_id" = String, Path, description = "The member.", example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The member as they are now.", body = UserBody)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<UserId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.may(Permission::ManageMembers)?;
    let mut fields = Fields::of_json(&body.0)?;
    let (to, disabled) = (fields.optional("role", role), fields.optional("disabled", boolean));
    fields.finish(Some(()))?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let changes = [to.map(ChangeMember::Role), disabled.map(ChangeMember::Disabled)];
    for change in changes.into_iter().flatten() {
        changed(ctx.app.change_member(&member.user, id.0, change).await?)?;
    }
    let found = ctx.app.find_user(id.0).await?.filter(|found| found.account == member.user.account);
    let found = found.ok_or_else(|| Problem::new(ErrorCode::MemberNotFound))?;
    json(HttpResponse::Ok(), &UserBody::from(&found))
}

/// Remove a member
///
/// Their sessions end. What they did stays in the audit log. The last owner stays.
#[utoipa::path(delete, path = "/api/v1/members/{member_id}", operation_id = "member_remove", tag = "Console",
    params(("member_id" = String, Path, description = "The member.", example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 204, description = "They are no member any more.")))]
pub(crate) async fn remove(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<UserId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.may(Permission::ManageMembers)?;
    body.nothing()?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    changed(ctx.app.change_member(&member.user, id.0, ChangeMember::Remove).await?)?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn changed(outcome: MemberChanged) -> Result<Box<User>, Problem> {
    match outcome {
        MemberChanged::Done(member) => Ok(member),
        MemberChanged::NotFound => Err(Problem::new(ErrorCode::MemberNotFound)),
        MemberChanged::LastOwner => Err(Problem::new(ErrorCode::LastOwner)),
        MemberChanged::OwnersOnly => Err(owners_only()),
    }
}

pub(super) fn owners_only() -> Problem {
    let detail = "Ask an owner of the account: only an owner makes, changes or removes an owner.";
    Problem::new(ErrorCode::PermissionDenied).detail(detail)
}

pub(super) fn role(value: Value) -> Result<Role, Bad> {
    parsed("invalid_role", "Use owner, admin, developer, support or viewer.", Role::parse)(value)
}
