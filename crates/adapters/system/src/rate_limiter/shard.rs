use std::num::NonZeroUsize;

use lru::LruCache;
use whatotp_ports::{RateRule, RateState};

use super::log::Log;
use super::unused;

/// How many keys that are over one call drops at most: more than it adds, so that they cannot pile up.
const SWEPT_AT_ONCE: usize = 2;

/// Some of the keys, behind one lock.
pub(super) struct Shard {
    logs: LruCache<u64, Log>,
}

impl Shard {
    /// Room for `capacity` keys, but at least one. Memory is taken when keys come.
    pub(super) fn new(capacity: usize) -> Self {
        Self { logs: LruCache::sparse(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN)) }
    }

    pub(super) fn len(&self) -> usize {
        self.logs.len()
    }

    /// Whether `cost` more fit under a rule. Only a charge makes a log for a key that has none.
    pub(super) fn has_room(&mut self, rule: &RateRule, cost: u64, now: u64) -> bool {
        match self.logs.get_mut(&rule.key) {
            Some(log) => {
                log.prune(rule, now);
                log.has_room(rule, cost, now)
            }
            None => cost <= u64::from(rule.quota),
        }
    }

    pub(super) fn charge(&mut self, rule: &RateRule, now: u64) {
        if rule.cost > 0 {
            let log = self.logs.get_or_insert_mut(rule.key, Log::new);
            log.prune(rule, now);
            log.charge(rule, now);
        }
    }

    pub(super) fn state(&self, rule: &RateRule, now: u64) -> RateState {
        self.logs.peek(&rule.key).map_or_else(|| unused(rule), |log| log.state(rule, now))
    }

    /// Drops a few of the least recently used keys if they are over.
    pub(super) fn sweep(&mut self, now: u64) {
        for _ in 0..SWEPT_AT_ONCE {
            if self.logs.peek_lru().is_none_or(|(_, log)| !log.is_over(now)) {
                return;
            }
            self.logs.pop_lru();
        }
    }
}
