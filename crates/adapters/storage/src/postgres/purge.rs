//! Forgetting, in small pieces: each is one transaction, finds its rows by a key, and leaves alone what somebody is
//! working on. So any number of processes may do it at once.

use std::sync::{Arc, Mutex, PoisonError};

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{DeliveryId, EventId, LedgerPolicy, SessionId, Timestamp};
use whatotp_ports::StoreResult;

use super::statement::{Change, change, changing, columns, fetch, fetching};
use super::{PostgresStore, provider_messages};
use crate::failure::Failure;
use crate::rows::{LedgerRow, count};

/// The most ledgers that one purge looks at: their keys are in no order of time. The next one goes on there.
const LOOK_AT: usize = 20_000;

/// How many of them it reads at a time.
const PAGE: usize = 500;

change!(
    /// From account to account, in each from its oldest session on.
    OldSessions,
    "WITH RECURSIVE accounts (account_id) AS (
        SELECT min(account_id) FROM otp_sessions
        UNION ALL
        SELECT (SELECT min(s.account_id) FROM otp_sessions AS s WHERE s.account_id > accounts.account_id)
        FROM accounts WHERE accounts.account_id IS NOT NULL
     ), old AS (
        SELECT old.account_id, old.id FROM accounts CROSS JOIN LATERAL (
            SELECT s.account_id, s.id FROM otp_sessions AS s WHERE s.account_id = accounts.account_id AND s.id < $1
            ORDER BY s.id LIMIT $2 FOR UPDATE SKIP LOCKED) AS old
        LIMIT $2
     )
     DELETE FROM otp_sessions AS s USING old WHERE s.account_id = old.account_id AND s.id = old.id"
);

change!(
    OldDeliveries,
    "WITH RECURSIVE accounts (account_id) AS (
        SELECT min(account_id) FROM deliveries
        UNION ALL
        SELECT (SELECT min(d.account_id) FROM deliveries AS d WHERE d.account_id > accounts.account_id)
        FROM accounts WHERE accounts.account_id IS NOT NULL
     ), old AS (
        SELECT old.account_id, old.id FROM accounts CROSS JOIN LATERAL (
            SELECT d.account_id, d.id FROM deliveries AS d
            WHERE d.account_id = accounts.account_id AND d.id < $1 AND d.due_at IS NULL
            ORDER BY d.id LIMIT $2 FOR UPDATE SKIP LOCKED) AS old
        LIMIT $2
     )
     DELETE FROM deliveries AS d USING old WHERE d.account_id = old.account_id AND d.id = old.id"
);

change!(
    OldMessages,
    "WITH old AS (
        SELECT day, message FROM provider_messages WHERE day < $1 ORDER BY day, message LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM provider_messages AS p USING old WHERE p.day = old.day AND p.message = old.message"
);

change!(
    OldReports,
    "WITH old AS (
        SELECT message, status, at FROM waiting_reports WHERE reported_at < $1
        ORDER BY reported_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM waiting_reports AS w USING old
     WHERE w.message = old.message AND w.status = old.status AND w.at = old.at"
);

change!(
    OldEvents,
    "WITH old AS (SELECT id FROM events WHERE id < $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM events AS e USING old WHERE e.id = old.id"
);

change!(
    OldClaims,
    "WITH old AS (
        SELECT account_id, mode, key FROM idempotency_claims WHERE expires_at <= $1
        ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM idempotency_claims AS c USING old
     WHERE c.account_id = old.account_id AND c.mode = old.mode AND c.key = old.key"
);

change!(
    /// The ids are in the order of their age, and a way ends after it began.
    OldVariables,
    "WITH old AS (
        SELECT account_id, id FROM deliveries
        WHERE variables IS NOT NULL AND id < $1 AND due_at IS NULL AND coalesce(canceled_at, expired_at, failed_at,
            delivered_at, read_at, sent_at, accepted_at, unknown_at, queued_at, created_at) < $2
        ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
     UPDATE deliveries AS d SET variables = NULL FROM old WHERE d.account_id = old.account_id AND d.id = old.id"
);

/// A key of the ledgers: account, mode and number.
type Key = (String, String, Vec<u8>);

/// Where the next look at the ledgers begins: after this key.
#[derive(Clone, Default)]
pub(super) struct Cursor(Arc<Mutex<Key>>);

impl Cursor {
    fn get(&self) -> Key {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, key: Key) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

impl PostgresStore {
    pub(super) async fn purge_old_sessions(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = SessionId::earliest_at(created_before.max(Timestamp::default()));
        self.purge::<OldSessions>(End::Id(end.to_string()), limit).await
    }

    pub(super) async fn purge_old_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = DeliveryId::earliest_at(created_before.max(Timestamp::default()));
        let deleted = self.purge::<OldDeliveries>(End::Id(end.to_string()), limit).await?;
        // An id is told after its delivery was made: whose day is over by then, its delivery is as old.
        let day = provider_messages::day(created_before);
        self.purge::<OldMessages>(End::Number(day), limit).await?;
        Ok(deleted)
    }

