use std::time::Duration;

use futures_util::future::join_all;
use whatotp_domain::{DeliveryError, DeliveryEvent, DeliveryStatus, Mode, Timestamp};
use whatotp_ports::{ClaimedDelivery, DeliveryKind, DeliveryRecord, Lease, Progress, SendOutcome, Topic};

use crate::outcome::Sent;
use crate::{Application, Failure, error_chain};

/// Announcements may be lost, and other processes make none here: a worker looks by itself this often.
pub const WORKER_LOOKS_EVERY: Duration = Duration::from_secs(1);

/// What a delivery of a suspended account fails with, among the numbers of our own.
const SUSPENDED: u32 = 900_005;

impl Application {
    /// Takes what is due, at most `limit`, for a worker that has to [`deliver`](Self::deliver) each.
    pub async fn take_due(&self, limit: u32) -> Result<Vec<ClaimedDelivery>, Failure> {
        let now = self.ports.clock.now();
        Ok(self.ports.deliveries.claim_due(self.policy.lease, limit, now).await?)
    }

    /// Works on one delivery. One bad row must not stop the others: a failure is logged, and the row comes back.
    pub async fn deliver(&self, claimed: ClaimedDelivery) {
        let id = claimed.record.id;
        if let Err(failure) = self.work_on(claimed).await {
            tracing::error!(delivery.id = %id, error = error_chain(&failure), "a delivery could not be worked on");
        }
    }

    /// One whole round: takes what is due, at most `limit`, and returns how many when all of it has been worked on.
    pub async fn deliver_due(&self, limit: u32) -> Result<usize, Failure> {
        let claimed = self.take_due(limit).await?;
        Ok(join_all(claimed.into_iter().map(|claimed| self.deliver(claimed))).await.len())
    }

    async fn work_on(&self, claimed: ClaimedDelivery) -> Result<(), Failure> {
        let ClaimedDelivery { record, lease, interrupted } = claimed;
        let now = self.ports.clock.now();
        // Its worker died before it could say whether the message had left, the first time or the second.
        let may_have_left = match record.delivery.status() {
            DeliveryStatus::Queued => interrupted,
            DeliveryStatus::Unknown if interrupted => {
                self.replay_at(&record, &record.delivery).is_some_and(|replay_at| replay_at <= now)
            }
            _ => false,
        };
        if may_have_left {
            let event = DeliveryEvent { status: DeliveryStatus::Unknown, at: now, error: None };
            let due_at = Some(now);
            let progress =
                Progress { events: vec![event], attempted: true, in_doubt: true, due_at, ..Progress::default() };
            return self.progress(&record, &lease, progress).await;
        }
        match record.delivery.status() {
            DeliveryStatus::Queued => self.try_to_send(&record, &lease).await,
            _ => self.follow_up(&record, &lease).await,
        }
    }

    /// Sends what may still be sent, and ends what may not.
    pub(crate) async fn try_to_send(&self, record: &DeliveryRecord, lease: &Lease) -> Result<(), Failure> {
        let now = self.ports.clock.now();
        if now >= self.last_moment(record) {
            return self.progress(record, lease, ended(DeliveryStatus::Expired, now)).await;
        }
        if !self.may_try(record, now) {
            let due_at = Some(now.plus(self.pause_before_retry(record.attempts, Duration::ZERO)?));
            return self.progress(record, lease, Progress { due_at, ..Progress::default() }).await;
        }
        let letter = match self.is_suspended(record.scope.account).await {
            Ok(true) => return self.progress(record, lease, suspended(record, now)).await,
            Ok(false) => self.letter(record, now).await,
            Err(failure) => Err(failure),
        };
        let letter = match letter {
            Ok(Some(letter)) => letter,
            Ok(None) => return self.progress(record, lease, ended(DeliveryStatus::Canceled, now)).await,
            Err(failure) => {
                // It has not left. Were its lease left to run out, the next worker could not know that.
                let later = Progress { due_at: Some(now.plus(self.policy.lease)), ..Progress::default() };
                self.progress(record, lease, later).await?;
                return Err(failure);
            }
        };
        let sent = Sent::from(&letter);
        let handed_over = self.hand_over(letter).await?;
        let mut progress = self.progress_of(&handed_over, &sent)?;
        let failed = matches!(handed_over.outcome, SendOutcome::Refused(_) | SendOutcome::Invalid(_));
        if failed && matches!(record.kind, DeliveryKind::Otp(_)) {
            // What follows for its session is the next round's, so that no crash comes in between.
            progress.due_at = Some(self.ports.clock.now());
            self.ports.wakeups.announce(Topic::Outbox);
        }
        self.progress(record, lease, progress).await
    }

    /// A first attempt always; a retry while there is budget for it.
    fn may_try(&self, record: &DeliveryRecord, now: Timestamp) -> bool {
        match (record.scope.mode, record.attempts) {
            (Mode::Test, _) => true,
            (Mode::Live, 0) => {
                self.retries.deposit(now);
                true
            }
            (Mode::Live, _) => self.retries.withdraw(now),
        }
    }

    /// After this a message is not sent any more: a code that arrives as it expires only confuses.
    pub(crate) fn last_moment(&self, record: &DeliveryRecord) -> Timestamp {
        match record.kind {
            DeliveryKind::Otp(_) => record.expires_at.minus(self.policy.otp_send_margin),
            DeliveryKind::Message(_) => record.expires_at,
        }
    }

    /// Writes down what was done, and tells who waits.
    pub(crate) async fn progress(
        &self,
        record: &DeliveryRecord,
        lease: &Lease,
        progress: Progress,
    ) -> Result<(), Failure> {
        let written = progress.events.clone();
        match self.ports.deliveries.progress(lease, progress).await? {
            None => {
                tracing::warn!(delivery.id = %record.id, "another worker took this delivery over: nothing was written");
            }
            Some(way) if record.delivery.status() != DeliveryStatus::Failed => {
                self.after_reported_failure((record.scope, record.id), &written, &way).await?;
            }
            Some(_) => {}
        }
        self.ports.wakeups.announce(match record.kind {
            DeliveryKind::Otp(session) => Topic::Session(session),
            DeliveryKind::Message(_) => Topic::Message(record.id),
        });
        Ok(())
    }
}

/// What was queued when its account was suspended fails: the account's customers see why, an operator can send it once more,
/// and nothing old goes out when the suspension is lifted. What may have left already waits for its status.
fn suspended(record: &DeliveryRecord, now: Timestamp) -> Progress {
    if record.delivery.status() != DeliveryStatus::Queued {
        return Progress { due_at: Some(record.expires_at), ..Progress::default() };
    }
    let error = DeliveryError {
        code: SUSPENDED,
        title: "Account suspended".to_owned(),
        detail: "The account was suspended before this was sent.".to_owned(),
    };
    let failed = DeliveryEvent { status: DeliveryStatus::Failed, at: now, error: Some(error) };
    // The session of a code is the next round's.
    let due_at = matches!(record.kind, DeliveryKind::Otp(_)).then_some(now);
    Progress { events: vec![failed], due_at, ..Progress::default() }
}

/// The end of a delivery that nobody has to look at again.
pub(crate) fn ended(status: DeliveryStatus, at: Timestamp) -> Progress {
    Progress { events: vec![DeliveryEvent { status, at, error: None }], ..Progress::default() }
}
