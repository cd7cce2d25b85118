//! Finding and deleting what is stored about one person.

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, Timestamp};
use whatotp_ports::{Erased, LedgerKey, Looked, PersonalDataStore, Sought, StoreResult, Trace, TraceTable};

use super::PostgresStore;
use crate::failure::Failure;
use crate::rows::{ScopeColumns, count, ledger_place, traces};

#[async_trait]
impl PersonalDataStore for PostgresStore {
    async fn look_for_traces(
        &self,
        sought: Sought,
        table: TraceTable,
        after: Option<Trace>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Looked> {
        self.scan(move |connection| {
            let sought = sought.clone();
            Box::pin(async move { look(connection, &sought, table, after, limit, now).await })
        })
        .await
    }

    async fn erase_traces(&self, scope: AccountScope, traces: Vec<Trace>, now: Timestamp) -> StoreResult<Erased> {
        self.write(move |connection| {
            let traces = traces.clone();
            Box::pin(async move {
                let mut erased = Erased::default();
                for trace in &traces {
                    erased += erase(connection, scope, trace, now).await?;
                }
                Ok(erased)
            })
        })
        .await
    }

    async fn erase_ledger(&self, key: &LedgerKey) -> StoreResult<u64> {
        let key = *key;
        self.write(move |connection| {
            Box::pin(async move {
                let (account, mode) = ledger_place(&key);
                let erase = diesel::sql_query(traces::ERASE_LEDGER).bind::<Text, _>(account).bind::<Text, _>(mode);
                let erase = erase.bind::<Binary, _>(key.number.as_bytes().as_slice());
                Ok(count(erase.execute(connection).await?))
            })
        })
        .await
    }

    async fn wipe_variables(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.wipe_old_variables(ended_before, limit).await
    }
}

async fn look(
    connection: &mut AsyncPgConnection,
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
            let rows: Vec<_> = query.bind::<BigInt, _>(rows).load(connection).await?;
            Ok(traces::sessions(&rows, limit)?)
        }
        TraceTable::Deliveries => {
            let query = diesel::sql_query(traces::DELIVERIES).bind::<Text, _>(mode).bind::<Binary, _>(number);
            let query = query.bind::<BigInt, _>(now.unix_ms()).bind::<Text, _>(account);
            let query = query.bind::<Text, _>(traces::last_id(after)).bind::<BigInt, _>(rows);
            Ok(traces::deliveries(&query.load(connection).await?, limit)?)
        }
        TraceTable::Claims => {
            let query = diesel::sql_query(traces::CLAIMS).bind::<Text, _>(account).bind::<Text, _>(mode);
            let query = query.bind::<Binary, _>(traces::last_key(after)).bind::<BigInt, _>(rows);
            Ok(traces::claims(&query.load(connection).await?, limit, sought)?)
        }
        TraceTable::ProviderMessages => {
            let (day, message) = traces::last_message(after, sought);
            let query = diesel::sql_query(traces::PROVIDER_MESSAGES).bind::<BigInt, _>(day);
            let query = query.bind::<Binary, _>(message).bind::<BigInt, _>(rows);
            Ok(traces::provider_messages(&query.load(connection).await?, limit, sought)?)
        }
    }
}

async fn erase(
    connection: &mut AsyncPgConnection,
    scope: AccountScope,
    trace: &Trace,
    now: Timestamp,
) -> Result<Erased, Failure> {
    let ScopeColumns { account, mode } = scope.into();
    let of_scope = |text| diesel::sql_query(text).bind::<Text, _>(account.clone()).bind::<Text, _>(mode);
    let mut erased = Erased::default();
    match trace {
        Trace::Session(id) => {
            let erase = of_scope(traces::ERASE_SESSION).bind::<Text, _>(id.to_string());
            erased.sessions = count(erase.execute(connection).await?);
        }
        Trace::Delivery(id) => {
            let erase = of_scope(traces::ERASE_DELIVERY).bind::<Text, _>(id.to_string());
            erased.deliveries = count(erase.bind::<BigInt, _>(now.unix_ms()).execute(connection).await?);
        }
        Trace::Claim(key) => {
            let erase = of_scope(traces::ERASE_CLAIM).bind::<Binary, _>(key.as_bytes().as_slice());
            erased.claims = count(erase.execute(connection).await?);
        }
        Trace::ProviderMessage(day, message) => {
            let message = message.as_bytes().as_slice();
            let waiting = diesel::sql_query(traces::ERASE_WAITING_REPORTS).bind::<Binary, _>(message);
            erased.waiting_reports = count(waiting.execute(connection).await?);
            let erase = of_scope(traces::ERASE_PROVIDER_MESSAGE).bind::<Binary, _>(message);
            erased.provider_messages = count(erase.bind::<BigInt, _>(*day).execute(connection).await?);
        }
    }
    Ok(erased)
}
