use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use whatotp_domain::Timestamp;
use whatotp_ports::Clock;

/// When every test begins: 2027-01-15T08:00:00Z.
pub const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub const fn new(start: Timestamp) -> Self {
        Self(AtomicI64::new(start.unix_ms()))
    }

    /// Moves forward by `span`, and returns the time it then shows.
    pub fn advance(&self, span: Duration) -> Timestamp {
        let step = Timestamp::default().plus(span).unix_ms();
        Timestamp::from_unix_ms(self.0.fetch_add(step, Ordering::SeqCst).saturating_add(step))
    }

    /// Shows `now` from here on; the past is allowed too, since real clocks are set back.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_ms(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    /// Begins at [`START`].
    fn default() -> Self {
        Self::new(START)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_only_when_told() {
        let clock = ManualClock::default();
        assert_eq!(clock.now(), START);
        let later = START.plus(Duration::from_secs(30));
        assert_eq!(clock.advance(Duration::from_secs(30)), later);
        assert_eq!(clock.now(), later);
        clock.set(START);
        assert_eq!(clock.now(), START);
    }
}
