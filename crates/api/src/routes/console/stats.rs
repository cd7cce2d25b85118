use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use utoipa::ToSchema;
use whatotp_application::{Attention, Statistics, TemplateRef};
use whatotp_domain::{AccountScope, Figures, GroupBy, GroupKey, Percentiles, Permission};
use whatotp_whatsapp::cloud_api::errors;

use super::mode::scope_of;
use crate::context::Context;
use crate::http::{Fields, Invalid, Member, Problem, fields as f, json};

const DAY: Duration = Duration::from_secs(86_400);

/// How long something takes, in milliseconds. Exact, by the nearest rank.
#[derive(Serialize, ToSchema)]
pub(crate) struct Times {
    /// Half of them take no longer.
    #[schema(example = 1800)]
    median_ms: u64,
    /// 95 of a hundred take no longer.
    #[schema(example = 6200)]
    p95_ms: u64,
}

impl From<Percentiles> for Times {
    fn from(times: Percentiles) -> Self {
        let ms = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self { median_ms: ms(times.median), p95_ms: ms(times.p95) }
    }
}

/// What was counted. Everything counts where its message was made, whenever it arrived.
#[derive(Serialize, ToSchema)]
pub(crate) struct FiguresObject {
    /// Messages that WhatsApp has, or may have.
    #[schema(example = 100)]
    sent: u64,
    /// Those that arrived.
    #[schema(example = 97)]
    delivered: u64,
    /// Those that were seen.
    #[schema(example = 80)]
    read: u64,
    /// Those that cannot be delivered.
    #[schema(example = 2)]
    failed: u64,
    /// Those whose time was over before they had arrived.
    #[schema(example = 1)]
    expired: u64,
    /// Codes that were asked for: sessions.
    #[schema(example = 90)]
    codes: u64,
    /// Those that came back.
    #[schema(example = 81)]
    verified: u64,
    /// `verified` / `codes`, to three places; `null` when there were none.
    #[schema(required = true, example = 0.9)]
    conversion: Option<f64>,
    /// From the making of a message to its arrival.
    #[schema(required = true)]
    time_to_deliver: Option<Times>,
    /// From the making of a session to the right code.
    #[schema(required = true)]
    time_to_verify: Option<Times>,
}

impl From<&Figures> for FiguresObject {
    fn from(figures: &Figures) -> Self {
        let permille = figures.conversion_permille().and_then(|permille| u32::try_from(permille).ok());
        Self {
            sent: figures.sent,
            delivered: figures.delivered,
            read: figures.read,
            failed: figures.failed,
            expired: figures.expired,
            codes: figures.codes,
            verified: figures.verified,
            conversion: permille.map(|permille| f64::from(permille) / 1000.0),
            time_to_deliver: figures.to_deliver.map(Times::from),
            time_to_verify: figures.to_verify.map(Times::from),
        }
    }
}

/// The figures of a part.
#[derive(Serialize, ToSchema)]
pub(crate) struct Group {
    /// The beginning of an hour or a day, a country, a template's id, or Meta's error code; `null` for codes among the
    /// templates, and for what no country is known of.
    #[schema(required = true, example = "DE")]
    key: Option<String>,
    /// The same for people: a template's name, or an error's title.
    #[schema(example = "DE")]
    label: String,
    /// What was counted of it.
    #[serde(flatten)]
    figures: FiguresObject,
}

/// The figures of a range.
#[derive(Serialize, ToSchema)]
pub(crate) struct StatisticsObject {
    /// From when.
    #[schema(format = DateTime, example = "2026-11-16T00:00:00.000Z")]
    from: String,
    /// Until when, without it.
    #[schema(format = DateTime, example = "2026-11-23T00:00:00.000Z")]
    to: String,
    /// What they are broken down by.
    #[schema(pattern = "^(hour|day|country|template|error)$", example = "day")]
    by: &'static str,
    /// Whether all of the range is counted.
    complete: bool,
    /// From when on everything is counted: later than `from` when there were more than half a million messages.
    #[schema(format = DateTime, example = "2026-11-16T00:00:00.000Z")]
    counted_from: String,
    /// Of everything.
    total: FiguresObject,
    /// Of each part: by time, or the greatest first.
    groups: Vec<Group>,
}

/// The figures of the account
///
/// How many messages were sent and arrived, how many codes came back, and how long that took. At most 31 days at once, 7
/// by hour. Hours and days are UTC.
#[utoipa::path(get, path = "/api/v1/stats", operation_id = "statistics", tag = "Console",
    params(
        ("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out."),
        ("from" = Option<String>, Query, format = DateTime, description = "From this time on (RFC 3339); seven days before `to`, or one by hour, if left out."),
        ("to" = Option<String>, Query, format = DateTime, description = "Until this time, without it (RFC 3339); now if left out."),
        ("by" = Option<String>, Query, pattern = "^(hour|day|country|template|error)$", description = "`day` if left out."),
    ),
    responses((status = 200, description = "The figures.", body = StatisticsObject)))]
