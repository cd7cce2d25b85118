use time::{Date, OffsetDateTime};

use crate::Timestamp;

/// A span of the calendar (UTC) that messages are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuotaPeriod {
    /// A day.
    Day,
    /// A month.
    Month,
}

impl QuotaPeriod {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    /// Which one a moment is in: one more than the one before.
    #[must_use]
    pub fn number(self, at: Timestamp) -> i64 {
        match self {
            Self::Day => at.unix_seconds().div_euclid(86_400),
            Self::Month => {
                let date = date(at);
                i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1
            }
        }
    }

    /// When the one that a moment is in is over, and the next begins.
    #[must_use]
    pub fn end(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Day => day(self.number(at) + 1),
            Self::Month => {
                let date = date(at);
                let last = date.month().length(date.year());
                let days_left = i64::from(last) - i64::from(date.day()) + 1;
                day(Self::Day.number(at) + days_left)
            }
        }
    }
}

fn day(number: i64) -> Timestamp {
    Timestamp::from_unix_ms(number.saturating_mul(86_400_000))
}

fn date(at: Timestamp) -> Date {
    OffsetDateTime::from_unix_timestamp(at.unix_seconds()).map_or(Date::MIN, OffsetDateTime::date)
}

/// How many live messages an account may send; what is `None` has no end. A number is at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Quota {
    /// In a day.
    pub per_day: Option<u32>,
    /// In a month.
    pub per_month: Option<u32>,
}

impl Quota {
    /// Whether there is nothing to count for.
    #[must_use]
    pub const fn is_unlimited(&self) -> bool {
        self.per_day.is_none() && self.per_month.is_none()
    }

    /// The limit of a period.
    #[must_use]
    pub const fn of(&self, period: QuotaPeriod) -> Option<u32> {
        match period {
            QuotaPeriod::Day => self.per_day,
            QuotaPeriod::Month => self.per_month,
        }
    }
}

/// From which message on a quota of `limit` is nearly used up: four fifths of it, rounded up.
#[must_use]
pub fn nearly(limit: u32) -> u32 {
    limit - limit / 5
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn a_period_ends_where_the_calendar_says() {
        for (now, day, month) in [
            ("2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            ("2028-02-01T00:00:00Z", "2028-02-02T00:00:00Z", "2028-03-01T00:00:00Z"),
        ] {
            let now = at(now);
            assert_eq!(QuotaPeriod::Day.end(now), at(day));
            assert_eq!(QuotaPeriod::Month.end(now), at(month));
            for period in [QuotaPeriod::Day, QuotaPeriod::Month] {
                let end = period.end(now);
                let last = end.minus(Duration::from_millis(1));
                assert_eq!(period.number(last), period.number(now));
                assert_eq!(period.number(end), period.number(now) + 1, "{period:?} after {now}");
            }
        }
    }

    #[test]
    fn four_fifths_are_nearly_all() {
        assert_eq!([1, 2, 5, 10, 100, 101].map(nearly), [1, 2, 4, 8, 80, 81]);
    }
}
