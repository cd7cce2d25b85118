use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

use crate::config::PairLimit;

/// One in `every`, of which `burst` may be borrowed from the future.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) every: Duration,
}

impl Rate {
    /// A second's worth may come at once.
    pub(crate) fn per_second(messages: u32) -> Self {
        Self { burst: messages, every: Duration::from_secs(1) / messages.max(1) }
    }
}

impl From<PairLimit> for Rate {
    fn from(pair: PairLimit) -> Self {
        Self { burst: pair.burst, every: Duration::from_millis(pair.every_ms) }
    }
}

/// Counts by key; a key that owes nothing is forgotten.
pub(crate) struct RateLimit<K> {
    /// Until when the messages that were let through are paid for.
    paid_by: HashMap<K, Instant>,
}

/// Above this many keys the idle ones are looked for.
const SWEEP_ABOVE: usize = 10_000;

impl<K: Eq + Hash> RateLimit<K> {
    pub(crate) fn new() -> Self {
        Self { paid_by: HashMap::new() }
    }

    /// Whether one more may pass, and counts it if so.
    pub(crate) fn admit(&mut self, key: K, rate: Rate, now: Instant) -> bool {
        if self.paid_by.len() > SWEEP_ABOVE {
            self.paid_by.retain(|_, paid_by| *paid_by > now);
        }
        let paid_by = self.paid_by.entry(key).or_insert(now);
        let owed = (*paid_by).max(now);
        let admitted = owed + rate.every <= now + rate.every * rate.burst;
        if admitted {
            *paid_by = owed + rate.every;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_borrowed_and_paid_back() {
        let rate = Rate { burst: 45, every: Duration::from_secs(6) };
        let (mut limit, start) = (RateLimit::new(), Instant::now());
        assert!((0..45).all(|_| limit.admit("pair", rate, start)));
        assert!(!limit.admit("pair", rate, start));
        assert!(limit.admit("another", rate, start));
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(!limit.admit("pair", rate, after(5)));
        assert!(limit.admit("pair", rate, after(6)));
        assert!(!limit.admit("pair", rate, after(6)));
        assert!(limit.admit("pair", rate, after(12)));
    }
}
