//! What the people of the platform look after: accounts, senders, blocks, dead letters.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::DeadLetterView;
use whatotp_domain::{AccountId, Country, DeliveryError, DeliveryId, Mode, Role, SenderId, SenderQuality, User};
use whatotp_ports::{Account, AccountRules, Block, BlockKind, CannedReply, DeliveryKind};
use whatotp_whatsapp::cloud_api::errors;

use super::deliveries::{Step, facts, steps};
use super::frame::{Frame, Section};
use super::shown::{Moment, Status};
use super::{Asked, page};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/admin/accounts.html")]
struct Accounts {
    frame: Frame,
    rows: Vec<AccountRow>,
}

struct AccountRow {
    id: String,
    name: String,
    state: Status,
    per_day: String,
    per_month: String,
    countries: String,
    since: Moment,
}

pub(super) async fn accounts(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let rules = rules(&ctx).await?;
    let row = |account: &Account| {
        let rules = rules.get(&account.id).cloned().unwrap_or_default();
        AccountRow {
            id: account.id.to_string(),
            name: account.name.clone(),
            state: state(&rules),
            per_day: rules.quota.per_day.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string()),
            per_month: rules.quota.per_month.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string()),
            countries: countries(&rules),
            since: account.created_at.into(),
        }
    };
    let rows = ctx.app.list_accounts().await?.iter().map(row).collect();
    page(&Accounts { frame: Frame::new(&member, Section::Accounts, Mode::Live), rows })
}

fn state(rules: &AccountRules) -> Status {
    if rules.suspended { Status::bad("suspended") } else { Status::good("working") }
}

fn countries(rules: &AccountRules) -> String {
    match (rules.countries.allowed.is_empty(), rules.countries.denied.is_empty()) {
        (true, true) => "all".to_owned(),
        (false, true) => format!("only {}", codes(&rules.countries.allowed, ", ")),
        (true, false) => format!("all but {}", codes(&rules.countries.denied, ", ")),
        (false, false) => {
            format!("only {}, never {}", codes(&rules.countries.allowed, ", "), codes(&rules.countries.denied, ", "))
        }
    }
}

fn codes<'a>(countries: impl IntoIterator<Item = &'a Country>, between: &str) -> String {
    countries.into_iter().map(Country::as_str).collect::<Vec<_>>().join(between)
}

async fn rules(ctx: &Context) -> Result<HashMap<AccountId, AccountRules>, Problem> {
    Ok(ctx.app.list_rules().await?.into_iter().collect())
}

#[derive(Template)]
#[template(path = "console/admin/account.html")]
struct OneAccount {
    frame: Frame,
    id: String,
    name: String,
    state: Status,
    suspended: bool,
    per_day: String,
    per_month: String,
    allowed: String,
    denied: String,
    /// Its own, first choice first.
    senders: String,
    /// All there are, by id and name.
    known_senders: Vec<(String, String)>,
    members: Vec<MemberRow>,
    roles: Vec<&'static str>,
}

struct MemberRow {
    id: String,
    me: bool,
    name: String,
    email: String,
    role: &'static str,
    disabled: bool,
    second_factor: &'static str,
    last_login: Option<Moment>,
}

impl MemberRow {
    fn new(user: &User, member: &Member) -> Self {
        Self {
            id: user.id.to_string(),
            me: user.id == member.user.id,
            name: user.name.clone(),
            email: user.email.as_str().to_owned(),
            role: user.role.as_str(),
            disabled: user.is_disabled(),
            second_factor: if user.has_totp { "on" } else { "off" },
            last_login: user.last_login_at.map(Moment::from),
        }
    }
}

