use std::collections::HashMap;

use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, DeliveryId, LedgerPolicy, NumberLedger, SessionId, SessionStatus, Timestamp};
use whatotp_ports::{
    Attempt, CancelSession, Claim, Issued, LedgerKey, NewDelivery, NewSession, Resend, Resent, Sent, SessionRecord,
    SessionState, SessionStore, Settled, StoreResult, Subject, Withdrawal,
};

use super::look::Look;
use super::sends::{Issue, SendAgain};
use super::settle::Settle;
use super::statement::{change, changing, columns, fetch, fetching};
use super::{PostgresStore, claims, deliveries, ledgers, withdraw};
use crate::failure::Failure;
use crate::rows::{After, DeliveryRow, ScopeColumns, SessionRow, SessionStateRow};
use crate::schema::otp_sessions::dsl;

/// A session's place.
pub(super) type SessionKey = (AccountScope, SessionId);

#[async_trait]
impl SessionStore for PostgresStore {
    async fn issue(&self, new: NewSession, now: Timestamp) -> StoreResult<Issued> {
        self.issues.call(Issue { new, now }).await
    }

    async fn resend(&self, resend: Resend, now: Timestamp) -> StoreResult<Option<Resent>> {
        self.resends.call(SendAgain { resend, now }).await
    }

    async fn withdraw(&self, withdrawal: Withdrawal, now: Timestamp) -> StoreResult<()> {
        self.finish(move |connection| {
            let withdrawal = withdrawal.clone();
            Box::pin(async move { withdraw::withdraw(connection, &withdrawal, now).await })
        })
        .await
    }

    async fn settle_attempt(&self, attempt: Attempt, now: Timestamp) -> StoreResult<Option<Settled>> {
        self.attempts.call(Settle { attempt, now }).await
    }

    async fn cancel(
        &self,
        scope: AccountScope,
        session: SessionId,
        claim: Option<Claim>,
        now: Timestamp,
    ) -> StoreResult<Option<CancelSession>> {
        self.write(move |connection| {
            let claim = claim.clone();
            Box::pin(async move { cancel(connection, (scope, session), claim.as_ref(), now).await })
        })
        .await
    }

    async fn fall_back(
        &self,
        scope: AccountScope,
        session: SessionId,
        instead_of: DeliveryId,
        delivery: NewDelivery,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = DeliveryRow::new(&delivery, After::Undelivered(instead_of), now);
            Box::pin(async move { fall_back(connection, (scope, session), instead_of, &row, now).await })
        })
        .await
    }

    async fn fail(&self, scope: AccountScope, session: SessionId, now: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let (ScopeColumns { account, mode }, id) = (scope.into(), session.to_string());
                // With more than one message sent, another of them may still arrive. (Fallbacks do not count.)
                diesel::update(dsl::otp_sessions)
                    .filter(dsl::account_id.eq(&account))
                    .filter(dsl::id.eq(&id))
                    .filter(dsl::mode.eq(mode))
                    .filter(dsl::status.eq(SessionStatus::Pending.as_str()))
                    .filter(dsl::expires_at.gt(now.unix_ms()))
                    .filter(dsl::sends.eq(1))
                    .set((dsl::status.eq(SessionStatus::Failed.as_str()), dsl::finished_at.eq(now.unix_ms())))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn find(&self, scope: AccountScope, session: SessionId) -> StoreResult<Option<(SessionRecord, Sent)>> {
        self.looks.call(Look((scope, session))).await
    }

    async fn session_states(&self, scope: AccountScope, sessions: Vec<SessionId>) -> StoreResult<Vec<SessionState>> {
        self.scan(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let ids: Vec<String> = sessions.iter().map(ToString::to_string).collect();
            Box::pin(async move {
                let these = dsl::otp_sessions
                    .filter(dsl::account_id.eq(account))
                    .filter(dsl::id.eq_any(ids))
                    .filter(dsl::mode.eq(mode))
                    .select(SessionStateRow::as_select());
                let rows: Vec<SessionStateRow> = these.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn purge_sessions(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_old_sessions(created_before, limit).await
    }

    async fn find_ledger(&self, key: &LedgerKey) -> StoreResult<Option<NumberLedger>> {
        let key = *key;
        self.read(move |connection| Box::pin(async move { ledgers::find(connection, &key).await })).await
    }

    async fn forgive(&self, key: &LedgerKey) -> StoreResult<bool> {
        let key = *key;
        self.write(move |connection| Box::pin(async move { ledgers::forgive(connection, &key).await })).await
    }

    async fn purge_ledgers(&self, limits: &LedgerPolicy, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_idle_ledgers(limits, now, limit).await
    }
}

/// One session, as it is just now.
pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    (scope, id): SessionKey,
) -> Result<Option<SessionRecord>, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), id.to_string());
    let this =
        dsl::otp_sessions.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id)).filter(dsl::mode.eq(mode));
    let row: Option<SessionRow> = this.select(SessionRow::as_select()).get_result(connection).await.optional()?;
    Ok(row.map(SessionRow::read).transpose()?)
}

