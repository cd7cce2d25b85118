use whatotp_domain::{Asked, Delivery, DeliveryId, Locale, OtpSession, PhoneNumber, Timestamp};
use whatotp_ports::{Content, DeliveryKind, Lease, NewDelivery, SessionRecord, Topic};

use crate::deliver::WORKER_LOOKS_EVERY;
use crate::hand_over::{HandedOver, Letter};
use crate::outcome::Sent;
use crate::sealing::{DELIVERIES, Row};
use crate::{Application, Failure};

/// The message that carries a session's code.
pub(crate) struct NewOtpDelivery<'a> {
    pub id: DeliveryId,
    pub session: &'a OtpSession,
    pub to: &'a PhoneNumber,
    pub locale: Option<Locale>,
    pub asked: Asked,
}

/// A code is waited for, so the request that asks for one hands it over itself. It holds the delivery's first lease:
/// should it die, a worker takes over.
impl Application {
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
            country: Some(new.to.country()),
            asked: new.asked,
            variables: None,
            metadata: None,
            locale: new.locale.clone(),
            route: 0,
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
    ) -> Result<FirstAttempt, Failure> {
        let content = Content::Code { code: self.code_of(session)?, locale: delivery.locale.clone() };
        let letter = Letter {
            scope: delivery.scope,
            delivery: delivery.id,
            to,
            content,
            attempt: 1,
            route: delivery.route,
            expires_at: delivery.expires_at,
        };
        let sent = Sent::from(&letter);
        self.retries.deposit(self.ports.clock.now());
        Ok(FirstAttempt { handed_over: self.hand_over(letter).await?, sent })
    }

    /// Records the first attempt's outcome. Should the lease have run out meanwhile, another worker's word counts.
    pub(crate) async fn settle_first_attempt(
        &self,
        delivery: &NewDelivery,
        attempt: &FirstAttempt,
    ) -> Result<whatotp_ports::Sent, Failure> {
        let progress = self.progress_of(&attempt.handed_over, &attempt.sent)?;
        let mut way = Delivery::queued(delivery.created_at);
        for event in &progress.events {
            way.record(event);
        }
        let lease = Lease::first(delivery.scope, delivery.id);
        let (written, due_at) = (progress.events.clone(), progress.due_at);
        let stored = self.ports.deliveries.progress(&lease, progress).await?;
        if let Some(way) = &stored {
            self.after_reported_failure((delivery.scope, delivery.id), &written, way).await?;
        }
        // What is due later is seen by then, because a worker never sleeps for longer.
        if due_at.is_some_and(|due_at| due_at < self.ports.clock.now().plus(WORKER_LOOKS_EVERY)) {
            self.ports.wakeups.announce(Topic::Outbox);
        }
        let delivery = stored.unwrap_or(way);
        Ok(whatotp_ports::Sent { delivery, sender: attempt.handed_over.via.sender.clone() })
    }
}

/// A first attempt and what came of it.
pub(crate) struct FirstAttempt {
    pub handed_over: HandedOver,
    sent: Sent,
}
