//! The log of everything that was sent, and one delivery with all that became of it.

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::{DeliveryDetail, LogLine, LogQuery};
use whatotp_domain::{
    ApiKeyId, Country, DeliveryId, DeliveryStatus, Mode, Permission, PhoneNumber, RequestId, SessionStatus, Timestamp,
};
use whatotp_ports::DeliveryKind;
use whatotp_whatsapp::cloud_api::errors;

use super::asked::ROWS;
use super::frame::{Frame, Section, scope};
use super::shown::{Moment, Status, duration};
use super::{Asked, page};
use crate::context::Context;
use crate::errors::ErrorCode;
use crate::http::{Member, Problem};

/// What was typed into the filters, as it was typed.
#[derive(Default)]
struct Filter {
    number: String,
    status: String,
    error: String,
    country: String,
    from: String,
    to: String,
    key_id: String,
    request_id: String,
}

#[derive(Template)]
#[template(path = "console/deliveries.html")]
struct Log {
    frame: Frame,
    filter: Filter,
    filtered: bool,
    /// Whether the page keeps itself up to date: the newest, with no filter.
    live: bool,
    complaint: Option<String>,
    statuses: [&'static str; 9],
    keys: Vec<(String, String)>,
    rows: Vec<Row>,
    next: Option<String>,
    export: Option<String>,
}

/// A line of the log, as every page shows it.
pub(super) struct Row {
    pub(super) id: String,
    pub(super) at: Moment,
    pub(super) to: String,
    pub(super) country: String,
    pub(super) what: String,
    pub(super) status: Status,
    pub(super) why: String,
}

impl From<&LogLine> for Row {
    fn from(line: &LogLine) -> Self {
        let record = &line.record;
        Self {
            id: record.id.to_string(),
            at: record.created_at.into(),
            to: line.to.as_ref().map_or_else(|| "a number that cannot be read".to_owned(), ToString::to_string),
            country: record.country.map(|country| country.as_str().to_owned()).unwrap_or_default(),
            what: what(line),
            status: record.delivery.status().into(),
            why: record.delivery.error().map(|error| format!("{} {}", error.code, error.title)).unwrap_or_default(),
        }
    }
}

fn what(line: &LogLine) -> String {
    match line.record.kind {
        DeliveryKind::Otp(_) => match &line.session {
            Some(session) => format!("Code ({})", session.purpose.as_str()),
            None => "Code".to_owned(),
        },
        DeliveryKind::Message(_) => match &line.template {
            Some(name) => format!("Message {name}"),
            None => "Message".to_owned(),
        },
    }
}

pub(super) async fn list(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request);
    let scope = scope(&member, Permission::ViewDeliveries, &asked)?;
    let filter = Filter {
        number: asked.get("number"),
        status: asked.get("status"),
        error: asked.get("error"),
        country: asked.get("country"),
        from: asked.get("from"),
        to: asked.get("to"),
        key_id: asked.get("key_id"),
        request_id: asked.get("request_id"),
    };
    let cursor = asked.get("cursor");
    let filtered = asked.without(&["mode", "cursor"]).is_some();
    let (lines, next, complaint) = match read(&filter, &cursor) {
        Ok((query, before)) => {
            let found = ctx.app.deliveries(scope, &query, before).await?;
            (found.lines, found.next, None)
        }
        Err(complaint) => (Vec::new(), None, Some(complaint)),
    };
    let keys = ctx.app.list_keys(Some(scope.account)).await?;
    let keys = keys.iter().filter(|key| key.scope == scope).map(|key| (key.id.to_string(), key.name.clone())).collect();
    let may_export = member.user.role.may(Permission::ExportDeliveries);
    page(&Log {
        frame: Frame::new(&member, Section::Deliveries, scope.mode),
        live: !filtered && cursor.is_empty(),
        filtered,
        filter,
        complaint,
        statuses: DeliveryStatus::ALL.map(DeliveryStatus::as_str),
        keys,
        rows: lines.iter().map(Row::from).collect(),
        next: asked.next("/console/deliveries", next.map(|next| next.to_string())),
        export: may_export.then(|| {
            let query = asked.without(&["cursor"]).unwrap_or_default();
            format!("/api/v1/deliveries/export.csv?{query}")
        }),
    })
}

