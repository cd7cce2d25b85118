use std::time::Duration;

use crate::CodeLength;

/// A span of seconds between two bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ttl<const MIN: u32, const MAX: u32>(u32);

/// How long a code lives: 60 to 600 seconds, 300 unless told otherwise.
///
/// The upper bound is NIST SP 800-63B-4 section 3.1.3.2: an out-of-band secret is valid for at most 10 minutes.
pub type SessionTtl = Ttl<60, 600>;

/// How long a message may wait to be sent: 30 seconds to a day, 300 seconds unless told otherwise.
pub type MessageTtl = Ttl<30, 86_400>;

impl<const MIN: u32, const MAX: u32> Ttl<MIN, MAX> {
    /// Shortest, in seconds.
    pub const MIN_SECONDS: u32 = MIN;
    /// Longest, in seconds.
    pub const MAX_SECONDS: u32 = MAX;
    /// What a request that names none gets: five minutes.
    pub const DEFAULT: Self = Self(300);

    /// `None` when outside the bounds.
    #[must_use]
    pub const fn from_seconds(seconds: u32) -> Option<Self> {
        if seconds >= MIN && seconds <= MAX { Some(Self(seconds)) } else { None }
    }

    /// As a span of time.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

/// The bounds of one OTP session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpPolicy {
    /// Guesses per session.
    pub attempts_max: u8,
    /// Guesses per session whose code has four or five digits.
    pub short_attempts_max: u8,
    /// Messages per session: the first send and its resends.
    pub sends_max: u8,
    /// What a request that names no `expires_in_seconds` gets.
    pub default_ttl: SessionTtl,
}

impl Default for OtpPolicy {
    fn default() -> Self {
        Self { attempts_max: 5, short_attempts_max: 3, sends_max: 5, default_ttl: SessionTtl::DEFAULT }
    }
}

impl OtpPolicy {
    /// Guesses per session with a code of that length.
    #[must_use]
    pub fn attempts_for(&self, length: CodeLength) -> u8 {
        if length.is_short() { self.attempts_max.min(self.short_attempts_max) } else { self.attempts_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_can_be_given_more_than_ten_minutes() {
        assert!(SessionTtl::from_seconds(59).is_none());
        assert!(SessionTtl::from_seconds(60).is_some());
        assert!(SessionTtl::from_seconds(600).is_some());
        assert!(SessionTtl::from_seconds(601).is_none());
        assert!(MessageTtl::from_seconds(29).is_none() && MessageTtl::from_seconds(86_401).is_none());
    }
}
