use diesel::prelude::*;
use whatotp_domain::{AccountId, Quota, QuotaPeriod, Timestamp};
use whatotp_ports::Counted;

use super::{InColumn, Read};
use crate::schema::account_usage;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = account_usage)]
pub(crate) struct UsageRow {
    pub(crate) account_id: String,
    pub(crate) day: i64,
    pub(crate) day_used: i64,
    pub(crate) month: i64,
    pub(crate) month_used: i64,
}

impl UsageRow {
    /// One message at `now`, of an account that has sent nothing.
    pub(crate) fn first(account: AccountId, now: Timestamp) -> Self {
        Self {
            account_id: account.to_string(),
            day: QuotaPeriod::Day.number(now),
            day_used: 1,
            month: QuotaPeriod::Month.number(now),
            month_used: 1,
        }
    }

    /// The most that may be used in a day and in a month.
    pub(crate) fn limits(quota: Quota) -> (i64, i64) {
        let limit = |limit: Option<u32>| limit.map_or(i64::MAX, i64::from);
        (limit(quota.per_day), limit(quota.per_month))
    }

    /// What was counted with this one.
    pub(crate) fn counted(&self) -> Read<Counted> {
        Ok(Counted::Yes {
            today: self.day_used.try_into().in_column("account_usage.day_used")?,
            this_month: self.month_used.try_into().in_column("account_usage.month_used")?,
        })
    }

    /// Why one more was not counted: the month, when it is used up, because that takes longer.
    pub(crate) fn used_up(&self, quota: Quota) -> Counted {
        let (_, per_month) = Self::limits(quota);
        Counted::UsedUp(if self.month_used >= per_month { QuotaPeriod::Month } else { QuotaPeriod::Day })
    }
}
