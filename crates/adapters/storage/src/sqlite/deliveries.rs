use std::time::Duration;

use async_trait::async_trait;
use diesel::connection::DefaultLoadingMode;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{
    CancelDelivery, Claim, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord,
    DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, StoreResult, Subject,
};
use whatotp_vault::MessageIndex;

use super::statement::{Value, change, changing, fetch, fetching, values};
use super::update::update;
use super::{SqliteStore, idempotency, listing, provider_messages, reports};
use crate::failure::Failure;
use crate::rows::{After, DeliveryRow, GIVEN_UP, ScopeColumns, StepRow, TargetRow, WayRow};
use crate::schema::deliveries::dsl;

/// How long a delivery is left alone whose row cannot be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(3600);

#[async_trait]
impl DeliveryStore for SqliteStore {
    async fn enqueue(&self, new: NewDelivery, claim: Option<Claim>, now: Timestamp) -> StoreResult<Enqueued> {
        self.write(move |connection| {
            if let Some(prior) = idempotency::prior(connection, claim.as_ref(), now)? {
                return Ok(Enqueued::Replay(prior));
            }
            let stored = insert(connection, &new, After::Nothing, now)?;
            idempotency::store(connection, claim.as_ref(), &Subject::Message(new.id))?;
            Ok(Enqueued::Stored(Box::new(stored.read()?)))
        })
        .await
    }

