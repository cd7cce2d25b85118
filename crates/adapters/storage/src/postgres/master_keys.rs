//! Which master keys the data needs, and what they sealed.

use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::QueryDsl;
use diesel::sql_types::{BigInt, Binary, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_ports::{MasterKeyStore, Resealed, SealedColumn, SealedRow, SealedRowKey, SealedTable, StoreResult};
use whatotp_vault::Kid;

use super::PostgresStore;
use super::statement::{Change, change, changing, columns};
use crate::failure::Failure;
use crate::rows::sealed::{
    self, KeyColumns, SealedClaimRow, SealedCommentRow, SealedDeliveryRow, SealedLinkRow, SealedSenderRow,
    SealedSessionRow, SealedTicketRow, SealedUserRow,
};
use crate::rows::{Unreadable, count};
use crate::schema::master_keys::dsl;

#[async_trait]
impl MasterKeyStore for PostgresStore {
    async fn note_master_key(&self, kid: Kid) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let note = diesel::insert_into(dsl::master_keys).values(dsl::kid.eq(kid.as_str()));
                note.on_conflict_do_nothing().execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn noted_master_keys(&self) -> StoreResult<Vec<Kid>> {
        self.read(|connection| {
            Box::pin(async move {
                let kids: Vec<String> = dsl::master_keys.order(dsl::kid).select(dsl::kid).load(connection).await?;
                kids.iter().map(|kid| Ok(Kid::parse(kid).ok_or(Unreadable("master_keys.kid"))?)).collect()
            })
        })
        .await
    }

    async fn forget_master_key(&self, kid: Kid) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                diesel::delete(dsl::master_keys.filter(dsl::kid.eq(kid.as_str()))).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn sealed_rows(
        &self,
        table: SealedTable,
        after: Option<SealedRowKey>,
        limit: u32,
    ) -> StoreResult<Vec<SealedRow>> {
        self.scan(move |connection| {
            let after = after.as_ref().map(KeyColumns::from).unwrap_or_default();
            Box::pin(async move { page(connection, table, after, limit).await })
        })
        .await
    }

    async fn reseal(&self, values: Vec<Resealed>) -> StoreResult<u64> {
        self.write(move |connection| {
            let values = values.clone();
            Box::pin(async move { replace(connection, &values).await })
        })
        .await
    }
}

async fn page(
    connection: &mut AsyncPgConnection,
    table: SealedTable,
    after: KeyColumns,
    limit: u32,
) -> Result<Vec<SealedRow>, Failure> {
    let KeyColumns { account, mode, id, ticket, key } = after;
    let limit = i64::from(limit);
    match table {
        SealedTable::Senders => {
            let rows = diesel::sql_query(sealed::SENDERS).bind::<Text, _>(id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedSenderRow> = rows.load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Sessions => {
            let rows = diesel::sql_query(sealed::SESSIONS).bind::<Text, _>(account).bind::<Text, _>(id);
            let rows: Vec<SealedSessionRow> = rows.bind::<BigInt, _>(limit).load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Deliveries => {
            let rows = diesel::sql_query(sealed::DELIVERIES).bind::<Text, _>(account).bind::<Text, _>(id);
            let rows: Vec<SealedDeliveryRow> = rows.bind::<BigInt, _>(limit).load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Claims => {
            let rows = diesel::sql_query(sealed::CLAIMS).bind::<Text, _>(account).bind::<Text, _>(mode);
            let rows = rows.bind::<Binary, _>(key).bind::<BigInt, _>(limit);
            let rows: Vec<SealedClaimRow> = rows.load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Tickets => {
            let rows = diesel::sql_query(sealed::TICKETS).bind::<Text, _>(account).bind::<Text, _>(id);
            let rows: Vec<SealedTicketRow> = rows.bind::<BigInt, _>(limit).load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Users => {
            let rows = diesel::sql_query(sealed::USERS).bind::<Text, _>(id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedUserRow> = rows.load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Links => {
            let rows = diesel::sql_query(sealed::LINKS).bind::<Text, _>(id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedLinkRow> = rows.load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
        SealedTable::Comments => {
            let rows = diesel::sql_query(sealed::COMMENTS).bind::<Text, _>(account).bind::<Text, _>(ticket);
            let rows = rows.bind::<Text, _>(id).bind::<BigInt, _>(limit);
            let rows: Vec<SealedCommentRow> = rows.load(connection).await?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        }
    }
}

change!(
    AccessTokens,
    "UPDATE senders AS t SET access_token = k.new FROM unnest($1, $2, $3) AS k (id, old, new)
     WHERE t.id = k.id AND t.access_token = k.old"
);

/// Names the statement for one column of the sessions, the deliveries or the tickets.
macro_rules! reseal {
    ($name:ident, $table:literal, $column:literal) => {
        change!(
            $name,
            concat!(
                "UPDATE ",
                $table,
                " AS t SET ",
                $column,
                " = k.new
                 FROM unnest($1, $2, $3, $4) AS k (account_id, id, old, new)
                 WHERE t.account_id = k.account_id AND t.id = k.id AND t.",
                $column,
                " = k.old"
            )
        );
    };
}

reseal!(SessionRecipients, "otp_sessions", "recipient");
reseal!(SessionMetadata, "otp_sessions", "metadata");
reseal!(DeliveryRecipients, "deliveries", "recipient");
reseal!(DeliveryVariables, "deliveries", "variables");
reseal!(DeliveryMetadata, "deliveries", "metadata");

reseal!(TicketSubjects, "tickets", "subject");
reseal!(UserEmails, "users", "email");
reseal!(UserNames, "users", "name");
reseal!(UserTotp, "users", "totp");
reseal!(UserPendingTotp, "users", "totp_pending");
reseal!(LinkEmails, "console_links", "email");

change!(
    CommentBodies,
    "UPDATE ticket_comments AS t SET body = k.new FROM unnest($1, $2, $3, $4, $5) AS k (account_id, ticket_id, id, old, new)
     WHERE t.account_id = k.account_id AND t.ticket_id = k.ticket_id AND t.id = k.id AND t.body = k.old"
);

change!(
    Answers,
    "UPDATE idempotency_claims AS t SET answer = k.new FROM unnest($1, $2, $3, $4, $5) AS k (account_id, mode, key, old, new)
     WHERE t.account_id = k.account_id AND t.mode = k.mode AND t.key = k.key AND t.answer = k.old"
);

/// One value, and the key of its row.
type Keyed<'a> = (KeyColumns, &'a Resealed);

async fn replace(connection: &mut AsyncPgConnection, values: &[Resealed]) -> Result<u64, Failure> {
    use SealedColumn::{
        AccessToken, Answer, Body, Email, Metadata, Name, Recipient, Subject, Totp, TotpPending, Variables,
    };
    use SealedTable::{Claims, Comments, Deliveries, Links, Senders, Sessions, Tickets, Users};
    let of = |table: SealedTable, column: SealedColumn| -> Vec<Keyed<'_>> {
        let these = values.iter().filter(|value| value.key.table() == table && value.column == column);
        these.map(|value| (KeyColumns::from(&value.key), value)).collect()
    };
    let mut replaced = tokens(connection, &of(Senders, AccessToken)).await?;
    replaced += by_id::<SessionRecipients>(connection, &of(Sessions, Recipient)).await?;
    replaced += by_id::<SessionMetadata>(connection, &of(Sessions, Metadata)).await?;
    replaced += by_id::<DeliveryRecipients>(connection, &of(Deliveries, Recipient)).await?;
    replaced += by_id::<DeliveryVariables>(connection, &of(Deliveries, Variables)).await?;
    replaced += by_id::<DeliveryMetadata>(connection, &of(Deliveries, Metadata)).await?;
    replaced += answers(connection, &of(Claims, Answer)).await?;
    replaced += by_id::<TicketSubjects>(connection, &of(Tickets, Subject)).await?;
    replaced += by_id::<UserEmails>(connection, &of(Users, Email)).await?;
    replaced += by_id::<UserNames>(connection, &of(Users, Name)).await?;
    replaced += by_id::<UserTotp>(connection, &of(Users, Totp)).await?;
    replaced += by_id::<UserPendingTotp>(connection, &of(Users, TotpPending)).await?;
    replaced += by_id::<LinkEmails>(connection, &of(Links, Email)).await?;
    replaced += bodies(connection, &of(Comments, Body)).await?;
    Ok(count(replaced))
}

async fn by_id<S: Change>(connection: &mut AsyncPgConnection, values: &[Keyed<'_>]) -> Result<usize, Failure> {
    if values.is_empty() {
        return Ok(0);
    }
    let arguments = columns!(
        values,
        value => value.0.account.as_str(), value.0.id.as_str(), value.1.old.as_bytes(), value.1.new.as_bytes(),
    );
    Ok(changing::<S>(arguments).execute(connection).await?)
}

async fn tokens(connection: &mut AsyncPgConnection, values: &[Keyed<'_>]) -> Result<usize, Failure> {
    if values.is_empty() {
        return Ok(0);
    }
    let arguments = columns!(values, value => value.0.id.as_str(), value.1.old.as_bytes(), value.1.new.as_bytes());
    Ok(changing::<AccessTokens>(arguments).execute(connection).await?)
}

async fn answers(connection: &mut AsyncPgConnection, values: &[Keyed<'_>]) -> Result<usize, Failure> {
    if values.is_empty() {
        return Ok(0);
    }
    let arguments = columns!(
        values,
        value => value.0.account.as_str(), value.0.mode, value.0.key.as_slice(), value.1.old.as_bytes(),
        value.1.new.as_bytes(),
    );
    Ok(changing::<Answers>(arguments).execute(connection).await?)
}

async fn bodies(connection: &mut AsyncPgConnection, values: &[Keyed<'_>]) -> Result<usize, Failure> {
    if values.is_empty() {
        return Ok(0);
    }
    let arguments = columns!(
        values,
        value => value.0.account.as_str(), value.0.ticket.as_str(), value.0.id.as_str(), value.1.old.as_bytes(),
        value.1.new.as_bytes(),
    );
    Ok(changing::<CommentBodies>(arguments).execute(connection).await?)
}
