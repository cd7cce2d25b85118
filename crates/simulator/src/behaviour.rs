use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Random;
use crate::status::Status;

/// How the webhooks of a message behave: for everyone, or for one recipient.
///
/// In JSON a field that is left out has its default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// When the message counts as sent, after it was accepted. `None`: never, as for `delivered_ms` and `read_ms`.
    pub sent_ms: Option<u64>,
    pub delivered_ms: Option<u64>,
    pub read_ms: Option<u64>,
    /// The message fails, instead of being sent, delivered and read.
    pub failure: Option<Failure>,
    /// So many status webhooks of a hundred are never posted. The phone has the message all the same.
    pub loss_percent: u8,
    /// So many further times each status is posted.
    pub duplicates: u8,
    /// The last status comes first.
    pub reversed: bool,
    /// Statuses wait so long for others, and are then posted together.
    pub batch_ms: Option<u64>,
    /// What the webhooks hold beside what they always hold.
    pub parts: BTreeSet<Part>,
}

/// A failure after acceptance, which only the webhooks tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// One of Meta's, such as 131026: the number is not on WhatsApp.
    pub code: u32,
    #[serde(default)]
    pub after_ms: u64,
}

/// A part of a webhook that may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The recipient's profile. Traffic of 2026 has it, Meta's samples do not.
    Contacts,
    /// Left out since v24 of the API.
    Conversation,
    /// The recipient's number. Who has a username may be known by a user id alone.
    RecipientId,
    /// Fields that nobody has heard of yet.
    UnknownFields,
}

impl Default for Behaviour {
    /// What Meta does on a good day, faster.
    fn default() -> Self {
        Self {
            sent_ms: Some(50),
            delivered_ms: Some(150),
            read_ms: None,
            failure: None,
            loss_percent: 0,
            duplicates: 0,
            reversed: false,
            batch_ms: None,
            parts: BTreeSet::from([Part::Contacts, Part::RecipientId]),
        }
    }
}

/// A status that is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) after: Duration,
    pub(crate) status: Status,
    pub(crate) lost: bool,
}

impl Behaviour {
    pub(crate) fn has(&self, part: Part) -> bool {
        self.parts.contains(&part)
    }

    /// What will happen to one message, in the order of time. What is lost is decided here, so that it depends on the
    /// seed and the order of the messages alone.
    pub(crate) fn plan(&self, random: &mut Random) -> Vec<Planned> {
        let mut timed: Vec<(u64, Status)> = match self.failure {
            Some(failure) => vec![(failure.after_ms, Status::Failed { code: failure.code })],
            None => {
                [(self.sent_ms, Status::Sent), (self.delivered_ms, Status::Delivered), (self.read_ms, Status::Read)]
                    .into_iter()
                    .filter_map(|(after, status)| Some((after?, status)))
                    .collect()
            }
        };
        timed.sort_by_key(|(after, _)| *after);
        let mut statuses: Vec<Status> = timed.iter().map(|(_, status)| *status).collect();
        if self.reversed {
            statuses.reverse();
        }
        timed
            .into_iter()
            .zip(statuses)
            .map(|((after, _), status)| Planned {
                after: Duration::from_millis(after),
                status,
                lost: random.percent(self.loss_percent),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(behaviour: &Behaviour) -> Vec<(u128, Status)> {
        let plan = behaviour.plan(&mut Random::new(1));
        plan.iter().map(|planned| (planned.after.as_millis(), planned.status)).collect()
    }

    #[test]
    fn statuses_follow_their_delays_and_are_reversed_on_demand() {
        let behaviour = Behaviour { read_ms: Some(200), ..Behaviour::default() };
        let plain = [(50, Status::Sent), (150, Status::Delivered), (200, Status::Read)];
        assert_eq!(statuses(&behaviour), plain);
        let reversed = Behaviour { reversed: true, ..behaviour };
        assert_eq!(statuses(&reversed), [(50, Status::Read), (150, Status::Delivered), (200, Status::Sent)]);
    }

    #[test]
    fn a_failure_comes_alone() {
        let behaviour = Behaviour { failure: Some(Failure { code: 131_026, after_ms: 5 }), ..Behaviour::default() };
        assert_eq!(statuses(&behaviour), [(5, Status::Failed { code: 131_026 })]);
    }

    #[test]
    fn what_is_lost_repeats_with_the_seed() {
        let behaviour = Behaviour { loss_percent: 50, ..Behaviour::default() };
        let lost = |seed| {
            let mut random = Random::new(seed);
            (0..50).flat_map(|_| behaviour.plan(&mut random)).map(|planned| planned.lost).collect::<Vec<_>>()
        };
        assert_eq!(lost(3), lost(3));
        assert_ne!(lost(3), lost(4));
        assert!(lost(3).contains(&true) && lost(3).contains(&false));
    }

    #[test]
    fn a_misspelled_field_is_refused() {
        assert!(serde_json::from_str::<Behaviour>(r#"{"loss_percent": 5, "parts": ["contacts"]}"#).is_ok());
        assert!(serde_json::from_str::<Behaviour>(r#"{"loss_procent": 5}"#).is_err());
    }
}
