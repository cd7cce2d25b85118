use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use whatotp_domain::{AccountScope, Counts, Dimension, Mode, PhoneNumber, Series, Timestamp, slot_of};
use whatotp_ports::{Traffic, TrafficKey};

use crate::{Application, Failure};

/// So many things are counted at once, in one process. When there are more, those that nothing was counted for lately
/// give way; should there be none of these, what is new is not counted.
const MOST: usize = 100_000;
/// What nothing was counted for in so long may give way.
const LATELY: Duration = Duration::from_secs(600);

/// What this process has counted, and what it knows of the others' counts. A request adds to it and asks it, and never
/// waits for the database: [`Application::exchange_traffic`] brings the two together once a second.
#[derive(Default)]
pub(crate) struct TrafficCounters(Mutex<HashMap<TrafficKey, Counter>>);

/// The parts of one thing, each with its counts.
type Parts = BTreeMap<String, Series>;

#[derive(Default)]
struct Counter {
    /// What the store has, as far as it was read.
    stored: Parts,
    /// What the store is being told.
    on_the_way: Parts,
    /// What it does not know yet.
    fresh: Parts,
    touched: Timestamp,
}

impl Counter {
    /// Whether it was touched lately, or the store is not told yet.
    fn is_in_use(&self, now: Timestamp) -> bool {
        now < self.touched.plus(LATELY) || !self.fresh.is_empty() || !self.on_the_way.is_empty()
    }

    /// Everything that is known.
    fn all(&self) -> impl Iterator<Item = (&String, &Series)> {
        self.stored.iter().chain(&self.on_the_way).chain(&self.fresh)
    }
}

impl TrafficCounters {
    fn lock(&self) -> MutexGuard<'_, HashMap<TrafficKey, Counter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts, at `now`.
    pub(crate) fn count(&self, of: TrafficKey, part: &str, counts: Counts, now: Timestamp) {
        let mut counters = self.lock();
        if counters.len() >= MOST && !counters.contains_key(&of) {
            counters.retain(|_, counter| counter.is_in_use(now));
            if counters.len() >= MOST {
                return;
            }
        }
        let slot = slot_of(of.dimension.slot(), now);
        let counter = counters.entry(of).or_default();
        counter.touched = now;
        counter.fresh.entry(part.to_owned()).or_default().add(slot, counts);
    }

    /// What is known, part by part.
    pub(crate) fn parts(&self, of: &TrafficKey) -> Parts {
        let mut parts = Parts::default();
        for (part, series) in self.lock().get(of).into_iter().flat_map(Counter::all) {
            parts.entry(part.clone()).or_default().merge(series);
        }
        parts
    }

    /// What is known, all parts together.
    pub(crate) fn total(&self, of: &TrafficKey) -> Series {
        let mut total = Series::default();
        self.lock().get(of).into_iter().flat_map(Counter::all).for_each(|(_, series)| total.merge(series));
        total
    }

    /// Takes what the store does not know yet.
    fn take(&self) -> Vec<Traffic> {
        let mut taken = Vec::new();
        for (of, counter) in self.lock().iter_mut() {
            let fresh = std::mem::take(&mut counter.fresh);
            for (part, series) in &fresh {
                let rows =
                    series.slots().map(|(slot, counts)| Traffic { of: of.clone(), part: part.clone(), slot, counts });
                taken.extend(rows);
                counter.on_the_way.entry(part.clone()).or_default().merge(series);
            }
        }
        taken
    }

    /// The store was not told.
    fn give_back(&self) {
        for counter in self.lock().values_mut() {
            for (part, series) in std::mem::take(&mut counter.on_the_way) {
                counter.fresh.entry(part).or_default().merge(&series);
            }
        }
    }

    /// The store was told. What it has now, with what others told it, is in `read`, unless that failed.
    fn told(&self, keys: &[TrafficKey], read: Option<Vec<Traffic>>) {
        let mut counters = self.lock();
        let was_read = read.is_some();
        for key in keys {
            let Some(counter) = counters.get_mut(key) else { continue };
            let told = std::mem::take(&mut counter.on_the_way);
            if was_read {
                counter.stored.clear();
                continue;
            }
            for (part, series) in told {
                counter.stored.entry(part).or_default().merge(&series);
            }
        }
        for Traffic { of, part, slot, counts } in read.into_iter().flatten() {
            if let Some(counter) = counters.get_mut(&of) {
                counter.stored.entry(part).or_default().add(slot, counts);
            }
        }
    }
}

impl Application {
    /// Tells the store what this process has counted, and reads what others have counted of the same. Call it once a
    /// second.
    pub async fn exchange_traffic(&self) -> Result<(), Failure> {
        let taken = self.traffic.take();
        if taken.is_empty() {
            return Ok(());
        }
        let mut keys: Vec<TrafficKey> = taken.iter().map(|traffic| traffic.of.clone()).collect();
        keys.sort_unstable();
        keys.dedup();
        if let Err(error) = self.ports.traffic.add_traffic(taken).await {
            self.traffic.give_back();
            return Err(error.into());
        }
        let read = self.ports.traffic.read_traffic(keys.clone()).await;
        let (read, outcome) = match read {
            Ok(read) => (Some(read), Ok(())),
            Err(error) => (None, Err(error.into())),
        };
        self.traffic.told(&keys, read);
        outcome
    }

    /// What a message to this number is counted under, and under which part. Nothing in test mode.
    pub(crate) fn traffic_keys(
        &self,
        scope: AccountScope,
        to: &PhoneNumber,
        client_ip: Option<&str>,
    ) -> Vec<(TrafficKey, String)> {
        if scope.mode == Mode::Test {
            return Vec::new();
        }
        let key = |dimension, key| TrafficKey { account: scope.account, dimension, key };
        let prefix = self.keyring.traffic_index(scope, Dimension::Prefix.as_str(), to.prefix().as_bytes());
        let mut keys = vec![
            (key(Dimension::Country, to.country().to_string()), String::new()),
            (key(Dimension::Prefix, prefix), String::new()),
        ];
        let ip = client_ip.map(|ip| (key(Dimension::ClientIp, ip.to_owned()), to.country().to_string()));
        keys.extend(ip);
        keys
    }

    /// What an end user's address is counted and stored as. Nothing in test mode.
    pub(crate) fn client_ip_index(&self, scope: AccountScope, client_ip: Option<[u8; 16]>) -> Option<String> {
        let client_ip = client_ip.filter(|_| scope.mode == Mode::Live)?;
        Some(self.keyring.traffic_index(scope, Dimension::ClientIp.as_str(), &client_ip))
    }

    /// Counts messages under their [`traffic_keys`](Self::traffic_keys): sent, or verified.
    pub(crate) fn count_traffic(&self, keys: Vec<(TrafficKey, String)>, counts: Counts) {
        let now = self.ports.clock.now();
        for (key, part) in keys {
            self.traffic.count(key, &part, counts, now);
        }
    }
}
