//! Forgetting. What there is to forget is looked for by the scanner, so that the writer, for whom everybody waits, is
//! given only what it has to delete.

use std::sync::{Mutex, PoisonError};

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::query_builder::QueryId;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, Bool, HasSqlType, Nullable, SingleValue, Text};
use diesel::sqlite::Sqlite;
use whatotp_domain::{DeliveryId, EventId, LedgerPolicy, SessionId, Timestamp};
use whatotp_ports::StoreResult;

use super::{SqliteStore, idempotency, ledgers, provider_messages};
use crate::failure::Failure;
use crate::rows::{LedgerRow, count};
use crate::schema::{idempotency_claims, number_ledgers};

/// The most rows that one purge looks at in a table whose keys are in no order of time. The next one goes on there.
const LOOK_AT: usize = 20_000;

/// How many of them it reads at a time.
const PAGE: usize = 500;

/// A key of the claims or the ledgers: account, mode and hash.
type Key = (String, String, Vec<u8>);

/// Where the next look at such a table begins: after this key.
#[derive(Default)]
pub(super) struct Cursor(Mutex<Key>);

impl Cursor {
    fn get(&self) -> Key {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, key: Key) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }
}

/// A table whose ids tell the age of its rows, in SQL: the next account in it, whether an account has rows to be
/// deleted that are older than an id, and their deletion.
struct Aging {
    next_account: &'static str,
    has_old: &'static str,
    delete_old: &'static str,
}

static SESSIONS: Aging = Aging {
    next_account: "SELECT min(account_id) AS found FROM otp_sessions WHERE account_id > ?",
    has_old: "SELECT min(id) AS found FROM otp_sessions WHERE account_id = ? AND id < ?",
    delete_old: "DELETE FROM otp_sessions WHERE account_id = ?1 AND id IN
        (SELECT id FROM otp_sessions WHERE account_id = ?1 AND id < ?2 ORDER BY id LIMIT ?3)",
};

static DELIVERIES: Aging = Aging {
    next_account: "SELECT min(account_id) AS found FROM deliveries WHERE account_id > ?",
    has_old: "SELECT min(id) AS found FROM deliveries WHERE account_id = ? AND id < ? AND due_at IS NULL",
    delete_old: "DELETE FROM deliveries WHERE account_id = ?1 AND id IN
        (SELECT id FROM deliveries WHERE account_id = ?1 AND id < ?2 AND due_at IS NULL ORDER BY id LIMIT ?3)",
};

/// A table whose rows go in the order of one column, whoever's they are, in SQL: whether it has rows to be deleted from
/// before a value of it, and their deletion.
struct Dated {
    has_old: &'static str,
    delete_old: &'static str,
}

static PROVIDER_MESSAGES: Dated = Dated {
    has_old: "SELECT EXISTS (SELECT 1 FROM provider_messages WHERE day < ?) AS found",
    delete_old: "DELETE FROM provider_messages WHERE (day, message) IN
        (SELECT day, message FROM provider_messages WHERE day < ? ORDER BY day, message LIMIT ?)",
};

static WAITING_REPORTS: Dated = Dated {
    has_old: "SELECT EXISTS (SELECT 1 FROM waiting_reports WHERE reported_at < ?) AS found",
    delete_old: "DELETE FROM waiting_reports WHERE (message, status, at) IN
        (SELECT message, status, at FROM waiting_reports WHERE reported_at < ? ORDER BY reported_at LIMIT ?)",
};

static EVENTS: Dated = Dated {
    has_old: "SELECT EXISTS (SELECT 1 FROM events WHERE id < ?) AS found",
    delete_old: "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id < ? ORDER BY id LIMIT ?)",
};

/// The ids are in the order of their age, and a way ends after it began.
const OLD_VARIABLES: &str = "SELECT account_id, id FROM deliveries
    WHERE variables IS NOT NULL AND id < ? AND due_at IS NULL AND coalesce(canceled_at, expired_at, failed_at,
        delivered_at, read_at, sent_at, accepted_at, unknown_at, queued_at, created_at) < ?
    ORDER BY id LIMIT ?";

const WIPE_VARIABLES: &str = "UPDATE deliveries SET variables = NULL
    WHERE account_id = ? AND id = ? AND variables IS NOT NULL AND due_at IS NULL";

#[derive(QueryableByName)]
struct Message {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    id: String,
}

#[derive(QueryableByName)]
struct Any {
    #[diesel(sql_type = Bool)]
    found: bool,
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Nullable<Text>)]
    found: Option<String>,
}

