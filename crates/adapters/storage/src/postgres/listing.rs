//! The log of deliveries.

use std::time::Duration;

use diesel::prelude::{BoolExpressionMethods, ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, DeliveryId, SessionId, SessionTtl, Timestamp};
use whatotp_ports::{DeliveryFilter, DeliveryRecord};

use crate::failure::Failure;
use crate::rows::{DeliveryRow, ScopeColumns};
use crate::schema::deliveries::dsl;

/// How far clocks may disagree, or be set back, between the making of a session and of its deliveries.
const CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Newest first, by walking the account's key range back from its end (or from `before`). There is no index for the
/// filters: what narrows the range is the time in the ids.
pub(super) async fn deliveries(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    filter: &DeliveryFilter,
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
        let (first, end) = while_session_lives(session);
        rows = rows.filter(dsl::session_id.eq(session.to_string()));
        rows = rows.filter(dsl::id.ge(first.to_string())).filter(dsl::id.lt(end.to_string()));
    }
    if let Some(delivery) = filter.delivery {
        rows = rows.filter(dsl::id.eq(delivery.to_string()));
    }
    if let Some(number) = filter.number {
        rows = rows.filter(dsl::number.eq(number.as_bytes().to_vec()));
    }
    if let Some(moment) = filter.created_after {
        rows = rows.filter(dsl::id.ge(earliest(moment.minus(CLOCK_SLACK)).to_string()));
        rows = rows.filter(dsl::created_at.ge(moment.unix_ms()));
    }
    if filter.handed_over {
        // `sent`, `delivered` and `read` are of the provider's own making, so it must have had the message.
        let had_it = dsl::unknown_at.is_not_null().or(dsl::accepted_at.is_not_null()).or(dsl::sent_at.is_not_null());
        rows = rows.filter(had_it.or(dsl::delivered_at.is_not_null()).or(dsl::read_at.is_not_null()));
    }
    if let Some(before) = filter.before {
        rows = rows.filter(dsl::id.lt(before.to_string()));
    }
    let rows: Vec<DeliveryRow> = rows.load(connection).await?;
    rows.into_iter().map(|row| Ok(row.read()?)).collect()
}

/// The ids between which a session's deliveries lie: it sends none after its time.
fn while_session_lives(session: SessionId) -> (DeliveryId, DeliveryId) {
    let unix_ms = session.to_bytes().iter().take(6).fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
    let made_at = Timestamp::from_unix_ms(unix_ms);
    let longest = Duration::from_secs(SessionTtl::MAX_SECONDS.into());
    let first = made_at.minus(CLOCK_SLACK);
    (earliest(first), earliest(made_at.plus(longest + CLOCK_SLACK)))
}

/// Ids know no moment before 1970.
fn earliest(moment: Timestamp) -> DeliveryId {
    DeliveryId::earliest_at(moment.max(Timestamp::default()))
}