    async fn claim_due(&self, lease_for: Duration, limit: u32, now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>> {
        self.write(move |connection| claim_due(connection, lease_for, limit, now)).await
    }

    async fn progress(&self, lease: &Lease, progress: Progress) -> StoreResult<Option<Delivery>> {
        let lease = *lease;
        self.finish(move |connection| record_progress(connection, &lease, &progress)).await
    }

    async fn record_reports(&self, reports: Vec<Report>, now: Timestamp) -> StoreResult<Vec<Reported>> {
        self.write(move |connection| reports::record(connection, &reports, now)).await
    }

    async fn find_by_message(&self, message: &MessageIndex) -> StoreResult<Option<DeliveryRecord>> {
        let message = *message;
        self.read(move |connection| {
            let Some((scope, id)) = provider_messages::find(connection, &message)? else { return Ok(None) };
            Ok(row(connection, scope, id)?.map(DeliveryRow::read).transpose()?)
        })
        .await
    }

    async fn find_delivery(&self, scope: AccountScope, id: DeliveryId) -> StoreResult<Option<DeliveryRecord>> {
        self.read(move |connection| Ok(row(connection, scope, id)?.map(DeliveryRow::read).transpose()?)).await
    }

    async fn list_deliveries(&self, scope: AccountScope, filter: &DeliveryFilter) -> StoreResult<Vec<DeliveryRecord>> {
        let filter = filter.clone();
        self.scan(move |connection| listing::deliveries(connection, scope, &filter)).await
    }

    async fn search_deliveries(
        &self,
        scope: AccountScope,
        filter: &DeliveryFilter,
        look_at: u32,
    ) -> StoreResult<DeliveryPage> {
        let filter = filter.clone();
        self.scan(move |connection| listing::search(connection, scope, &filter, look_at)).await
    }

    async fn count_deliveries(
        &self,
        scope: AccountScope,
        range: (Timestamp, Timestamp),
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<DeliveryCount>> {
        self.scan(move |connection| listing::counts(connection, scope, range, before, limit)).await
    }

    async fn list_dead_letters(&self, before: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<DeadLetter>> {
        self.scan(move |connection| listing::dead_letters(connection, None, before, limit)).await
    }

    async fn find_dead_letter(&self, id: DeliveryId) -> StoreResult<Option<DeadLetter>> {
        self.scan(move |connection| Ok(listing::dead_letters(connection, Some(id), None, 1)?.pop())).await
    }

    async fn discard_dead_letter(&self, scope: AccountScope, id: DeliveryId, now: Timestamp) -> StoreResult<bool> {
        self.write(move |connection| {
            let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
            let given_up = dsl::deliveries
                .filter(this(&account, mode, &id))
                .filter(dsl::status.eq_any(GIVEN_UP))
                .filter(dsl::due_at.is_null())
                .filter(dsl::discarded_at.is_null());
            Ok(diesel::update(given_up).set(dsl::discarded_at.eq(now.unix_ms())).execute(connection)? > 0)
        })
        .await
    }

    async fn cancel_delivery(
        &self,
        scope: AccountScope,
        id: DeliveryId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelDelivery>> {
        self.write(move |connection| {
            if let Some(prior) = idempotency::prior(connection, claim.as_ref(), now)? {
                return Ok(Some(CancelDelivery::Replay(prior)));
            }
            // The code of a session is not canceled without the session.
            let message = row(connection, scope, id)?.filter(|row| row.template_id.is_some());
            let Some(message) = message.map(DeliveryRow::read).transpose()? else { return Ok(None) };
            if !cancel_if_queued(connection, scope, id, now)? {
                return Ok(Some(CancelDelivery::TooLate(message.delivery.status())));
            }
            let event = DeliveryEvent { status: DeliveryStatus::Canceled, at: now, error: None };
            let record = DeliveryRecord { delivery: merged(message.delivery, &[event]), ..message };
            idempotency::store(connection, claim.as_ref(), &Subject::Message(id))?;
            Ok(Some(CancelDelivery::Done(Box::new(record))))
        })
        .await
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.read(|connection| {
            let next = dsl::deliveries.filter(dsl::due_at.is_not_null()).order(dsl::due_at).select(dsl::due_at);
            let next: Option<Option<i64>> = next.get_result(connection).optional()?;
            Ok(next.flatten().map(Timestamp::from_unix_ms))
        })
        .await
    }

    async fn purge_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_old_deliveries(created_before, limit).await
    }

    async fn purge_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_waiting_reports(reported_before, limit).await
    }
}

fetch!(Step -> StepRow, "SELECT ", " FROM deliveries WHERE account_id = ?1 AND id = ?2 AND mode = ?3");

fetch!(Target -> TargetRow, "SELECT ", " FROM deliveries WHERE account_id = ?1 AND id = ?2 AND mode = ?3");

fetch!(
    Held -> TargetRow,
    "SELECT ",
    " FROM deliveries WHERE account_id = ?1 AND id = ?2 AND mode = ?3 AND lease_token = ?4 AND leased = 1"
);

fetch!(
    /// Whoever asks stops when he has enough: a bound LIMIT takes part in SQLite's planning, and has the statement prepared
    /// anew for each value.
    Due -> DeliveryRow,
    "SELECT ",
    " FROM deliveries WHERE due_at <= ?1 ORDER BY due_at"
);

change!(
    TakeLease,
    "UPDATE deliveries SET leased = ?4, lease_token = ?5, due_at = ?6 WHERE account_id = ?1 AND id = ?2 AND mode = ?3"
);

change!(
    SaveProgress,
    "UPDATE deliveries SET route = ?4, sender_id = ?5, attempts = attempts + ?6, in_doubt = in_doubt + ?7, leased = 0,
        due_at = ?8, status = ?9, queued_at = ?10, unknown_at = ?11, accepted_at = ?12, sent_at = ?13, canceled_at = ?14,
        expired_at = ?15, failed_at = ?16, delivered_at = ?17, read_at = ?18, error_code = ?19, error_title = ?20,
        error_detail = ?21
     WHERE account_id = ?1 AND id = ?2 AND mode = ?3"
);

change!(
    SaveReport,
    "UPDATE deliveries SET due_at = ?4, status = ?5, queued_at = ?6, unknown_at = ?7, accepted_at = ?8, sent_at = ?9,
        canceled_at = ?10, expired_at = ?11, failed_at = ?12, delivered_at = ?13, read_at = ?14, error_code = ?15,
        error_title = ?16, error_detail = ?17
     WHERE account_id = ?1 AND id = ?2 AND mode = ?3"
);

change!(
    Insert,
    "INSERT INTO deliveries (account_id, id, mode, session_id, template_id, previous_id, recipient, number, variables,
        metadata, locale, route, sender_id, fallback, attempts, in_doubt, lease_token, leased, due_at, created_at,
        expires_at, country, key_id, request_id, status, queued_at, unknown_at, accepted_at, sent_at, canceled_at,
        expired_at, failed_at, delivered_at, read_at, error_code, error_title, error_detail)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23,
        ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37)"
);