impl SqliteStore {
    pub(super) async fn purge_old_sessions(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = SessionId::earliest_at(created_before.max(Timestamp::default()));
        self.purge_old(&SESSIONS, end.to_string(), limit).await
    }

    pub(super) async fn purge_old_deliveries(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = DeliveryId::earliest_at(created_before.max(Timestamp::default()));
        let deleted = self.purge_old(&DELIVERIES, end.to_string(), limit).await?;
        // An id is told after its delivery was made: whose day is over by then, its delivery is as old.
        let day = provider_messages::day(created_before);
        self.purge_dated::<BigInt, _>(&PROVIDER_MESSAGES, day, limit).await?;
        Ok(deleted)
    }

    pub(super) async fn purge_waiting_reports(&self, reported_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_dated::<BigInt, _>(&WAITING_REPORTS, reported_before.unix_ms(), limit).await
    }

    pub(super) async fn purge_old_events(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = EventId::earliest_at(created_before.max(Timestamp::default()));
        self.purge_dated::<Text, _>(&EVENTS, end.to_string(), limit).await
    }

    pub(super) async fn wipe_old_variables(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let end = DeliveryId::earliest_at(ended_before.max(Timestamp::default())).to_string();
        let look = move |connection: &mut SqliteConnection| {
            let old = diesel::sql_query(OLD_VARIABLES).bind::<Text, _>(&end);
            let old = old.bind::<BigInt, _>(ended_before.unix_ms()).bind::<BigInt, _>(i64::from(limit));
            Ok(old.load::<Message>(connection)?)
        };
        let old = self.scan(look).await?;
        if old.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut wiped = 0;
            for Message { account_id, id } in &old {
                // Nothing brings a message back that needs nobody any more.
                let wipe = diesel::sql_query(WIPE_VARIABLES).bind::<Text, _>(account_id).bind::<Text, _>(id);
                wiped += count(wipe.execute(connection)?);
            }
            Ok(wiped)
        })
        .await
    }

    async fn purge_dated<S, T>(&self, table: &'static Dated, end: T, limit: u32) -> StoreResult<u64>
    where
        S: QueryId + SingleValue + Send + 'static,
        T: ToSql<S, Sqlite> + Clone + Send + 'static,
        Sqlite: HasSqlType<S>,
    {
        let before = end.clone();
        let look = move |connection: &mut SqliteConnection| {
            let old = diesel::sql_query(table.has_old).bind::<S, _>(before.clone());
            Ok(old.get_result::<Any>(connection)?.found)
        };
        if !self.scan(look).await? {
            return Ok(0);
        }
        self.write(move |connection| {
            let delete = diesel::sql_query(table.delete_old).bind::<S, _>(end.clone());
            Ok(count(delete.bind::<BigInt, _>(i64::from(limit)).execute(connection)?))
        })
        .await
    }

    async fn purge_old(&self, table: &'static Aging, end: String, limit: u32) -> StoreResult<u64> {
        let older_than = end.clone();
        let accounts = self.scan(move |connection| accounts_with_old(connection, table, &older_than, limit)).await?;
        if accounts.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut left = i64::from(limit);
            for account in &accounts {
                let delete = diesel::sql_query(table.delete_old).bind::<Text, _>(account).bind::<Text, _>(&end);
                let deleted = delete.bind::<BigInt, _>(left).execute(connection)?;
                left = left.saturating_sub_unsigned(count(deleted));
            }
            Ok(u64::from(limit).saturating_sub(left.unsigned_abs()))
        })
        .await
    }

    pub(super) async fn purge_expired_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        use idempotency_claims::dsl;
        let from = self.claims_cursor.get();
        let look = move |connection: &mut SqliteConnection| {
            let page = |after: &Key, connection: &mut _| {
                let rows: Vec<(Key, i64)> = dsl::idempotency_claims
                    .filter(beyond("(account_id, mode, key) > (", after))
                    .order((dsl::account_id, dsl::mode, dsl::key))
                    .limit(page_size())
                    .select(((dsl::account_id, dsl::mode, dsl::key), dsl::expires_at))
                    .load(connection)?;
                Ok(rows.into_iter().map(|(key, expires_at)| (key, expires_at <= now.unix_ms())).collect())
            };
            look_round(connection, &from, limit, page)
        };
        let (found, cursor) = self.scan(look).await?;
        self.claims_cursor.set(cursor);
        if found.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut deleted = 0;
            for (account, mode, key) in &found {
                let over = dsl::idempotency_claims
                    .filter(idempotency::this(account, mode, key))
                    .filter(dsl::expires_at.le(now.unix_ms()));
                deleted += count(diesel::delete(over).execute(connection)?);
            }
            Ok(deleted)
        })
        .await
    }

    pub(super) async fn purge_idle_ledgers(
        &self,
        limits: &LedgerPolicy,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        use number_ledgers::dsl;
        let from = self.ledgers_cursor.get();
        let policy = limits.clone();
        let is_idle = move |row: &LedgerRow| Ok::<_, Failure>(row.read()?.is_idle(&policy, now));
        let look = {
            let is_idle = is_idle.clone();
            move |connection: &mut SqliteConnection| {
                let page = |after: &Key, connection: &mut _| {
                    let rows = dsl::number_ledgers
                        .filter(beyond("(account_id, mode, number) > (", after))
                        .order((dsl::account_id, dsl::mode, dsl::number))
                        .limit(page_size())
                        .select(LedgerRow::as_select())
                        .load(connection)?;
                    // One that cannot be read is kept: somebody has to look at it.
                    let judge = |row: LedgerRow| {
                        let idle = is_idle(&row).unwrap_or(false);
                        ((row.account_id, row.mode, row.number), idle)
                    };
                    Ok(rows.into_iter().map(judge).collect())
                };
                look_round(connection, &from, limit, page)
            }
        };
        let (found, cursor) = self.scan(look).await?;
        self.ledgers_cursor.set(cursor);
        if found.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut deleted = 0;
            for (account, mode, number) in &found {
                let this = dsl::number_ledgers.filter(ledgers::this(account, mode, number));
                // It may have been used since it was looked at.
                let row = this.select(LedgerRow::as_select()).get_result(connection).optional()?;
                if row.map_or(Ok(false), |row| is_idle(&row))? {
                    deleted += count(diesel::delete(this).execute(connection)?);
                }
            }
            Ok(deleted)
        })
        .await
    }
}

