use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Country, DeliveryStatus, TemplateId, Timestamp, slot_of};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// What figures are broken down by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// The hour, UTC, in which a message was made.
    Hour,
    /// The day, UTC, in which it was made.
    Day,
    /// Where its number belongs.
    Country,
    /// What it says: a template, or a code.
    Template,
    /// Why it failed. Only those that did are counted.
    Error,
}

impl GroupBy {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Country, Self::Template, Self::Error];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Country => "country",
            Self::Template => "template",
            Self::Error => "error",
        }
    }

    /// Reads [`GroupBy::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == text)
    }

    /// The longest range that is counted at once: a week of hours, or a month.
    #[must_use]
    pub const fn longest(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(7 * DAY.as_secs()),
            _ => Duration::from_secs(31 * DAY.as_secs()),
        }
    }
}

/// What is known of one message that was made, for counting: no number, no content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFacts {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its template; `None` when it carries a code.
    pub template: Option<TemplateId>,
    /// Where its number belongs, if that was written down.
    pub country: Option<Country>,
    /// How far it has come.
    pub status: DeliveryStatus,
    /// Whether the provider ever had it.
    pub handed_over: bool,
    /// When it arrived.
    pub delivered_at: Option<Timestamp>,
    /// Why it failed.
    pub error: Option<u32>,
    /// What became of the session whose first message it is: `None` for the session's later ones, and for messages.
    pub code: Option<CodeFacts>,
}

/// What is known of one session, for counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeFacts {
    /// How long it took from the making of the session to the right code; `None` when that never came.
    pub verified_after: Option<Duration>,
}

/// What a group of figures is about. The order is that of the answer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    /// What was made in the hour or day that begins here.
    Since(Timestamp),
    /// What went to this country; `None` where none was written down.
    Country(Option<Country>),
    /// What was sent in this template; `None` for codes.
    Template(Option<TemplateId>),
    /// What failed for this reason, in the provider's numbers.
    Error(u32),
}

/// How long something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percentiles {
    /// Half of them take no longer.
    pub median: Duration,
    /// 95 of a hundred take no longer.
    pub p95: Duration,
}

/// The figures of a range, or of a part of it. Everything counts where its message was made, whenever it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Figures {
    /// Messages that the provider has, or may have.
    pub sent: u64,
    /// Those that arrived.
    pub delivered: u64,
    /// Those that were seen, as far as the recipient lets that be known.
    pub read: u64,
    /// Those that cannot be delivered.
    pub failed: u64,
    /// Those whose time was over before they had arrived.
    pub expired: u64,
    /// Codes that were asked for: sessions, however many messages each has.
    pub codes: u64,
    /// Those that came back.
    pub verified: u64,
    /// From the making of a message to its arrival; `None` when none arrived.
    pub to_deliver: Option<Percentiles>,
    /// From the making of a session to the right code; `None` when no right code came.
    pub to_verify: Option<Percentiles>,
}

impl Figures {
    /// Which part of the codes came back, in thousandths; `None` when none was asked for.
    #[must_use]
    pub fn conversion_permille(&self) -> Option<u64> {
        self.verified.saturating_mul(1000).checked_div(self.codes)
    }
}

/// Counts facts as they come, in any order.
#[derive(Debug)]
pub struct Tally {
    by: GroupBy,
    total: Part,
    groups: BTreeMap<GroupKey, Part>,
}

/// Figures that are still being counted.
///
/// Every single time is kept, four bytes each: so the percentiles are exact, and agree with whoever counts again.
#[derive(Debug, Default)]
struct Part {
    figures: Figures,
    to_deliver_ms: Vec<u32>,
    to_verify_ms: Vec<u32>,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(by: GroupBy) -> Self {
        Self { by, total: Part::default(), groups: BTreeMap::new() }
    }

    /// Counts one message.
    pub fn count(&mut self, facts: &DeliveryFacts) {
        self.total.count(facts);
        let key = match self.by {
            GroupBy::Hour => Some(GroupKey::Since(slot_of(HOUR, facts.created_at))),
            GroupBy::Day => Some(GroupKey::Since(slot_of(DAY, facts.created_at))),
            GroupBy::Country => Some(GroupKey::Country(facts.country)),
            GroupBy::Template => Some(GroupKey::Template(facts.template)),
            GroupBy::Error => facts.error.map(GroupKey::Error),
        };
        if let Some(key) = key {
            self.groups.entry(key).or_default().count(facts);
        }
    }

    /// The figures of everything, and of each group: by time, or the greatest first.
    #[must_use]
    pub fn finish(self) -> (Figures, Vec<(GroupKey, Figures)>) {
        let mut groups: Vec<_> = self.groups.into_iter().map(|(key, part)| (key, part.finish())).collect();
        match self.by {
            GroupBy::Hour | GroupBy::Day => {}
            GroupBy::Error => groups.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.failed)),
            GroupBy::Country | GroupBy::Template => {
                groups.sort_by_key(|(_, figures)| std::cmp::Reverse(figures.sent));
            }
        }
        (self.total.finish(), groups)
    }
}

impl Part {
    fn count(&mut self, facts: &DeliveryFacts) {
        let figures = &mut self.figures;
        figures.sent += u64::from(facts.handed_over);
        figures.delivered += u64::from(facts.delivered_at.is_some());
        figures.read += u64::from(facts.status == DeliveryStatus::Read);
        figures.failed += u64::from(facts.status == DeliveryStatus::Failed);
        figures.expired += u64::from(facts.status == DeliveryStatus::Expired);
        if let Some(at) = facts.delivered_at {
            self.to_deliver_ms.push(millis(at.since(facts.created_at)));
        }
        if let Some(code) = facts.code {
            figures.codes += 1;
            if let Some(took) = code.verified_after {
                figures.verified += 1;
                self.to_verify_ms.push(millis(took));
            }
        }
    }

    fn finish(mut self) -> Figures {
        let (to_deliver, to_verify) = (percentiles(&mut self.to_deliver_ms), percentiles(&mut self.to_verify_ms));
        Figures { to_deliver, to_verify, ..self.figures }
    }
}

/// What takes longer than seven weeks takes seven weeks.
fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}

/// By the nearest rank: the smallest value that no more than so many of a hundred exceed the rest of.
fn percentiles(times_ms: &mut [u32]) -> Option<Percentiles> {
    let median = nearest_rank(times_ms, 50)?;
    Some(Percentiles { median, p95: nearest_rank(times_ms, 95)? })
}

fn nearest_rank(times_ms: &mut [u32], percent: usize) -> Option<Duration> {
    let rank = times_ms.len().checked_mul(percent)?.div_ceil(100);
    let at = rank.checked_sub(1)?;
    let (_, value, _) = times_ms.select_nth_unstable(at);
    Some(Duration::from_millis((*value).into()))
}

#[cfg(test)]
mod tests;
