use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use whatotp_ports::StoreError;

use crate::{Application, Failure};

/// How many codes and messages are taken in at once. They wait for a tenth of a second or two then; with more of them all
/// would wait for longer, and so would those who verify a code.
const PLACES: usize = 512;

/// A place for each code and message, from when it is asked for until it is stored. Whoever finds none is turned away before
/// any work is done for him. Those who end what they began, as a verification does, need none.
pub(crate) struct Places(Arc<Semaphore>);

impl Default for Places {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(PLACES)))
    }
}

impl Places {
    fn take(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        Arc::clone(&self.0).try_acquire_owned().or(Err(StoreError::Overloaded))
    }

    fn is_full(&self) -> bool {
        self.0.available_permits() == 0
    }
}

impl Application {
    /// Whether a code or a message would be turned away now: for a server that would rather say so before it reads the
    /// request.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.places.is_full()
    }

    /// A place for a code or a message.
    pub(crate) fn take_in(&self) -> Result<OwnedSemaphorePermit, Failure> {
        Ok(self.places.take()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_place_again_when_somebody_is_done() {
        let places = Places::default();
        let mut taken: Vec<_> = (0..PLACES).map(|_| places.take().unwrap()).collect();
        assert!(places.is_full());
        assert!(matches!(places.take(), Err(StoreError::Overloaded)));
        taken.pop();
        assert!(!places.is_full());
        assert!(places.take().is_ok());
    }
}