/// At most `limit` accounts that have something to delete. It leaps from account to account, without a look at their
/// other rows.
fn accounts_with_old(
    connection: &mut SqliteConnection,
    table: &Aging,
    end: &str,
    limit: u32,
) -> Result<Vec<String>, Failure> {
    let (mut accounts, mut last) = (Vec::new(), String::new());
    while accounts.len() < size(limit) {
        let next = diesel::sql_query(table.next_account).bind::<Text, _>(&last);
        let Some(account) = next.get_result::<Found>(connection)?.found else { break };
        let old = diesel::sql_query(table.has_old).bind::<Text, _>(&account).bind::<Text, _>(end);
        if old.get_result::<Found>(connection)?.found.is_some() {
            accounts.push(account.clone());
        }
        last = account;
    }
    Ok(accounts)
}

/// At most `limit` keys whose rows are to be deleted, and where to go on: from `from` to the end of the table, and then
/// from its beginning back to `from`, but never more than [`LOOK_AT`] rows.
fn look_round(
    connection: &mut SqliteConnection,
    from: &Key,
    limit: u32,
    page: impl Fn(&Key, &mut SqliteConnection) -> QueryResult<Vec<(Key, bool)>>,
) -> Result<(Vec<Key>, Key), Failure> {
    let (mut found, mut cursor, mut looked_at) = (Vec::new(), from.clone(), 0);
    let mut is_second_half = *from == Key::default();
    while looked_at < LOOK_AT {
        let rows = page(&cursor, connection)?;
        let is_last = rows.len() < PAGE;
        looked_at += rows.len();
        for (key, is_over) in rows {
            if found.len() >= size(limit) || (is_second_half && *from != Key::default() && key > *from) {
                return Ok((found, cursor));
            }
            cursor.clone_from(&key);
            if is_over {
                found.push(key);
            }
        }
        if is_last {
            cursor = Key::default();
            if is_second_half {
                break;
            }
            is_second_half = true;
        }
    }
    Ok((found, cursor))
}

/// What comes after `key`, in the order of a table's key. `begin` names its columns: `(a, b, c) > (`.
fn beyond<'a, Table: 'a>(
    begin: &'static str,
    key: &'a Key,
) -> Box<dyn BoxableExpression<Table, Sqlite, SqlType = Bool> + 'a> {
    let compared = sql::<Bool>(begin).bind::<Text, _>(&key.0).sql(", ").bind::<Text, _>(&key.1);
    Box::new(compared.sql(", ").bind::<Binary, _>(&key.2).sql(")"))
}

fn size(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn page_size() -> i64 {
    i64::try_from(PAGE).unwrap_or(i64::MAX)
}