/// Reads the filters, or says which one is wrong and how it should be.
fn read(filter: &Filter, cursor: &str) -> Result<(LogQuery, Option<DeliveryId>), String> {
    let query = LogQuery {
        number: read_one(
            &filter.number,
            "Write the whole number with its country code, such as +12025550100.",
            |text| PhoneNumber::parse(text).ok(),
        )?,
        status: read_one(&filter.status, "Choose a status from the list.", DeliveryStatus::parse)?,
        error: read_one(&filter.error, "Meta's error is a number, such as 131026.", |text| text.parse().ok())?,
        country: read_one(&filter.country, "Write a country as two letters, such as DE.", |text| {
            Country::parse(&text.to_uppercase())
        })?,
        key: read_one(&filter.key_id, "Choose a key from the list.", |text| ApiKeyId::parse(text).ok())?,
        request: read_one(&filter.request_id, "A request's id begins with req_ and is in the answer to it.", |text| {
            RequestId::parse(text).ok()
        })?,
        created_after: read_one(&filter.from, "Write a day as 2026-11-23.", day)?,
        created_before: read_one(&filter.to, "Write a day as 2026-11-23.", day)?.map(next_day),
        limit: ROWS,
        ..LogQuery::default()
    };
    let before = read_one(cursor, "Go back to the newest: this page's address is not complete.", |text| {
        DeliveryId::parse(text).ok()
    })?;
    Ok((query, before))
}

fn read_one<T>(text: &str, complaint: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| complaint.to_owned())
}

/// The first moment of a day, UTC.
pub(super) fn day(text: &str) -> Option<Timestamp> {
    Timestamp::parse(&format!("{text}T00:00:00Z"))
}

pub(super) fn next_day(day: Timestamp) -> Timestamp {
    day.plus(std::time::Duration::from_secs(86_400))
}

