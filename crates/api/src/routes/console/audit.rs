use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_domain::{AccountId, Actor, AuditAction, AuditEntry, EventId, EventKind, LogEvent, Permission, Timestamp};
use whatotp_ports::{AuditCheck, AuditFilter, AuditRecord, EventFilter};

use crate::context::Context;
use crate::http::fields::{Bad, moment, parsed};
use crate::http::{Body, Fields, Member, Problem, json};
use crate::routes::paging::Paging;

/// Writes down what a member has done, and to whose data it belongs.
pub(super) async fn audit(
    ctx: &Context,
    member: &Member,
    action: AuditAction,
    (account, subject): (Option<AccountId>, String),
    detail: String,
) -> Result<(), Problem> {
    let actor = Actor::User(member.user.id);
    Ok(ctx.app.audit(AuditEntry { account, actor, action, subject, detail }).await?)
}

/// Something that somebody did, or that happened.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogObject {
    /// Its id.
    #[schema(example = "evt_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    id: String,
    /// When.
    #[schema(format = "date-time", example = "2026-11-23T10:00:00.000Z")]
    at: String,
    /// `audit`: somebody did it. `event`: it happened.
    #[schema(pattern = "^(audit|event)$", example = "audit")]
    source: &'static str,
    /// What.
    #[schema(example = "key.created")]
    kind: String,
    /// Whose data it is about; `null` when it is about the installation.
    #[schema(required = true, example = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    account_id: Option<String>,
    /// Who did it: a user's id, `command line` or `system`; `null` when it happened.
    #[schema(required = true, example = "usr_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    actor: Option<String>,
    /// To what, or about what.
    #[schema(example = "key_01k0z3v8xkf3g9mzq2w6c5t7rb")]
    subject: String,
    /// What else is known of it.
    #[schema(example = "")]
    detail: String,
}

impl From<AuditRecord> for LogObject {
    fn from(record: AuditRecord) -> Self {
        let text = record.text;
        Self {
            id: text.id,
            at: text.at.to_string(),
            source: "audit",
            kind: text.action,
            account_id: text.account,
            actor: Some(text.actor),
            subject: text.subject,
            detail: text.detail,
        }
    }
}

impl From<LogEvent> for LogObject {
    fn from(event: LogEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            source: "event",
            kind: event.kind.as_str().to_owned(),
            account_id: event.account.map(|account| account.to_string()),
            actor: None,
            subject: event.subject,
            detail: event.detail,
        }
    }
}

/// A page of a log.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogList {
    /// Newest first.
    data: Vec<LogObject>,
    /// The `cursor` of the next page; `null` on the last.
    #[schema(required = true)]
    next_cursor: Option<String>,
}

/// List what was done in this account
///
/// Who has done what with its keys, members, templates and tickets.
#[utoipa::path(get, path = "/api/v1/logs", operation_id = "log_list", tag = "Console",
    params(
        ("kind" = Option<String>, Query, description = "What was done, such as `key.created`."),
        ("from" = Option<String>, Query, format = "date-time", description = "Not before this moment."),
        ("to" = Option<String>, Query, format = "date-time", description = "Before this moment."),
        ("cursor" = Option<String>, Query, pattern = "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of the log.", body = LogList)))]
pub(crate) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewAudit)?;
    let mut query = Fields::of_query(request.query_string())?;
    let kind = query.optional("kind", own_action);
    let (from, until) = (query.optional("from", moment), query.optional("to", moment));
    let paging = Paging::take(&mut query, EventId::parse);
    query.finish(Some(()))?;
    // What the platform keeps to itself is left out, even where it is about this account.
    let seen = || AuditAction::ALL.iter().copied().filter(|action| !action.is_internal());
    let actions = kind.map_or_else(|| seen().collect(), |kind| vec![kind]);
    let filter = AuditFilter { account: Some(account), actions, from, until };
    let entries = ctx.app.audit_entries(&filter, paging.before, paging.rows()).await?;
    let (entries, next_cursor) = paging.cut(entries, |entry| entry.text.id.clone());
    json(HttpResponse::Ok(), &LogList { data: entries.into_iter().map(LogObject::from).collect(), next_cursor })
}

/// List what was done and what happened
///
/// The audit log of the installation, and the events that an operator should know, in one.
#[utoipa::path(get, path = "/api/v1/admin/logs", operation_id = "admin_log_list", tag = "Console",
    params(
        ("source" = Option<String>, Query, pattern = "^(audit|event)$", description = "Only one of the two."),
        ("kind" = Option<String>, Query,
            description = "What was done or happened, such as `key.created` or `template_paused`."),
        ("account_id" = Option<String>, Query, pattern = "^acc_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "About this account."),
        ("from" = Option<String>, Query, format = "date-time", description = "Not before this moment."),
        ("to" = Option<String>, Query, format = "date-time", description = "Before this moment."),
        ("cursor" = Option<String>, Query, pattern = "^evt_[0-7][0-9a-hjkmnp-tv-z]{25}$",
            description = "The `next_cursor` of the page before."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "At most so many; 20 if left out."),
    ),
    responses((status = 200, description = "A page of the log.", body = LogList)))]
