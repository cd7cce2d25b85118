use std::time::Duration;

use crate::{AccountId, ConsoleSessionId, Timestamp, UserId};

/// Unused for so long, a session is over (NIST SP 800-63B-4 section 2.2.3 allows an hour).
const IDLE: Duration = Duration::from_secs(30 * 60);
/// However much it is used, it is over after this (the same section allows a day).
const ABSOLUTE: Duration = Duration::from_secs(12 * 3600);
/// How long a password that was typed stands for the person who typed it.
const FRESH: Duration = Duration::from_secs(10 * 60);
/// How exactly the last use is known.
const USE_IS_NEWS_AFTER: Duration = Duration::from_secs(60);

/// Somebody who is logged in to the console, on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleSession {
    /// Its id. It is no secret, and opens nothing.
    pub id: ConsoleSessionId,
    /// Who.
    pub user: UserId,
    /// Their account.
    pub account: AccountId,
    /// The browser, in its own words.
    pub user_agent: String,
    /// When they logged in.
    pub created_at: Timestamp,
    /// When they last typed their password.
    pub authenticated_at: Timestamp,
    /// When it was used last, to about a minute.
    pub last_seen_at: Timestamp,
}

impl ConsoleSession {
    /// When it ends if it is not used again.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.last_seen_at.plus(IDLE).min(self.created_at.plus(ABSOLUTE))
    }

    /// Whether its time is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at() <= now
    }

    /// Whether the password was typed so lately that keys and members may be changed without typing it again.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.authenticated_at.plus(FRESH)
    }

    /// Whether a use at `now` is worth writing down.
    #[must_use]
    pub fn is_use_news(&self, now: Timestamp) -> bool {
        self.last_seen_at.plus(USE_IS_NEWS_AFTER) <= now
    }

    /// Sessions last seen at or before the first moment, or made at or before the second, are over at `now`.
    #[must_use]
    pub fn over_before(now: Timestamp) -> (Timestamp, Timestamp) {
        (now.minus(IDLE), now.minus(ABSOLUTE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

    fn session() -> ConsoleSession {
        ConsoleSession {
            id: ConsoleSessionId::new(START, [1; 10]),
            user: UserId::new(START, [2; 10]),
            account: AccountId::new(START, [3; 10]),
            user_agent: String::new(),
            created_at: START,
            authenticated_at: START,
            last_seen_at: START,
        }
    }

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn it_ends_after_half_an_hour_without_use() {
        assert!(!session().is_over(at(1799)));
        assert!(session().is_over(at(1800)));
        let used = ConsoleSession { last_seen_at: at(600), ..session() };
        assert!(!used.is_over(at(2399)) && used.is_over(at(2400)));
    }

    #[test]
    fn it_ends_after_twelve_hours_however_much_it_is_used() {
        let used = ConsoleSession { last_seen_at: at(43_190), ..session() };
        assert!(!used.is_over(at(43_199)) && used.is_over(at(43_200)));
    }

    #[test]
    fn a_password_stands_for_ten_minutes() {
        assert!(session().is_fresh(at(599)) && !session().is_fresh(at(600)));
    }

    #[test]
    fn a_use_within_a_minute_is_no_news() {
        assert!(!session().is_use_news(at(59)) && session().is_use_news(at(60)));
    }

    #[test]
    fn what_is_over_is_what_a_purge_looks_for() {
        let (seen, made) = ConsoleSession::over_before(at(1800));
        assert_eq!((seen, made), (START, at(1800).minus(ABSOLUTE)));
    }
}
