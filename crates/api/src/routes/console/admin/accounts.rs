use std::collections::BTreeSet;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_domain::{AccountId, AuditAction, Country, LinkKind, Role};
use whatotp_ports::{Account, AccountRules};

use super::audit;
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::fields::Bad;
use crate::http::{Body, Fields, Id, Member, Problem, fields as f, json};
use crate::routes::console::auth_bodies::email;
use crate::routes::console::invitations::not_invited;
use crate::routes::console::keys::{name, texts};
use crate::routes::paging::Paging;

/// An account of the installation.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountObject {
    /// Its id.
    #[schema(example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// What it is called.
    #[schema(example = "Example Inc.")]
    name: String,
    /// When it was made.
    #[schema(format = DateTime, example = "2026-11-23T10:00:00.000Z")]
    created_at: String,
    /// Whether its keys may do nothing but read.
    suspended: bool,
    /// The countries that it may write to; all when empty.
    #[schema(example = json!(["DE", "AT"]))]
    countries_allowed: Vec<String>,
    /// The countries that it may not write to.
    #[schema(example = json!([]))]
    countries_denied: Vec<String>,
    /// How many live messages it may send in a day; `null` for no end.
    #[schema(required = true, example = 10000)]
    per_day: Option<u32>,
    /// How many it may send in a month; `null` for no end.
    #[schema(required = true, example = json!(null))]
    per_month: Option<u32>,
    /// The link by which its owner joins, in the answer that makes it and never again. Nothing is sent: hand it over by a
    /// way you trust.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "https://otp.example.org/console/join#token=clt_…")]
    owner_link: Option<String>,
}

impl AccountObject {
    fn new(account: &Account, rules: &AccountRules) -> Self {
        let codes = |countries: &BTreeSet<Country>| countries.iter().map(Country::to_string).collect();
        Self {
            id: account.id.to_string(),
            name: account.name.clone(),
            created_at: account.created_at.to_string(),
            suspended: rules.suspended,
            countries_allowed: codes(&rules.countries.allowed),
            countries_denied: codes(&rules.countries.denied),
            per_day: rules.quota.per_day,
            per_month: rules.quota.per_month,
            owner_link: None,
        }
    }
}

/// A page of accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    /// Newest first.
    data: Vec<AccountObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List the accounts
///
/// Every account of the installation, with what it may do. For operators of the platform.
#[utoipa::path(get, path = "/api/v1/admin/accounts", operation_id = "admin_account_list", tag = "Admin",
    params(
        ("cursor" = Option<String>, Query, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of accounts.", body = AccountList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut query = Fields::of_query(request.query_string())?;
    let paging = Paging::take(&mut query, AccountId::parse);
    query.finish(Some(()))?;
    let mut accounts = ctx.app.list_accounts().await?;
    accounts.retain(|account| paging.before.is_none_or(|before| account.id < before));
    accounts.sort_by_key(|account| std::cmp::Reverse(account.id));
    let (accounts, next_cursor) = paging.cut(accounts, |account| account.id.to_string());
    let mut data = Vec::new();
    for account in &accounts {
        data.push(AccountObject::new(account, &rules_of(&ctx, account.id).await?));
    }
    json(HttpResponse::Ok(), &AccountList { data, next_cursor })
}

/// An account that is to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AccountRequest {
    /// What to call it.
    #[schema(min_length = 1, max_length = 100, example = "Example Inc.")]
    name: String,
    /// What its owner will log in by; nobody is invited if left out.
    #[schema(max_length = 254, example = "grace@example.org")]
    owner_email: Option<String>,
}

/// Make an account
///
/// With sample templates for its test keys, and a link by which its owner joins. For operators of the platform.
#[utoipa::path(post, path = "/api/v1/admin/accounts", operation_id = "admin_account_create", tag = "Admin",
    request_body = AccountRequest,
    responses((status = 201, description = "The account.", body = AccountObject)))]
pub(crate) async fn create(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let name = fields.required("name", name);
    let owner = fields.optional("owner_email", email);
    let name = fields.finish(name)?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let id = ctx.app.create_account(&name).await?;
    audit(&ctx, &member, AuditAction::AccountCreated, (Some(id), id.to_string()), String::new()).await?;
    let mut made = AccountObject::new(&find(&ctx, id).await?, &AccountRules::default());
    if let Some(owner) = owner {
        let invited = ctx.app.invite_into(id, member.user.id, &owner, Role::Owner).await?;
        let (_, token) = invited.map_err(not_invited)?;
        made.owner_link = Some(ctx.console.link(LinkKind::Invitation, &token));
    }
    json(HttpResponse::Created(), &made)
}

