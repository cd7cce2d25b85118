use std::fmt;

use crate::Timestamp;

/// How far a message has come.
///
/// The order is the order of truth: a later event can only move a delivery to a greater status. Whatever says that the
/// message *was* delivered outranks every guess that it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeliveryStatus {
    /// Stored, not yet given to the provider.
    Queued,
    /// Given to the provider, whose answer never came: it may or may not have been sent.
    Unknown,
    /// The provider has it.
    Accepted,
    /// On its way to the phone.
    Sent,
    /// Called off before it was given to the provider.
    Canceled,
    /// Its time was over before it was delivered.
    Expired,
    /// The provider says that it cannot be delivered.
    Failed,
    /// On the phone.
    Delivered,
    /// Seen.
    Read,
}

impl DeliveryStatus {
    /// Every status, smallest first.
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Unknown,
        Self::Accepted,
        Self::Sent,
        Self::Canceled,
        Self::Expired,
        Self::Failed,
        Self::Delivered,
        Self::Read,
    ];

    /// The status's name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Sent => "sent",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }

    /// Reads [`DeliveryStatus::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the story is over, as far as anybody here can tell.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Canceled | Self::Expired | Self::Failed | Self::Delivered | Self::Read)
    }

    /// How good it is that one of several messages with the same content stands here, worst first: one that failed says
    /// less than one that may still arrive.
    #[must_use]
    pub const fn promise(self) -> u8 {
        match self {
            Self::Failed | Self::Canceled | Self::Expired => 0,
            Self::Queued => 1,
            Self::Unknown => 2,
            Self::Accepted => 3,
            Self::Sent => 4,
            Self::Delivered => 5,
            Self::Read => 6,
        }
    }

    /// Whether it says that the message did not arrive; a later `delivered` proves it wrong.
    const fn is_setback(self) -> bool {
        matches!(self, Self::Unknown | Self::Canceled | Self::Expired | Self::Failed)
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a delivery failed, in the provider's words and numbers (for WhatsApp: Meta's error codes).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeliveryError {
    /// The provider's number, such as 131026.
    pub code: u32,
    /// Its short name.
    pub title: String,
    /// What it means.
    pub detail: String,
}

/// One thing that happened to a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryEvent {
    /// What.
    pub status: DeliveryStatus,
    /// When.
    pub at: Timestamp,
    /// Why, if it failed.
    pub error: Option<DeliveryError>,
}

/// What is known of a message's way: for each status, when it was first reached.
///
/// It is a join-semilattice: [`Delivery::merge`] is commutative, associative and idempotent, so events may come late,
/// twice, in any order and from any process, and everybody ends up with the same story.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    reached: [Option<Timestamp>; DeliveryStatus::ALL.len()],
    error: Option<(Timestamp, DeliveryError)>,
}

impl Delivery {
    /// A message that was stored at `at`.
    #[must_use]
    pub fn queued(at: Timestamp) -> Self {
        let mut delivery = Self::default();
        delivery.record(&DeliveryEvent { status: DeliveryStatus::Queued, at, error: None });
        delivery
    }

    /// Puts a stored delivery together again.
    #[must_use]
    pub fn from_events(events: impl IntoIterator<Item = DeliveryEvent>) -> Self {
        let mut delivery = Self::default();
        for event in events {
            delivery.record(&event);
        }
        delivery
    }

