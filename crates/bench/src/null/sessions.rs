use async_trait::async_trait;
use whatotp_domain::{
    AccountScope, Attempted, DeliveryId, IssueRefused, LedgerPolicy, NumberLedger, SessionId, Timestamp,
};
use whatotp_ports::{
    Attempt, CancelSession, Claim, Issued, LedgerKey, NewDelivery, NewSession, Resend, Resent, Sent, SessionRecord,
    SessionState, SessionStore, Settled, StoreResult, Withdrawal,
};

use super::deliveries::stored;
use super::memory::{Memory, missing};

#[async_trait]
impl SessionStore for Memory {
    async fn issue(&self, new: NewSession, now: Timestamp) -> StoreResult<Issued> {
        let NewSession { mut record, delivery, limits, .. } = new;
        let mut numbers = self.numbers.of(&record.number)?;
        let replaced = match numbers.entry(record.number).or_default().issue(&mut record.session, &limits, now) {
            Ok(replaced) => replaced,
            Err(IssueRefused::Send(refused)) => return Ok(Issued::Refused(refused)),
            Err(IssueRefused::Guess(refused)) => return Ok(Issued::NoGuesses(refused)),
        };
        let mut superseded = None;
        if let Some(live) = replaced {
            let mut sessions = self.sessions.of(&live.session)?;
            let session = sessions.get_mut(&live.session);
            superseded = session.is_some_and(|old| old.session.supersede(now).is_ok()).then_some(live);
        }
        self.sessions.of(&record.session.id)?.insert(record.session.id, record.clone());
        self.deliveries.of(&delivery.id)?.insert(delivery.id, stored(delivery));
        Ok(Issued::Created { record: Box::new(record), superseded })
    }

    async fn settle_attempt(&self, attempt: Attempt, now: Timestamp) -> StoreResult<Option<Settled>> {
        let Attempt { session, number, length, matched, limits, .. } = attempt;
        let mut numbers = self.numbers.of(&number)?;
        let number = numbers.entry(number).or_default();
        if let Err(refused) = number.may_guess(&limits, length, now) {
            return Ok(Some(Settled::Blocked(refused)));
        }
        let mut sessions = self.sessions.of(&session)?;
        let Some(record) = sessions.get_mut(&session) else { return Ok(None) };
        let mut attempted = record.session.attempt(matched, now);
        if !matches!(attempted, Attempted::Finished(_)) {
            attempted = number.count_guess(&record.session, matched, &limits, now);
        }
        Ok(Some(Settled::Done(record.clone(), attempted)))
    }

    async fn find(&self, _: AccountScope, session: SessionId) -> StoreResult<Option<(SessionRecord, Sent)>> {
        let Some(record) = self.sessions.of(&session)?.get(&session).cloned() else { return Ok(None) };
        let deliveries = self.deliveries.of(&record.delivery)?;
        let sent = deliveries.get(&record.delivery);
        let sent = sent.map(|found| Sent { delivery: found.delivery.clone(), sender: found.sender.clone() });
        Ok(Some((record, sent.unwrap_or_default())))
    }

    async fn resend(&self, _: Resend, _: Timestamp) -> StoreResult<Option<Resent>> {
        Err(missing())
    }

    async fn withdraw(&self, _: Withdrawal, _: Timestamp) -> StoreResult<()> {
        Err(missing())
    }

    async fn cancel(
        &self,
        _: AccountScope,
        _: SessionId,
        _: Option<Claim>,
        _: Timestamp,
    ) -> StoreResult<Option<CancelSession>> {
        Err(missing())
    }

    async fn fall_back(
        &self,
        _: AccountScope,
        _: SessionId,
        _: DeliveryId,
        _: NewDelivery,
        _: Timestamp,
    ) -> StoreResult<bool> {
        Err(missing())
    }

    async fn fail(&self, _: AccountScope, _: SessionId, _: Timestamp) -> StoreResult<()> {
        Err(missing())
    }

    async fn session_states(&self, _: AccountScope, _: Vec<SessionId>) -> StoreResult<Vec<SessionState>> {
        Err(missing())
    }

    async fn find_ledger(&self, _: &LedgerKey) -> StoreResult<Option<NumberLedger>> {
        Err(missing())
    }

    async fn forgive(&self, _: &LedgerKey) -> StoreResult<bool> {
        Err(missing())
    }

    async fn purge_sessions(&self, _: Timestamp, _: u32) -> StoreResult<u64> {
        Ok(0)
    }

    async fn purge_ledgers(&self, _: &LedgerPolicy, _: Timestamp, _: u32) -> StoreResult<u64> {
        Ok(0)
    }
}