#[derive(Template)]
#[template(path = "console/delivery.html")]
struct Detail {
    frame: Frame,
    id: String,
    what: String,
    to: String,
    status: Status,
    settled: bool,
    error: Option<Explained>,
    steps: Vec<Step>,
    siblings: Vec<Row>,
    facts: Vec<(&'static str, String)>,
    ticket: Option<String>,
}

struct Explained {
    code: u32,
    title: String,
    meaning: &'static str,
    remedy: &'static str,
}

/// One thing that happened, or is still to come.
pub(super) struct Step {
    pub(super) class: &'static str,
    pub(super) what: &'static str,
    pub(super) at: Option<Moment>,
    pub(super) after: String,
    pub(super) note: String,
}

pub(super) async fn detail(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let scope = scope(&member, Permission::ViewDeliveries, &Asked::of(&request))?;
    let nowhere = || Problem::new(ErrorCode::MessageNotFound);
    let id = DeliveryId::parse(&id).map_err(|_malformed| nowhere())?;
    let found = ctx.app.delivery(scope, id).await?.ok_or_else(nowhere)?;
    let record = &found.line.record;
    let row = Row::from(&found.line);
    let error = record.delivery.error().map(|error| {
        let known = errors::lookup(error.code);
        Explained { code: error.code, title: error.title.clone(), meaning: known.meaning, remedy: known.remedy }
    });
    let about = match record.kind {
        DeliveryKind::Otp(session) => session.to_string(),
        DeliveryKind::Message(_) => record.id.to_string(),
    };
    page(&Detail {
        frame: Frame::new(&member, Section::Deliveries, scope.mode),
        id: row.id,
        what: row.what,
        to: row.to,
        status: row.status,
        settled: record.delivery.status().is_final() && found.session_status != Some(SessionStatus::Pending),
        error,
        steps: steps(&found),
        siblings: found.siblings.iter().map(Row::from).collect(),
        facts: facts(&found),
        ticket: member.user.role.may(Permission::WriteTickets).then(|| {
            let mode = if scope.mode == Mode::Test { "&mode=test" } else { "" };
            format!("/console/tickets/new?about={about}{mode}")
        }),
    })
}

/// What happened to a delivery and to the session it is for, in the order of time.
pub(super) fn steps(found: &DeliveryDetail) -> Vec<Step> {
    let record = &found.line.record;
    let begun = record.created_at;
    let mut happened: Vec<(Timestamp, Step)> = record
        .delivery
        .timeline()
        .into_iter()
        .map(|(status, at)| {
            (
                at,
                step(
                    if status == DeliveryStatus::Failed { "bad" } else { "" },
                    meaning(status).0,
                    at,
                    begun,
                    meaning(status).1,
                ),
            )
        })
        .collect();
    if let (Some(session), Some(status)) = (&found.line.session, found.session_status)
        && let Some(at) = session.finished_at.or((status == SessionStatus::Expired).then_some(session.expires_at))
    {
        let (what, note) = ending(status);
        let class = if status == SessionStatus::Verified { "" } else { "bad" };
        happened.push((at, step(class, what, at, begun, note)));
    }
    happened.sort_by_key(|(at, _)| *at);
    let mut steps: Vec<Step> = happened.into_iter().map(|(_, step)| step).collect();
    if found.session_status == Some(SessionStatus::Pending) {
        let note = "The code has not come back yet.".to_owned();
        steps.push(Step { class: "next", what: "waits to be verified", at: None, after: String::new(), note });
    }
    steps
}

fn step(class: &'static str, what: &'static str, at: Timestamp, begun: Timestamp, note: &str) -> Step {
    let later = u64::try_from(at.since(begun).as_millis()).unwrap_or(u64::MAX);
    let after = if later == 0 { String::new() } else { duration(later) };
    Step { class, what, at: Some(at.into()), after, note: note.to_owned() }
}

const fn meaning(status: DeliveryStatus) -> (&'static str, &'static str) {
    match status {
        DeliveryStatus::Queued => ("queued", "It is stored, and survives a crash from here on."),
        DeliveryStatus::Unknown => ("outcome unknown", "WhatsApp did not answer: it may have the message, or not."),
        DeliveryStatus::Accepted => ("accepted", "WhatsApp has taken it."),
        DeliveryStatus::Sent => ("sent", "It is on its way to the telephone."),
        DeliveryStatus::Delivered => ("delivered", "It is on the telephone."),
        DeliveryStatus::Read => ("read", "It was opened."),
        DeliveryStatus::Failed => ("failed", "It cannot be delivered."),
        DeliveryStatus::Expired => ("expired", "Its time was over before it was delivered."),
        DeliveryStatus::Canceled => ("canceled", "It was stopped before it went out."),
    }
}

const fn ending(status: SessionStatus) -> (&'static str, &'static str) {
    match status {
        SessionStatus::Verified => ("verified", "The right code came back."),
        SessionStatus::Expired => ("the code expired", "The right code did not come back in time."),
        SessionStatus::Locked => ("the code was locked", "Too many wrong codes were given."),
        SessionStatus::Superseded => ("the code was superseded", "A newer code for the same purpose took its place."),
        SessionStatus::Canceled => ("the code was canceled", "Your backend canceled it."),
        SessionStatus::Failed => ("the session failed", "The message could not be delivered."),
        SessionStatus::Pending => ("pending", ""),
    }
}

pub(super) fn facts(found: &DeliveryDetail) -> Vec<(&'static str, String)> {
    let record = &found.line.record;
    let mut facts = Vec::new();
    if let DeliveryKind::Otp(session) = record.kind {
        facts.push(("Session", session.to_string()));
    }
    if let Some(status) = found.session_status {
        facts.push(("Code", status.as_str().to_owned()));
    }
    if let Some(country) = record.country {
        facts.push(("Country", country.as_str().to_owned()));
    }
    if let Some(locale) = &record.locale {
        facts.push(("Language asked for", locale.to_string()));
    }
    if let Some(sender) = &record.sender {
        facts.push(("Sender", sender.as_str().to_owned()));
    }
    facts.push(("Attempts", record.attempts.to_string()));
    if record.in_doubt > 0 {
        facts.push(("Of unknown outcome", record.in_doubt.to_string()));
    }
    if record.fallback {
        facts.push(("Why another message", "the one before had not arrived, so the next sender tried".to_owned()));
    }
    match (&found.key, record.asked.key) {
        (Some(key), _) => facts.push(("API key", format!("{} ({})", key.name, key.hint))),
        (None, Some(id)) => facts.push(("API key", id.to_string())),
        (None, None) => {}
    }
    if let Some(request) = record.asked.request {
        facts.push(("Request", request.to_string()));
    }
    facts
}
