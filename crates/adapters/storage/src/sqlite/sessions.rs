mod fall_back;
mod issue;
mod sent;
mod settle;
mod withdraw;

use async_trait::async_trait;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryId, LedgerPolicy, NumberLedger, SessionId, SessionStatus, Timestamp};
use whatotp_ports::{
    Attempt, CancelSession, Claim, Issued, LedgerKey, NewDelivery, NewSession, Resend, Resent, Sent, SessionRecord,
    SessionState, SessionStore, Settled, StoreResult, Subject, Withdrawal,
};

use super::statement::{fetch, fetching, values};
use super::update::update;
use super::{SqliteStore, deliveries, idempotency, ledgers};
use crate::failure::Failure;
use crate::rows::{ScopeColumns, SessionRow, SessionStateRow};
use crate::schema::otp_sessions::dsl;

#[async_trait]
impl SessionStore for SqliteStore {
    async fn issue(&self, new: NewSession, now: Timestamp) -> StoreResult<Issued> {
        self.write(move |connection| issue::issue(connection, &new, now)).await
    }

    async fn resend(&self, resend: Resend, now: Timestamp) -> StoreResult<Option<Resent>> {
        self.write(move |connection| issue::resend(connection, &resend, now)).await
    }

    async fn withdraw(&self, withdrawal: Withdrawal, now: Timestamp) -> StoreResult<()> {
        self.finish(move |connection| withdraw::withdraw(connection, &withdrawal, now)).await
    }

    async fn settle_attempt(&self, attempt: Attempt, now: Timestamp) -> StoreResult<Option<Settled>> {
        self.write(move |connection| settle::settle(connection, &attempt, now)).await
    }

    async fn cancel(
        &self,
        scope: AccountScope,
        session: SessionId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelSession>> {
        self.write(move |connection| cancel(connection, scope, session, claim.as_ref(), now)).await
    }

    async fn fall_back(
        &self,
        scope: AccountScope,
        session: SessionId,
        instead_of: DeliveryId,
        delivery: NewDelivery,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.write(move |connection| fall_back::fall_back(connection, scope, session, instead_of, &delivery, now)).await
    }

    async fn fail(&self, scope: AccountScope, session: SessionId, now: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let id = session.to_string();
            // With more than one message sent, another of them may still arrive. (Fallbacks do not count.)
            let only_message = pending(&account, mode, &id, now.unix_ms()).and(dsl::sends.eq(1));
            update(dsl::otp_sessions, only_message, ended(SessionStatus::Failed, now)).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn find(&self, scope: AccountScope, session: SessionId) -> StoreResult<Option<(SessionRecord, Sent)>> {
        self.read(move |connection| {
            let Some(record) = load(connection, scope, session)? else { return Ok(None) };
            let sent = sent::sent(connection, scope, record.delivery)?;
            Ok(Some((record, sent)))
        })
        .await
    }

    async fn session_states(&self, scope: AccountScope, sessions: Vec<SessionId>) -> StoreResult<Vec<SessionState>> {
        self.scan(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let ids: Vec<String> = sessions.iter().map(ToString::to_string).collect();
            let these = dsl::otp_sessions
                .filter(dsl::account_id.eq(account))
                .filter(dsl::id.eq_any(ids))
                .filter(dsl::mode.eq(mode))
                .select(SessionStateRow::as_select());
            these.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn purge_sessions(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_old_sessions(created_before, limit).await
    }

    async fn find_ledger(&self, key: &LedgerKey) -> StoreResult<Option<NumberLedger>> {
        let key = *key;
        self.read(move |connection| ledgers::find(connection, &key)).await
    }

    async fn forgive(&self, key: &LedgerKey) -> StoreResult<bool> {
        let key = *key;
        self.write(move |connection| ledgers::forgive(connection, &key)).await
    }

    async fn purge_ledgers(&self, limits: &LedgerPolicy, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_idle_ledgers(limits, now, limit).await
    }
}

/// One session.
#[auto_type(no_type_alias)]
fn this<'a>(account: &'a str, mode: &'a str, id: &'a str) -> _ {
    dsl::account_id.eq(account).and(dsl::id.eq(id)).and(dsl::mode.eq(mode))
}

/// One session, if it is pending at `now`.
#[auto_type(no_type_alias)]
fn pending<'a>(account: &'a str, mode: &'a str, id: &'a str, now: i64) -> _ {
    let status: &'static str = SessionStatus::Pending.as_str();
    let this = dsl::account_id.eq(account).and(dsl::id.eq(id)).and(dsl::mode.eq(mode));
    this.and(dsl::status.eq(status)).and(dsl::expires_at.gt(now))
}

/// What changes in a session when it ends.
#[auto_type(no_type_alias)]
fn ended(status: SessionStatus, now: Timestamp) -> _ {
    let (status, now): (&'static str, i64) = (status.as_str(), now.unix_ms());
    (dsl::status.eq(status), dsl::finished_at.eq(now))
}

fetch!(Find -> SessionRow, "SELECT ", " FROM otp_sessions WHERE account_id = ?1 AND id = ?2 AND mode = ?3");

fn load(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: SessionId,
) -> Result<Option<SessionRecord>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let row = fetching::<Find>(values![account.as_str(), id.as_str(), mode]).get_result::<SessionRow>(connection);
    Ok(row.optional()?.map(SessionRow::read).transpose()?)
}

/// Ends a session that is pending at `now`. Returns whether it was.
fn end(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    id: SessionId,
    status: SessionStatus,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let pending = pending(&account, mode, &id, now.unix_ms());
    Ok(update(dsl::otp_sessions, pending, ended(status, now)).execute(connection)? > 0)
}

fn cancel(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    session: SessionId,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<Option<CancelSession>, Failure> {
    if let Some(prior) = idempotency::prior(connection, claim, now)? {
        return Ok(Some(CancelSession::Replay(prior)));
    }
    let canceled = end(connection, scope, session, SessionStatus::Canceled, now)?;
    let Some(record) = load(connection, scope, session)? else { return Ok(None) };
    if !canceled {
        return Ok(Some(CancelSession::Finished(record.session.status_at(now))));
    }
    cancel_deliveries(connection, &record, now)?;
    idempotency::store(connection, claim, &Subject::Session(session))?;
    Ok(Some(CancelSession::Done(record)))
}

/// Cancels those of a session's deliveries that nobody has taken: the latest, the one before it, and so on. The way back
/// has an end, because each of them was stored after the one that it names.
fn cancel_deliveries(connection: &mut SqliteConnection, record: &SessionRecord, now: Timestamp) -> Result<(), Failure> {
    let scope = record.session.scope;
    let mut next = Some(record.delivery);
    while let Some(id) = next {
        deliveries::cancel_if_queued(connection, scope, id, now)?;
        next = deliveries::step(connection, scope, id)?.map_or(Ok(None), |step| step.previous())?;
    }
    Ok(())
}
