use std::cmp::Reverse;
use std::ops::Bound;
use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{AccountScope, Delivery, DeliveryId, Timestamp};
use whatotp_ports::{
    CancelDelivery, Claim, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord,
    DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, StoreResult,
};
use whatotp_vault::MessageIndex;

use super::memory::{Memory, missing};

/// A delivery that nobody has worked on yet.
pub(super) fn stored(new: NewDelivery) -> DeliveryRecord {
    DeliveryRecord {
        id: new.id,
        scope: new.scope,
        kind: new.kind,
        recipient: new.recipient,
        number: new.number,
        country: new.country,
        asked: new.asked,
        variables: new.variables,
        metadata: new.metadata,
        locale: new.locale,
        delivery: Delivery::queued(new.created_at),
        route: new.route,
        fallback: false,
        sender: None,
        attempts: 0,
        in_doubt: 0,
        created_at: new.created_at,
        expires_at: new.expires_at,
    }
}

/// Nothing is ever due: what a worker does later is no part of a request.
#[async_trait]
impl DeliveryStore for Memory {
    async fn enqueue(&self, new: NewDelivery, _: Option<Claim>, _: Timestamp) -> StoreResult<Enqueued> {
        let record = stored(new);
        self.deliveries.of(&record.id)?.insert(record.id, record.clone());
        Ok(Enqueued::Stored(Box::new(record)))
    }

    async fn progress(&self, lease: &Lease, progress: Progress) -> StoreResult<Option<Delivery>> {
        let mut deliveries = self.deliveries.of(&lease.delivery)?;
        let Some(record) = deliveries.get_mut(&lease.delivery) else { return Ok(None) };
        for event in &progress.events {
            record.delivery.record(event);
        }
        record.attempts = record.attempts.saturating_add(progress.attempted.into());
        record.in_doubt = record.in_doubt.saturating_add(progress.in_doubt.into());
        if let Some(via) = progress.via {
            (record.route, record.sender) = (via.route, via.sender);
        }
        Ok(Some(record.delivery.clone()))
    }

    async fn find_delivery(&self, _: AccountScope, id: DeliveryId) -> StoreResult<Option<DeliveryRecord>> {
        Ok(self.deliveries.of(&id)?.get(&id).cloned())
    }

    /// As the sandbox's inbox asks: by age alone.
    async fn list_deliveries(&self, _: AccountScope, filter: &DeliveryFilter) -> StoreResult<Vec<DeliveryRecord>> {
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        let older = (Bound::Unbounded, filter.before.map_or(Bound::Unbounded, Bound::Excluded));
        let maps = self.deliveries.all();
        let mut found: Vec<&DeliveryRecord> =
            maps.iter().flat_map(|map| map.range(older).rev().take(limit).map(|(_, record)| record)).collect();
        found.sort_by_key(|record| Reverse(record.id));
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    async fn claim_due(&self, _: Duration, _: u32, _: Timestamp) -> StoreResult<Vec<ClaimedDelivery>> {
        Ok(Vec::new())
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        Ok(None)
    }

    async fn record_reports(&self, _: Vec<Report>, _: Timestamp) -> StoreResult<Vec<Reported>> {
        Err(missing())
    }

    async fn find_by_message(&self, _: &MessageIndex) -> StoreResult<Option<DeliveryRecord>> {
        Err(missing())
    }

    async fn search_deliveries(&self, _: AccountScope, _: &DeliveryFilter, _: u32) -> StoreResult<DeliveryPage> {
        Err(missing())
    }

    async fn count_deliveries(
        &self,
        _: AccountScope,
        _: (Timestamp, Timestamp),
        _: Option<DeliveryId>,
        _: u32,
    ) -> StoreResult<Vec<DeliveryCount>> {
        Err(missing())
    }

    async fn list_dead_letters(&self, _: Option<DeliveryId>, _: u32) -> StoreResult<Vec<DeadLetter>> {
        Err(missing())
    }

    async fn find_dead_letter(&self, _: DeliveryId) -> StoreResult<Option<DeadLetter>> {
        Err(missing())
    }

    async fn discard_dead_letter(&self, _: AccountScope, _: DeliveryId, _: Timestamp) -> StoreResult<bool> {
        Err(missing())
    }

    async fn cancel_delivery(
        &self,
        _: AccountScope,
        _: DeliveryId,
        _: Option<Claim>,
        _: Timestamp,
    ) -> StoreResult<Option<CancelDelivery>> {
        Err(missing())
    }

    async fn purge_deliveries(&self, _: Timestamp, _: u32) -> StoreResult<u64> {
        Ok(0)
    }

    async fn purge_reports(&self, _: Timestamp, _: u32) -> StoreResult<u64> {
        Ok(0)
    }
}
