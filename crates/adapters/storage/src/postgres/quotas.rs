use async_trait::async_trait;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use whatotp_domain::{AccountId, Quota, QuotaPeriod, Timestamp};
use whatotp_ports::{Counted, QuotaStore, StoreResult};

use super::PostgresStore;
use super::statement::{change, changing, fetch, fetching};
use crate::rows::UsageRow;
use crate::schema::account_usage::dsl;

fetch!(
    /// One statement, and so one step: whoever comes second sees what the first one counted. A period that is newer than
    /// the caller's stays: the clock of that one is behind.
    Count -> UsageRow,
    "INSERT INTO account_usage (account_id, day, day_used, month, month_used) VALUES ($1, $2, 1, $3, 1)
     ON CONFLICT (account_id) DO UPDATE SET
        day = greatest(account_usage.day, $2),
        day_used = CASE WHEN account_usage.day >= $2 THEN account_usage.day_used + 1 ELSE 1 END,
        month = greatest(account_usage.month, $3),
        month_used = CASE WHEN account_usage.month >= $3 THEN account_usage.month_used + 1 ELSE 1 END
     WHERE (account_usage.day < $2 OR account_usage.day_used < $4)
       AND (account_usage.month < $3 OR account_usage.month_used < $5)
     RETURNING ",
    ""
);

change!(
    Uncount,
    "UPDATE account_usage SET
        day_used = day_used - (CASE WHEN day_used > 0 AND day = $2 THEN 1 ELSE 0 END),
        month_used = month_used - (CASE WHEN month_used > 0 AND month = $3 THEN 1 ELSE 0 END)
     WHERE account_id = $1"
);

#[async_trait]
impl QuotaStore for PostgresStore {
    async fn count_message(&self, account: AccountId, quota: Quota, now: Timestamp) -> StoreResult<Counted> {
        self.write(move |connection| {
            let (first, (per_day, per_month)) = (UsageRow::first(account, now), UsageRow::limits(quota));
            Box::pin(async move {
                let UsageRow { account_id, day, month, .. } = &first;
                let arguments =
                    vec![account_id.as_str().into(), (*day).into(), (*month).into(), per_day.into(), per_month.into()];
                let counted = fetching::<Count>(arguments).get_result(connection).await;
                let counted: Option<UsageRow> = counted.optional()?;
                if let Some(row) = counted {
                    return Ok(row.counted()?);
                }
                let row = dsl::account_usage.find(account_id).select(UsageRow::as_select());
                Ok(row.get_result::<UsageRow>(connection).await?.used_up(quota))
            })
        })
        .await
    }

    async fn uncount_message(&self, account: AccountId, counted_at: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            let account = account.to_string();
            Box::pin(async move {
                let (day, month) = (QuotaPeriod::Day.number(counted_at), QuotaPeriod::Month.number(counted_at));
                let arguments = vec![account.as_str().into(), day.into(), month.into()];
                changing::<Uncount>(arguments).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }
}
