use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::{AttentionKind, LogQuery};
use whatotp_domain::{AccountScope, Figures, GroupBy, GroupKey, Permission, Timestamp};
use whatotp_whatsapp::cloud_api::errors;

use super::chart::{Bar, Chart};
use super::deliveries::Row;
use super::figures::ShownFigures;
use super::frame::{Frame, Section, scope};
use super::shown::share;
use super::statistics::{bar, label};
use super::{Asked, page};
use crate::context::Context;
use crate::http::{Member, Problem};

/// So many of the latest deliveries are shown.
const LATEST: u32 = 10;
/// So many countries, templates and reasons.
const SHOWN: usize = 8;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    frame: Frame,
    attention: Vec<Attention>,
    figures: ShownFigures,
    chart: Chart,
    chart_label: String,
    latest: Vec<Row>,
    errors: Vec<Part>,
    countries: Vec<Part>,
    templates: Vec<Part>,
}

/// Something that needs a person.
struct Attention {
    what: String,
    remedy: &'static str,
    href: &'static str,
    link: &'static str,
}

struct Part {
    key: String,
    label: String,
    count: u64,
    delivered: u64,
    failed: u64,
    conversion: String,
}

pub(super) async fn show(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let scope = scope(&member, Permission::ViewStatistics, &Asked::of(&request))?;
    let today = ctx.app.today(scope).await?;
    let attention = ctx.app.attention(scope, member.user.operator).await?;
    let latest = LogQuery { limit: LATEST, ..LogQuery::default() };
    let latest = ctx.app.deliveries(scope, &latest, None).await?;
    let mut groups = today.groups.iter();
    let hours = groups.next().map(Vec::as_slice).unwrap_or_default();
    let mut parts = Vec::new();
    for (group, by) in groups.zip([GroupBy::Country, GroupBy::Template, GroupBy::Error]) {
        let mut rows = Vec::new();
        for (key, figures) in group.iter().take(SHOWN) {
            rows.push(part(&ctx, scope, key, figures, by).await?);
        }
        parts.push(rows);
    }
    let mut parts = parts.into_iter();
    let mut next = || parts.next().unwrap_or_default();
    page(&Overview {
        frame: Frame::new(&member, Section::Overview, scope.mode),
        attention: attention.into_iter().map(Attention::from).collect(),
        figures: (&today.total).into(),
        chart: Chart::new(&day(today.from, hours)),
        chart_label: format!(
            "{} sent, {} delivered, {} verified since midnight UTC, by the hour",
            today.total.sent, today.total.delivered, today.total.verified
        ),
        latest: latest.lines.iter().map(Row::from).collect(),
        countries: next(),
        templates: next(),
        errors: next(),
    })
}

/// A bar for each hour of the day, those in which nothing was sent included.
fn day(begins: Timestamp, hours: &[(GroupKey, Figures)]) -> Vec<Bar> {
    let begun = std::iter::successors(Some(begins), |hour| Some(hour.plus(Duration::from_secs(3_600)))).take(24);
    let known = |hour| hours.iter().find(|(key, _)| *key == GroupKey::Since(hour)).map(|(_, figures)| figures.clone());
    begun.filter_map(|hour| bar(&GroupKey::Since(hour), &known(hour).unwrap_or_default(), GroupBy::Hour)).collect()
}

async fn part(
    ctx: &Context,
    scope: AccountScope,
    key: &GroupKey,
    figures: &Figures,
    by: GroupBy,
) -> Result<Part, Problem> {
    let (key, label) = match key {
        GroupKey::Error(code) => (code.to_string(), errors::lookup(*code).title.to_owned()),
        _ => (String::new(), label(ctx, scope, key, by).await?),
    };
    let count = if by == GroupBy::Error { figures.failed } else { figures.sent };
    let conversion = share(figures.verified, figures.codes);
    Ok(Part { key, label, count, delivered: figures.delivered, failed: figures.failed, conversion })
}

impl From<whatotp_application::Attention> for Attention {
    fn from(attention: whatotp_application::Attention) -> Self {
        let (href, link) = match attention.kind {
            AttentionKind::SenderStopped | AttentionKind::SenderQuality | AttentionKind::AccountUpdate => {
                ("/console/admin/senders", "See the senders")
            }
            AttentionKind::TemplateRejected | AttentionKind::TemplatePaused | AttentionKind::TemplateDisabled => {
                ("/console/templates", "See the templates")
            }
            AttentionKind::DeadLetters => ("/console/admin/dead-letters", "See the dead letters"),
            AttentionKind::Pumping => ("/console/admin/blocks", "See the blocks"),
            AttentionKind::Guessing => ("/console/deliveries", "See the deliveries"),
            AttentionKind::QuotaNear | AttentionKind::QuotaReached => ("/console/admin/accounts", "See the accounts"),
        };
        Self {
            what: format!("{}: {}", attention.subject, attention.detail),
            remedy: attention.kind.what_to_do(),
            href,
            link,
        }
    }
}