/// The columns of [`WayRow`], in its order.
fn way_values(way: &WayRow) -> [Value<'_>; 13] {
    [
        way.status.as_str().into(),
        way.queued_at.into(),
        way.unknown_at.into(),
        way.accepted_at.into(),
        way.sent_at.into(),
        way.canceled_at.into(),
        way.expired_at.into(),
        way.failed_at.into(),
        way.delivered_at.into(),
        way.read_at.into(),
        way.error_code.into(),
        way.error_title.as_deref().into(),
        way.error_detail.as_deref().into(),
    ]
}

/// One delivery.
#[auto_type(no_type_alias)]
pub(super) fn this<'a>(account: &'a str, mode: &'a str, id: &'a str) -> _ {
    dsl::account_id.eq(account).and(dsl::id.eq(id)).and(dsl::mode.eq(mode))
}

pub(super) fn row(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<DeliveryRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let row = dsl::deliveries.filter(this(&account, mode, &id)).select(DeliveryRow::as_select());
    Ok(row.get_result(connection).optional()?)
}

/// How far a delivery has come, and which came before it.
pub(super) fn step(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<StepRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    Ok(fetching::<Step>(values![account.as_str(), id.as_str(), mode]).get_result(connection).optional()?)
}

/// What a report on a delivery needs to know of it.
pub(super) fn target(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<TargetRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    Ok(fetching::<Target>(values![account.as_str(), id.as_str(), mode]).get_result(connection).optional()?)
}

/// Writes down what a report changes.
pub(super) fn save_report(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
    way: &WayRow,
    due_at: Option<i64>,
) -> Result<(), Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let mut values = values![account.as_str(), id.as_str(), mode, due_at];
    values.extend(way_values(way));
    changing::<SaveReport>(values).execute(connection)?;
    Ok(())
}

/// Stores a delivery.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    new: &NewDelivery,
    after: After,
    now: Timestamp,
) -> Result<DeliveryRow, Failure> {
    let row = DeliveryRow::new(new, after, now);
    let mut values = values![
        row.account_id.as_str(),
        row.id.as_str(),
        row.mode.as_str(),
        row.session_id.as_deref(),
        row.template_id.as_deref(),
        row.previous_id.as_deref(),
        row.recipient.as_slice(),
        row.number.as_slice(),
        row.variables.as_deref(),
        row.metadata.as_deref(),
        row.locale.as_deref(),
        row.route,
        row.sender_id.as_deref(),
        row.fallback,
        row.attempts,
        row.in_doubt,
        row.lease_token,
        row.leased,
        row.due_at,
        row.created_at,
        row.expires_at,
        row.country.as_deref(),
        row.key_id.as_deref(),
        row.request_id.as_deref(),
    ];
    values.extend(way_values(&row.way));
    changing::<Insert>(values).execute(connection)?;
    Ok(row)
}

pub(super) fn delete(connection: &mut SqliteConnection, scope: AccountScope, id: DeliveryId) -> Result<(), Failure> {
    let ScopeColumns { account, mode } = scope.into();
    diesel::delete(dsl::deliveries.filter(this(&account, mode, &id.to_string()))).execute(connection)?;
    Ok(())
}

/// Cancels a delivery that no worker has, or had when it died. Returns whether it did.
pub(super) fn cancel_if_queued(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let queued = this(&account, mode, &id).and(dsl::status.eq(DeliveryStatus::Queued.as_str())).and(dsl::leased.eq(0));
    let canceled = (
        dsl::status.eq(DeliveryStatus::Canceled.as_str()),
        dsl::canceled_at.eq(now.unix_ms()),
        dsl::due_at.eq(None::<i64>),
    );
    Ok(update(dsl::deliveries, queued, canceled).execute(connection)? > 0)
}