/// What is to change about an account. What is left out stays as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct AccountChange {
    /// Whether its keys may do nothing but read.
    suspended: Option<bool>,
    /// The countries that it may write to; all when empty.
    #[schema(example = json!(["DE", "AT"]))]
    countries_allowed: Option<Vec<String>>,
    /// The countries that it may not write to.
    countries_denied: Option<Vec<String>>,
    /// How many live messages it may send in a day; 0 for no end.
    #[schema(minimum = 0, example = 10000)]
    per_day: Option<u32>,
    /// How many it may send in a month; 0 for no end.
    #[schema(minimum = 0)]
    per_month: Option<u32>,
}

/// Change an account
///
/// Suspends it, or says how much it may send and where to. It takes a few seconds to be noticed everywhere. For operators
/// of the platform.
#[utoipa::path(patch, path = "/api/v1/admin/accounts/{account_id}", operation_id = "admin_account_change", tag = "Admin",
    request_body = AccountChange,
    params(("account_id" = String, Path, description = "The account.", example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")),
    responses((status = 200, description = "The account as it is now.", body = AccountObject)))]
pub(crate) async fn change(
    ctx: web::Data<Context>,
    member: Member,
    id: Id<AccountId>,
    body: Body,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut fields = Fields::of_json(&body.0)?;
    let suspended = fields.optional("suspended", f::boolean);
    let allowed = fields.optional("countries_allowed", countries);
    let denied = fields.optional("countries_denied", countries);
    let per_day = fields.optional("per_day", f::integer(0, u32::MAX));
    let per_month = fields.optional("per_month", f::integer(0, u32::MAX));
    fields.finish(Some(()))?;
    member.is_fresh(ctx.app.ports().clock.now())?;
    let account = find(&ctx, id.0).await?;
    let before = rules_of(&ctx, id.0).await?;
    let mut rules = before.clone();
    rules.suspended = suspended.unwrap_or(rules.suspended);
    rules.countries.allowed = allowed.unwrap_or(rules.countries.allowed);
    rules.countries.denied = denied.unwrap_or(rules.countries.denied);
    let limit = |new: Option<u32>, old: Option<u32>| new.map_or(old, |new| Some(new).filter(|new| *new > 0));
    rules.quota.per_day = limit(per_day, rules.quota.per_day);
    rules.quota.per_month = limit(per_month, rules.quota.per_month);
    if !ctx.app.set_rules(id.0, rules.clone()).await? {
        return Err(Problem::new(ErrorCode::AccountNotFound));
    }
    let subject = || (Some(id.0), id.0.to_string());
    if rules.suspended != before.suspended {
        let action = if rules.suspended { AuditAction::AccountSuspended } else { AuditAction::AccountResumed };
        audit(&ctx, &member, action, subject(), String::new()).await?;
    }
    if (&rules.countries, rules.quota) != (&before.countries, before.quota) {
        audit(&ctx, &member, AuditAction::AccountRulesChanged, subject(), rules.to_string()).await?;
    }
    json(HttpResponse::Ok(), &AccountObject::new(&account, &rules))
}

pub(super) async fn find(ctx: &Context, id: AccountId) -> Result<Account, Problem> {
    let accounts = ctx.app.list_accounts().await?;
    accounts.into_iter().find(|account| account.id == id).ok_or_else(|| Problem::new(ErrorCode::AccountNotFound))
}

async fn rules_of(ctx: &Context, id: AccountId) -> Result<AccountRules, Problem> {
    let rules = ctx.app.list_rules().await?;
    Ok(rules.into_iter().find(|(account, _)| *account == id).map(|(_, rules)| rules).unwrap_or_default())
}

fn countries(value: Value) -> Result<BTreeSet<Country>, Bad> {
    let countries: Option<BTreeSet<Country>> = texts(value)?.iter().map(|code| Country::parse(code)).collect();
    countries.ok_or(("invalid_country", "Use two-letter country codes.".into()))
}