pub(crate) async fn admin_list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    member.operates()?;
    let mut query = Fields::of_query(request.query_string())?;
    let (source, kind) = (query.optional("source", source), query.optional("kind", kind));
    let account = parsed("invalid_account", "Give the id of an account (acc_…).", |text| AccountId::parse(text).ok());
    let account = query.optional("account_id", account);
    let span = (query.optional("from", moment), query.optional("to", moment));
    let paging = Paging::take(&mut query, EventId::parse);
    query.finish(Some(()))?;
    let mut rows = Vec::new();
    if source != Some(Source::Event) {
        rows.extend(audited(&ctx, kind, account, span, &paging).await?);
    }
    if source != Some(Source::Audit) {
        rows.extend(happened(&ctx, kind, account, span, &paging).await?);
    }
    // Ids sort by age, as texts too.
    rows.sort_by(|a, b| b.id.cmp(&a.id));
    let (data, next_cursor) = paging.cut(rows, |row| row.id.clone());
    json(HttpResponse::Ok(), &LogList { data, next_cursor })
}

type Span = (Option<Timestamp>, Option<Timestamp>);

async fn audited(
    ctx: &Context,
    kind: Option<Kind>,
    account: Option<AccountId>,
    (from, until): Span,
    paging: &Paging<EventId>,
) -> Result<Vec<LogObject>, Problem> {
    let actions = match kind {
        None => Vec::new(),
        Some(Kind::Audit(action)) => vec![action],
        Some(Kind::Event(_)) => return Ok(Vec::new()),
    };
    let filter = AuditFilter { account, actions, from, until };
    let entries = ctx.app.audit_entries(&filter, paging.before, paging.rows()).await?;
    Ok(entries.into_iter().map(LogObject::from).collect())
}

async fn happened(
    ctx: &Context,
    kind: Option<Kind>,
    account: Option<AccountId>,
    (from, until): Span,
    paging: &Paging<EventId>,
) -> Result<Vec<LogObject>, Problem> {
    let kind = match kind {
        None => None,
        Some(Kind::Event(kind)) => Some(kind),
        Some(Kind::Audit(_)) => return Ok(Vec::new()),
    };
    let filter = EventFilter { account, kind, from, until };
    let events = ctx.app.find_events(&filter, paging.before, paging.rows()).await?;
    Ok(events.into_iter().map(LogObject::from).collect())
}

/// Whether the audit log is as it was written.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditCheckObject {
    /// Whether it is.
    whole: bool,
    /// How many entries are as they were written, from the oldest up to the first that is not.
    #[schema(example = 1024)]
    entries: u64,
    /// What is wrong first.
    #[schema(required = true, example = "entry 17 is missing")]
    fault: Option<String>,
}

/// Check the audit log
///
/// Goes through the whole chain. That somebody did so is an entry too.
#[utoipa::path(post, path = "/api/v1/admin/logs/verify", operation_id = "admin_log_verify", tag = "Console",
    responses((status = 200, description = "Whether it is as it was written.", body = AuditCheckObject)))]
pub(crate) async fn verify(ctx: web::Data<Context>, member: Member, body: Body) -> Result<HttpResponse, Problem> {
    body.nothing()?;
    member.operates()?;
    let checked = match ctx.app.verify_audit().await? {
        AuditCheck::Whole { entries, .. } => AuditCheckObject { whole: true, entries, fault: None },
        AuditCheck::Broken { entries, first } => {
            AuditCheckObject { whole: false, entries, fault: Some(first.to_string()) }
        }
    };
    let detail = checked.fault.clone().unwrap_or_else(|| "it is whole".to_owned());
    audit(&ctx, &member, AuditAction::AuditVerified, (None, "audit log".to_owned()), detail).await?;
    json(HttpResponse::Ok(), &checked)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Audit,
    Event,
}

fn source(value: Value) -> Result<Source, Bad> {
    parsed("invalid_source", "Use audit or event.", |text| match text {
        "audit" => Some(Source::Audit),
        "event" => Some(Source::Event),
        _ => None,
    })(value)
}

/// What was done, or what happened.
#[derive(Clone, Copy)]
enum Kind {
    Audit(AuditAction),
    Event(EventKind),
}

fn kind(value: Value) -> Result<Kind, Bad> {
    parsed("invalid_kind", "Use the kind of an entry of the log.", |text| {
        let action = AuditAction::parse(text).map(Kind::Audit);
        action.or_else(|| EventKind::parse(text).map(Kind::Event))
    })(value)
}

fn own_action(value: Value) -> Result<AuditAction, Bad> {
    parsed("invalid_kind", "Use the kind of an entry of the log.", |text| {
        AuditAction::parse(text).filter(|action| !action.is_internal())
    })(value)
}