    pub(super) async fn purge_waiting_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge::<OldReports>(End::Number(reported_before.unix_ms()), limit).await
    }

    pub(super) async fn purge_old_events(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = EventId::earliest_at(created_before.max(Timestamp::default()));
        self.purge::<OldEvents>(End::Id(end.to_string()), limit).await
    }

    pub(super) async fn purge_expired_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge::<OldClaims>(End::Number(now.unix_ms()), limit).await
    }

    pub(super) async fn wipe_old_variables(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = DeliveryId::earliest_at(ended_before.max(Timestamp::default())).to_string();
        self.write(move |connection| {
            let end = end.clone();
            Box::pin(async move {
                let arguments = vec![end.as_str().into(), ended_before.unix_ms().into(), i64::from(limit).into()];
                let wiped = changing::<OldVariables>(arguments).execute(connection).await?;
                Ok(count(wiped))
            })
        })
        .await
    }

    async fn purge<S: Change>(&self, end: End, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let end = end.clone();
            Box::pin(async move {
                let first = match &end {
                    End::Id(id) => id.as_str().into(),
                    End::Number(number) => (*number).into(),
                };
                let deleted = changing::<S>(vec![first, i64::from(limit).into()]).execute(connection).await?;
                Ok(count(deleted))
            })
        })
        .await
    }

    pub(super) async fn purge_idle_ledgers(
        &self,
        limits: &LedgerPolicy,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let (mut from, mut deleted, mut looked_at) = (self.ledgers_cursor.get(), 0, 0);
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let began_inside = from != Key::default();
        let mut came_round = !began_inside;
        while looked_at < LOOK_AT && deleted < wanted {
            let after = from.clone();
            let page = self.scan(move |connection| {
                let after = after.clone();
                Box::pin(async move { page(connection, &after).await })
            });
            let rows = page.await?;
            looked_at += rows.len();
            let is_last = rows.len() < PAGE;
            // One that cannot be read is kept: somebody has to look at it.
            let idle = rows.iter().filter(|row| row.read().is_ok_and(|ledger| ledger.is_idle(limits, now)));
            let idle: Vec<Key> = idle.take(wanted - deleted).map(key).collect();
            let is_full = idle.len() >= wanted - deleted;
            let next = if is_full { idle.last().cloned() } else { rows.last().map(key) };
            from = next.unwrap_or_default();
            deleted += self.delete_idle(idle, limits.clone(), now).await?;
            if is_last && !is_full {
                from = Key::default();
                if came_round {
                    break;
                }
                came_round = true;
            }
        }
        self.ledgers_cursor.set(from);
        Ok(count(deleted))
    }

    async fn delete_idle(&self, keys: Vec<Key>, limits: LedgerPolicy, now: Timestamp) -> StoreResult<usize> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let (keys, limits) = (keys.clone(), limits.clone());
            Box::pin(async move {
                let these = columns!(keys, key => key.0.as_str(), key.1.as_str(), key.2.as_slice());
                // They may have been used since they were looked at; and one that is in use just now is not idle.
                let rows: Vec<LedgerRow> = fetching::<LockFree>(these).load(connection).await?;
                let idle = rows.iter().filter(|row| row.read().is_ok_and(|ledger| ledger.is_idle(&limits, now)));
                let idle: Vec<&LedgerRow> = idle.collect();
                let these = columns!(idle, row => row.account_id.as_str(), row.mode.as_str(), row.number.as_slice());
                Ok(changing::<DeleteLedgers>(these).execute(connection).await?)
            })
        })
        .await
    }
}

/// Before what something is old.
#[derive(Clone)]
enum End {
    Id(String),
    Number(i64),
}

fetch!(
    LockFree -> LedgerRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, mode, number)
     JOIN number_ledgers ON number_ledgers.account_id = k.account_id
      AND number_ledgers.mode = k.mode AND number_ledgers.number = k.number
     FOR UPDATE OF number_ledgers SKIP LOCKED"
);

change!(
    DeleteLedgers,
    "DELETE FROM number_ledgers AS l USING unnest($1, $2, $3) AS k (account_id, mode, number)
     WHERE l.account_id = k.account_id AND l.mode = k.mode AND l.number = k.number"
);

fetch!(
    Page -> LedgerRow,
    "SELECT ",
    " FROM number_ledgers
     WHERE (number_ledgers.account_id, number_ledgers.mode, number_ledgers.number) > ($1, $2, $3)
     ORDER BY number_ledgers.account_id, number_ledgers.mode, number_ledgers.number LIMIT $4"
);

async fn page(connection: &mut AsyncPgConnection, after: &Key) -> Result<Vec<LedgerRow>, Failure> {
    let arguments = vec![
        after.0.as_str().into(),
        after.1.as_str().into(),
        after.2.as_slice().into(),
        i64::try_from(PAGE).unwrap_or(i64::MAX).into(),
    ];
    Ok(fetching::<Page>(arguments).load(connection).await?)
}

fn key(row: &LedgerRow) -> Key {
    (row.account_id.clone(), row.mode.clone(), row.number.clone())
}
