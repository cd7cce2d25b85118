use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{DeliveryId, SessionId};

/// What a wake-up is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A session or its delivery changed.
    Session(SessionId),
    /// A message changed.
    Message(DeliveryId),
    /// There is something new to deliver.
    Outbox,
    /// WhatsApp decided something about a template.
    Templates,
}

/// Wakes whoever waits for a change, so that nobody has to poll fast.
///
/// A hint, never the truth: an announcement MAY be lost, so whoever waits MUST look again after a while by itself.
pub trait Wakeups: Send + Sync {
    /// Tells every subscriber that `topic` changed. MUST be called after the change is committed. Never blocks.
    fn announce(&self, topic: Topic);

    /// Listens from now on. A caller that subscribes *before* it reads the state misses nothing.
    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription>;
}

/// A subscriber's end.
#[async_trait]
pub trait Subscription: Send {
    /// Returns when the topic was announced since the last call (or since subscribing), or after `at_most`.
    async fn changed(&mut self, at_most: Duration);
}
