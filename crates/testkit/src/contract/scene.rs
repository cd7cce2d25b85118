use std::future::Future;
use std::sync::Arc;

use tokio::sync::Barrier;
use tokio::task::JoinSet;
use whatotp_domain::{
    Attempted, Delivery, DeliveryId, DeliveryStatus, LiveSession, SendRefused, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{
    AccountStore, ApiKeyStore, AuditStore, Claim, ClaimedDelivery, ConsoleSessionStore, DeliveryRecord, DeliveryStore,
    DestinationStore, Enqueued, EventStore, IdempotencyStore, Issued, Lease, LinkStore, MasterKeyStore, NewDelivery,
    NewSession, PersonalDataStore, Prior, Progress, QuotaStore, Report, Reported, Resend, Resent, SenderStore, Sent,
    SessionRecord, SessionStore, Settled, TemplateStore, TicketStore, TrafficStore, UserStore,
};

use crate::fixtures::{LEASE, an_account, an_attempt, home};

/// Everything that is stored.
pub trait Store:
    SessionStore
    + DeliveryStore
    + IdempotencyStore
    + AccountStore
    + ApiKeyStore
    + TemplateStore
    + SenderStore
    + EventStore
    + AuditStore
    + TicketStore
    + DestinationStore
    + QuotaStore
    + TrafficStore
    + UserStore
    + ConsoleSessionStore
    + LinkStore
    + MasterKeyStore
    + PersonalDataStore
    + 'static
{
}

impl<S> Store for S where
    S: SessionStore
        + DeliveryStore
        + IdempotencyStore
        + AccountStore
        + ApiKeyStore
        + TemplateStore
        + SenderStore
        + EventStore
        + AuditStore
        + TicketStore
        + DestinationStore
        + QuotaStore
        + TrafficStore
        + UserStore
        + ConsoleSessionStore
        + LinkStore
        + MasterKeyStore
        + PersonalDataStore
        + 'static
{
}

/// A store with two accounts in it, and the steps that claims are made of: each panics when the store fails.
#[derive(Clone)]
pub struct Scene {
    pub(super) store: Arc<dyn Store>,
}

impl Scene {
    /// Puts the accounts into an empty store.
    pub async fn open(store: Arc<dyn Store>) -> Self {
        for number in [1, 2] {
            store.insert_account(an_account(number)).await.expect("an account is stored");
        }
        Self { store }
    }

    pub(super) async fn try_issue(&self, new: NewSession) -> Issued {
        let now = new.delivery.created_at;
        self.store.issue(new, now).await.expect("issue answers")
    }

    pub(super) async fn issue(&self, new: NewSession) -> SessionRecord {
        self.issue_over(new).await.0
    }

    /// The session, and the one whose place it took.
    pub(super) async fn issue_over(&self, new: NewSession) -> (SessionRecord, Option<LiveSession>) {
        match self.try_issue(new).await {
            Issued::Created { record, superseded } => (*record, superseded),
            other => panic!("the session was not issued: {other:?}"),
        }
    }

    pub(super) async fn refused_issue(&self, new: NewSession) -> SendRefused {
        match self.try_issue(new).await {
            Issued::Refused(refused) => refused,
            other => panic!("the session was not refused: {other:?}"),
        }
    }

    pub(super) async fn try_resend(&self, resend: Resend) -> Option<Resent> {
        let now = resend.delivery.created_at;
        self.store.resend(resend, now).await.expect("resend answers")
    }

    pub(super) async fn resend(&self, resend: Resend) -> SessionRecord {
        match self.try_resend(resend).await {
            Some(Resent::Stored(record)) => record,
            other => panic!("the code was not sent again: {other:?}"),
        }
    }

    /// Gives a code under the default limits.
    pub(super) async fn settle(&self, record: &SessionRecord, matched: bool, now: Timestamp) -> Option<Settled> {
        self.store.settle_attempt(an_attempt(record, matched), now).await.expect("settle_attempt answers")
    }

    /// Gives a code under the default limits to a session whose number is not blocked.
    pub(super) async fn attempt(&self, record: &SessionRecord, matched: bool, now: Timestamp) -> Attempted {
        match self.settle(record, matched, now).await {
            Some(Settled::Done(_, attempted)) => attempted,
            other => panic!("the attempt was not settled: {other:?}"),
        }
    }

    pub(super) async fn verify(&self, record: &SessionRecord, now: Timestamp) {
        assert_eq!(self.attempt(record, true, now).await, Attempted::Verified);
    }

    pub(super) async fn find(&self, id: SessionId) -> Option<(SessionRecord, Sent)> {
        self.store.find(home(), id).await.expect("find answers")
    }

    pub(super) async fn session(&self, id: SessionId) -> SessionRecord {
        self.find(id).await.expect("the session is there").0
    }

    pub(super) async fn status(&self, id: SessionId, now: Timestamp) -> SessionStatus {
        self.session(id).await.session.status_at(now)
    }

    pub(super) async fn enqueue(&self, new: NewDelivery) -> DeliveryId {
        let (id, now) = (new.id, new.created_at);
        let enqueued = self.store.enqueue(new, None, now).await.expect("enqueue answers");
        assert!(matches!(enqueued, Enqueued::Stored(_)), "the message was not stored: {enqueued:?}");
        id
    }

    /// Leases whatever is due for [`LEASE`].
    pub(super) async fn claim(&self, limit: u32, now: Timestamp) -> Vec<ClaimedDelivery> {
        self.store.claim_due(LEASE, limit, now).await.expect("claim_due answers")
    }

    /// Leases the one delivery that is due.
    pub(super) async fn claim_one(&self, now: Timestamp) -> ClaimedDelivery {
        let mut claimed = self.claim(10, now).await;
        assert_eq!(claimed.len(), 1, "one delivery is due at {now}: {claimed:?}");
        claimed.remove(0)
    }

    /// Ends a lease that holds.
    pub(super) async fn progress(&self, lease: &Lease, progress: Progress) -> Delivery {
        self.store.progress(lease, progress).await.expect("progress answers").expect("the lease holds")
    }

    pub(super) async fn report(&self, reports: Vec<Report>, now: Timestamp) -> Vec<Reported> {
        self.store.record_reports(reports, now).await.expect("record_reports answers")
    }

    /// How far a session's code has come, and who sends it.
    pub(super) async fn sent(&self, id: SessionId) -> Sent {
        self.find(id).await.expect("the session is there").1
    }

    pub(super) async fn find_delivery(&self, id: DeliveryId) -> Option<DeliveryRecord> {
        self.store.find_delivery(home(), id).await.expect("find_delivery answers")
    }

    pub(super) async fn delivery(&self, id: DeliveryId) -> DeliveryRecord {
        self.find_delivery(id).await.expect("the delivery is there")
    }

    pub(super) async fn delivery_status(&self, id: DeliveryId) -> DeliveryStatus {
        self.delivery(id).await.delivery.status()
    }

    pub(super) async fn prior(&self, claim: &Claim, now: Timestamp) -> Option<Prior> {
        self.store.find_prior(claim, now).await.expect("find_prior answers")
    }
}

/// Runs every call on a task of its own, all let go at the same moment. The answers come in the order of the calls.
pub(super) async fn race<F>(calls: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let calls: Vec<F> = calls.into_iter().collect();
    let start = Arc::new(Barrier::new(calls.len()));
    let mut tasks = JoinSet::new();
    for (place, call) in calls.into_iter().enumerate() {
        let start = Arc::clone(&start);
        tasks.spawn(async move {
            start.wait().await;
            (place, call.await)
        });
    }
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// How many of `items` are like that.
pub(super) fn count<T>(items: &[T], like: impl Fn(&T) -> bool) -> usize {
    items.iter().filter(|item| like(item)).count()
}

/// Everything that can be asked of a delivery's way. (`==` would also compare what a later status has hidden.)
pub(super) fn assert_same_way(stored: &Delivery, expected: &Delivery) {
    assert_eq!(stored.status(), expected.status());
    assert_eq!(stored.error(), expected.error());
    for status in DeliveryStatus::ALL {
        assert_eq!(stored.reached_at(status), expected.reached_at(status), "{status}");
    }
}
