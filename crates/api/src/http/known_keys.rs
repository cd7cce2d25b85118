use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use whatotp_vault::KeyHash;

/// How many are remembered. When there are more, all are forgotten: it costs each a look-up's worth of patience at most.
const CAPACITY: usize = 16_384;

/// The keys that this process has seen to be good.
///
/// An address that has used up its failed tries is not looked up for any more, whatever it shows; only callers in here
/// are let through to the look-up, which still decides. So somebody who guesses keys costs no look-ups, and does not lock
/// out the customers who share his address.
#[derive(Default)]
pub(crate) struct KnownKeys(Mutex<HashSet<KeyHash>>);

impl KnownKeys {
    pub(crate) fn contains(&self, key: &KeyHash) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }

    /// Remembers a good key.
    pub(crate) fn insert(&self, key: &KeyHash) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= CAPACITY && !known.contains(key) {
            known.clear();
        }
        known.insert(*key);
    }

    /// Forgets one that is not good any more.
    pub(crate) fn remove(&self, key: &KeyHash) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
