use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use whatotp_domain::{AccountId, SenderId, SenderQuality};
use whatotp_ports::{SenderRecord, SenderStore, StoreResult};

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::{AccountSenderRow, SenderRow, quality};
use crate::schema::account_senders::dsl as routes;
use crate::schema::accounts;
use crate::schema::senders::dsl;

#[async_trait]
impl SenderStore for SqliteStore {
    async fn put_sender(&self, sender: SenderRecord) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::insert_into(dsl::senders)
                .values(&SenderRow::new(&sender))
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
                .execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn remove_sender(&self, id: &SenderId) -> StoreResult<bool> {
        let id = id.to_string();
        self.write(move |connection| {
            diesel::delete(routes::account_senders.filter(routes::sender_id.eq(&id))).execute(connection)?;
            Ok(diesel::delete(dsl::senders.filter(dsl::id.eq(&id))).execute(connection)? > 0)
        })
        .await
    }

    async fn list_senders(&self) -> StoreResult<Vec<SenderRecord>> {
        self.scan(|connection| {
            let rows = dsl::senders.order((dsl::created_at, dsl::id)).select(SenderRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn set_quality(&self, id: &SenderId, quality: SenderQuality) -> StoreResult<Option<SenderQuality>> {
        let id = id.to_string();
        self.write(move |connection| {
            let this = dsl::senders.filter(dsl::id.eq(&id));
            let Some(before) = this.select(dsl::quality).get_result::<String>(connection).optional()? else {
                return Ok(None);
            };
            diesel::update(this).set(dsl::quality.eq(quality.as_str())).execute(connection)?;
            Ok(Some(self::quality(&before)?))
        })
        .await
    }

    async fn set_routes(&self, account: AccountId, senders: Vec<SenderId>) -> StoreResult<bool> {
        let (account, senders) = (account.to_string(), senders.iter().map(SenderId::to_string).collect::<Vec<_>>());
        self.write(move |connection| set_routes(connection, &account, &senders)).await
    }

    async fn list_routes(&self) -> StoreResult<Vec<(AccountId, Vec<SenderId>)>> {
        self.scan(|connection| {
            let rows = routes::account_senders.order((routes::account_id, routes::position));
            let mut list: Vec<(AccountId, Vec<SenderId>)> = Vec::new();
            for row in rows.select(AccountSenderRow::as_select()).load(connection)? {
                let (account, sender) = row.read()?;
                match list.last_mut().filter(|(last, _)| *last == account) {
                    Some((_, senders)) => senders.push(sender),
                    None => list.push((account, vec![sender])),
                }
            }
            Ok(list)
        })
        .await
    }
}

fn set_routes(connection: &mut SqliteConnection, account: &str, senders: &[String]) -> Result<bool, Failure> {
    let owner = accounts::table.filter(accounts::id.eq(account));
    if !diesel::select(diesel::dsl::exists(owner)).get_result::<bool>(connection)? {
        return Ok(false);
    }
    for sender in senders {
        let known = dsl::senders.filter(dsl::id.eq(sender));
        if !diesel::select(diesel::dsl::exists(known)).get_result::<bool>(connection)? {
            return Ok(false);
        }
    }
    diesel::delete(routes::account_senders.filter(routes::account_id.eq(account))).execute(connection)?;
    for (position, sender) in (0_i64..).zip(senders) {
        let row = AccountSenderRow { account_id: account.to_owned(), position, sender_id: sender.clone() };
        diesel::insert_into(routes::account_senders)
            .values(&row)
            // One that is named twice has its first place.
            .on_conflict((routes::account_id, routes::sender_id))
            .do_nothing()
            .execute(connection)?;
    }
    Ok(true)
}
