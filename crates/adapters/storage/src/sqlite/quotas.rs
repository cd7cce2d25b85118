use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use whatotp_domain::{AccountId, Quota, QuotaPeriod, Timestamp};
use whatotp_ports::{Counted, QuotaStore, StoreResult};

use super::SqliteStore;
use crate::rows::UsageRow;
use crate::schema::account_usage::dsl;

/// One writes at a time, so that what is read here is still so when it is written.
#[async_trait]
impl QuotaStore for SqliteStore {
    async fn count_message(&self, account: AccountId, quota: Quota, now: Timestamp) -> StoreResult<Counted> {
        self.write(move |connection| {
            let mut row = UsageRow::first(account, now);
            let this = dsl::account_usage.find(&row.account_id);
            if let Some(before) = this.select(UsageRow::as_select()).get_result(connection).optional()? {
                // A period that is newer than `now` stays: the clock of this call is behind.
                if before.day >= row.day {
                    (row.day, row.day_used) = (before.day, before.day_used + 1);
                }
                if before.month >= row.month {
                    (row.month, row.month_used) = (before.month, before.month_used + 1);
                }
                let (per_day, per_month) = UsageRow::limits(quota);
                if row.day_used > per_day || row.month_used > per_month {
                    return Ok(before.used_up(quota));
                }
            }
            diesel::replace_into(dsl::account_usage).values(&row).execute(connection)?;
            Ok(row.counted()?)
        })
        .await
    }

    async fn uncount_message(&self, account: AccountId, counted_at: Timestamp) -> StoreResult<()> {
        let (day, month) = (QuotaPeriod::Day.number(counted_at), QuotaPeriod::Month.number(counted_at));
        self.write(move |connection| {
            let one_less = (
                dsl::day_used.eq(sql::<BigInt>("day_used - (day_used > 0 AND day = ").bind::<BigInt, _>(day).sql(")")),
                dsl::month_used
                    .eq(sql::<BigInt>("month_used - (month_used > 0 AND month = ").bind::<BigInt, _>(month).sql(")")),
            );
            diesel::update(dsl::account_usage.find(account.to_string())).set(one_less).execute(connection)?;
            Ok(())
        })
        .await
    }
}
