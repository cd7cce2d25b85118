use async_trait::async_trait;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel::{BoolExpressionMethods, ExpressionMethods};
use diesel_async::RunQueryDsl;
use whatotp_domain::{AccountId, ApiKey, ApiKeyId, Timestamp};
use whatotp_ports::{Account, AccountStore, ApiKeyStore, StoreResult};
use whatotp_vault::{KeyHash, Kid};

use super::PostgresStore;
use crate::rows::{AccountRow, ApiKeyRow, Unreadable};
use crate::schema::{accounts, api_keys, installation};

#[async_trait]
impl AccountStore for PostgresStore {
    async fn insert_account(&self, account: Account) -> StoreResult<()> {
        self.write(move |connection| {
            let row = AccountRow::new(&account);
            Box::pin(async move {
                diesel::insert_into(accounts::table).values(row).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn list_accounts(&self) -> StoreResult<Vec<Account>> {
        self.scan(|connection| {
            Box::pin(async move {
                let rows = accounts::table.order((accounts::created_at, accounts::id)).select(AccountRow::as_select());
                let rows: Vec<AccountRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn bind_master_key(&self, kid: Kid) -> StoreResult<Kid> {
        self.write(move |connection| {
            Box::pin(async move {
                // Of several that come at once, all but the first wait for it, and then find what it has stored.
                let row = (installation::id.eq(1), installation::index_kid.eq(kid.as_str()));
                diesel::insert_into(installation::table)
                    .values(row)
                    .on_conflict(installation::id)
                    .do_nothing()
                    .execute(connection)
                    .await?;
                let bound = installation::table.select(installation::index_kid);
                let bound: String = bound.get_result(connection).await?;
                Ok(Kid::parse(&bound).ok_or(Unreadable("installation.index_kid"))?)
            })
        })
        .await
    }
}

#[async_trait]
impl ApiKeyStore for PostgresStore {
    async fn insert_key(&self, key: ApiKey, hash: KeyHash) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = ApiKeyRow::new(&key, &hash);
            Box::pin(async move {
                let owner = accounts::table.filter(accounts::id.eq(&row.account_id));
                if !diesel::select(diesel::dsl::exists(owner)).get_result::<bool>(connection).await? {
                    return Ok(false);
                }
                diesel::insert_into(api_keys::table).values(&row).execute(connection).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn find_key(&self, hash: &KeyHash) -> StoreResult<Option<ApiKey>> {
        let hash = *hash;
        self.read(move |connection| {
            Box::pin(async move {
                let row = api_keys::table.filter(api_keys::hash.eq(hash.as_bytes().as_slice()));
                let row: Option<ApiKeyRow> =
                    row.select(ApiKeyRow::as_select()).get_result(connection).await.optional()?;
                Ok(row.map(ApiKeyRow::read).transpose()?)
            })
        })
        .await
    }

    async fn list_keys(&self, account: Option<AccountId>) -> StoreResult<Vec<ApiKey>> {
        self.scan(move |connection| {
            Box::pin(async move {
                let newest_first = (api_keys::created_at.desc(), api_keys::id.desc());
                let mut rows = api_keys::table.order(newest_first).select(ApiKeyRow::as_select()).into_boxed();
                if let Some(account) = account {
                    rows = rows.filter(api_keys::account_id.eq(account.to_string()));
                }
                let rows: Vec<ApiKeyRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn replace_key(
        &self,
        old: ApiKeyId,
        old_ends_at: Timestamp,
        successor: ApiKey,
        hash: KeyHash,
    ) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = ApiKeyRow::new(&successor, &hash);
            Box::pin(async move {
                let this =
                    api_keys::table.filter(api_keys::id.eq(old.to_string())).filter(api_keys::revoked_at.is_null());
                let found = this.clone().select(ApiKeyRow::as_select()).for_update();
                let found: Option<ApiKeyRow> = found.get_result(connection).await.optional()?;
                let Some(found) = found.map(ApiKeyRow::read).transpose()? else { return Ok(false) };
                let end = found.expires_at.map_or(old_ends_at, |end| end.min(old_ends_at));
                diesel::update(this).set(api_keys::expires_at.eq(end.unix_ms())).execute(connection).await?;
                diesel::insert_into(api_keys::table).values(row).execute(connection).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn note_key_use(&self, id: ApiKeyId, at: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let earlier = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at.unix_ms()));
                diesel::update(api_keys::table.filter(api_keys::id.eq(id.to_string())).filter(earlier))
                    .set(api_keys::last_used_at.eq(at.unix_ms()))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn revoke_key(&self, id: ApiKeyId, now: Timestamp) -> StoreResult<Option<ApiKey>> {
        self.write(move |connection| {
            Box::pin(async move {
                let this = api_keys::table.filter(api_keys::id.eq(id.to_string()));
                diesel::update(this.clone().filter(api_keys::revoked_at.is_null()))
                    .set(api_keys::revoked_at.eq(now.unix_ms()))
                    .execute(connection)
                    .await?;
                let row: Option<ApiKeyRow> =
                    this.select(ApiKeyRow::as_select()).get_result(connection).await.optional()?;
                Ok(row.map(ApiKeyRow::read).transpose()?)
            })
        })
        .await
    }
}
