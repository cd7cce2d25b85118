use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use whatotp_application::TemplateRef;
use whatotp_domain::{AccountScope, Figures, GroupBy, GroupKey, Permission, Timestamp};
use whatotp_whatsapp::cloud_api::errors;

use super::chart::{Bar, Chart};
use super::deliveries::{day, next_day};
use super::figures::ShownFigures;
use super::frame::{Frame, Section, scope};
use super::{Asked, page};
use crate::context::Context;
use crate::http::{Member, Problem};

/// Without dates, the last week.
const USUAL: Duration = Duration::from_secs(6 * 86_400);

#[derive(Template)]
#[template(path = "console/statistics.html")]
struct Page {
    frame: Frame,
    from: String,
    to: String,
    by: String,
    groups: [(&'static str, &'static str); 5],
    complaint: Option<String>,
    figures: ShownFigures,
    chart: Option<Chart>,
    chart_label: String,
    heading: &'static str,
    rows: Vec<Row>,
}

struct Row {
    label: String,
    read: u64,
    figures: ShownFigures,
}

const GROUPS: [(&str, &str); 5] =
    [("day", "day"), ("hour", "hour"), ("country", "country"), ("template", "template"), ("error", "Meta's error")];

pub(super) async fn show(
    ctx: web::Data<Context>,
    member: Member,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&request);
    let scope = scope(&member, Permission::ViewStatistics, &asked)?;
    let by = GroupBy::parse(&asked.get("by")).unwrap_or(GroupBy::Day);
    let today = date(ctx.app.ports().clock.now());
    let last = day(&asked.get("to")).or_else(|| day(&today)).unwrap_or_default();
    let first = day(&asked.get("from")).unwrap_or_else(|| last.minus(USUAL));
    let end = next_day(last);
    let complaint = if end <= first {
        Some("The first day is after the last one.".to_owned())
    } else if end.since(first) > by.longest() {
        Some(format!("Choose at most {} days, or another breakdown.", by.longest().as_secs() / 86_400))
    } else {
        None
    };
    let (total, parts) = if complaint.is_some() {
        (Figures::default(), Vec::new())
    } else {
        let found = ctx.app.statistics(scope, first, end, by).await?;
        let parts = found.breakdown().to_vec();
        (found.total, parts)
    };
    let mut rows = Vec::new();
    for (key, figures) in &parts {
        rows.push(Row { label: label(&ctx, scope, key, by).await?, read: figures.read, figures: figures.into() });
    }
    let bars: Vec<Bar> = parts.iter().filter_map(|(key, figures)| bar(key, figures, by)).collect();
    page(&Page {
        frame: Frame::new(&member, Section::Statistics, scope.mode),
        from: date(first),
        to: date(last),
        by: by.as_str().to_owned(),
        groups: GROUPS,
        complaint,
        figures: (&total).into(),
        chart: (!bars.is_empty()).then(|| Chart::new(&bars)),
        chart_label: format!(
            "{} sent, {} delivered, {} verified; the table below has the figures",
            total.sent, total.delivered, total.verified
        ),
        heading: GROUPS.iter().find(|(value, _)| *value == by.as_str()).map_or("", |(_, label)| label),
        rows,
    })
}

/// A part of a chart over time: what was sent in an hour or a day.
pub(super) fn bar(key: &GroupKey, figures: &Figures, by: GroupBy) -> Option<Bar> {
    let GroupKey::Since(at) = key else { return None };
    let text = at.to_string();
    let label = if by == GroupBy::Hour { text.get(11..16) } else { text.get(5..10) };
    Some(Bar {
        label: label.unwrap_or_default().to_owned(),
        sent: figures.sent,
        delivered: figures.delivered,
        verified: figures.verified,
    })
}

/// What a group is called.
pub(super) async fn label(ctx: &Context, scope: AccountScope, key: &GroupKey, by: GroupBy) -> Result<String, Problem> {
    Ok(match key {
        GroupKey::Since(at) if by == GroupBy::Hour => at.to_string().get(..16).unwrap_or_default().replace('T', " "),
        GroupKey::Since(at) => date(*at),
        GroupKey::Country(country) => {
            country.map_or_else(|| "unknown".to_owned(), |country| country.as_str().to_owned())
        }
        GroupKey::Template(None) => "codes".to_owned(),
        GroupKey::Template(Some(id)) => {
            let found = ctx.app.find_template(scope, &TemplateRef::Id(*id)).await?;
            found.map_or_else(|| id.to_string(), |template| template.name().to_owned())
        }
        GroupKey::Error(code) => format!("{code} {}", errors::lookup(*code).title),
    })
}

/// A moment's day, UTC.
pub(super) fn date(at: Timestamp) -> String {
    at.to_string().get(..10).unwrap_or_default().to_owned()
}
