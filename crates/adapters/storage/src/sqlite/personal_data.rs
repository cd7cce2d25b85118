//! Finding and deleting what is stored about one person.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use whatotp_domain::{AccountScope, Timestamp};
use whatotp_ports::{Erased, LedgerKey, Looked, PersonalDataStore, Sought, StoreResult, Trace, TraceTable};

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::{ScopeColumns, count, ledger_place, traces};

#[async_trait]
impl PersonalDataStore for SqliteStore {
    async fn look_for_traces(
        &self,
        sought: Sought,
        table: TraceTable,
        after: Option<Trace>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Looked> {
        self.scan(move |connection| look(connection, &sought, table, after, limit, now)).await
    }

    async fn erase_traces(&self, scope: AccountScope, traces: Vec<Trace>, now: Timestamp) -> StoreResult<Erased> {
        self.write(move |connection| {
            let mut erased = Erased::default();
            for trace in &traces {
                erased += erase(connection, scope, trace, now)?;
            }
            Ok(erased)
        })
        .await
    }

    async fn erase_ledger(&self, key: &LedgerKey) -> StoreResult<u64> {
        let key = *key;
        self.write(move |connection| {
            let (account, mode) = ledger_place(&key);
            let erase = diesel::sql_query(traces::ERASE_LEDGER).bind::<Text, _>(account).bind::<Text, _>(mode);
            Ok(count(erase.bind::<Binary, _>(key.number.as_bytes().as_slice()).execute(connection)?))
        })
        .await
    }

    async fn wipe_variables(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.wipe_old_variables(ended_before, limit).await
    }
}

fn look(
    connection: &mut SqliteConnection,
    sought: &Sought,
    table: TraceTable,
    after: Option<Trace>,
    limit: u32,
    now: Timestamp,
) -> Result<Looked, Failure> {
    let (ScopeColumns { account, mode }, number) = (sought.scope.into(), sought.number.as_bytes().as_slice());
    let rows = i64::from(limit);
    match table {
        TraceTable::Sessions => {
            let query = diesel::sql_query(traces::SESSIONS).bind::<Text, _>(mode).bind::<Binary, _>(number);
            let query = query.bind::<Text, _>(account).bind::<Text, _>(traces::last_id(after));
            let rows: Vec<_> = query.bind::<BigInt, _>(rows).load(connection)?;
            Ok(traces::sessions(&rows, limit)?)
        }
        TraceTable::Deliveries => {
            let query = diesel::sql_query(traces::DELIVERIES).bind::<Text, _>(mode).bind::<Binary, _>(number);
            let query = query.bind::<BigInt, _>(now.unix_ms()).bind::<Text, _>(account);
            let rows: Vec<_> =
                query.bind::<Text, _>(traces::last_id(after)).bind::<BigInt, _>(rows).load(connection)?;
            Ok(traces::deliveries(&rows, limit)?)
        }
        TraceTable::Claims => {
            let query = diesel::sql_query(traces::CLAIMS).bind::<Text, _>(account).bind::<Text, _>(mode);
            let query = query.bind::<Binary, _>(traces::last_key(after)).bind::<BigInt, _>(rows);
            Ok(traces::claims(&query.load(connection)?, limit, sought)?)
        }
        TraceTable::ProviderMessages => {
            let (day, message) = traces::last_message(after, sought);
            let query = diesel::sql_query(traces::PROVIDER_MESSAGES).bind::<BigInt, _>(day);
            let query = query.bind::<Binary, _>(message).bind::<BigInt, _>(rows);
            Ok(traces::provider_messages(&query.load(connection)?, limit, sought)?)
        }
    }
}

fn erase(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    trace: &Trace,
    now: Timestamp,
) -> Result<Erased, Failure> {
    let ScopeColumns { account, mode } = scope.into();
    let of_scope = |text| diesel::sql_query(text).bind::<Text, _>(account.clone()).bind::<Text, _>(mode);
    let mut erased = Erased::default();
    match trace {
        Trace::Session(id) => {
            erased.sessions =
                count(of_scope(traces::ERASE_SESSION).bind::<Text, _>(id.to_string()).execute(connection)?);
        }
        Trace::Delivery(id) => {
            let erase = of_scope(traces::ERASE_DELIVERY).bind::<Text, _>(id.to_string());
            erased.deliveries = count(erase.bind::<BigInt, _>(now.unix_ms()).execute(connection)?);
        }
        Trace::Claim(key) => {
            let erase = of_scope(traces::ERASE_CLAIM).bind::<Binary, _>(key.as_bytes().as_slice());
            erased.claims = count(erase.execute(connection)?);
        }
        Trace::ProviderMessage(day, message) => {
            let message = message.as_bytes().as_slice();
            let waiting = diesel::sql_query(traces::ERASE_WAITING_REPORTS).bind::<Binary, _>(message);
            erased.waiting_reports = count(waiting.execute(connection)?);
            let erase = of_scope(traces::ERASE_PROVIDER_MESSAGE).bind::<Binary, _>(message);
            erased.provider_messages = count(erase.bind::<BigInt, _>(day).execute(connection)?);
        }
    }
    Ok(erased)
}