    /// The greatest status reached.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        let reached = DeliveryStatus::ALL.into_iter().rev().find(|status| self.reached_at(*status).is_some());
        reached.unwrap_or(DeliveryStatus::Queued)
    }

    /// When a status was first reached.
    #[must_use]
    pub fn reached_at(&self, status: DeliveryStatus) -> Option<Timestamp> {
        DeliveryStatus::ALL.iter().zip(&self.reached).find_map(|(known, at)| (*known == status).then_some(*at)?)
    }

    /// Why it failed, while that is where it stands.
    #[must_use]
    pub fn error(&self) -> Option<&DeliveryError> {
        self.error.as_ref().filter(|_| self.status() == DeliveryStatus::Failed).map(|(_, error)| error)
    }

    /// What happened, in order; without the setbacks that a later delivery proved wrong. The order is that of the
    /// statuses and not of the times, since a provider that counts in whole seconds is behind our clock by up to one.
    #[must_use]
    pub fn timeline(&self) -> Vec<(DeliveryStatus, Timestamp)> {
        let arrived = self.status() >= DeliveryStatus::Delivered;
        let events = DeliveryStatus::ALL.into_iter().filter_map(|status| Some((status, self.reached_at(status)?)));
        events.filter(|(status, _)| !(arrived && status.is_setback())).collect()
    }

    /// Takes in one event. Returns whether anything is new.
    pub fn record(&mut self, event: &DeliveryEvent) -> bool {
        let mut one = Self::default();
        for (known, slot) in DeliveryStatus::ALL.iter().zip(&mut one.reached) {
            if *known == event.status {
                *slot = Some(event.at);
            }
        }
        let failed = event.status == DeliveryStatus::Failed;
        one.error = event.error.clone().filter(|_| failed).map(|error| (event.at, error));
        self.merge(&one)
    }

    /// Takes in everything that `other` knows. Returns whether anything is new.
    pub fn merge(&mut self, other: &Self) -> bool {
        let before = self.clone();
        for (mine, theirs) in self.reached.iter_mut().zip(&other.reached) {
            *mine = [*mine, *theirs].into_iter().flatten().min();
        }
        self.error = [self.error.take(), other.error.clone()].into_iter().flatten().min();
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = DeliveryEvent> {
        let error = prop::option::of((1_u32..4, "[ab]").prop_map(|(code, title)| DeliveryError {
            code,
            title,
            detail: String::new(),
        }));
        (prop::sample::select(DeliveryStatus::ALL.to_vec()), 0_i64..6, error)
            .prop_map(|(status, ms, error)| DeliveryEvent { status, at: Timestamp::from_unix_ms(ms), error })
    }

    fn delivery() -> impl Strategy<Value = Delivery> {
        prop::collection::vec(event(), 0..8).prop_map(Delivery::from_events)
    }

    fn merged(a: &Delivery, b: &Delivery) -> Delivery {
        let mut result = a.clone();
        result.merge(b);
        result
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in delivery(), b in delivery(), c in delivery()) {
            prop_assert_eq!(merged(&a, &b), merged(&b, &a));
            prop_assert_eq!(merged(&merged(&a, &b), &c), merged(&a, &merged(&b, &c)));
            prop_assert_eq!(merged(&a, &a), a);
        }

        #[test]
        fn the_order_of_events_does_not_matter_and_nothing_goes_backwards(
            events in prop::collection::vec(event(), 1..10).prop_shuffle(),
        ) {
            let mut delivery = Delivery::default();
            for event in &events {
                let before = delivery.status();
                delivery.record(event);
                prop_assert!(delivery.status() >= before);
                prop_assert!(!delivery.record(event), "a duplicate is not news");
            }
            prop_assert_eq!(&delivery, &Delivery::from_events(events.iter().rev().cloned()));
        }

        #[test]
        fn a_stored_delivery_is_read_back_from_its_parts(delivery in delivery()) {
            let error = delivery.error().cloned();
            let parts = DeliveryStatus::ALL.into_iter().filter_map(|status| {
                let error = error.clone().filter(|_| status == DeliveryStatus::Failed);
                Some(DeliveryEvent { status, at: delivery.reached_at(status)?, error })
            });
            let read = Delivery::from_events(parts);
            prop_assert_eq!(read.status(), delivery.status());
            prop_assert_eq!(read.error(), delivery.error());
            prop_assert_eq!(read.timeline(), delivery.timeline());
        }
    }

    fn reach(status: DeliveryStatus, ms: i64) -> DeliveryEvent {
        DeliveryEvent { status, at: Timestamp::from_unix_ms(ms), error: None }
    }

    #[test]
    fn failed_counts_only_from_below_delivered() {
        let mut delivery = Delivery::queued(Timestamp::from_unix_ms(1));
        delivery.record(&reach(DeliveryStatus::Sent, 2));
        delivery.record(&reach(DeliveryStatus::Failed, 3));
        assert_eq!(delivery.status(), DeliveryStatus::Failed);
        delivery.record(&reach(DeliveryStatus::Delivered, 4));
        assert_eq!(delivery.status(), DeliveryStatus::Delivered);
        assert_eq!(delivery.error(), None);
        let story: Vec<_> = delivery.timeline().into_iter().map(|(status, _)| status).collect();
        assert_eq!(story, [DeliveryStatus::Queued, DeliveryStatus::Sent, DeliveryStatus::Delivered]);
    }

    #[test]
    fn every_status_has_a_name_of_its_own_and_all_is_in_order() {
        assert!(DeliveryStatus::ALL.is_sorted());
        for status in DeliveryStatus::ALL {
            assert_eq!(DeliveryStatus::parse(status.as_str()), Some(status));
        }
    }
}