pub(super) async fn account(
    ctx: web::Data<Context>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let accounts = ctx.app.list_accounts().await?;
    let account = accounts.into_iter().find(|account| account.id.to_string() == *id);
    let account = account.ok_or_else(|| Problem::new(ErrorCode::AccountNotFound))?;
    let rules = rules(&ctx).await?.remove(&account.id).unwrap_or_default();
    let limit = |limit: Option<u32>| limit.map(|limit| limit.to_string()).unwrap_or_default();
    let users = ctx.app.list_users(Some(account.id)).await?;
    let routes = ctx.app.list_routes().await?;
    let own = routes.iter().find(|(one, _)| *one == account.id).map(|(_, senders)| senders.as_slice());
    let own: Vec<&str> = own.unwrap_or_default().iter().map(SenderId::as_str).collect();
    let known = ctx.app.list_senders().await?;
    page(&OneAccount {
        frame: Frame::new(&member, Section::Accounts, Mode::Live),
        id: account.id.to_string(),
        name: account.name,
        state: state(&rules),
        suspended: rules.suspended,
        per_day: limit(rules.quota.per_day),
        per_month: limit(rules.quota.per_month),
        allowed: codes(&rules.countries.allowed, " "),
        denied: codes(&rules.countries.denied, " "),
        senders: own.join(" "),
        known_senders: known.into_iter().map(|sender| (sender.id.to_string(), sender.name)).collect(),
        members: users.iter().map(|user| MemberRow::new(user, &member)).collect(),
        roles: Role::ALL.map(Role::as_str).to_vec(),
    })
}

#[derive(Template)]
#[template(path = "console/admin/senders.html")]
struct Senders {
    frame: Frame,
    rows: Vec<SenderRow>,
    otp_template: String,
}

struct SenderRow {
    id: String,
    name: String,
    waba: String,
    quality: Status,
    template: String,
    base_url: String,
    used_by: String,
    shared: bool,
    configured: bool,
}

pub(super) async fn senders(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let names = names(&ctx).await?;
    let routes = ctx.app.list_routes().await?;
    let mut rows = Vec::new();
    for sender in ctx.app.list_senders().await? {
        let mut used_by: Vec<String> = routes
            .iter()
            .filter(|(_, senders)| senders.contains(&sender.id))
            .map(|(account, _)| names.get(account).cloned().unwrap_or_else(|| account.to_string()))
            .collect();
        if sender.shared {
            used_by.push("every account that has no sender of its own".to_owned());
        }
        rows.push(SenderRow {
            id: sender.id.to_string(),
            name: sender.name,
            waba: sender.waba.to_string(),
            quality: match sender.quality {
                SenderQuality::Green => Status::good("quality green"),
                SenderQuality::Yellow => Status::warn("quality yellow"),
                SenderQuality::Red => Status::bad("quality red"),
                SenderQuality::Unknown => Status::plain("quality not known yet"),
            },
            template: sender.otp_template,
            base_url: sender.endpoint.base_url,
            shared: sender.shared,
            used_by: if used_by.is_empty() { "nobody".to_owned() } else { used_by.join(", ") },
            configured: sender.configured,
        });
    }
    page(&Senders {
        frame: Frame::new(&member, Section::Senders, Mode::Live),
        rows,
        otp_template: ctx.otp_template.clone(),
    })
}

async fn names(ctx: &Context) -> Result<HashMap<AccountId, String>, Problem> {
    Ok(ctx.app.list_accounts().await?.into_iter().map(|account| (account.id, account.name)).collect())
}

#[derive(Template)]
#[template(path = "console/admin/blocks.html")]
struct Blocks {
    frame: Frame,
    rows: Vec<BlockRow>,
}

struct BlockRow {
    what: String,
    kind: &'static str,
    key: String,
    account: String,
    account_id: String,
    reason: String,
    until: Option<Moment>,
}

pub(super) async fn blocks(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let names = names(&ctx).await?;
    let now = ctx.app.ports().clock.now();
    let row = |block: Block| BlockRow {
        what: match block.key.kind {
            BlockKind::Prefix => format!("numbers that begin with {}", block.key.key),
            BlockKind::Country => format!("country {}", block.key.key),
            // What is stored of a number cannot be turned back into it.
            BlockKind::Number => format!("one number ({}…)", block.key.key.get(..8).unwrap_or_default()),
        },
        kind: block.key.kind.as_str(),
        account: match block.key.account {
            None => "all accounts".to_owned(),
            Some(id) => names.get(&id).cloned().unwrap_or_else(|| id.to_string()),
        },
        account_id: block.key.account.map(|id| id.to_string()).unwrap_or_default(),
        key: block.key.key,
        reason: block.reason,
        until: block.until.map(Moment::from),
    };
    let blocks = ctx.app.list_blocks().await?;
    let rows = blocks.into_iter().filter(|block| block.is_in_force(now)).map(row).collect();
    page(&Blocks { frame: Frame::new(&member, Section::Blocks, Mode::Live), rows })
}

