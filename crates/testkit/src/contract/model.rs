//! What a store must have stored, by nothing but the domain's own rules.

use std::collections::HashMap;

use whatotp_domain::{
    Attempted, Delivery, DeliveryError, DeliveryId, DeliveryStatus, IssueRefused, LiveSession, NumberLedgers,
    NumberLimits, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{CancelSession, Issued, NewDelivery, NewSession, Resend, Resent, SessionRecord, Settled};

use super::sessions::live;
use crate::fixtures::an_event;

#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) sessions: HashMap<SessionId, SessionRecord>,
    pub(super) ledgers: HashMap<usize, NumberLedgers>,
    pub(super) deliveries: HashMap<DeliveryId, Sending>,
}

/// What a store must have stored of a delivery.
#[derive(Debug, Clone)]
pub(super) struct Sending {
    pub(super) way: Delivery,
    /// Whether its caller keeps it to itself.
    leased: bool,
    /// The delivery that it stands in for.
    instead_of: Option<DeliveryId>,
}

impl Model {
    pub(super) fn issue(&mut self, place: usize, new: &NewSession, now: Timestamp) -> Issued {
        let mut record = new.record.clone();
        match self.ledgers.entry(place).or_default().issue(&mut record.session, &new.limits, now) {
            Ok(_) => {}
            Err(IssueRefused::Send(refused)) => return Issued::Refused(refused),
            Err(IssueRefused::Guess(refused)) => return Issued::NoGuesses(refused),
        }
        let superseded = self.supersede(&record, now);
        self.sessions.insert(record.session.id, record.clone());
        self.add(&new.delivery, None, now);
        Issued::Created { record: Box::new(record), superseded }
    }

    fn supersede(&mut self, by: &SessionRecord, now: Timestamp) -> Option<LiveSession> {
        let mut same = self.sessions.values_mut().filter(|old| {
            old.number == by.number && old.session.purpose == by.session.purpose && old.session.id != by.session.id
        });
        same.find_map(|old| {
            let place = live(old);
            old.session.supersede(now).is_ok().then_some(place)
        })
    }

    pub(super) fn settle(
        &mut self,
        id: SessionId,
        place: usize,
        matched: bool,
        limits: &NumberLimits,
        now: Timestamp,
    ) -> Settled {
        let record = self.sessions.get_mut(&id).expect("the model has the session");
        let ledger = self.ledgers.entry(place).or_default();
        let attempted = record.session.attempt(matched, now);
        if !matches!(attempted, Attempted::Finished(_)) {
            assert_eq!(ledger.count_guess(&record.session, matched, limits, now), attempted);
        }
        Settled::Done(record.clone(), attempted)
    }

    pub(super) fn resend(&mut self, place: usize, resend: &Resend, now: Timestamp) -> Resent {
        let record = self.sessions.get_mut(&resend.session).expect("the model has the session");
        let ledger = self.ledgers.entry(place).or_default();
        match record.session.status_at(now) {
            SessionStatus::Pending => {}
            over => return Resent::Finished(over),
        }
        if record.session.sends_remaining() == 0 {
            return Resent::NoSendsLeft;
        }
        if let Err(refused) = ledger.send_again(&mut record.session, &resend.limits, now) {
            return Resent::Refused(refused);
        }
        record.delivery = resend.delivery.id;
        let record = record.clone();
        self.add(&resend.delivery, None, now);
        Resent::Stored(record)
    }

    /// What a withdrawn session leaves to the one whose place it took: that is pending again, as if it had been superseded
    /// and come back; or was over before, and holds nothing any more.
    pub(super) fn give_back(&mut self, withdrawn: &SessionRecord, place: usize, limits: &NumberLimits, now: Timestamp) {
        let Some(ledgers) = self.ledgers.get_mut(&place) else { return };
        let purpose = &withdrawn.session.purpose;
        let mut live = ledgers.account.live().iter().filter(|live| live.expires_at > now);
        let Some(previous) = live.find(|live| live.purpose == *purpose).map(|live| live.session) else { return };
        ledgers.release(previous);
        let previous = self.sessions.get_mut(&previous).map(|record| &mut record.session);
        if let Some(session) = previous.filter(|session| session.status_at(now) == SessionStatus::Pending) {
            session.supersede(now).expect("it is pending");
            ledgers.reinstate(session, limits, now);
        }
    }

    pub(super) fn cancel(&mut self, id: SessionId, now: Timestamp) -> Option<CancelSession> {
        let record = self.sessions.get_mut(&id)?;
        if let Err(finished) = record.session.cancel(now) {
            return Some(CancelSession::Finished(finished.0));
        }
        let record = record.clone();
        // All others are leased to their callers, for whom the scripts say nothing.
        for delivery in self.with_fallbacks(record.delivery) {
            let sending = self.deliveries.get_mut(&delivery).expect("the model has the delivery");
            if !sending.leased && sending.way.status() == DeliveryStatus::Queued {
                sending.way.record(&an_event(DeliveryStatus::Canceled, now));
            }
        }
        Some(CancelSession::Done(record))
    }

    pub(super) fn add(&mut self, new: &NewDelivery, instead_of: Option<DeliveryId>, now: Timestamp) {
        let sending = Sending { way: Delivery::queued(now), leased: new.leased_for.is_some(), instead_of };
        self.deliveries.insert(new.id, sending);
    }

    /// A delivery and those that it stands in for, latest first.
    pub(super) fn with_fallbacks(&self, latest: DeliveryId) -> Vec<DeliveryId> {
        std::iter::successors(Some(latest), |id| self.deliveries.get(id)?.instead_of).collect()
    }

    /// The one of them that is shown.
    pub(super) fn shown(&self, latest: DeliveryId) -> DeliveryId {
        let promise = |id: &DeliveryId| self.deliveries[id].way.status().promise();
        // Of equal ones this is the last.
        self.with_fallbacks(latest).into_iter().rev().max_by_key(promise).unwrap_or(latest)
    }
}

/// What can be seen of a delivery's way.
pub(super) fn story(way: &Delivery) -> (Vec<Option<Timestamp>>, Option<DeliveryError>) {
    (DeliveryStatus::ALL.map(|status| way.reached_at(status)).to_vec(), way.error().cloned())
}
