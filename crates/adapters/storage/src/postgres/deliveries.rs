use std::time::Duration;

use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{
    CancelDelivery, Claim, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord,
    DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, StoreResult, Subject,
};
use whatotp_vault::MessageIndex;

use super::outbox::Enqueue;
use super::progress::Finish;
use super::reports::Record;
use super::statement::{Values, change, changing, columns};
use super::{PostgresStore, claims, due, listing, provider_messages};
use crate::failure::Failure;
use crate::rows::{DeliveryRow, GIVEN_UP, ScopeColumns, StepRow};
use crate::schema::deliveries::dsl;

#[async_trait]
impl DeliveryStore for PostgresStore {
    async fn enqueue(&self, new: NewDelivery, claim: Option<Claim>, now: Timestamp) -> StoreResult<Enqueued> {
        self.messages.call(Enqueue { new, claim, now }).await
    }

    async fn claim_due(&self, lease_for: Duration, limit: u32, now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>> {
        let turn = self.turn.clone();
        self.write(move |connection| {
            let turn = turn.clone();
            Box::pin(async move { due::claim(connection, &turn, lease_for, limit, now).await })
        })
        .await
    }

    async fn progress(&self, lease: &Lease, progress: Progress) -> StoreResult<Option<Delivery>> {
        self.progress.finish(Finish { lease: *lease, progress }).await
    }

    async fn record_reports(&self, reports: Vec<Report>, now: Timestamp) -> StoreResult<Vec<Reported>> {
        self.reports.call(Record { reports, now }).await
    }

    async fn find_by_message(&self, message: &MessageIndex) -> StoreResult<Option<DeliveryRecord>> {
        let message = *message;
        self.read(move |connection| {
            Box::pin(async move {
                let found = provider_messages::find(connection, vec![*message.as_bytes()]).await?;
                let Some((scope, id)) = found.into_values().next() else { return Ok(None) };
                Ok(row(connection, scope, id).await?.map(DeliveryRow::read).transpose()?)
            })
        })
        .await
    }

    async fn find_delivery(&self, scope: AccountScope, id: DeliveryId) -> StoreResult<Option<DeliveryRecord>> {
        self.read(move |connection| {
            Box::pin(async move { Ok(row(connection, scope, id).await?.map(DeliveryRow::read).transpose()?) })
        })
        .await
    }

    async fn list_deliveries(&self, scope: AccountScope, filter: &DeliveryFilter) -> StoreResult<Vec<DeliveryRecord>> {
        let filter = filter.clone();
        self.scan(move |connection| {
            let filter = filter.clone();
            Box::pin(async move { listing::deliveries(connection, scope, &filter).await })
        })
        .await
    }

    async fn search_deliveries(
        &self,
        scope: AccountScope,
        filter: &DeliveryFilter,
        look_at: u32,
    ) -> StoreResult<DeliveryPage> {
        let filter = filter.clone();
        self.scan(move |connection| {
            let filter = filter.clone();
            Box::pin(async move { listing::search(connection, scope, &filter, look_at).await })
        })
        .await
    }

    async fn count_deliveries(
        &self,
        scope: AccountScope,
        range: (Timestamp, Timestamp),
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<DeliveryCount>> {
        self.scan(move |connection| {
            Box::pin(async move { listing::counts(connection, scope, range, before, limit).await })
        })
        .await
    }

    async fn list_dead_letters(&self, before: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<DeadLetter>> {
        self.scan(move |connection| {
            Box::pin(async move { listing::dead_letters(connection, None, before, limit).await })
        })
        .await
    }

    async fn find_dead_letter(&self, id: DeliveryId) -> StoreResult<Option<DeadLetter>> {
        self.scan(move |connection| {
            Box::pin(async move { Ok(listing::dead_letters(connection, Some(id), None, 1).await?.pop()) })
        })
        .await
    }

    async fn discard_dead_letter(&self, scope: AccountScope, id: DeliveryId, now: Timestamp) -> StoreResult<bool> {
        self.write(move |connection| {
            let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
            Box::pin(async move {
                let given_up = dsl::deliveries
                    .filter(dsl::account_id.eq(account))
                    .filter(dsl::id.eq(id))
                    .filter(dsl::mode.eq(mode))
                    .filter(dsl::status.eq_any(GIVEN_UP))
                    .filter(dsl::due_at.is_null())
                    .filter(dsl::discarded_at.is_null());
                let discarded = diesel::update(given_up).set(dsl::discarded_at.eq(now.unix_ms()));
                Ok(discarded.execute(connection).await? > 0)
            })
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
            let claim = claim.clone();
            Box::pin(async move { cancel(connection, scope, id, claim.as_ref(), now).await })
        })
        .await
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.read(|connection| Box::pin(async move { due::next(connection).await })).await
    }

    async fn purge_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_old_deliveries(created_before, limit).await
    }

    async fn purge_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_waiting_reports(reported_before, limit).await
    }
}

async fn cancel(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<Option<CancelDelivery>, Failure> {
    let row = lock_row(connection, scope, id).await?;
    // Under the lock, or another process may do the same work between this look and it.
    if let Some(prior) = claims::prior(connection, claim, now).await? {
        return Ok(Some(CancelDelivery::Replay(prior)));
    }
    // The code of a session is not canceled without the session.
    let message = row.filter(|row| row.template_id.is_some());
    let Some(message) = message.map(DeliveryRow::read).transpose()? else { return Ok(None) };
    if !cancel_if_queued(connection, scope, id, now).await? {
        return Ok(Some(CancelDelivery::TooLate(message.delivery.status())));
    }
    let event = DeliveryEvent { status: DeliveryStatus::Canceled, at: now, error: None };
    let record = DeliveryRecord { delivery: merged(message.delivery, &[event]), ..message };
    claims::store(connection, claim.map(|claim| (claim, Subject::Message(id))).into_iter().collect(), now).await?;
    Ok(Some(CancelDelivery::Done(Box::new(record))))
}

pub(super) fn merged(mut delivery: Delivery, events: &[DeliveryEvent]) -> Delivery {
    for event in events {
        delivery.record(event);
    }
    delivery
}

async fn row(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<DeliveryRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let this = dsl::deliveries.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id)).filter(dsl::mode.eq(mode));
    Ok(this.select(DeliveryRow::as_select()).get_result(connection).await.optional()?)
}