pub(crate) async fn statistics(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewStatistics)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    let by = f::parsed("invalid_grouping", "Use hour, day, country, template or error.", GroupBy::parse);
    let by = query.optional("by", by).unwrap_or(GroupBy::Day);
    let (from, to) = (query.optional("from", f::moment), query.optional("to", f::moment));
    query.finish(Some(()))?;
    let to = to.unwrap_or_else(|| ctx.app.ports().clock.now().plus(Duration::from_millis(1)));
    let from = from.unwrap_or_else(|| to.minus(if by == GroupBy::Hour { DAY } else { 7 * DAY }));
    if from >= to || to.since(from) > by.longest() {
        let days = by.longest().as_secs() / DAY.as_secs();
        let message = format!("It must be before to, and at most {days} days before it.");
        return Err(Problem::invalid(vec![Invalid::new("from", ("out_of_range", message.into()))]));
    }
    let counted = ctx.app.statistics(scope, from, to, by).await?;
    let groups = groups(&ctx, scope, counted.breakdown()).await?;
    json(HttpResponse::Ok(), &StatisticsObject::new(&counted, by, groups))
}

impl StatisticsObject {
    fn new(counted: &Statistics, by: GroupBy, groups: Vec<Group>) -> Self {
        Self {
            from: counted.from.to_string(),
            to: counted.to.to_string(),
            by: by.as_str(),
            complete: counted.is_complete(),
            counted_from: counted.counted_from.to_string(),
            total: FiguresObject::from(&counted.total),
            groups,
        }
    }
}

/// The parts, with names that people know.
async fn groups(ctx: &Context, scope: AccountScope, parts: &[(GroupKey, Figures)]) -> Result<Vec<Group>, Problem> {
    let mut groups = Vec::new();
    for (key, figures) in parts {
        let (key, label) = match key {
            GroupKey::Since(at) => (Some(at.to_string()), at.to_string()),
            GroupKey::Country(Some(country)) => (Some(country.to_string()), country.to_string()),
            GroupKey::Country(None) => (None, "unknown".to_owned()),
            GroupKey::Template(None) => (None, "codes".to_owned()),
            GroupKey::Template(Some(id)) => {
                let template = ctx.app.find_template(scope, &TemplateRef::Id(*id)).await?;
                let name = template.map_or_else(|| id.to_string(), |template| template.name().to_owned());
                (Some(id.to_string()), name)
            }
            GroupKey::Error(code) => (Some(code.to_string()), errors::lookup(*code).title.to_owned()),
        };
        groups.push(Group { key, label, figures: FiguresObject::from(figures) });
    }
    Ok(groups)
}

/// Something that needs a person.
#[derive(Serialize, ToSchema)]
pub(crate) struct AttentionObject {
    /// What.
    #[schema(example = "template_paused")]
    kind: &'static str,
    /// What it is about.
    #[schema(example = "template order_update")]
    subject: String,
    /// What is known of it.
    detail: String,
    /// What to do.
    what_to_do: &'static str,
    /// Since when, if that is known.
    #[schema(required = true, format = DateTime)]
    since: Option<String>,
}

impl From<&Attention> for AttentionObject {
    fn from(attention: &Attention) -> Self {
        Self {
            kind: attention.kind.as_str(),
            subject: attention.subject.clone(),
            detail: attention.detail.clone(),
            what_to_do: attention.kind.what_to_do(),
            since: attention.since.map(|at| at.to_string()),
        }
    }
}

/// Today, at a glance.
#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    /// What needs a person, first of all.
    attention: Vec<AttentionObject>,
    /// Today's figures (UTC), at most 15 seconds old.
    today: FiguresObject,
    /// Whether all of today is counted.
    complete: bool,
    /// Hour by hour.
    hours: Vec<Group>,
    /// The countries, the greatest first.
    countries: Vec<Group>,
    /// The templates, the greatest first.
    templates: Vec<Group>,
    /// Why messages failed, the most frequent first.
    errors: Vec<Group>,
}

/// Today, at a glance
///
/// What needs a person, each with what to do, and today's figures.
#[utoipa::path(get, path = "/api/v1/overview", operation_id = "overview", tag = "Console",
    params(("mode" = Option<String>, Query, pattern = "^(live|test)$", description = "`live` if left out.")),
    responses((status = 200, description = "The overview.", body = Overview)))]
pub(crate) async fn overview(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let account = member.may(Permission::ViewStatistics)?;
    let mut query = Fields::of_query(request.query_string())?;
    let scope = scope_of(account, &mut query);
    query.finish(Some(()))?;
    let counted = ctx.app.today(scope).await?;
    let attention = ctx.app.attention(scope, member.user.operator).await?;
    let mut parts = Vec::new();
    for breakdown in &counted.groups {
        parts.push(groups(&ctx, scope, breakdown).await?);
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    let overview = Overview {
        attention: attention.iter().map(AttentionObject::from).collect(),
        today: FiguresObject::from(&counted.total),
        complete: counted.is_complete(),
        hours: next(),
        countries: next(),
        templates: next(),
        errors: next(),
    };
    json(HttpResponse::Ok(), &overview)
}
