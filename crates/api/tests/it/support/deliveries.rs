use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{AccountScope, Delivery, DeliveryId, Timestamp};
use whatotp_ports::{
    CancelDelivery, Claim, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryPage, DeliveryRecord,
    DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, StoreError, StoreResult,
};
use whatotp_vault::MessageIndex;

/// The outbox, kept in a store that can refuse to write down what WhatsApp reports.
pub(crate) struct Deliveries {
    inner: Arc<dyn DeliveryStore>,
    takes_reports: AtomicBool,
}

impl Deliveries {
    pub(super) fn new(inner: Arc<dyn DeliveryStore>) -> Self {
        Self { inner, takes_reports: AtomicBool::new(true) }
    }

    /// Whether reports can be written down.
    pub(crate) fn set_takes_reports(&self, takes: bool) {
        self.takes_reports.store(takes, Ordering::SeqCst);
    }
}

#[async_trait]
impl DeliveryStore for Deliveries {
    async fn enqueue(&self, new: NewDelivery, claim: Option<Claim>, now: Timestamp) -> StoreResult<Enqueued> {
        self.inner.enqueue(new, claim, now).await
    }

    async fn claim_due(&self, lease_for: Duration, limit: u32, now: Timestamp) -> StoreResult<Vec<ClaimedDelivery>> {
        self.inner.claim_due(lease_for, limit, now).await
    }

    async fn progress(&self, lease: &Lease, progress: Progress) -> StoreResult<Option<Delivery>> {
        self.inner.progress(lease, progress).await
    }

    async fn record_reports(&self, reports: Vec<Report>, now: Timestamp) -> StoreResult<Vec<Reported>> {
        if !self.takes_reports.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("/secret/path is locked".into()));
        }
        self.inner.record_reports(reports, now).await
    }

    async fn find_by_message(&self, message: &MessageIndex) -> StoreResult<Option<DeliveryRecord>> {
        self.inner.find_by_message(message).await
    }

    async fn find_delivery(&self, scope: AccountScope, id: DeliveryId) -> StoreResult<Option<DeliveryRecord>> {
        self.inner.find_delivery(scope, id).await
    }

    async fn list_deliveries(&self, scope: AccountScope, filter: &DeliveryFilter) -> StoreResult<Vec<DeliveryRecord>> {
        self.inner.list_deliveries(scope, filter).await
    }

    async fn search_deliveries(
        &self,
        scope: AccountScope,
        filter: &DeliveryFilter,
        look_at: u32,
    ) -> StoreResult<DeliveryPage> {
        self.inner.search_deliveries(scope, filter, look_at).await
    }

    async fn count_deliveries(
        &self,
        scope: AccountScope,
        range: (Timestamp, Timestamp),
        before: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<DeliveryCount>> {
        self.inner.count_deliveries(scope, range, before, limit).await
    }

    async fn list_dead_letters(&self, before: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<DeadLetter>> {
        self.inner.list_dead_letters(before, limit).await
    }

    async fn find_dead_letter(&self, id: DeliveryId) -> StoreResult<Option<DeadLetter>> {
        self.inner.find_dead_letter(id).await
    }

    async fn discard_dead_letter(&self, scope: AccountScope, id: DeliveryId, now: Timestamp) -> StoreResult<bool> {
        self.inner.discard_dead_letter(scope, id, now).await
    }

    async fn cancel_delivery(
        &self,
        scope: AccountScope,
        id: DeliveryId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelDelivery>> {
        self.inner.cancel_delivery(scope, id, claim, now).await
    }

    async fn next_due(&self) -> StoreResult<Option<Timestamp>> {
        self.inner.next_due().await
    }

    async fn purge_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.purge_deliveries(created_before, limit).await
    }

    async fn purge_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.purge_reports(reported_before, limit).await
    }
}