/// One delivery. Until the transaction ends, nobody else changes it.
pub(super) async fn lock_row(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<DeliveryRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let this = dsl::deliveries.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id)).filter(dsl::mode.eq(mode));
    Ok(this.select(DeliveryRow::as_select()).for_update().get_result(connection).await.optional()?)
}

/// How far a delivery has come, and which came before it.
pub(super) async fn step(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<Option<StepRow>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let this = dsl::deliveries.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id)).filter(dsl::mode.eq(mode));
    Ok(this.select(StepRow::as_select()).get_result(connection).await.optional()?)
}

/// Cancels a delivery that no worker has, or had when it died. Returns whether it did.
pub(super) async fn cancel_if_queued(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let canceled = diesel::update(dsl::deliveries)
        .filter(dsl::account_id.eq(&account))
        .filter(dsl::id.eq(&id))
        .filter(dsl::mode.eq(mode))
        .filter(dsl::status.eq(DeliveryStatus::Queued.as_str()))
        .filter(dsl::leased.eq(0))
        .set((
            dsl::status.eq(DeliveryStatus::Canceled.as_str()),
            dsl::canceled_at.eq(now.unix_ms()),
            dsl::due_at.eq(None::<i64>),
        ))
        .execute(connection)
        .await?;
    Ok(canceled > 0)
}

pub(super) async fn delete(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    id: DeliveryId,
) -> Result<(), Failure> {
    let (ScopeColumns { account, .. }, id) = (scope.into(), id.to_string());
    let this = dsl::deliveries.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id));
    diesel::delete(this).execute(connection).await?;
    Ok(())
}

change!(
    /// What is new in every delivery is the same, and stands in the text.
    Insert,
    "INSERT INTO deliveries (account_id, id, mode, session_id, template_id, previous_id, recipient, number, variables,
        metadata, locale, status, queued_at, route, fallback, lease_token, leased, due_at, created_at, expires_at,
        country, key_id, request_id, attempts, in_doubt)
     SELECT k.*, 0, 0
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
        $23) AS k"
);

/// Stores new deliveries.
pub(super) async fn insert(connection: &mut AsyncPgConnection, rows: Vec<&DeliveryRow>) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let arguments: Vec<Values<'_>> = columns!(
        rows,
        row => row.account_id.as_str(), row.id.as_str(), row.mode.as_str(), row.session_id.as_deref(),
        row.template_id.as_deref(), row.previous_id.as_deref(), row.recipient.as_slice(), row.number.as_slice(),
        row.variables.as_deref(), row.metadata.as_deref(), row.locale.as_deref(), row.way.status.as_str(),
        row.way.queued_at, row.route, row.fallback, row.lease_token, row.leased, row.due_at, row.created_at,
        row.expires_at, row.country.as_deref(), row.key_id.as_deref(), row.request_id.as_deref(),
    );
    changing::<Insert>(arguments).execute(connection).await?;
    Ok(())
}
