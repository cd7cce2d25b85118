//! What was done, by whom: of one account, and of the whole installation.

use std::collections::HashMap;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_domain::{AccountId, Actor, AuditAction, EventId, Mode, Permission};
use whatotp_ports::{AuditFilter, AuditRecord};

use super::frame::{Frame, Section};
use super::shown::Moment;
use super::{Asked, page};
use crate::context::Context;
use crate::http::{Member, Problem};

#[derive(Template)]
#[template(path = "console/log.html")]
struct Log {
    frame: Frame,
    platform: bool,
    kinds: Vec<&'static str>,
    filter_kind: String,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    at: Moment,
    kind: String,
    actor: String,
    subject: String,
    detail: String,
}

pub(super) async fn of_account(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewAudit)?;
    show(&ctx, &member, &request, Some(account)).await
}

pub(super) async fn of_platform(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    show(&ctx, &member, &request, None).await
}

async fn show(
    ctx: &Context,
    member: &Member,
    request: &HttpRequest,
    account: Option<AccountId>,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(request);
    // What the platform keeps to itself is left out for everybody else, even where it is about their account.
    let seen = |action: &AuditAction| account.is_none() || !action.is_internal();
    let kinds: Vec<AuditAction> = AuditAction::ALL.iter().copied().filter(seen).collect();
    let chosen = AuditAction::parse(&asked.get("kind")).filter(seen);
    let actions = chosen.map_or_else(|| kinds.clone(), |kind| vec![kind]);
    let paging = asked.paging(EventId::parse);
    let filter = AuditFilter { account, actions, from: None, until: None };
    let found = ctx.app.audit_entries(&filter, paging.before, paging.rows()).await?;
    let (found, next) = paging.cut(found, |record| record.text.id.clone());
    let path = if account.is_some() { "/console/log" } else { "/console/admin/logs" };
    let users = ctx.app.list_users(account).await?;
    let names: HashMap<String, String> = users.into_iter().map(|user| (user.id.to_string(), user.name)).collect();
    page(&Log {
        frame: Frame::new(member, if account.is_some() { Section::Log } else { Section::Logs }, Mode::Live),
        platform: account.is_none(),
        kinds: kinds.into_iter().map(AuditAction::as_str).collect(),
        filter_kind: chosen.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        rows: found.into_iter().map(|record| row(record, &names)).collect(),
        next: asked.next(path, next),
    })
}

fn row(record: AuditRecord, names: &HashMap<String, String>) -> Row {
    let text = record.text;
    let actor = match Actor::parse(&text.actor) {
        Some(Actor::User(_)) => names.get(&text.actor).cloned().unwrap_or_else(|| "an operator".to_owned()),
        _ => text.actor,
    };
    Row { at: text.at.into(), kind: text.action, actor, subject: text.subject, detail: text.detail }
}
