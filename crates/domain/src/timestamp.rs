use std::fmt;
use std::num::NonZeroU8;
use std::time::Duration;

use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{Config, TimePrecision};
use time::format_description::well_known::{Iso8601, Rfc3339};

/// RFC 3339 with three digits after the second.
const MILLISECONDS: Iso8601<
    {
        let precision = TimePrecision::Second { decimal_digits: NonZeroU8::new(3) };
        Config::DEFAULT.set_time_precision(precision).encode()
    },
> = Iso8601;

/// A moment, in milliseconds since the Unix epoch, UTC.
///
/// Prints and parses as RFC 3339. Printed always with milliseconds (`2026-11-23T10:00:00.000Z`), so that texts sort by
/// time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `unix_ms` milliseconds after the epoch.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Reads an RFC 3339 moment; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(parsed.unix_timestamp_nanos() / 1_000_000).ok().map(Self)
    }

    /// The moment `span` later. Saturates at the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// The moment `span` earlier. Saturates at the beginning of time.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(millis(span)))
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).or(Err(fmt::Error))?;
        f.write_str(&moment.format(&MILLISECONDS).or(Err(fmt::Error))?)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_prints_and_parses_rfc_3339() {
        let moment = Timestamp::from_unix_ms(1_795_428_000_000);
        assert_eq!(moment.to_string(), "2026-11-23T10:00:00.000Z");
        assert_eq!(Timestamp::parse("2026-11-23T10:00:00Z"), Some(moment));
        assert_eq!(Timestamp::parse("2026-11-23T11:00:00+01:00"), Some(moment));
        assert_eq!(Timestamp::parse("2026-11-23"), None);
        assert_eq!(Timestamp::from_unix_ms(1_795_428_000_120).to_string(), "2026-11-23T10:00:00.120Z");
    }

    #[test]
    fn texts_sort_by_time() {
        let texts = [0, 1, 20, 300, 1000].map(|ms| Timestamp::from_unix_ms(1_795_428_000_000 + ms).to_string());
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn it_never_overflows() {
        let end = Timestamp::from_unix_ms(i64::MAX);
        assert_eq!(end.plus(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::from_unix_ms(0).since(end), Duration::ZERO);
    }
}
