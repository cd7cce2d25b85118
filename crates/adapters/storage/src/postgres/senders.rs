use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel::upsert::excluded;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountId, SenderId, SenderQuality};
use whatotp_ports::{SenderRecord, SenderStore, StoreResult};

use super::PostgresStore;
use crate::failure::Failure;
use crate::rows::{AccountSenderRow, SenderRow, quality};
use crate::schema::account_senders::dsl as routes;
use crate::schema::accounts;
use crate::schema::senders::dsl;

#[async_trait]
impl SenderStore for PostgresStore {
    async fn put_sender(&self, sender: SenderRecord) -> StoreResult<()> {
        self.write(move |connection| {
            let row = SenderRow::new(&sender);
            Box::pin(async move {
                diesel::insert_into(dsl::senders)
                    .values(&row)
                    .on_conflict(dsl::id)
                    .do_update()
                    // Everything but `quality` and `created_at`.
                    .set((
                        dsl::waba_id.eq(excluded(dsl::waba_id)),
                        dsl::name.eq(excluded(dsl::name)),
                        dsl::base_url.eq(excluded(dsl::base_url)),
                        dsl::api_version.eq(excluded(dsl::api_version)),
                        dsl::messages_path.eq(excluded(dsl::messages_path)),
                        dsl::templates_path.eq(excluded(dsl::templates_path)),
                        dsl::auth_header.eq(excluded(dsl::auth_header)),
                        dsl::auth_prefix.eq(excluded(dsl::auth_prefix)),
                        dsl::access_token.eq(excluded(dsl::access_token)),
                        dsl::otp_template.eq(excluded(dsl::otp_template)),
                        dsl::shared.eq(excluded(dsl::shared)),
                        dsl::configured.eq(excluded(dsl::configured)),
                    ))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn remove_sender(&self, id: &SenderId) -> StoreResult<bool> {
        let id = id.to_string();
        self.write(move |connection| {
            let id = id.clone();
            Box::pin(async move {
                // Locked first, so that nobody takes it up in between.
                let this = dsl::senders.filter(dsl::id.eq(&id));
                let there: Option<String> =
                    this.select(dsl::id).for_update().get_result(connection).await.optional()?;
                diesel::delete(routes::account_senders.filter(routes::sender_id.eq(&id))).execute(connection).await?;
                diesel::delete(this).execute(connection).await?;
                Ok(there.is_some())
            })
        })
        .await
    }

    async fn list_senders(&self) -> StoreResult<Vec<SenderRecord>> {
        self.scan(|connection| {
            Box::pin(async move {
                let rows = dsl::senders.order((dsl::created_at, dsl::id)).select(SenderRow::as_select());
                let rows: Vec<SenderRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn set_quality(&self, id: &SenderId, quality: SenderQuality) -> StoreResult<Option<SenderQuality>> {
        let id = id.to_string();
        self.write(move |connection| {
            let id = id.clone();
            Box::pin(async move {
                let this = dsl::senders.filter(dsl::id.eq(&id));
                let before =
                    this.select(dsl::quality).for_update().get_result::<String>(connection).await.optional()?;
                let Some(before) = before else { return Ok(None) };
                diesel::update(this).set(dsl::quality.eq(quality.as_str())).execute(connection).await?;
                Ok(Some(self::quality(&before)?))
            })
        })
        .await
    }

    async fn set_routes(&self, account: AccountId, senders: Vec<SenderId>) -> StoreResult<bool> {
        let (account, senders) = (account.to_string(), senders.iter().map(SenderId::to_string).collect::<Vec<_>>());
        self.write(move |connection| {
            let (account, senders) = (account.clone(), senders.clone());
            Box::pin(async move { set_routes(connection, &account, &senders).await })
        })
        .await
    }

    async fn list_routes(&self) -> StoreResult<Vec<(AccountId, Vec<SenderId>)>> {
        self.scan(|connection| {
            Box::pin(async move {
                let rows = routes::account_senders.order((routes::account_id, routes::position));
                let rows: Vec<AccountSenderRow> = rows.select(AccountSenderRow::as_select()).load(connection).await?;
                let mut list: Vec<(AccountId, Vec<SenderId>)> = Vec::new();
                for row in rows {
                    let (account, sender) = row.read()?;
                    match list.last_mut().filter(|(last, _)| *last == account) {
                        Some((_, senders)) => senders.push(sender),
                        None => list.push((account, vec![sender])),
                    }
                }
                Ok(list)
            })
        })
        .await
    }
}

async fn set_routes(connection: &mut AsyncPgConnection, account: &str, senders: &[String]) -> Result<bool, Failure> {
    // Locked, so that two who say it at once do so one after the other.
    let owner = accounts::table.filter(accounts::id.eq(account)).select(accounts::id).for_update();
    if owner.get_result::<String>(connection).await.optional()?.is_none() {
        return Ok(false);
    }
    let mut known: Vec<&String> = senders.iter().collect();
    known.sort_unstable();
    known.dedup();
    for sender in known {
        let sender = dsl::senders.filter(dsl::id.eq(sender)).select(dsl::id).for_key_share();
        if sender.get_result::<String>(connection).await.optional()?.is_none() {
            return Ok(false);
        }
    }
    diesel::delete(routes::account_senders.filter(routes::account_id.eq(account))).execute(connection).await?;
    for (position, sender) in (0_i64..).zip(senders) {
        let row = AccountSenderRow { account_id: account.to_owned(), position, sender_id: sender.clone() };
        diesel::insert_into(routes::account_senders)
            .values(&row)
            // One that is named twice has its first place.
            .on_conflict((routes::account_id, routes::sender_id))
            .do_nothing()
            .execute(connection)
            .await?;
    }
    Ok(true)
}
