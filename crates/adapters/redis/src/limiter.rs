use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use whatotp_ports::{RateDecision, RateLimiter, RateRule};

use crate::address::RedisAddress;
use crate::link::{DEADLINE, Link};
use crate::script::DECIDE;

/// By how much this process may notice an admission later than the server, twice over.
const LATENESS: Duration = DEADLINE.saturating_mul(2);

/// Exact sliding windows that all replicas share.
///
/// **Exact.** The server keeps a log of the moments at which each key was charged, as the limiter of one process does,
/// and decides a call in one script: one round trip, one clock, one step over all its rules. Rules that share a key and
/// a window share a log. Time that the server's clock runs backwards does not count.
///
/// **Never open, never an error.** A call that the server does not answer within 100 ms is decided by the limiter of
/// this process, and so are all others until the server, tried again every second, can count. What the server admits is
/// counted in this process as well, and what has no room here has none there: so whatever the server forgets, by
/// a restart, a failover or a flush, this process admits no more than the quota in any window (within 200 ms), and all
/// of them no more than the quota times their number. So a client that this process has given its whole quota is refused
/// without asking the server, however it floods; only when the server's clock is set back may that cost it a window more.
///
/// **Memory.** The server's: a list of some 10 bytes for each admission within the window, which expires with it. Set a
/// `maxmemory`; under any `maxmemory-policy` that evicts, the server forgets as if flushed, and under `noeviction` it
/// refuses, and each process counts for itself.
pub struct RedisRateLimiter {
    link: Link,
    local: Arc<dyn RateLimiter>,
}

impl RedisRateLimiter {
    /// A limiter on the server at `address`, which is tried for at most two seconds before this returns; and `local`,
    /// which counts for this process alone.
    ///
    /// Needs a tokio runtime, the one that connections are to live on.
    pub async fn connect(address: RedisAddress, local: Arc<dyn RateLimiter>) -> Self {
        Self::with_script(address, local, DECIDE).await
    }

    pub(crate) async fn with_script(address: RedisAddress, local: Arc<dyn RateLimiter>, script: &str) -> Self {
        Self { link: Link::open(address, Script::new(script)).await, local }
    }

    /// Whether the limits are counted together with the other replicas right now.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.link.is_up()
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn admit(&self, rules: &[RateRule]) -> RateDecision {
        let looks: Vec<RateRule> = rules.iter().map(|rule| RateRule { cost: 0, ..*rule }).collect();
        let here = self.local.admit(&looks).await;
        if rules.is_empty() {
            return here;
        }
        if here.states.iter().any(|state| state.retry_after > LATENESS) {
            return RateDecision { admitted: false, ..here };
        }
        let Some(decision) = self.link.decide(rules).await else { return self.local.admit(rules).await };
        if decision.admitted {
            // It may find no room in those 200 ms; it is full then, which is what this is for.
            self.local.admit(rules).await;
        }
        decision
    }
}
