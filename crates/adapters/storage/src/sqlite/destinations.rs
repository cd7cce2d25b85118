use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{AccountId, Timestamp};
use whatotp_ports::{AccountRules, Block, BlockKey, DestinationStore, StoreResult};

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::{AccountRulesRow, BlockRow, block_columns, count};
use crate::schema::account_rules::dsl as rules;
use crate::schema::accounts;
use crate::schema::destination_blocks::dsl as blocks;

#[async_trait]
impl DestinationStore for SqliteStore {
    async fn set_rules(&self, account: AccountId, new: AccountRules) -> StoreResult<bool> {
        self.write(move |connection| {
            let owner = accounts::table.filter(accounts::id.eq(account.to_string()));
            if !diesel::select(diesel::dsl::exists(owner)).get_result::<bool>(connection)? {
                return Ok(false);
            }
            let row = AccountRulesRow::new(account, &new);
            diesel::replace_into(rules::account_rules).values(&row).execute(connection)?;
            Ok(true)
        })
        .await
    }

    async fn list_rules(&self) -> StoreResult<Vec<(AccountId, AccountRules)>> {
        self.scan(|connection| {
            let rows = rules::account_rules.order(rules::account_id).select(AccountRulesRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn put_block(&self, block: Block) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::replace_into(blocks::destination_blocks).values(&BlockRow::new(&block)).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn end_block(&self, key: BlockKey, now: Timestamp) -> StoreResult<bool> {
        self.write(move |connection| {
            let (account, kind, key) = block_columns(&key);
            let this = blocks::destination_blocks.find((account, kind, key));
            let in_force = this.filter(blocks::until.is_null().or(blocks::until.gt(now.unix_ms())));
            Ok(diesel::update(in_force).set(blocks::until.eq(now.unix_ms())).execute(connection)? > 0)
        })
        .await
    }

    async fn list_blocks(&self) -> StoreResult<Vec<Block>> {
        self.scan(|connection| {
            let order = (blocks::created_at.desc(), blocks::account_id, blocks::kind, blocks::key);
            let rows = blocks::destination_blocks.order(order).select(BlockRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn purge_blocks(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let (end, limit) = (ended_before.unix_ms(), i64::from(limit));
        let old = move |connection: &mut SqliteConnection| {
            let ended = blocks::destination_blocks.filter(blocks::until.lt(end)).order(blocks::until).limit(limit);
            Ok(ended.select(BlockRow::as_select()).load(connection)?)
        };
        let mut deleted = 0;
        for row in self.scan(old).await? {
            let key = row.read().map_err(|unreadable| Failure::from(unreadable).to_store_error())?.key;
            let delete = move |connection: &mut SqliteConnection| {
                // It may have been made anew since.
                let this = blocks::destination_blocks.find(block_columns(&key)).filter(blocks::until.lt(end));
                Ok(diesel::delete(this).execute(connection)?)
            };
            deleted += count(self.write(delete).await?);
        }
        Ok(deleted)
    }
}
