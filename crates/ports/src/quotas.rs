use async_trait::async_trait;
use whatotp_domain::{AccountId, Quota, QuotaPeriod, Timestamp};

use crate::StoreResult;

/// What came of asking for one more message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It is counted. So many messages were, with this one.
    Yes {
        /// In the day.
        today: u64,
        /// In the month.
        this_month: u64,
    },
    /// It would be one too many for this period; nothing was counted.
    UsedUp(QuotaPeriod),
}

/// How many live messages the accounts that have a quota have sent.
#[async_trait]
pub trait QuotaStore: Send + Sync {
    /// Counts one message of an account, in the day and in the month of `now`.
    ///
    /// MUST be one atomic step: of any number of concurrent calls, in any number of processes, as many are counted as
    /// the quota has left. A period that is over is forgotten; a call that comes late, with the time of one that is over,
    /// counts in the present one.
    async fn count_message(&self, account: AccountId, quota: Quota, now: Timestamp) -> StoreResult<Counted>;

    /// Takes back a message that was counted at `counted_at`, from the periods that are not over.
    async fn uncount_message(&self, account: AccountId, counted_at: Timestamp) -> StoreResult<()>;
}
