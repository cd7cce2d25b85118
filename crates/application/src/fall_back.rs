use whatotp_domain::{
    AccountScope, Asked, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, EventKind, Mode, Timestamp,
};
use whatotp_ports::{DeliveryKind, DeliveryRecord, NewDelivery, Topic, random};

use crate::first_attempt::NewOtpDelivery;
use crate::views::delivery_row;
use crate::{Application, Failure};

/// When a code does not arrive, the account's next sender gets it: the same code of the same session.
impl Application {
    /// From when on the next sender has its turn. `None` when falling back is off, or the message needs none.
    pub(crate) fn fall_back_at(&self, record: &DeliveryRecord, status: DeliveryStatus) -> Option<Timestamp> {
        let after = self.policy.fallback_after?;
        let is_code = matches!(record.kind, DeliveryKind::Otp(_)) && record.scope.mode == Mode::Live;
        let waits = matches!(status, DeliveryStatus::Accepted | DeliveryStatus::Unknown | DeliveryStatus::Sent);
        let way = &record.delivery;
        // It was only reported as sent when its request died over it.
        let known = [DeliveryStatus::Accepted, DeliveryStatus::Unknown, DeliveryStatus::Sent];
        let since = known.into_iter().find_map(|status| way.reached_at(status));
        Some(since.filter(|_| is_code && waits)?.plus(after))
    }

    /// Hands the code of a delivery that has not arrived to the next sender. Returns whether there was one, and the
    /// session still waits for its code.
    pub(crate) async fn fall_back(&self, record: &DeliveryRecord) -> Result<bool, Failure> {
        let now = self.ports.clock.now();
        let DeliveryKind::Otp(session) = record.kind else { return Ok(false) };
        let route = record.route.saturating_add(1);
        let origins = self.origins_of(record.scope).await?;
        let origin = usize::try_from(route).ok().and_then(|route| origins.get(route));
        let (Some(origin), Some(_)) = (origin, self.policy.fallback_after) else { return Ok(false) };
        if now >= self.last_moment(record) {
            return Ok(false);
        }
        let Some((stored, _)) = self.ports.sessions.find(record.scope, session).await? else { return Ok(false) };
        let row_id = record.id.to_bytes();
        let to = self.open_number(delivery_row(record, &row_id), &record.recipient)?;
        let id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let locale = record.locale.clone();
        let new = NewOtpDelivery { id, session: &stored.session, to: &to, locale, asked: Asked::default() };
        let delivery = NewDelivery { route, leased_for: None, ..self.new_otp_delivery(&new, now)? };
        let fallen = self.ports.sessions.fall_back(record.scope, session, record.id, delivery, now).await?;
        if fallen {
            let subject = format!("session {session}");
            let detail = format!("the code had not arrived: sender {} has it now", origin.sender.id);
            let account = Some(record.scope.account);
            self.note(EventKind::FellBack, account, subject, detail, &[&record.id.to_string()]).await?;
            self.ports.wakeups.announce(Topic::Outbox);
            self.ports.wakeups.announce(Topic::Session(session));
        }
        Ok(fallen)
    }

    /// A report that a code's message has failed may come before the answer to its send: then whoever writes that answer
    /// down sees to what follows.
    pub(crate) async fn after_reported_failure(
        &self,
        (scope, delivery): (AccountScope, DeliveryId),
        written: &[DeliveryEvent],
        way: &Delivery,
    ) -> Result<(), Failure> {
        let is_news = written.iter().all(|event| event.status != DeliveryStatus::Failed);
        if way.status() != DeliveryStatus::Failed || !is_news {
            return Ok(());
        }
        match self.ports.deliveries.find_delivery(scope, delivery).await? {
            Some(record) => self.after_failure(&record).await,
            None => Ok(()),
        }
    }

    /// What follows when a code's message has failed: the next sender, or the end of the session when none of its
    /// messages can arrive any more.
    pub(crate) async fn after_failure(&self, record: &DeliveryRecord) -> Result<(), Failure> {
        let DeliveryKind::Otp(session) = record.kind else { return Ok(()) };
        if self.fall_back(record).await? {
            return Ok(());
        }
        let Some((_, sent)) = self.ports.sessions.find(record.scope, session).await? else { return Ok(()) };
        if sent.delivery.status() == DeliveryStatus::Failed {
            self.ports.sessions.fail(record.scope, session, self.ports.clock.now()).await?;
            self.ports.wakeups.announce(Topic::Session(session));
        }
        Ok(())
    }
}
