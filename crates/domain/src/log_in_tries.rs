use std::time::Duration;

use crate::Timestamp;

/// Failures that cost nothing but themselves.
const FREE: u32 = 10;
const FIRST_WAIT: Duration = Duration::from_secs(30);
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// After so long without a failure the row of them is forgotten.
const MEMORY: Duration = Duration::from_secs(24 * 3600);

/// The failed log-ins in a row for one e-mail address, whether anybody has it or not.
///
/// A try is charged before the password is looked at, and taken back when it was right, so that a hundred tries at the
/// same moment are not a hundred free ones. The wait grows and never becomes a lock: whoever fails on purpose must not
/// be able to keep somebody out for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogInTries {
    /// How many.
    pub failures: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

impl LogInTries {
    /// One more try at `now`, counted as a failure; or when the next one may be made.
    pub fn charge(self, now: Timestamp) -> Result<Self, Timestamp> {
        if self.is_over(now) {
            return Ok(Self { failures: 1, last_at: now });
        }
        let until = self.last_at.plus(self.wait());
        if now < until {
            return Err(until);
        }
        Ok(Self { failures: self.failures.saturating_add(1), last_at: now })
    }

    /// Takes one try back: it was neither right nor wrong.
    #[must_use]
    pub const fn refund(self) -> Self {
        Self { failures: self.failures.saturating_sub(1), ..self }
    }

    /// Whether it is so long ago that it counts no more.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        self.last_at.plus(MEMORY) <= now
    }

    /// Everything that failed last before this moment is over at `now`.
    #[must_use]
    pub fn forgotten_before(now: Timestamp) -> Timestamp {
        now.minus(MEMORY)
    }

    fn wait(self) -> Duration {
        let Some(doublings) = self.failures.checked_sub(FREE) else { return Duration::ZERO };
        2_u32
            .checked_pow(doublings)
            .and_then(|factor| FIRST_WAIT.checked_mul(factor))
            .unwrap_or(LONGEST_WAIT)
            .min(LONGEST_WAIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

    #[test]
    fn ten_failures_are_free_and_then_the_wait_doubles_to_half_an_hour() {
        let (mut tries, mut now, mut waits) = (LogInTries::default(), START, Vec::new());
        for _ in 0..20 {
            tries = match tries.charge(now) {
                Ok(tries) => tries,
                Err(until) => {
                    assert_eq!(tries.charge(until.minus(Duration::from_millis(1))), Err(until));
                    waits.push(until.since(now).as_secs());
                    now = until;
                    tries.charge(now).unwrap()
                }
            };
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 960, 1800, 1800, 1800, 1800]);
    }

    #[test]
    fn a_day_later_nothing_is_left_of_it_and_it_never_overflows() {
        let tries = LogInTries { failures: u32::MAX, last_at: START };
        assert_eq!(tries.charge(START), Err(START.plus(LONGEST_WAIT)));
        let next_day = START.plus(MEMORY);
        assert!(!tries.is_over(next_day.minus(Duration::from_millis(1))) && tries.is_over(next_day));
        assert_eq!(tries.charge(next_day), Ok(LogInTries { failures: 1, last_at: next_day }));
        assert_eq!(LogInTries::forgotten_before(next_day), START);
    }

    #[test]
    fn a_try_that_was_neither_right_nor_wrong_is_taken_back() {
        let once = LogInTries::default().charge(START).unwrap();
        assert_eq!(once.refund().failures, 0);
        assert_eq!(LogInTries::default().refund().failures, 0);
    }
}
