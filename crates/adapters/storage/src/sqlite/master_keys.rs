//! Which master keys the data needs, and what they sealed.

use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use whatotp_ports::{MasterKeyStore, Resealed, SealedRow, SealedRowKey, SealedTable, StoreResult};
use whatotp_vault::Kid;

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::sealed::{
    self, KeyColumns, SealedClaimRow, SealedCommentRow, SealedDeliveryRow, SealedLinkRow, SealedSenderRow,
    SealedSessionRow, SealedTicketRow, SealedUserRow, column,
};
use crate::rows::{Unreadable, count};
use crate::schema::master_keys::dsl;

#[async_trait]
impl MasterKeyStore for SqliteStore {
    async fn note_master_key(&self, kid: Kid) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::insert_or_ignore_into(dsl::master_keys).values(dsl::kid.eq(kid.as_str())).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn noted_master_keys(&self) -> StoreResult<Vec<Kid>> {
        self.scan(|connection| {
            let kids: Vec<String> = dsl::master_keys.order(dsl::kid).select(dsl::kid).load(connection)?;
            kids.iter().map(|kid| Ok(Kid::parse(kid).ok_or(Unreadable("master_keys.kid"))?)).collect()
        })
        .await
    }

    async fn forget_master_key(&self, kid: Kid) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::delete(dsl::master_keys.filter(dsl::kid.eq(kid.as_str()))).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn sealed_rows(
        &self,
        table: SealedTable,
        after: Option<SealedRowKey>,
        limit: u32,
    ) -> StoreResult<Vec<SealedRow>> {
        self.scan(move |connection| page(connection, table, after.as_ref(), limit)).await
    }

    async fn reseal(&self, values: Vec<Resealed>) -> StoreResult<u64> {
        self.write(move |connection| values.iter().try_fold(0, |sum, value| Ok(sum + replace(connection, value)?)))
            .await
    }
}

fn page(
    connection: &mut SqliteConnection,
    table: SealedTable,
    after: Option<&SealedRowKey>,
    limit: u32,
) -> Result<Vec<SealedRow>, Failure> {
    let (after, limit) = (after.map(KeyColumns::from).unwrap_or_default(), i64::from(limit));
    let by_id = |text| diesel::sql_query(text).bind::<Text, _>(after.account.clone()).bind::<Text, _>(after.id.clone());
    match table {
        SealedTable::Senders => {
            let rows = diesel::sql_query(sealed::SENDERS).bind::<Text, _>(&after.id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedSenderRow> = rows.load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Sessions => {
            let rows: Vec<SealedSessionRow> = by_id(sealed::SESSIONS).bind::<BigInt, _>(limit).load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Deliveries => {
            let rows: Vec<SealedDeliveryRow> = by_id(sealed::DELIVERIES).bind::<BigInt, _>(limit).load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Claims => {
            let rows = diesel::sql_query(sealed::CLAIMS).bind::<Text, _>(&after.account).bind::<Text, _>(after.mode);
            let rows = rows.bind::<Binary, _>(&after.key).bind::<BigInt, _>(limit);
            let rows: Vec<SealedClaimRow> = rows.load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Tickets => {
            let rows: Vec<SealedTicketRow> = by_id(sealed::TICKETS).bind::<BigInt, _>(limit).load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Users => {
            let rows = diesel::sql_query(sealed::USERS).bind::<Text, _>(&after.id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedUserRow> = rows.load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Links => {
            let rows = diesel::sql_query(sealed::LINKS).bind::<Text, _>(&after.id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedLinkRow> = rows.load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Comments => {
            let rows = diesel::sql_query(sealed::COMMENTS).bind::<Text, _>(&after.account);
            let rows = rows.bind::<Text, _>(&after.ticket).bind::<Text, _>(&after.id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedCommentRow> = rows.load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
    }
}

fn replace(connection: &mut SqliteConnection, value: &Resealed) -> Result<u64, Failure> {
    let table = value.key.table();
    let Some(column) = column(table, value.column) else { return Ok(0) };
    let key = KeyColumns::from(&value.key);
    // Names of ours, and nobody's data.
    let update = format!("UPDATE {} SET {column} = $1 WHERE {column} = $2 AND ", table.as_str());
    let (new, old) = (value.new.as_bytes(), value.old.as_bytes());
    let bound = |this: &str| diesel::sql_query(update + this).bind::<Binary, _>(new).bind::<Binary, _>(old);
    let replaced = match table {
        SealedTable::Senders => bound("id = $3").bind::<Text, _>(&key.id).execute(connection),
        SealedTable::Sessions
        | SealedTable::Deliveries
        | SealedTable::Tickets
        | SealedTable::Users
        | SealedTable::Links => {
            let this = bound("account_id = $3 AND id = $4").bind::<Text, _>(&key.account);
            this.bind::<Text, _>(&key.id).execute(connection)
        }
        SealedTable::Claims => {
            let this = bound("account_id = $3 AND mode = $4 AND key = $5").bind::<Text, _>(&key.account);
            this.bind::<Text, _>(key.mode).bind::<Binary, _>(&key.key).execute(connection)
        }
        SealedTable::Comments => {
            let this = bound("account_id = $3 AND ticket_id = $4 AND id = $5").bind::<Text, _>(&key.account);
            this.bind::<Text, _>(&key.ticket).bind::<Text, _>(&key.id).execute(connection)
        }
    };
    Ok(count(replaced?))
}
