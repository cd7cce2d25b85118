use async_trait::async_trait;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::upsert::excluded;
use whatotp_domain::{Dimension, Timestamp};
use whatotp_ports::{StoreResult, Traffic, TrafficKey, TrafficStore};

use super::SqliteStore;
use crate::rows::{TrafficRow, count};
use crate::schema::traffic::dsl;

const DELETE_OLD: &str = "DELETE FROM traffic WHERE (account_id, dimension, key, part, slot) IN
    (SELECT account_id, dimension, key, part, slot FROM traffic WHERE dimension = ? AND slot < ? ORDER BY slot LIMIT ?)";

#[async_trait]
impl TrafficStore for SqliteStore {
    async fn add_traffic(&self, traffic: Vec<Traffic>) -> StoreResult<()> {
        self.write(move |connection| {
            for row in traffic.iter().map(TrafficRow::new) {
                diesel::insert_into(dsl::traffic)
                    .values(&row)
                    .on_conflict((dsl::account_id, dsl::dimension, dsl::key, dsl::part, dsl::slot))
                    .do_update()
                    .set((
                        dsl::sent.eq(dsl::sent + excluded(dsl::sent)),
                        dsl::verified.eq(dsl::verified + excluded(dsl::verified)),
                    ))
                    .execute(connection)?;
            }
            Ok(())
        })
        .await
    }

    async fn read_traffic(&self, keys: Vec<TrafficKey>) -> StoreResult<Vec<Traffic>> {
        self.scan(move |connection| {
            let mut found = Vec::new();
            for TrafficKey { account, dimension, key } in &keys {
                let these = dsl::traffic
                    .filter(dsl::account_id.eq(account.to_string()))
                    .filter(dsl::dimension.eq(dimension.as_str()))
                    .filter(dsl::key.eq(key));
                let rows: Vec<TrafficRow> = these.select(TrafficRow::as_select()).load(connection)?;
                for row in rows {
                    found.push(row.read()?);
                }
            }
            Ok(found)
        })
        .await
    }

    async fn purge_traffic(&self, dimension: Dimension, before: Timestamp, limit: u32) -> StoreResult<u64> {
        let (before, limit) = (before.unix_ms(), i64::from(limit));
        let is_old = dsl::dimension.eq(dimension.as_str()).and(dsl::slot.lt(before));
        let found = self.scan(move |connection| {
            let old = dsl::traffic.filter(is_old);
            Ok(diesel::select(diesel::dsl::exists(old)).get_result::<bool>(connection)?)
        });
        if !found.await? {
            return Ok(0);
        }
        self.write(move |connection| {
            let delete = diesel::sql_query(DELETE_OLD).bind::<Text, _>(dimension.as_str());
            let deleted = delete.bind::<BigInt, _>(before).bind::<BigInt, _>(limit).execute(connection)?;
            Ok(count(deleted))
        })
        .await
    }
}
