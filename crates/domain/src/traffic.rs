use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use crate::Timestamp;

/// What messages are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// The country of the number.
    Country,
    /// The number without its last four digits.
    Prefix,
    /// The end user's address.
    ClientIp,
    /// The account's attempts to verify: here a message is an attempt.
    Attempts,
}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Self; 4] = [Self::Country, Self::Prefix, Self::ClientIp, Self::Attempts];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Prefix => "prefix",
            Self::ClientIp => "client_ip",
            Self::Attempts => "attempts",
        }
    }

    /// Reads [`Dimension::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == text)
    }

    /// The span that is counted together.
    #[must_use]
    pub const fn slot(self) -> Duration {
        match self {
            Self::Attempts => TEN_MINUTES,
            _ => HOUR,
        }
    }

    /// How far back a decision looks, and how long counts are kept.
    #[must_use]
    pub const fn memory(self) -> Duration {
        match self {
            Self::Country => Duration::from_secs(15 * 86_400),
            _ => Duration::from_secs(48 * 3_600),
        }
    }
}

/// Ten minutes.
pub(crate) const TEN_MINUTES: Duration = Duration::from_secs(600);
/// An hour.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
/// A day.
pub(crate) const DAY: Duration = Duration::from_secs(86_400);

/// How many messages were sent, and of how many the code came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Sent.
    pub sent: u64,
    /// Verified.
    pub verified: u64,
}

impl Counts {
    /// Sent, and not verified.
    #[must_use]
    pub const fn unverified(self) -> u64 {
        self.sent.saturating_sub(self.verified)
    }

    /// Both sums.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self { sent: self.sent.saturating_add(other.sent), verified: self.verified.saturating_add(other.verified) }
    }

    /// The share `part` of `whole`, rounded down.
    fn share(self, part: u64, whole: u64) -> Self {
        let of = |count: u64| count.saturating_mul(part).checked_div(whole).unwrap_or(0);
        Self { sent: of(self.sent), verified: of(self.verified) }
    }
}

/// Counts by the beginning of their slot, for one thing that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Series(BTreeMap<Timestamp, Counts>);

impl Series {
    /// Adds counts to the slot that begins at `slot`.
    pub fn add(&mut self, slot: Timestamp, counts: Counts) {
        let entry = self.0.entry(slot).or_default();
        *entry = entry.plus(counts);
    }

    /// Adds everything of another one.
    pub fn merge(&mut self, other: &Self) {
        other.slots().for_each(|(slot, counts)| self.add(slot, counts));
    }

    /// Every slot, oldest first.
    pub fn slots(&self) -> impl Iterator<Item = (Timestamp, Counts)> + '_ {
        self.0.iter().map(|(slot, counts)| (*slot, *counts))
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was counted in the last `window`: whole slots, and of the oldest one the share that is still inside.
    #[must_use]
    pub fn within(&self, window: Duration, slot: Duration, now: Timestamp) -> Counts {
        let begins = now.minus(window);
        let oldest = slot_of(slot, begins);
        let left = slot.saturating_sub(begins.since(oldest));
        let whole = self.0.range((Bound::Excluded(oldest), Bound::Included(now)));
        let sum = whole.fold(Counts::default(), |sum, (_, counts)| sum.plus(*counts));
        let partial = self.0.get(&oldest).copied().unwrap_or_default();
        sum.plus(partial.share(millis(left), millis(slot)))
    }

    /// The most that was verified in one day (UTC) of the last fourteen.
    #[must_use]
    pub fn most_verified_in_a_day(&self, now: Timestamp) -> u64 {
        let first = slot_of(DAY, now.minus(DAY * 13));
        let mut days: BTreeMap<Timestamp, u64> = BTreeMap::new();
        for (slot, counts) in self.0.range(first..) {
            let day = days.entry(slot_of(DAY, *slot)).or_default();
            *day = day.saturating_add(counts.verified);
        }
        days.into_values().max().unwrap_or(0)
    }
}

/// The beginning of the slot that a moment is in.
#[must_use]
pub fn slot_of(slot: Duration, at: Timestamp) -> Timestamp {
    let length = i64::try_from(slot.as_millis()).unwrap_or(i64::MAX).max(1);
    Timestamp::from_unix_ms(at.unix_ms().saturating_sub(at.unix_ms().rem_euclid(length)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        // 1_800_000_000 is a full hour, and 08:00 of its day.
        Timestamp::from_unix_ms(1_800_000_000_000 + minutes * 60_000)
    }

    fn series(counted: &[(i64, u64, u64)]) -> Series {
        let mut series = Series::default();
        for (minute, sent, verified) in counted {
            series.add(slot_of(HOUR, at(*minute)), Counts { sent: *sent, verified: *verified });
        }
        series
    }

    #[test]
    fn of_the_oldest_slot_the_share_counts_that_is_still_inside() {
        let series = series(&[(0, 60, 12), (60, 10, 1)]);
        let past_hour = |minute| series.within(HOUR, HOUR, at(minute));
        assert_eq!(past_hour(59), Counts { sent: 60, verified: 12 });
        assert_eq!(past_hour(60), Counts { sent: 70, verified: 13 });
        assert_eq!(past_hour(90), Counts { sent: 40, verified: 7 });
        assert_eq!(past_hour(119), Counts { sent: 11, verified: 1 });
        assert_eq!(past_hour(120), Counts { sent: 10, verified: 1 });
        assert_eq!(past_hour(180), Counts::default());
    }

    #[test]
    fn a_day_is_one_of_the_calendar_and_fourteen_of_them_count() {
        let day = 24 * 60;
        let one = series(&[(0, 0, 5), (60, 0, 6), (day, 0, 8)]);
        assert_eq!(one.most_verified_in_a_day(at(day)), 11);
        assert_eq!(one.most_verified_in_a_day(at(14 * day)), 8);
        assert_eq!(one.most_verified_in_a_day(at(15 * day)), 0);
        assert_eq!(Series::default().most_verified_in_a_day(at(0)), 0);
    }

    #[test]
    fn every_dimension_has_a_name_of_its_own() {
        for dimension in Dimension::ALL {
            assert_eq!(Dimension::parse(dimension.as_str()), Some(dimension));
        }
        assert_eq!(Dimension::parse("Country"), None);
    }

    #[test]
    fn more_verified_than_sent_is_nothing_unverified() {
        assert_eq!(Counts { sent: 2, verified: 5 }.unverified(), 0);
    }
}
