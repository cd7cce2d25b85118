use async_trait::async_trait;
use diesel_async::RunQueryDsl;
use whatotp_domain::{Dimension, Timestamp};
use whatotp_ports::{StoreResult, Traffic, TrafficKey, TrafficStore};

use super::PostgresStore;
use super::statement::{change, changing, columns, fetch, fetching};
use crate::rows::{TrafficRow, count};

change!(
    /// In the order of their keys, so that no two who add at once wait for each other in a circle.
    Add,
    "INSERT INTO traffic (account_id, dimension, key, part, slot, sent, verified)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7) AS k (account_id, dimension, key, part, slot, sent, verified)
     ORDER BY account_id, dimension, key, part, slot
     ON CONFLICT (account_id, dimension, key, part, slot) DO UPDATE SET
        sent = traffic.sent + excluded.sent, verified = traffic.verified + excluded.verified"
);

fetch!(
    Find -> TrafficRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, dimension, key)
     JOIN traffic ON traffic.account_id = k.account_id AND traffic.dimension = k.dimension AND traffic.key = k.key"
);

change!(
    Old,
    "WITH old AS (
        SELECT account_id, dimension, key, part, slot FROM traffic WHERE dimension = $1 AND slot < $2
        ORDER BY slot LIMIT $3 FOR UPDATE SKIP LOCKED)
     DELETE FROM traffic AS t USING old
     WHERE t.account_id = old.account_id AND t.dimension = old.dimension AND t.key = old.key AND t.part = old.part
       AND t.slot = old.slot"
);

#[async_trait]
impl TrafficStore for PostgresStore {
    async fn add_traffic(&self, traffic: Vec<Traffic>) -> StoreResult<()> {
        let mut rows: Vec<TrafficRow> = traffic.iter().map(TrafficRow::new).collect();
        rows.sort_unstable_by(|one, other| key(one).cmp(&key(other)));
        // A statement cannot add to a row twice.
        rows.dedup_by(|row, kept| {
            let same = key(row) == key(kept);
            if same {
                kept.sent += row.sent;
                kept.verified += row.verified;
            }
            same
        });
        let rows = std::sync::Arc::new(rows);
        self.write(move |connection| {
            let rows = std::sync::Arc::clone(&rows);
            Box::pin(async move {
                let arguments = columns!(
                    rows,
                    row => row.account_id.as_str(), row.dimension.as_str(), row.key.as_str(), row.part.as_str(), row.slot,
                    row.sent, row.verified,
                );
                changing::<Add>(arguments).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn read_traffic(&self, keys: Vec<TrafficKey>) -> StoreResult<Vec<Traffic>> {
        self.scan(move |connection| {
            let keys: Vec<(String, &str, String)> =
                keys.iter().map(|of| (of.account.to_string(), of.dimension.as_str(), of.key.clone())).collect();
            Box::pin(async move {
                let arguments = columns!(keys, key => key.0.as_str(), key.1, key.2.as_str());
                let rows: Vec<TrafficRow> = fetching::<Find>(arguments).load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn purge_traffic(&self, dimension: Dimension, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let arguments = vec![dimension.as_str().into(), before.unix_ms().into(), i64::from(limit).into()];
            Box::pin(async move {
                let deleted = changing::<Old>(arguments).execute(connection).await?;
                Ok(count(deleted))
            })
        })
        .await
    }
}

fn key(row: &TrafficRow) -> (&str, &str, &str, &str, i64) {
    (&row.account_id, &row.dimension, &row.key, &row.part, row.slot)
}
