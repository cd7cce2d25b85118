use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use tokio::time::timeout;
use whatotp_ports::{Subscription, Topic, Wakeups};

/// Wake-ups within one process.
///
/// Each topic that somebody listens to has a channel of its own, so an announcement wakes those whom it concerns and
/// nobody else, however many wait. A topic is forgotten with its last subscriber: memory follows the waiting callers,
/// not the sessions that ever were. No announcement is lost.
#[derive(Debug, Default)]
pub struct LocalWakeups {
    topics: Arc<Mutex<Topics>>,
}

type Topics = HashMap<Topic, Listeners>;

#[derive(Debug)]
struct Listeners {
    count: usize,
    // `watch` and not `broadcast`: many announcements between two looks are one, so nothing fills up.
    sender: watch::Sender<()>,
}

impl LocalWakeups {
    /// Wake-ups that nobody listens to yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Wakeups for LocalWakeups {
    fn announce(&self, topic: Topic) {
        if let Some(listeners) = lock(&self.topics).get(&topic) {
            listeners.sender.send_replace(());
        }
    }

    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription> {
        let mut topics = lock(&self.topics);
        let listeners = topics.entry(topic).or_insert_with(|| Listeners { count: 0, sender: watch::Sender::new(()) });
        listeners.count += 1;
        let receiver = listeners.sender.subscribe();
        Box::new(LocalSubscription { topic, receiver, topics: Arc::clone(&self.topics) })
    }
}

struct LocalSubscription {
    topic: Topic,
    receiver: watch::Receiver<()>,
    topics: Arc<Mutex<Topics>>,
}

#[async_trait]
impl Subscription for LocalSubscription {
    async fn changed(&mut self, at_most: Duration) {
        // The sender lives at least as long as this subscription, so the channel is never closed, and both outcomes of
        // the time-out mean the same to the caller: look again.
        let _ = timeout(at_most, self.receiver.changed()).await;
    }
}

impl Drop for LocalSubscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics);
        if let Some(listeners) = topics.get_mut(&self.topic) {
            listeners.count -= 1;
            if listeners.count == 0 {
                topics.remove(&self.topic);
            }
        }
    }
}

/// Nothing here can panic half-way through a change, so a poisoned map is as good as any other.
fn lock(topics: &Mutex<Topics>) -> MutexGuard<'_, Topics> {
    topics.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;
    use whatotp_domain::{DeliveryId, SessionId, Timestamp};

    use super::*;

    const WAIT: Duration = Duration::from_secs(30);

    fn session(n: u8) -> Topic {
        Topic::Session(SessionId::new(Timestamp::from_unix_ms(1), [n; 10]))
    }

    /// How long `changed` took, in the test's own time, which runs only while everybody waits.
    async fn waited(subscription: &mut Box<dyn Subscription>) -> Duration {
        let before = Instant::now();
        subscription.changed(WAIT).await;
        before.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcement_wakes_everybody_who_waits_for_its_topic() {
        let wakeups = LocalWakeups::new();
        let (mut one, mut two) = (wakeups.subscribe(session(1)), wakeups.subscribe(session(1)));
        let mut outbox = wakeups.subscribe(Topic::Outbox);
        let announce = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            wakeups.announce(session(1));
        };
        let (one, two, outbox, ()) = tokio::join!(waited(&mut one), waited(&mut two), waited(&mut outbox), announce);
        assert_eq!([one, two], [Duration::from_secs(3); 2]);
        assert!(outbox >= WAIT, "another topic wakes nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_announced_before_the_wait_is_not_missed_and_counts_once() {
        let wakeups = LocalWakeups::new();
        let mut subscription = wakeups.subscribe(Topic::Outbox);
        for _ in 0..10_000 {
            wakeups.announce(Topic::Outbox);
        }
        assert_eq!(waited(&mut subscription).await, Duration::ZERO);
        assert!(waited(&mut subscription).await >= WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_announced_before_the_subscription_is_over() {
        let wakeups = LocalWakeups::new();
        let first = wakeups.subscribe(session(1));
        wakeups.announce(session(1));
        assert!(waited(&mut wakeups.subscribe(session(1))).await >= WAIT);
        drop(first);
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_and_a_message_with_the_same_bytes_are_two_topics() {
        let wakeups = LocalWakeups::new();
        let mut message = wakeups.subscribe(Topic::Message(DeliveryId::new(Timestamp::from_unix_ms(1), [1; 10])));
        wakeups.announce(session(1));
        assert!(waited(&mut message).await >= WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_subscriber_that_outlives_the_wakeups_waits_out_its_time() {
        let wakeups = LocalWakeups::new();
        let mut subscription = wakeups.subscribe(Topic::Outbox);
        drop(wakeups);
        assert!(waited(&mut subscription).await >= WAIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_is_forgotten_with_its_last_subscriber() {
        let wakeups = LocalWakeups::new();
        let mut kept = wakeups.subscribe(Topic::Outbox);
        for n in 0..=255 {
            let (one, two) = (wakeups.subscribe(session(n)), wakeups.subscribe(session(n)));
            drop(one);
            wakeups.announce(session(n));
            drop(two);
        }
        drop(wakeups.subscribe(Topic::Outbox));
        assert_eq!(lock(&wakeups.topics).len(), 1);
        wakeups.announce(Topic::Outbox);
        assert_eq!(waited(&mut kept).await, Duration::ZERO);
    }
}
