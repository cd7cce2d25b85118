use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use whatotp_domain::{DeliveryId, MessageTemplate, NumberLedgers, SessionId};
use whatotp_ports::{DeliveryRecord, SessionRecord, StoreError};
use whatotp_vault::BlindIndex;

/// Enough that two requests hardly ever wait for each other.
const SHARDS: u64 = 64;

/// One map, cut into pieces that are locked each for itself.
pub(super) struct Shards<M> {
    maps: Vec<Mutex<M>>,
    hasher: RandomState,
}

impl<M: Default> Default for Shards<M> {
    fn default() -> Self {
        Self { maps: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl<M> Shards<M> {
    /// The piece that holds this key.
    pub(super) fn of(&self, key: &impl Hash) -> Result<MutexGuard<'_, M>, StoreError> {
        let nth = usize::try_from(self.hasher.hash_one(key) % SHARDS).unwrap_or_default();
        let map = self.maps.get(nth).ok_or_else(missing)?;
        Ok(map.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn all(&self) -> Vec<MutexGuard<'_, M>> {
        self.maps.iter().map(|map| map.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }
}

/// What a store of requests has to remember, for one account. Nothing is ever forgotten, and nothing survives.
///
/// Locks are taken in the order of the fields.
pub(super) struct Memory {
    pub(super) numbers: Shards<HashMap<BlindIndex, NumberLedgers>>,
    pub(super) sessions: Shards<HashMap<SessionId, SessionRecord>>,
    pub(super) deliveries: Shards<BTreeMap<DeliveryId, DeliveryRecord>>,
    pub(super) templates: Vec<MessageTemplate>,
}

impl Memory {
    pub(super) fn new(templates: Vec<MessageTemplate>) -> Self {
        Self { numbers: Shards::default(), sessions: Shards::default(), deliveries: Shards::default(), templates }
    }
}

/// What no request of the bench asks for.
pub(super) fn missing() -> StoreError {
    StoreError::Unavailable("this store only remembers what is measured".into())
}
