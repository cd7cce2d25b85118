use std::sync::{Mutex, PoisonError};

use whatotp_domain::Timestamp;

/// One retry costs so much.
const RETRY: i64 = 10_000;
/// One first attempt brings so much: retries are at most a tenth of it.
const FIRST_ATTEMPT: i64 = 1_000;
/// One millisecond brings so much: a second is worth one retry, so that a quiet installation can retry at all.
const MILLISECOND: i64 = 10;
/// What can be saved up: a burst of a hundred retries.
const MOST: i64 = 100 * RETRY;

/// How many retries the provider can be asked to bear. When it is in trouble, every message would come back, and their
/// sum would keep it there: so retries are a tenth of the first attempts, and one a second.
#[derive(Debug)]
pub(crate) struct RetryBudget(Mutex<Saved>);

#[derive(Debug)]
struct Saved {
    amount: i64,
    at: Option<Timestamp>,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(Saved { amount: MOST, at: None }))
    }
}

impl RetryBudget {
    /// Counts a first attempt.
    pub(crate) fn deposit(&self, now: Timestamp) {
        self.change(now, FIRST_ATTEMPT);
    }

    /// Whether there is a retry left; if so, it is spent.
    pub(crate) fn withdraw(&self, now: Timestamp) -> bool {
        self.change(now, -RETRY)
    }

    fn change(&self, now: Timestamp, by: i64) -> bool {
        let mut saved = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let elapsed = now.unix_ms().saturating_sub(saved.at.unwrap_or(now).unix_ms()).max(0);
        saved.amount = saved.amount.saturating_add(elapsed.saturating_mul(MILLISECOND)).min(MOST);
        saved.at = Some(now);
        let after = saved.amount.saturating_add(by).min(MOST);
        if after < 0 {
            return false;
        }
        saved.amount = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn retries(budget: &RetryBudget, now: Timestamp) -> usize {
        (0..10_000).take_while(|_| budget.withdraw(now)).count()
    }

    #[test]
    fn after_the_burst_retries_are_a_tenth_of_the_first_attempts() {
        let budget = RetryBudget::default();
        assert_eq!(retries(&budget, START), 100);
        for _ in 0..300 {
            budget.deposit(START);
        }
        assert_eq!(retries(&budget, START), 30);
    }

    #[test]
    fn a_quiet_installation_gets_one_a_second_and_saves_no_more_than_a_burst() {
        let budget = RetryBudget::default();
        assert_eq!(retries(&budget, START), 100);
        assert_eq!(retries(&budget, START.plus(Duration::from_millis(999))), 0);
        assert_eq!(retries(&budget, START.plus(Duration::from_secs(3))), 3);
        assert_eq!(retries(&budget, START.plus(Duration::from_secs(3600))), 100);
        assert_eq!(retries(&budget, START), 0, "a clock that jumps back brings nothing");
    }
}
