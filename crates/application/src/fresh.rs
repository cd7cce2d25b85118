use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::Timestamp;

/// How long a change may take to be noticed by other processes.
pub(crate) const FRESH: Duration = Duration::from_secs(5);

/// What was last read of what operators have set, and when: every message asks for it, and it hardly ever changes.
pub(crate) struct Fresh<T>(Mutex<Option<(Timestamp, Arc<T>)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Fresh<T> {
    /// What is known, unless it is too old.
    pub(crate) fn get(&self, now: Timestamp) -> Option<Arc<T>> {
        let read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        read.as_ref().filter(|(at, _)| now < at.plus(FRESH)).map(|(_, read)| Arc::clone(read))
    }

    /// Keeps what was read at `now`.
    pub(crate) fn put(&self, now: Timestamp, read: T) -> Arc<T> {
        let read = Arc::new(read);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&read)));
        read
    }

    /// The next one who asks reads anew: this process has changed it.
    pub(crate) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
