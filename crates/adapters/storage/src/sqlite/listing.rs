//! The log of deliveries.

use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryId, Mode, Timestamp};
use whatotp_ports::{DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord};

use crate::failure::Failure;
use crate::rows::{CountRow, DeadLetterRow, DeliveryRow, GIVEN_UP, IdRange, ScopeColumns, Unreadable};
use crate::schema::deliveries::dsl;

/// Newest first, by walking the account's key range back from its end (or from `before`). There is no index for the
/// filters: what narrows the range is the time in the ids.
pub(super) fn deliveries(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    filter: &DeliveryFilter,
) -> Result<Vec<DeliveryRecord>, Failure> {
    within(connection, scope, filter, IdRange::of(filter))
}

/// As [`deliveries`], but no further back than to the `look_at`-th of the account.
pub(super) fn search(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    filter: &DeliveryFilter,
    look_at: u32,
) -> Result<DeliveryPage, Failure> {
    let range = IdRange::of(filter);
    let Some(oldest) = oldest_of(connection, scope, &range, look_at)? else {
        return Ok(DeliveryPage { found: within(connection, scope, filter, range)?, looked_until: None });
    };
    let range = IdRange { from: Some(oldest.clone()), ..range };
    let found = within(connection, scope, filter, range)?;
    let is_full = u32::try_from(found.len()).is_ok_and(|found| found >= filter.limit);
    let oldest = DeliveryId::parse(&oldest).or(Err(Unreadable("deliveries.id")))?;
    Ok(DeliveryPage { found, looked_until: Some(oldest).filter(|_| !is_full) })
}

/// The last of so many, from the newest of the range; `None` when it has fewer.
fn oldest_of(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    range: &IdRange,
    look_at: u32,
) -> Result<Option<String>, Failure> {
    let ScopeColumns { account, .. } = scope.into();
    let mut ids = dsl::deliveries
        .filter(dsl::account_id.eq(account))
        .order(dsl::id.desc())
        .offset(i64::from(look_at.max(1)) - 1)
        .limit(1)
        .select(dsl::id)
        .into_boxed();
    if let Some(from) = range.from.clone() {
        ids = ids.filter(dsl::id.ge(from));
    }
    if let Some(before) = range.before.clone() {
        ids = ids.filter(dsl::id.lt(before));
    }
    Ok(ids.first(connection).optional()?)
}

fn within(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    filter: &DeliveryFilter,
    range: IdRange,
) -> Result<Vec<DeliveryRecord>, Failure> {
    let ScopeColumns { account, mode } = scope.into();
    let mut rows = dsl::deliveries
        .filter(dsl::account_id.eq(account))
        .filter(dsl::mode.eq(mode))
        .order(dsl::id.desc())
        .limit(filter.limit.into())
        .select(DeliveryRow::as_select())
        .into_boxed();
    if let Some(messages) = filter.messages {
        rows = if messages {
            rows.filter(dsl::template_id.is_not_null())
        } else {
            rows.filter(dsl::session_id.is_not_null())
        };
    }
    if let Some(status) = filter.status {
        rows = rows.filter(dsl::status.eq(status.as_str()));
    }
    if let Some(template) = filter.template {
        rows = rows.filter(dsl::template_id.eq(template.to_string()));
    }
    if let Some(session) = filter.session {
        rows = rows.filter(dsl::session_id.eq(session.to_string()));
    }
    if let Some(delivery) = filter.delivery {
        rows = rows.filter(dsl::id.eq(delivery.to_string()));
    }
    if let Some(number) = filter.number {
        rows = rows.filter(dsl::number.eq(number.as_bytes().to_vec()));
    }
    if let Some(moment) = filter.created_after {
        rows = rows.filter(dsl::created_at.ge(moment.unix_ms()));
    }
    if let Some(moment) = filter.created_before {
        rows = rows.filter(dsl::created_at.lt(moment.unix_ms()));
    }
    if let Some(error) = filter.error {
        // A later `delivered` proves a failure wrong, and its error with it.
        rows = rows.filter(dsl::error_code.eq(i64::from(error)));
    }
    if let Some(key) = filter.key {
        rows = rows.filter(dsl::key_id.eq(key.to_string()));
    }
    if let Some(request) = filter.request {
        rows = rows.filter(dsl::request_id.eq(request.to_string()));
    }
    if let Some(country) = filter.country {
        rows = rows.filter(dsl::country.eq(country.to_string()));
    }
    if filter.handed_over {
        // `sent`, `delivered` and `read` are of the provider's own making, so it must have had the message.
        let had_it = dsl::unknown_at.is_not_null().or(dsl::accepted_at.is_not_null()).or(dsl::sent_at.is_not_null());
        rows = rows.filter(had_it.or(dsl::delivered_at.is_not_null()).or(dsl::read_at.is_not_null()));
    }
    if let Some(from) = range.from {
        rows = rows.filter(dsl::id.ge(from));
    }
    if let Some(before) = range.before {
        rows = rows.filter(dsl::id.lt(before));
    }
    rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
}

/// What statistics need to know.
pub(super) fn counts(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    (from, to): (Timestamp, Timestamp),
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<DeliveryCount>, Failure> {
    let ScopeColumns { account, mode } = scope.into();
    let range = IdRange::between((from, to), before);
    let rows = dsl::deliveries
        .filter(dsl::account_id.eq(account))
        .filter(dsl::id.ge(range.from.unwrap_or_default()))
        .filter(dsl::id.lt(range.before.unwrap_or_default()))
        .filter(dsl::mode.eq(mode))
        .filter(dsl::created_at.ge(from.unix_ms()))
        .filter(dsl::created_at.lt(to.unix_ms()))
        .order(dsl::id.desc())
        .limit(limit.into())
        .select(CountRow::as_select());
    rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
}

/// What was given up, live, of every account: all, or the one with this id. The index `deliveries_given_up` holds little
/// else: what fails in test mode fails because somebody tries that.
pub(super) fn dead_letters(
    connection: &mut SqliteConnection,
    id: Option<DeliveryId>,
    before: Option<DeliveryId>,
    limit: u32,
) -> Result<Vec<DeadLetter>, Failure> {
    let mut rows = dsl::deliveries
        .filter(dsl::failed_at.is_not_null().or(dsl::expired_at.is_not_null()))
        .filter(dsl::discarded_at.is_null())
        .filter(dsl::status.eq_any(GIVEN_UP))
        .filter(dsl::mode.eq(Mode::Live.as_str()))
        .filter(dsl::due_at.is_null())
        .order(dsl::id.desc())
        .limit(limit.into())
        .select(DeadLetterRow::as_select())
        .into_boxed();
    if let Some(id) = id {
        rows = rows.filter(dsl::id.eq(id.to_string()));
    }
    if let Some(before) = before {
        rows = rows.filter(dsl::id.lt(before.to_string()));
    }
    rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
}
