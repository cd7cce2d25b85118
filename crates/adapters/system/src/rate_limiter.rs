mod elapsed;
mod log;
mod shard;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use whatotp_ports::{Clock, RateDecision, RateLimiter, RateRule, RateState};

use elapsed::Elapsed;
use shard::Shard;

/// How many keys are kept unless somebody asks for more or fewer.
pub const DEFAULT_CAPACITY: usize = 65_536;

/// Keys are spread over this many locks.
const SHARDS: u8 = 16;

/// Exact sliding windows within one process: each key has a log of the moments at which it was admitted.
///
/// **Exact.** A call is admitted when fewer than `quota` moments of its key are at most `window` old; one that is
/// exactly `window` old still counts. A rule that only looks (`cost` 0) has room when one more call would fit. Rules of
/// one call that share a key share its log: each must have room for all of them together. A window counts in whole
/// milliseconds, rounded up, and one above 49 days as 49 days, because moments are kept in 32 bits.
///
/// **Memory.** At most `capacity` keys (but at least 16) are kept; the least recently used one makes room for a new
/// one, so a flood of more live keys than that makes the limiter forget the quietest. Measured, allocator included, a
/// key takes 134 bytes with one to four admissions, 198 with 20, 598 with 120, 2.5 KB with 600: a buffer doubles, but
/// never beyond the quota. It gives memory back when it has emptied to a quarter, and every call drops up to two keys
/// of its shards that are over, so idle keys go while there is traffic.
///
/// **The clock may step.** The limiter counts how far the clock ran *forwards*; a reading before the last one counts as
/// no time at all. So no moment is ever in the future: after a step back a full key is free again at most one window
/// after the limiter first sees the step, and after a step forward what the clock says is over is over.
pub struct LocalRateLimiter {
    clock: Arc<dyn Clock>,
    /// Taken while shards are locked, and nothing is locked while it is held.
    elapsed: Mutex<Elapsed>,
    shards: Vec<Mutex<Shard>>,
}

impl LocalRateLimiter {
    /// A limiter that knows nobody yet, for up to `capacity` keys.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, capacity: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new(capacity / usize::from(SHARDS)))).collect();
        Self { clock, elapsed: Mutex::default(), shards }
    }

    /// How many keys are kept right now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether no key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn decide(&self, rules: &[RateRule]) -> RateDecision {
        let mut held = self.hold(rules);
        // The clock is read with the shards locked: whoever locks one later also comes later in time.
        let now = lock(&self.elapsed).at(self.clock.now());
        let mut admitted = true;
        for rule in rules {
            let cost: u64 = rules.iter().filter(|other| other.key == rule.key).map(|other| u64::from(other.cost)).sum();
            // Every key is looked up even when an earlier one has refused, so that one in use is not evicted.
            admitted &= held.shard(rule.key).is_some_and(|shard| shard.has_room(rule, cost.max(1), now));
        }
        if admitted {
            for rule in rules {
                if let Some(shard) = held.shard(rule.key) {
                    shard.charge(rule, now);
                }
            }
        }
        let states = rules.iter().filter_map(|rule| Some(held.shard(rule.key)?.state(rule, now))).collect();
        held.sweep(now);
        RateDecision { admitted, states }
    }

    /// Locks the shards of all rules, each once and in ascending order, so that no two calls wait for each other.
    fn hold(&self, rules: &[RateRule]) -> Held<'_> {
        let wanted = |index: u64| rules.iter().any(|rule| home(rule.key) == index);
        let shards = (0..).zip(&self.shards).filter(|(index, _)| wanted(*index));
        Held(shards.map(|(index, shard)| (index, lock(shard))).collect())
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn admit(&self, rules: &[RateRule]) -> RateDecision {
        self.decide(rules)
    }
}

/// The locked shards of one call.
struct Held<'a>(Vec<(u64, MutexGuard<'a, Shard>)>);

impl Held<'_> {
    /// The shard of a key that one of the call's rules has.
    fn shard(&mut self, key: u64) -> Option<&mut Shard> {
        self.0.iter_mut().find(|(index, _)| *index == home(key)).map(|(_, shard)| &mut **shard)
    }

    fn sweep(&mut self, now: u64) {
        for (_, shard) in &mut self.0 {
            shard.sweep(now);
        }
    }
}

/// Keys are hashes, so any of their bits will do.
fn home(key: u64) -> u64 {
    key % u64::from(SHARDS)
}

/// A panic while a lock is held can only come before anything was changed (the clock) or leave one key's log shorter
/// than it should be, and a limiter that never answers again is worse than both.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A window in milliseconds; rounded up, so that it is never shorter than asked for.
fn window_ms(window: Duration) -> u32 {
    u32::try_from(window.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)
}

fn millis(span: u64) -> Duration {
    Duration::from_millis(span)
}

/// Where a rule stands whose key has no log.
fn unused(rule: &RateRule) -> RateState {
    // Nothing ever fits into a quota of 0; "not before the window is over" is the least untrue answer.
    let retry_after = if rule.quota == 0 { millis(u64::from(window_ms(rule.window))) } else { Duration::ZERO };
    RateState { remaining: rule.quota, retry_after, reset_after: Duration::ZERO }
}