#[derive(Template)]
#[template(path = "console/admin/dead_letters.html")]
struct DeadLetters {
    frame: Frame,
    rows: Vec<LetterRow>,
    next: Option<String>,
}

struct LetterRow {
    id: String,
    at: Moment,
    what: String,
    account: String,
    status: Status,
    why: String,
    remedy: &'static str,
}

pub(super) async fn dead_letters(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let asked = Asked::of(&request);
    let paging = asked.paging(DeliveryId::parse);
    let found = ctx.app.dead_letters(paging.before, paging.rows()).await?;
    let (found, next) = paging.cut(found, |view| view.letter.id.to_string());
    let next = asked.next("/console/admin/dead-letters", next);
    let names = names(&ctx).await?;
    let row = |view: &DeadLetterView| {
        let letter = &view.letter;
        let to = view.to.as_ref().map_or_else(|| "a number that cannot be read".to_owned(), ToString::to_string);
        let kind = if matches!(letter.kind, DeliveryKind::Otp(_)) { "Code" } else { "Message" };
        LetterRow {
            id: letter.id.to_string(),
            at: letter.created_at.into(),
            what: format!("{kind} to {to}"),
            account: names.get(&letter.scope.account).cloned().unwrap_or_else(|| letter.scope.account.to_string()),
            status: letter.status.into(),
            why: letter.error.as_ref().map(|error| format!("{} {}", error.code, error.title)).unwrap_or_default(),
            remedy: remedy(letter.error.as_ref()),
        }
    };
    let rows = found.iter().map(row).collect();
    page(&DeadLetters { frame: Frame::new(&member, Section::DeadLetters, Mode::Live), rows, next })
}

fn remedy(error: Option<&DeliveryError>) -> &'static str {
    error.map_or("Its time was over before it was delivered.", |error| errors::lookup(error.code).remedy)
}

#[derive(Template)]
#[template(path = "console/admin/dead_letter.html")]
struct OneDeadLetter {
    frame: Frame,
    id: String,
    account_id: String,
    account: String,
    what: String,
    status: Status,
    why: String,
    remedy: &'static str,
    steps: Vec<Step>,
    facts: Vec<(&'static str, String)>,
}

pub(super) async fn dead_letter(
    ctx: web::Data<Context>,
    member: Member,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let gone = || Problem::new(ErrorCode::DeadLetterNotFound);
    let id = DeliveryId::parse(&id).map_err(|_malformed| gone())?;
    let letter = ctx.app.dead_letter(id).await?.ok_or_else(gone)?;
    let found = ctx.app.delivery(letter.scope, id).await?.ok_or_else(gone)?;
    let account = letter.scope.account;
    let names = names(&ctx).await?;
    let to = found.line.to.as_ref().map_or_else(|| "a number that cannot be read".to_owned(), ToString::to_string);
    let kind = if matches!(letter.kind, DeliveryKind::Otp(_)) { "Code" } else { "Message" };
    let error = letter.error.as_ref();
    page(&OneDeadLetter {
        frame: Frame::new(&member, Section::DeadLetters, Mode::Live),
        id: id.to_string(),
        account_id: account.to_string(),
        account: names.get(&account).cloned().unwrap_or_else(|| account.to_string()),
        what: format!("{kind} to {to}"),
        status: letter.status.into(),
        why: error.map_or_else(
            || "It expired.".to_owned(),
            |error| format!("{} ({}). {}", error.title, error.code, errors::lookup(error.code).meaning),
        ),
        remedy: remedy(error),
        steps: steps(&found),
        facts: facts(&found),
    })
}

#[derive(Template)]
#[template(path = "console/admin/canned_replies.html")]
struct CannedReplies {
    frame: Frame,
    rows: Vec<ReplyRow>,
}

struct ReplyRow {
    id: String,
    title: String,
    body: String,
    since: Moment,
}

pub(super) async fn canned_replies(ctx: web::Data<Context>, member: Member) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let row = |reply: CannedReply| ReplyRow {
        id: reply.id.to_string(),
        title: reply.title,
        body: reply.body,
        since: reply.created_at.into(),
    };
    let rows = ctx.app.canned_replies().await?.into_iter().map(row).collect();
    page(&CannedReplies { frame: Frame::new(&member, Section::Queue, Mode::Live), rows })
}