/// Makes every leased delivery due at `now`: whoever leased it has died.
pub(super) fn lapse_leases(connection: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
    connection.immediate_transaction(|connection| {
        let leased = dsl::due_at.is_not_null().and(dsl::leased.eq(1));
        update(dsl::deliveries, leased, dsl::due_at.eq(now.unix_ms())).execute(connection)?;
        Ok(())
    })
}

fn claim_due(
    connection: &mut SqliteConnection,
    lease_for: Duration,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<ClaimedDelivery>, Failure> {
    let due = fetching::<Due>(values![now.unix_ms()]).load_iter::<DeliveryRow, DefaultLoadingMode>(connection)?;
    let due: Vec<DeliveryRow> = due.take(limit.try_into().unwrap_or(usize::MAX)).collect::<QueryResult<_>>()?;
    let mut claimed = Vec::with_capacity(due.len());
    for row in due {
        let (account, mode, id, token) = (row.account_id.clone(), row.mode.clone(), row.id.clone(), row.next_token());
        let delivery = row.read_claimed();
        // One row that cannot be read must not keep all the others from being sent.
        let (leased, due_at) = match &delivery {
            Ok(_) => (1, now.plus(lease_for)),
            Err(_) => (0, now.plus(UNREADABLE_PAUSE)),
        };
        let lease = values![account.as_str(), id.as_str(), mode.as_str(), leased, token, due_at.unix_ms()];
        changing::<TakeLease>(lease).execute(connection)?;
        match delivery {
            Ok(delivery) => claimed.push(delivery),
            Err(unreadable) => {
                tracing::error!(error = %unreadable, "a delivery that is due cannot be read; it is left for an hour");
            }
        }
    }
    Ok(claimed)
}

fn record_progress(
    connection: &mut SqliteConnection,
    lease: &Lease,
    progress: &Progress,
) -> Result<Option<Delivery>, Failure> {
    let ScopeColumns { account, mode } = lease.scope.into();
    let id = lease.delivery.to_string();
    let held = fetching::<Held>(values![account.as_str(), id.as_str(), mode, lease.token]);
    let Some(target) = held.get_result::<TargetRow>(connection).optional()? else { return Ok(None) };
    let mut delivery = merged(target.way.read()?, &progress.events);
    if let Some(message) = &progress.provider_message {
        // The end of the lease is as near to now as can be told from here.
        let told_at = target.due_at.unwrap_or_default();
        let told_at = Timestamp::from_unix_ms(told_at);
        provider_messages::insert(connection, message, told_at, (lease.scope, lease.delivery))?;
        delivery = merged(delivery, &reports::take_waiting(connection, message)?);
    }
    let (route, sender) = match &progress.via {
        Some(via) => (via.route.into(), via.sender.as_ref().map(ToString::to_string)),
        None => (target.route, target.sender_id),
    };
    // What has arrived needs nobody any more, whatever a worker that did not know of it yet has planned.
    let knew = progress.events.iter().any(|event| event.status >= DeliveryStatus::Delivered);
    let due_at = progress.due_at.filter(|_| knew || delivery.status() < DeliveryStatus::Delivered);
    let way = WayRow::new(&delivery);
    let mut values = values![
        account.as_str(),
        id.as_str(),
        mode,
        route,
        sender.as_deref(),
        i64::from(progress.attempted),
        i64::from(progress.attempted && progress.in_doubt),
        due_at.map(Timestamp::unix_ms),
    ];
    values.extend(way_values(&way));
    changing::<SaveProgress>(values).execute(connection)?;
    Ok(Some(delivery))
}

fn merged(mut delivery: Delivery, events: &[DeliveryEvent]) -> Delivery {
    for event in events {
        delivery.record(event);
    }
    delivery
}
