//! What the provider reports, and where it belongs.

use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{DeliveryKind, Report, Reported};
use whatotp_vault::MessageIndex;

use super::statement::{fetch, fetching, values};
use super::{deliveries, provider_messages};
use crate::failure::Failure;
use crate::rows::{TargetRow, WaitingReportRow, WayRow};
use crate::schema::waiting_reports::dsl;

/// Merges every report into its delivery. Returns those for which something was new, as they are after the last one.
pub(super) fn record(
    connection: &mut SqliteConnection,
    reports: &[Report],
    now: Timestamp,
) -> Result<Vec<Reported>, Failure> {
    let mut news: Vec<Reported> = Vec::new();
    for report in reports {
        match record_one(connection, report, now) {
            Ok(Some(new)) => match news.iter_mut().find(|old| (old.scope, old.delivery) == (new.scope, new.delivery)) {
                Some(old) => *old = new,
                None => news.push(new),
            },
            Ok(None) => {}
            // The others of the batch must not be lost with it, nor told again and again.
            Err(failure) if failure.is_corrupt() => {
                tracing::error!(error = %failure, "a report is lost: what it is about cannot be read");
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(news)
}

fn record_one(connection: &mut SqliteConnection, report: &Report, now: Timestamp) -> Result<Option<Reported>, Failure> {
    if let Some((scope, id)) = report.delivery
        && let Some(target) = deliveries::target(connection, scope, id)?
    {
        let way = target.way.clone().read()?;
        if way.reached_at(DeliveryStatus::Accepted).is_none() || way.reached_at(DeliveryStatus::Unknown).is_some() {
            // The answer that tells the message's id has not come, and may never: whoever quotes it must find it.
            provider_messages::insert(connection, &report.message, now, (scope, id))?;
        }
        return merge(connection, (scope, id), &target, &report.event, now);
    }
    if let Some((scope, id)) = provider_messages::find(connection, &report.message)? {
        let target = deliveries::target(connection, scope, id)?;
        return target.map_or(Ok(None), |target| merge(connection, (scope, id), &target, &report.event, now));
    }
    // One that names its delivery has nothing to wait for: the delivery was there before the message.
    if report.delivery.is_none() {
        diesel::insert_into(dsl::waiting_reports)
            .values(&WaitingReportRow::new(report, now))
            .on_conflict((dsl::message, dsl::status, dsl::at))
            .do_nothing()
            .execute(connection)?;
    }
    Ok(None)
}

fn merge(
    connection: &mut SqliteConnection,
    (scope, id): (AccountScope, DeliveryId),
    target: &TargetRow,
    event: &DeliveryEvent,
    now: Timestamp,
) -> Result<Option<Reported>, Failure> {
    let kind = target.kind()?;
    let mut delivery = target.way.clone().read()?;
    let before = delivery.status();
    delivery.record(event);
    let (status, way) = (delivery.status(), WayRow::new(&delivery));
    // What is told once more changes no column.
    if way == target.way {
        return Ok(None);
    }
    let due_at = match (status, kind) {
        // Whoever has it is told when the work is done.
        _ if target.leased != 0 => target.due_at,
        (DeliveryStatus::Failed, DeliveryKind::Otp(_)) if before != DeliveryStatus::Failed => Some(now.unix_ms()),
        (DeliveryStatus::Failed, DeliveryKind::Otp(_)) => target.due_at,
        (DeliveryStatus::Failed | DeliveryStatus::Delivered | DeliveryStatus::Read, _) => None,
        _ => target.due_at,
    };
    deliveries::save_report(connection, scope, id, &way, due_at)?;
    Ok(Some(Reported { scope, delivery: id, kind, status }))
}

fetch!(Waiting -> WaitingReportRow, "SELECT ", " FROM waiting_reports WHERE message = ?1");

/// What was reported on a message before its id was told here. It waits no more.
pub(super) fn take_waiting(
    connection: &mut SqliteConnection,
    message: &MessageIndex,
) -> Result<Vec<DeliveryEvent>, Failure> {
    let message = message.as_bytes().as_slice();
    let rows: Vec<WaitingReportRow> = fetching::<Waiting>(values![message]).load(connection)?;
    if !rows.is_empty() {
        diesel::delete(dsl::waiting_reports.filter(dsl::message.eq(message))).execute(connection)?;
    }
    let mut events = Vec::new();
    for row in rows {
        match row.read() {
            Ok(event) => events.push(event),
            Err(unreadable) => tracing::error!(error = %unreadable, "a report that waited is lost: it cannot be read"),
        }
    }
    Ok(events)
}
