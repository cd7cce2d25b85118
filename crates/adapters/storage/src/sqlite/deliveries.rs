use std::time::Duration;

use async_trait::async_trait;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{
    CancelDelivery, Claim, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord,
    DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, StoreResult, Subject,
};
use whatotp_vault::MessageIndex;

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
        self.write(move |connection| record_progress(connection, &lease, &progress)).await
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
    let row = dsl::deliveries.filter(this(&account, mode, &id)).select(StepRow::as_select());
    Ok(row.get_result(connection).optional()?)
}

/// What a report on a delivery needs to know of it.
pub(super) fn target(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<TargetRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let row = dsl::deliveries.filter(this(&account, mode, &id)).select(TargetRow::as_select());
    Ok(row.get_result(connection).optional()?)
}

/// Writes down what a report changes.
pub(super) fn save_report(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: DeliveryId,
    way: WayRow,
    due_at: Option<i64>,
) -> Result<(), Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    update(dsl::deliveries, this(&account, mode, &id), (way, dsl::due_at.eq(due_at))).execute(connection)?;
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
    diesel::insert_into(dsl::deliveries).values(&row).execute(connection)?;
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
    let due = dsl::deliveries
        .filter(dsl::due_at.le(now.unix_ms()))
        .order(dsl::due_at)
        .limit(limit.into())
        .select(DeliveryRow::as_select());
    let mut claimed = Vec::new();
    for row in due.load(connection)? {
        let (account, mode, id, token) = (row.account_id.clone(), row.mode.clone(), row.id.clone(), row.next_token());
        let delivery = row.read_claimed();
        // One row that cannot be read must not keep all the others from being sent.
        let (leased, due_at) = match &delivery {
            Ok(_) => (1, now.plus(lease_for)),
            Err(_) => (0, now.plus(UNREADABLE_PAUSE)),
        };
        let lease = (dsl::leased.eq(leased), dsl::lease_token.eq(token), dsl::due_at.eq(due_at.unix_ms()));
        update(dsl::deliveries, this(&account, &mode, &id), lease).execute(connection)?;
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
    let held = dsl::deliveries
        .filter(this(&account, mode, &id))
        .filter(dsl::lease_token.eq(lease.token))
        .filter(dsl::leased.eq(1));
    let Some(target) = held.select(TargetRow::as_select()).get_result(connection).optional()? else { return Ok(None) };
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
    let news = (
        WayRow::new(&delivery),
        dsl::route.eq(route),
        dsl::sender_id.eq(sender),
        dsl::attempts.eq(dsl::attempts + i64::from(progress.attempted)),
        dsl::in_doubt.eq(dsl::in_doubt + i64::from(progress.attempted && progress.in_doubt)),
        dsl::leased.eq(0),
        dsl::due_at.eq(due_at.map(Timestamp::unix_ms)),
    );
    update(dsl::deliveries, this(&account, mode, &id), news).execute(connection)?;
    Ok(Some(delivery))
}

fn merged(mut delivery: Delivery, events: &[DeliveryEvent]) -> Delivery {
    for event in events {
        delivery.record(event);
    }
    delivery
}
