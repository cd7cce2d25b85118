use async_trait::async_trait;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel::{BoolExpressionMethods, ExpressionMethods};
use diesel_async::RunQueryDsl;
use whatotp_domain::{AccountId, Timestamp};
use whatotp_ports::{AccountRules, Block, BlockKey, DestinationStore, StoreResult};

use super::PostgresStore;
use super::statement::{change, changing};
use crate::rows::{AccountRulesRow, BlockRow, block_columns, count};
use crate::schema::account_rules::dsl as rules;
use crate::schema::accounts;
use crate::schema::destination_blocks::dsl as blocks;

change!(
    OldBlocks,
    "WITH old AS (
        SELECT account_id, kind, key FROM destination_blocks WHERE until < $1
        ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED)
     DELETE FROM destination_blocks AS b USING old
     WHERE b.account_id = old.account_id AND b.kind = old.kind AND b.key = old.key"
);

#[async_trait]
impl DestinationStore for PostgresStore {
    async fn set_rules(&self, account: AccountId, new: AccountRules) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = AccountRulesRow::new(account, &new);
            Box::pin(async move {
                // Locked, so that two who say it at once do so one after the other.
                let owner = accounts::table.filter(accounts::id.eq(account.to_string()));
                let owner = owner.select(accounts::id).for_update();
                if owner.get_result::<String>(connection).await.optional()?.is_none() {
                    return Ok(false);
                }
                diesel::insert_into(rules::account_rules)
                    .values(&row)
                    .on_conflict(rules::account_id)
                    .do_update()
                    .set(&row)
                    .execute(connection)
                    .await?;
                Ok(true)
            })
        })
        .await
    }

    async fn list_rules(&self) -> StoreResult<Vec<(AccountId, AccountRules)>> {
        self.scan(|connection| {
            Box::pin(async move {
                let rows = rules::account_rules.order(rules::account_id).select(AccountRulesRow::as_select());
                let rows: Vec<AccountRulesRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn put_block(&self, block: Block) -> StoreResult<()> {
        self.write(move |connection| {
            let row = BlockRow::new(&block);
            Box::pin(async move {
                diesel::insert_into(blocks::destination_blocks)
                    .values(&row)
                    .on_conflict((blocks::account_id, blocks::kind, blocks::key))
                    .do_update()
                    .set(&row)
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn end_block(&self, key: BlockKey, now: Timestamp) -> StoreResult<bool> {
        self.write(move |connection| {
            let this = block_columns(&key);
            Box::pin(async move {
                let in_force = blocks::until.is_null().or(blocks::until.gt(now.unix_ms()));
                let in_force = blocks::destination_blocks.find(this).filter(in_force);
                let ended = diesel::update(in_force).set(blocks::until.eq(now.unix_ms()));
                Ok(ended.execute(connection).await? > 0)
            })
        })
        .await
    }

    async fn list_blocks(&self) -> StoreResult<Vec<Block>> {
        self.scan(|connection| {
            Box::pin(async move {
                let order = (blocks::created_at.desc(), blocks::account_id, blocks::kind, blocks::key);
                let rows = blocks::destination_blocks.order(order).select(BlockRow::as_select());
                let rows: Vec<BlockRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn purge_blocks(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let arguments = vec![ended_before.unix_ms().into(), i64::from(limit).into()];
            Box::pin(async move {
                let deleted = changing::<OldBlocks>(arguments).execute(connection).await?;
                Ok(count(deleted))
            })
        })
        .await
    }
}
