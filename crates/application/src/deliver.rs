use std::time::Duration;

use futures_util::future::join_all;
use whatotp_domain::{
    Delivery, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, Locale, OtpSession, PhoneNumber, SessionStatus,
    Timestamp,
};
use whatotp_ports::{
    ClaimedDelivery, Content, DeliveryKind, DeliveryRecord, Lease, NewDelivery, OutboundMessage, Progress, SendOutcome,
    SessionRecord, TemplateRef, Topic, random,
};

use crate::sealing::{DELIVERIES, Row};
use crate::views::delivery_row;
use crate::{Application, Failure};

/// The message that carries a session's code.
pub(crate) struct NewOtpDelivery<'a> {
    pub id: DeliveryId,
    pub session: &'a OtpSession,
    pub to: &'a PhoneNumber,
    pub locale: Option<Locale>,
}

/// Longest wait between two tries of one message.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Application {
    /// One round of the delivery worker: takes what is due, at most `limit`, and works on all of it at once. Returns how
    /// many it took.
    pub async fn deliver_due(&self, limit: u32) -> Result<usize, Failure> {
        let now = self.ports.clock.now();
        let claimed = self.ports.deliveries.claim_due(self.policy.lease, limit, now).await?;
        let count = claimed.len();
        join_all(claimed.into_iter().map(|claimed| async move {
            let id = claimed.record.id;
            // One bad row must not stop the others: its lease runs out, and it is tried again later.
            if let Err(failure) = self.work_on(claimed).await {
                tracing::error!(delivery.id = %id, error = &failure as &dyn std::error::Error, "a delivery could not be worked on");
            }
        }))
        .await;
        Ok(count)
    }

    async fn work_on(&self, claimed: ClaimedDelivery) -> Result<(), Failure> {
        let ClaimedDelivery { record, lease, interrupted } = claimed;
        let now = self.ports.clock.now();
        match record.delivery.status() {
            DeliveryStatus::Queued if interrupted => {
                // Its worker died before it could say whether the message had left.
                let event = DeliveryEvent { status: DeliveryStatus::Unknown, at: now, error: None };
                let progress =
                    Progress { events: vec![event], attempted: true, due_at: Some(now), ..Progress::default() };
                self.progress(&record, &lease, progress).await
            }
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
        let content = match record.kind {
            DeliveryKind::Message(_) => self.template_content(record).await?,
            DeliveryKind::Otp(session) => match self.ports.sessions.find(record.scope, session).await? {
                // A code that cannot be given any more is not sent.
                Some((session, _)) if session.session.status_at(now) == SessionStatus::Pending => {
                    Some(Content::Code { code: self.code_of(&session)?, locale: record.locale.clone() })
                }
                _ => None,
            },
        };
        let Some(content) = content else {
            return self.progress(record, lease, ended(DeliveryStatus::Canceled, now)).await;
        };
        let id = record.id.to_bytes();
        let to = self.open_number(delivery_row(record, &id), &record.recipient)?;
        let attempt = record.attempts.saturating_add(1);
        let message = OutboundMessage { scope: record.scope, delivery: record.id, to, content, attempt };
        let outcome = self.hand_over(&message).await;
        let progress = self.progress_of(&outcome, attempt, record.expires_at)?;
        self.progress(record, lease, progress).await?;
        if let (SendOutcome::Refused(_), DeliveryKind::Otp(session)) = (&outcome, record.kind) {
            self.ports.sessions.fail(record.scope, session, self.ports.clock.now()).await?;
        }
        Ok(())
    }

    async fn template_content(&self, record: &DeliveryRecord) -> Result<Option<Content>, Failure> {
        let DeliveryKind::Message(template) = record.kind else { return Ok(None) };
        let by = TemplateRef::Id(template);
        let Some(template) = self.ports.templates.find_template(record.scope, &by).await? else { return Ok(None) };
        let id = record.id.to_bytes();
        let variables = self.open_variables(delivery_row(record, &id), record.variables.as_ref())?;
        Ok(Some(Content::Template { template, locale: record.locale.clone(), variables }))
    }

    /// What the sandbox inbox shows: the content as it was handed over.
    pub(crate) async fn content_of(&self, record: &DeliveryRecord) -> Result<Option<Content>, Failure> {
        match record.kind {
            DeliveryKind::Message(_) => self.template_content(record).await,
            DeliveryKind::Otp(session) => match self.ports.sessions.find(record.scope, session).await? {
                None => Ok(None),
                Some((session, _)) => {
                    Ok(Some(Content::Code { code: self.code_of(&session)?, locale: record.locale.clone() }))
                }
            },
        }
    }

    /// The message of a session, kept by the caller for the first attempt.
    pub(crate) fn new_otp_delivery(&self, new: &NewOtpDelivery<'_>, now: Timestamp) -> Result<NewDelivery, Failure> {
        let scope = new.session.scope;
        let row_id = new.id.to_bytes();
        let row = Row { scope, table: DELIVERIES, id: &row_id };
        Ok(NewDelivery {
            id: new.id,
            scope,
            kind: DeliveryKind::Otp(new.session.id),
            recipient: self.seal_number(row, new.to)?,
            number: self.keyring.blind_index(scope, new.to),
            variables: None,
            metadata: None,
            locale: new.locale.clone(),
            created_at: now,
            expires_at: new.session.expires_at,
            leased_for: Some(self.policy.lease),
        })
    }

    /// The first attempt for a session's message.
    pub(crate) async fn hand_over_otp(
        &self,
        session: &SessionRecord,
        delivery: &NewDelivery,
        to: PhoneNumber,
    ) -> Result<SendOutcome, Failure> {
        let content = Content::Code { code: self.code_of(session)?, locale: delivery.locale.clone() };
        let message = OutboundMessage { scope: delivery.scope, delivery: delivery.id, to, content, attempt: 1 };
        Ok(self.hand_over(&message).await)
    }

    /// Records the first attempt's outcome. Should the lease have run out meanwhile, another worker's word counts.
    pub(crate) async fn settle_first_attempt(
        &self,
        delivery: &NewDelivery,
        outcome: &SendOutcome,
    ) -> Result<Delivery, Failure> {
        let progress = self.progress_of(outcome, 1, delivery.expires_at)?;
        let mut way = Delivery::queued(delivery.created_at);
        for event in &progress.events {
            way.record(event);
        }
        let lease = Lease::first(delivery.scope, delivery.id);
        let stored = self.ports.deliveries.progress(&lease, progress).await?;
        if let DeliveryKind::Otp(session) = delivery.kind {
            self.ports.wakeups.announce(Topic::Session(session));
        }
        self.ports.wakeups.announce(Topic::Outbox);
        Ok(stored.unwrap_or(way))
    }

    async fn hand_over(&self, message: &OutboundMessage) -> SendOutcome {
        let Some(channel) = self.channel(message.scope.mode) else {
            return SendOutcome::Unavailable(no_channel());
        };
        let now = self.ports.clock.now();
        let sending = tokio::time::timeout(self.policy.channel_timeout, channel.send(message, now));
        sending.await.unwrap_or_else(|_elapsed| SendOutcome::Unknown { error: timed_out(), poll_at: None })
    }

    fn progress_of(&self, outcome: &SendOutcome, attempt: u32, expires_at: Timestamp) -> Result<Progress, Failure> {
        let now = self.ports.clock.now();
        let event = |status, error| vec![DeliveryEvent { status, at: now, error }];
        let attempted = Progress { attempted: true, ..Progress::default() };
        Ok(match outcome {
            SendOutcome::Accepted { provider_message_id, poll_at } => Progress {
                events: event(DeliveryStatus::Accepted, None),
                provider_message_id: Some(provider_message_id.clone()),
                due_at: Some(poll_at.unwrap_or(expires_at)),
                ..attempted
            },
            SendOutcome::Refused(error) => {
                Progress { events: event(DeliveryStatus::Failed, Some(error.clone())), ..attempted }
            }
            SendOutcome::Retry { after, .. } => {
                Progress { due_at: Some(now.plus(self.pause_before_retry(attempt, *after)?)), ..attempted }
            }
            SendOutcome::Unavailable(_) => {
                Progress { due_at: Some(now.plus(self.pause_before_retry(attempt, Duration::ZERO)?)), ..attempted }
            }
            SendOutcome::Unknown { poll_at, .. } => Progress {
                events: event(DeliveryStatus::Unknown, None),
                due_at: Some(poll_at.unwrap_or_else(|| now.plus(self.policy.unknown_wait))),
                ..attempted
            },
        })
    }

    /// Doubling pauses with full jitter, so that many messages that failed together do not come back together; never
    /// shorter than what the provider asked for.
    fn pause_before_retry(&self, attempt: u32, asked: Duration) -> Result<Duration, Failure> {
        let ceiling = Duration::from_secs(1_u64 << attempt.min(6)).min(LONGEST_PAUSE);
        let [byte] = random::<1>(&*self.ports.entropy)?;
        Ok(asked + ceiling * u32::from(byte) / u32::from(u8::MAX))
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
        if self.ports.deliveries.progress(lease, progress).await?.is_none() {
            tracing::warn!(delivery.id = %record.id, "another worker took this delivery over: nothing was written");
        }
        self.ports.wakeups.announce(match record.kind {
            DeliveryKind::Otp(session) => Topic::Session(session),
            DeliveryKind::Message(_) => Topic::Message(record.id),
        });
        Ok(())
    }
}

/// The end of a delivery that nobody has to look at again.
pub(crate) fn ended(status: DeliveryStatus, at: Timestamp) -> Progress {
    Progress { events: vec![DeliveryEvent { status, at, error: None }], ..Progress::default() }
}

fn no_channel() -> DeliveryError {
    DeliveryError { code: 0, title: "No sender".into(), detail: "No WhatsApp sender is configured.".into() }
}

fn timed_out() -> DeliveryError {
    DeliveryError { code: 0, title: "No answer".into(), detail: "The provider did not answer in time.".into() }
}