fetch!(
    Find -> SessionRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, id, mode)
     JOIN otp_sessions ON otp_sessions.account_id = k.account_id AND otp_sessions.id = k.id
      AND otp_sessions.mode = k.mode"
);

fetch!(
    Lock -> SessionRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, id, mode)
     JOIN otp_sessions ON otp_sessions.account_id = k.account_id AND otp_sessions.id = k.id
      AND otp_sessions.mode = k.mode
     ORDER BY otp_sessions.account_id, otp_sessions.id
     FOR UPDATE OF otp_sessions"
);

/// The sessions that are there.
pub(super) async fn find_all(
    connection: &mut AsyncPgConnection,
    keys: Vec<SessionKey>,
) -> Result<HashMap<SessionKey, SessionRecord>, Failure> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = in_columns(keys);
    by_key(fetching::<Find>(arguments(&keys)).load(connection).await?)
}

/// The sessions that are there. Until the transaction ends, nobody else changes them.
pub(super) async fn lock(
    connection: &mut AsyncPgConnection,
    keys: Vec<SessionKey>,
) -> Result<HashMap<SessionKey, SessionRecord>, Failure> {
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let keys = in_columns(keys);
    by_key(fetching::<Lock>(arguments(&keys)).load(connection).await?)
}

fn in_columns(keys: Vec<SessionKey>) -> Vec<(ScopeColumns, String)> {
    keys.into_iter().map(|(scope, id)| (scope.into(), id.to_string())).collect()
}

fn arguments(keys: &[(ScopeColumns, String)]) -> Vec<super::statement::Values<'_>> {
    columns!(keys, key => key.0.account.as_str(), key.1.as_str(), key.0.mode)
}

pub(super) fn by_key(rows: Vec<SessionRow>) -> Result<HashMap<SessionKey, SessionRecord>, Failure> {
    let mut found = HashMap::new();
    for row in rows {
        let record = row.read()?;
        found.insert((record.session.scope, record.session.id), record);
    }
    Ok(found)
}

async fn cancel(
    connection: &mut AsyncPgConnection,
    key: SessionKey,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<Option<CancelSession>, Failure> {
    let locked = lock(connection, vec![key]).await?.remove(&key);
    // Under the lock, or another process may do the same work between this look and it.
    if let Some(prior) = claims::prior(connection, claim, now).await? {
        return Ok(Some(CancelSession::Replay(prior)));
    }
    let Some(mut record) = locked else { return Ok(None) };
    if let Err(finished) = record.session.cancel(now) {
        return Ok(Some(CancelSession::Finished(finished.0)));
    }
    let row = SessionRow::new(&record);
    diesel::update(dsl::otp_sessions)
        .filter(dsl::account_id.eq(&row.account_id))
        .filter(dsl::id.eq(&row.id))
        .set((dsl::status.eq(&row.status), dsl::finished_at.eq(row.finished_at)))
        .execute(connection)
        .await?;
    // Those of its deliveries that nobody has taken: the latest, the one before it, and so on. The way back has an end,
    // because each of them was stored after the one that it names.
    let mut next = Some(record.delivery);
    while let Some(id) = next {
        deliveries::cancel_if_queued(connection, key.0, id, now).await?;
        next = deliveries::step(connection, key.0, id).await?.map_or(Ok(None), |step| step.previous())?;
    }
    claims::store(connection, claim.map(|claim| (claim, Subject::Session(key.1))).into_iter().collect(), now).await?;
    Ok(Some(CancelSession::Done(record)))
}

async fn fall_back(
    connection: &mut AsyncPgConnection,
    key: SessionKey,
    instead_of: DeliveryId,
    delivery: &DeliveryRow,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(record) = lock(connection, vec![key]).await?.remove(&key) else { return Ok(false) };
    if record.session.status_at(now) != SessionStatus::Pending || record.delivery != instead_of {
        return Ok(false);
    }
    let row = SessionRow::new(&record);
    diesel::update(dsl::otp_sessions)
        .filter(dsl::account_id.eq(&row.account_id))
        .filter(dsl::id.eq(&row.id))
        .set(dsl::delivery_id.eq(&delivery.id))
        .execute(connection)
        .await?;
    deliveries::insert(connection, vec![delivery]).await?;
    Ok(true)
}

change!(
    SaveSends,
    "UPDATE otp_sessions AS s
     SET sends = k.sends, resend_available_at = k.resend_available_at, delivery_id = k.delivery_id
     FROM unnest($1, $2, $3, $4, $5) AS k (account_id, id, sends, resend_available_at, delivery_id)
     WHERE s.account_id = k.account_id AND s.id = k.id"
);

/// Stores what a message, sent or withdrawn, changes in sessions that are locked.
pub(super) async fn save_sends(connection: &mut AsyncPgConnection, records: &[SessionRecord]) -> Result<(), Failure> {
    if records.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = records.iter().map(SessionRow::new).collect();
    let arguments = columns!(
        rows,
        row => row.account_id.as_str(), row.id.as_str(), row.sends, row.resend_available_at, row.delivery_id.as_str(),
    );
    changing::<SaveSends>(arguments).execute(connection).await?;
    Ok(())
}
