use crate::traffic::{Counts, DAY, Dimension, HOUR, Series, TEN_MINUTES};
use crate::{NumberType, REFUSED_NUMBER_TYPES, Timestamp};

/// What is done about traffic that looks like abuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AbuseMode {
    /// The operator is told; nothing is refused.
    #[default]
    Observe,
    /// It is refused as well.
    Enforce,
}

/// The rules against abuse that are the same for every account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AbusePolicy {
    /// What is done about budgets and prefixes.
    pub mode: AbuseMode,
    /// Types of numbers that nobody may write to.
    pub refused_types: Vec<NumberType>,
}

impl Default for AbusePolicy {
    fn default() -> Self {
        Self { mode: AbuseMode::default(), refused_types: REFUSED_NUMBER_TYPES.to_vec() }
    }
}

/// A budget of messages whose code never came back. It grows with what does come back, so that it needs no setting up:
/// pumping shows as messages that nobody verifies. The formula is that of authgear's fraud protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnverifiedBudget {
    /// One country, in 24 hours.
    CountryDay,
    /// One country, in an hour.
    CountryHour,
    /// One end user's address, in 24 hours.
    ClientIpDay,
    /// One end user's address, in an hour.
    ClientIpHour,
    /// Countries that one end user's address writes to and never verifies in, in 24 hours.
    ClientIpCountries,
}

/// Three countries that nothing is verified in are one address' share of a day.
const NEW_COUNTRIES: usize = 3;

impl UnverifiedBudget {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CountryDay => "country_day",
            Self::CountryHour => "country_hour",
            Self::ClientIpDay => "client_ip_day",
            Self::ClientIpHour => "client_ip_hour",
            Self::ClientIpCountries => "client_ip_countries",
        }
    }

    /// The budgets that one more message to a country would exceed.
    #[must_use]
    pub fn of_country(series: &Series, now: Timestamp) -> Vec<Self> {
        let (day, hour, most) = (past_day(series, now), past_hour(series, now), series.most_verified_in_a_day(now));
        exceeded([
            (Self::CountryDay, day, country_day(most, day.verified)),
            (Self::CountryHour, hour, country_hour(most, hour.verified)),
        ])
    }

    /// The budgets that one more message for an end user's address would exceed.
    #[must_use]
    pub fn of_client_ip(series: &Series, now: Timestamp) -> Vec<Self> {
        let (day, hour) = (past_day(series, now), past_hour(series, now));
        exceeded([
            (Self::ClientIpDay, day, client_ip_day(day.verified)),
            (Self::ClientIpHour, hour, client_ip_hour(day.verified)),
        ])
    }

    /// Whether one more country is too many for an end user's address. `others` are the countries it has written to, but
    /// for the one it writes to now, whose series is `this`.
    #[must_use]
    pub fn of_client_ip_countries<'a>(
        this: &Series,
        others: impl Iterator<Item = &'a Series>,
        now: Timestamp,
    ) -> Option<Self> {
        if past_day(this, now).verified > 0 {
            return None;
        }
        let new = others.map(|series| past_day(series, now)).filter(|day| day.sent > 0 && day.verified == 0).count();
        (new >= NEW_COUNTRIES).then_some(Self::ClientIpCountries)
    }
}

fn past_day(series: &Series, now: Timestamp) -> Counts {
    series.within(DAY, HOUR, now)
}

fn past_hour(series: &Series, now: Timestamp) -> Counts {
    series.within(HOUR, HOUR, now)
}

fn exceeded<const N: usize>(budgets: [(UnverifiedBudget, Counts, u64); N]) -> Vec<UnverifiedBudget> {
    let used_up = budgets.into_iter().filter(|(_, counts, budget)| counts.unverified() >= *budget);
    used_up.map(|(budget, ..)| budget).collect()
}

/// `max(20, 30 % of the best day of fourteen, 30 % of the last 24 hours)`
const fn country_day(most_in_a_day: u64, past_day: u64) -> u64 {
    at_least(20, max(percent(30, most_in_a_day), percent(30, past_day)))
}

/// `max(3, 20 % of a sixth of the best day of fourteen, 20 % of the last hour)`
const fn country_hour(most_in_a_day: u64, past_hour: u64) -> u64 {
    at_least(3, max(percent(20, most_in_a_day) / 6, percent(20, past_hour)))
}

/// `max(10, 30 % of the last 24 hours)`
const fn client_ip_day(past_day: u64) -> u64 {
    at_least(10, percent(30, past_day))
}

/// `max(5, 20 % of a sixth of the last 24 hours)`
const fn client_ip_hour(past_day: u64) -> u64 {
    at_least(5, percent(20, past_day) / 6)
}

const fn percent(percent: u64, of: u64) -> u64 {
    of.saturating_mul(percent) / 100
}

const fn at_least(least: u64, other: u64) -> u64 {
    max(least, other)
}

const fn max(one: u64, other: u64) -> u64 {
    if one > other { one } else { other }
}

/// Whether a prefix is being pumped: twenty messages within an hour to numbers that differ in the last four digits only,
/// and fewer than a fifth of them verified.
#[must_use]
pub fn is_pumped(prefix: &Series, now: Timestamp) -> bool {
    let hour = past_hour(prefix, now);
    hour.sent >= 20 && hour.verified.saturating_mul(5) < hour.sent
}

/// What an account's attempts to verify look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guessing {
    /// As always.
    Unsuspected,
    /// More than half of the codes of the last ten minutes were wrong, and more than a hundred.
    Suspected,
    /// Nearly all of them were wrong, and more than five hundred.
    Certain,
}

impl Guessing {
    /// Judges the attempts of the last ten minutes.
    #[must_use]
    pub fn of(attempts: &Series, now: Timestamp) -> Self {
        let counts = attempts.within(TEN_MINUTES, Dimension::Attempts.slot(), now);
        let failed = counts.unverified();
        let more_than = |percent: u64| failed.saturating_mul(100) > counts.sent.saturating_mul(percent);
        match failed {
            501.. if more_than(95) => Self::Certain,
            101.. if more_than(50) => Self::Suspected,
            _ => Self::Unsuspected,
        }
    }
}

#[cfg(test)]
mod tests;
