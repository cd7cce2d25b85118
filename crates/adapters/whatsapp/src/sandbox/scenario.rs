use std::time::Duration;

use whatotp_domain::{DeliveryStatus, PhoneNumber};

/// What the magic numbers begin with; two digits follow. North America keeps 555-0100 to 555-0199 for fiction, so
/// they can never be somebody's.
const PREFIX: &str = "+120255501";

/// What happens to a message for a magic number. Times count from its handing over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scenario {
    /// Sent after 200 ms, delivered after 500 ms.
    #[default]
    Delivered,
    /// Delivered, and read after 1.5 s.
    Read,
    /// Sent, and nothing more.
    NeverDelivered,
    /// Refused at once, for good.
    Unreachable,
    /// Accepted, and failed after 500 ms.
    FailsLater,
    /// The provider is out of order.
    ProviderDown,
    /// The first try is refused for 2 seconds, the next is delivered.
    RateLimited,
    /// The first try's outcome is unknown; after 2 s it turns out that the message was delivered.
    UnknownOutcome,
    /// Sent after 10 s, delivered after 20 s.
    Slow,
    /// Delivered like others, but nobody says so for 15 s.
    LateWebhook,
    /// Delivered, with every status told twice.
    Duplicated,
    /// Read, with the statuses told in the wrong order.
    Reordered,
}

/// One line of the table of magic numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScenarioRow {
    /// The number in E.164, or the first and the last of a range.
    pub number: &'static str,
    /// What they play.
    pub scenario: Scenario,
    /// A short name for it.
    pub name: &'static str,
    /// What a test sees.
    pub what_happens: &'static str,
}

const fn row(number: &'static str, scenario: Scenario, name: &'static str, what_happens: &'static str) -> ScenarioRow {
    ScenarioRow { number, scenario, name, what_happens }
}

/// Every magic number, in order.
#[rustfmt::skip]
pub const SCENARIOS: &[ScenarioRow] = &[
    row("+12025550100", Scenario::Delivered, "delivered", "Accepted, sent and delivered at once."),
    row("+12025550101", Scenario::Read, "read", "Accepted, sent, delivered and read."),
    row("+12025550102", Scenario::NeverDelivered, "never delivered", "Stays at sent until its time is over, then expired: a phone that is switched off."),
    row("+12025550103", Scenario::Unreachable, "unreachable", "Refused at once: a code answers 422 recipient_unreachable and its session has failed; a message fails."),
    row("+12025550104", Scenario::FailsLater, "fails later", "Accepted, then failed with error 131026 (message undeliverable)."),
    row("+12025550105", Scenario::ProviderDown, "provider down", "A code answers 503 channel_unavailable and nothing is left behind; a message is tried again until it expires."),
    row("+12025550106", Scenario::RateLimited, "provider rate limit", "The first try is refused for now: queued, then delivered."),
    row("+12025550107", Scenario::UnknownOutcome, "unknown outcome", "The send times out: status unknown, settled as delivered later."),
    row("+12025550108", Scenario::Slow, "slow", "Delivered after 20 seconds."),
    row("+12025550109", Scenario::LateWebhook, "late webhook", "Nothing for 15 seconds, then sent and delivered together."),
    row("+12025550110", Scenario::Duplicated, "duplicate statuses", "Every status arrives twice; the timeline shows each once."),
    row("+12025550111", Scenario::Reordered, "reordered statuses", "Statuses arrive as read, delivered, sent; the result is read."),
    row("+12025550112 to +12025550199", Scenario::Delivered, "delivered", "As +12025550100: numbers for tests that run side by side."),
];

/// Whether a number plays a scenario: +12025550100 to +12025550199.
#[must_use]
pub fn is_magic(number: &PhoneNumber) -> bool {
    Scenario::of(number).is_some()
}

/// One thing that the provider says of a message. Times count from the handing over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// From when on it can be heard.
    pub(super) told_after: Duration,
    /// What happened.
    pub(super) status: DeliveryStatus,
    /// When it happened, which is never later than it is told.
    pub(super) happened_after: Duration,
}

