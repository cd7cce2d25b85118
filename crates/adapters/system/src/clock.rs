use std::time::{SystemTime, UNIX_EPOCH};

use whatotp_domain::Timestamp;
use whatotp_ports::Clock;

/// The system's wall clock.
///
/// It may step back when somebody sets it: whoever measures a span with it decides what that means there.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the time")]
    fn now(&self) -> Timestamp {
        // A machine whose clock stands before 1970 is told that it is 1970.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::default().plus(since_epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_later_than_the_day_this_was_written() {
        assert!(SystemClock.now() > Timestamp::parse("2026-11-23T00:00:00Z").unwrap());
    }
}
