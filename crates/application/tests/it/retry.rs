//! Messages that the provider refuses for now.

use std::time::Duration;

use whatotp_application::OtpVerified;
use whatotp_domain::{DeliveryStatus, MessageTtl, Timestamp};
use whatotp_ports::{Entropy, EntropyError};
use whatotp_testkit::SeededEntropy;
use whatotp_testkit::fixtures::{at, just_before};

use crate::messages::{a_message, queue};
use crate::stage::{Stage, a_send, accepted, retry, unavailable};

const SECOND: Duration = Duration::from_secs(1);

/// A die that always falls the same way. Fine for one session and one message, whose ids differ by their prefix.
struct Loaded(u8);

impl Entropy for Loaded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        buffer.fill(self.0);
        Ok(())
    }
}

#[tokio::test]
async fn a_message_is_tried_again_when_the_provider_said_and_with_the_same_code() {
    let stage = Stage::with([retry(4 * SECOND), accepted()]).await;
    let session = stage.send().await.session.id;
    let due = stage.next_due().await.unwrap();
    assert!(due >= at(4) && due <= at(4 + 2), "{due}");
    stage.clock.set(just_before(due));
    assert_eq!(stage.deliver().await, 0, "not a moment before");
    stage.clock.set(due);
    assert_eq!(stage.deliver().await, 1);

    let handed = stage.outgoing.all();
    assert_eq!(handed.iter().map(|one| one.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((handed[0].delivery, &handed[0].says), (handed[1].delivery, &handed[1].says));
    assert_eq!(stage.way(session).await, DeliveryStatus::Accepted);
    assert!(matches!(stage.verify(session, &handed[1].says).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn pauses_double_to_a_minute_and_the_die_falls_within_them() {
    for (side, share) in [(0, 0), (255, 1)] {
        let stage = Stage::with((0..8).map(|_| retry(3 * SECOND))).await;
        let app = stage.with_entropy(Loaded(side));
        queue(&stage, MessageTtl::from_seconds(86_400).unwrap()).await;
        for ceiling in [2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(app.deliver_due(10).await.unwrap(), 1);
            let due = stage.next_due().await.unwrap();
            assert_eq!(due.since(stage.now()), SECOND * (3 + share * ceiling));
            stage.clock.set(due);
        }
    }
}

#[tokio::test]
async fn messages_that_failed_together_do_not_come_back_together() {
    let mut pauses = Vec::new();
    for seed in 1..=20 {
        let stage = Stage::with([unavailable()]).await;
        queue(&stage, MessageTtl::DEFAULT).await;
        stage.with_entropy(SeededEntropy::new(seed)).deliver_due(10).await.unwrap();
        pauses.push(stage.next_due().await.unwrap());
    }
    assert!(pauses.iter().all(|due| *due <= at(2)), "{pauses:?}");
    pauses.sort_unstable();
    pauses.dedup();
    assert!(pauses.len() > 10, "{pauses:?}");
}

#[tokio::test]
async fn an_outage_only_delays_a_queued_message() {
    let stage = Stage::with([unavailable(), accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Queued);
    stage.clock.set(stage.next_due().await.unwrap());
    stage.deliver().await;
    let delivery = stage.delivery(id).await;
    assert_eq!((delivery.delivery.status(), delivery.attempts), (DeliveryStatus::Accepted, 2));
}

#[tokio::test]
async fn a_message_whose_next_try_would_come_too_late_ends_on_time() {
    let stage = Stage::with([retry(3600 * SECOND)]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    assert_eq!(stage.next_due().await, Some(at(300)), "its end is written down when it comes");
    stage.clock.set(at(300));
    assert_eq!(stage.deliver().await, 1);
    let delivery = stage.delivery(id).await.delivery;
    assert_eq!(delivery.reached_at(DeliveryStatus::Expired), Some(at(300)));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_provider_that_asks_for_ever_is_answered_all_the_same() {
    let stage = Stage::with([retry(Duration::MAX)]).await;
    let session = stage.app.send_otp(a_send()).await.unwrap();
    assert!(matches!(session, whatotp_application::OtpSent::Sent(_)));
    assert_eq!(stage.next_due().await, Some(at(300)));
}

#[tokio::test]
async fn a_recipient_that_a_worker_finds_unreachable_fails_the_session() {
    let stage = Stage::with([retry(SECOND), crate::stage::refused()]).await;
    let session = stage.send().await.session.id;
    stage.clock.set(stage.next_due().await.unwrap());
    assert_eq!((stage.deliver().await, stage.deliver().await), (1, 1), "its end is the next round's");
    let view = stage.look(session).await;
    assert_eq!(view.status, whatotp_domain::SessionStatus::Failed);
    assert_eq!(view.delivery.error().map(|error| error.code), Some(131_026));
    assert!(view.is_settled());
}

#[tokio::test]
async fn a_message_has_its_own_pace() {
    let stage = Stage::with([retry(SECOND), accepted()]).await;
    let (first, _) = (queue(&stage, MessageTtl::DEFAULT).await, stage.deliver().await);
    let due: Timestamp = stage.next_due().await.unwrap();
    let second = stage.app.send_message(a_message(MessageTtl::DEFAULT)).await.unwrap();
    assert!(matches!(second, whatotp_application::MessageSent::Queued(_)));
    assert!(stage.now() < due);
    assert_eq!(stage.deliver().await, 1, "the new one does not wait for the other");
    assert_eq!(stage.delivery(first).await.delivery.status(), DeliveryStatus::Queued);
}