impl Scenario {
    /// The scenario of a magic number; `None` for every other.
    #[must_use]
    pub fn of(number: &PhoneNumber) -> Option<Self> {
        let last_two = number.as_e164().strip_prefix(PREFIX)?;
        Some(match last_two.parse::<u8>().ok()? {
            1 => Self::Read,
            2 => Self::NeverDelivered,
            3 => Self::Unreachable,
            4 => Self::FailsLater,
            5 => Self::ProviderDown,
            6 => Self::RateLimited,
            7 => Self::UnknownOutcome,
            8 => Self::Slow,
            9 => Self::LateWebhook,
            10 => Self::Duplicated,
            11 => Self::Reordered,
            _ => Self::Delivered,
        })
    }

    /// Everything that is ever told of a message, once it has been given to the provider.
    pub(super) fn reports(self) -> Vec<Report> {
        match self {
            Self::Delivered | Self::RateLimited => vec![SENT, DELIVERED],
            Self::Read => vec![SENT, DELIVERED, READ],
            Self::NeverDelivered => vec![SENT],
            Self::Unreachable | Self::ProviderDown => vec![],
            Self::FailsLater => vec![at(500, DeliveryStatus::Failed)],
            // Accepted at the handing over itself: a caller who takes that for the base of the next poll keeps the base.
            Self::UnknownOutcome => {
                vec![at(0, DeliveryStatus::Accepted).told(2_000), SENT.told(2_000), DELIVERED.told(2_000)]
            }
            Self::Slow => vec![at(10_000, DeliveryStatus::Sent), at(20_000, DeliveryStatus::Delivered)],
            Self::LateWebhook => vec![SENT.told(15_000), DELIVERED.told(15_000)],
            // A poll tells everything so far anyhow; the second time comes after the end, as a late copy does.
            Self::Duplicated => vec![SENT, DELIVERED, SENT.told(1_000), DELIVERED.told(1_000)],
            Self::Reordered => vec![READ, DELIVERED.told(2_000), SENT.told(2_500)],
        }
    }
}

const SENT: Report = at(200, DeliveryStatus::Sent);
const DELIVERED: Report = at(500, DeliveryStatus::Delivered);
const READ: Report = at(1_500, DeliveryStatus::Read);

/// Something that is told when it happens.
const fn at(ms: u64, status: DeliveryStatus) -> Report {
    let after = Duration::from_millis(ms);
    Report { told_after: after, status, happened_after: after }
}

impl Report {
    /// The same, told later.
    const fn told(self, ms: u64) -> Self {
        Self { told_after: Duration::from_millis(ms), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(number: &str) -> Option<Scenario> {
        Scenario::of(&PhoneNumber::parse(number).unwrap())
    }

    #[test]
    fn each_number_plays_what_the_table_says() {
        let mut next = 100;
        for row in SCENARIOS {
            let mut ends = row.number.split(" to ").map(|end| end.strip_prefix("+12025550").unwrap());
            let first: u32 = ends.next().unwrap().parse().unwrap();
            let last = ends.next().map_or(first, |last| last.parse().unwrap());
            assert_eq!(first, next, "no gap before {}", row.number);
            for suffix in first..=last {
                assert_eq!(of(&format!("+12025550{suffix}")), Some(row.scenario), "{suffix}");
            }
            next = last + 1;
        }
        assert_eq!(next, 200);
    }

    #[test]
    fn other_numbers_play_nothing() {
        for number in ["+12025550099", "+12025550200", "+12025551100", "+14155550123", "+447400123456", "+12125550103"]
        {
            assert_eq!(of(number), None, "{number}");
            assert!(!is_magic(&PhoneNumber::parse(number).unwrap()));
        }
        assert!(is_magic(&PhoneNumber::parse("+1 (202) 555-0150").unwrap()));
    }

    #[test]
    fn nothing_is_told_before_it_happened() {
        for report in SCENARIOS.iter().flat_map(|row| row.scenario.reports()) {
            assert!(report.happened_after <= report.told_after, "{report:?}");
        }
    }
}
