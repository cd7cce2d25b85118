use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{AccountId, AccountScope, Counts, Dimension, EventKind, Guessing, Mode, Timestamp, slot_of};
use whatotp_ports::TrafficKey;

use crate::Application;

/// While codes are certainly being guessed, one is looked at in so long, in each process.
const PAUSE: Duration = Duration::from_secs(1);

/// When a code was last looked at, of accounts whose codes are being guessed.
#[derive(Default)]
pub(crate) struct Turnstile(Mutex<HashMap<AccountId, Timestamp>>);

impl Turnstile {
    /// Lets one through and no other until its pause is over. Says when it is, to those it does not let through.
    fn pass(&self, account: AccountId, now: Timestamp) -> Result<(), Timestamp> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.retain(|_, at| now < at.plus(PAUSE));
        if let Some(at) = last.get(&account) {
            return Err(at.plus(PAUSE));
        }
        last.insert(account, now);
        Ok(())
    }
}

/// Guessing that goes from number to number is seen by no number's limit: the account as a whole shows it. Each process
/// knows its own attempts at once and those of the others after a second or two.
impl Application {
    /// When a code of this account may be tried again, if not now.
    pub(crate) fn guessing_until(&self, scope: AccountScope) -> Option<Timestamp> {
        if scope.mode == Mode::Test {
            return None;
        }
        let now = self.ports.clock.now();
        match Guessing::of(&self.traffic.total(&attempts_of(scope)), now) {
            Guessing::Certain => self.turnstile.pass(scope.account, now).err(),
            Guessing::Suspected | Guessing::Unsuspected => None,
        }
    }

    /// Counts an attempt, and tells the operator when too many are wrong.
    pub(crate) async fn count_attempt(&self, scope: AccountScope, right: bool) {
        if scope.mode == Mode::Test {
            return;
        }
        let (now, key) = (self.ports.clock.now(), attempts_of(scope));
        self.traffic.count(key.clone(), "", Counts { sent: 1, verified: right.into() }, now);
        let guessing = Guessing::of(&self.traffic.total(&key), now);
        let detail = match guessing {
            Guessing::Unsuspected => return,
            Guessing::Suspected => "more than half of the codes of the last ten minutes were wrong",
            Guessing::Certain => "nearly all codes of the last ten minutes were wrong: one a second is looked at",
        };
        let occasion = format!("{} {guessing:?}", slot_of(Dimension::Attempts.slot(), now));
        let subject = "attempts to verify".to_owned();
        self.note_once(EventKind::GuessingSuspected, scope, subject, detail.to_owned(), &occasion).await;
    }
}

fn attempts_of(scope: AccountScope) -> TrafficKey {
    TrafficKey { account: scope.account, dimension: Dimension::Attempts, key: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    #[test]
    fn one_a_second_and_each_account_for_itself() {
        let turnstile = Turnstile::default();
        let (one, other) = (AccountId::new(START, [1; 10]), AccountId::new(START, [2; 10]));
        let later = |ms| START.plus(Duration::from_millis(ms));
        assert_eq!(turnstile.pass(one, START), Ok(()));
        assert_eq!(turnstile.pass(one, later(999)), Err(later(1_000)));
        assert_eq!(turnstile.pass(other, later(999)), Ok(()));
        assert_eq!(turnstile.pass(one, later(1_000)), Ok(()));
        assert_eq!(turnstile.pass(one, later(1_001)), Err(later(2_000)));
    }
}
