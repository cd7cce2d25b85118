//! What a worker does when others have died, hung, or left it something it cannot read.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use whatotp_domain::{DeliveryEvent, DeliveryStatus, MessageTtl, SessionStatus, Timestamp};
use whatotp_ports::{
    ClaimedDelivery, DeliveryStore, MessageChannel, OutboundMessage, Polled, Progress, SendOutcome, SentMessage,
};
use whatotp_storage::SqliteStore;
use whatotp_testkit::ManualClock;
use whatotp_testkit::fixtures::{at, just_before};

use crate::messages::{a_message, queue};
use crate::stage::{LEASE, Stage, a_send, accepted, retry, unknown};

/// Takes what is due and dies over it.
async fn die_over_it(stage: &Stage) {
    let taken = stage.store.claim_due(LEASE, 10, stage.now()).await.unwrap();
    assert_eq!(taken.len(), 1);
}

#[tokio::test]
async fn a_message_whose_worker_died_is_unknown_and_sent_once_more() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    die_over_it(&stage).await;
    stage.clock.set(just_before(at(60)));
    assert_eq!(stage.deliver().await, 0, "its worker may only be slow");
    stage.clock.set(at(60));
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Unknown);
    assert_eq!(stage.deliver().await, 1, "the provider is asked at once");
    assert_eq!(stage.next_due().await, Some(at(70)), "and then waited for");
    stage.clock.set(at(70));
    stage.deliver().await;
    let delivery = stage.delivery(id).await;
    assert_eq!((delivery.delivery.status(), delivery.attempts), (DeliveryStatus::Accepted, 2));
    assert_eq!(stage.outgoing.last().attempt, 2);
}

#[tokio::test]
async fn a_message_whose_worker_died_is_not_sent_again_when_the_provider_had_it() {
    let delivered = |_: &SentMessage, at| {
        let event = DeliveryEvent { status: DeliveryStatus::Delivered, at, error: None };
        Polled { events: vec![event], poll_at: None }
    };
    let stage = Stage::with_reports([], delivered).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    die_over_it(&stage).await;
    stage.pass(60);
    assert_eq!((stage.deliver().await, stage.deliver().await), (1, 1));
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Delivered);
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_worker_that_dies_over_the_second_try_is_not_followed_by_a_third() {
    let stage = Stage::with([unknown()]).await;
    let session = stage.send().await.session.id;
    stage.clock.set(at(10));
    die_over_it(&stage).await;
    while let Some(due) = stage.next_due().await {
        stage.clock.set(due);
        stage.deliver().await;
    }
    assert_eq!(stage.outgoing.all().len(), 1, "the dead worker may have sent the second");
    assert_eq!((stage.now(), stage.way(session).await), (at(300), DeliveryStatus::Expired));
}

#[tokio::test]
async fn a_message_whose_time_is_over_is_never_sent() {
    let stage = Stage::with([]).await;
    let id = queue(&stage, MessageTtl::from_seconds(30).unwrap()).await;
    stage.clock.set(at(30));
    assert_eq!(stage.deliver().await, 1);
    let delivery = stage.delivery(id).await.delivery;
    assert_eq!(delivery.reached_at(DeliveryStatus::Expired), Some(at(30)));
    assert_eq!(stage.next_due().await, None);

    let in_time = Stage::with([accepted()]).await;
    queue(&in_time, MessageTtl::from_seconds(30).unwrap()).await;
    in_time.clock.set(just_before(at(30)));
    assert_eq!(in_time.deliver().await, 1);
}

#[tokio::test]
async fn a_code_is_not_sent_in_its_last_half_minute() {
    for (moment, sends) in [(just_before(at(270)), 2), (at(270), 1)] {
        let answers = [retry(std::time::Duration::from_secs(1)), accepted()];
        let stage = Stage::with(answers.into_iter().take(sends)).await;
        let session = stage.send().await.session.id;
        stage.clock.set(moment);
        assert_eq!(stage.deliver().await, 1);
        let status = stage.way(session).await;
        assert_eq!(status, if sends == 2 { DeliveryStatus::Accepted } else { DeliveryStatus::Expired });
    }
}

#[tokio::test]
async fn a_code_that_cannot_be_given_any_more_is_not_sent() {
    let stage = Stage::with([retry(std::time::Duration::from_secs(1)), accepted()]).await;
    let first = stage.send().await.session.id;
    stage.clock.set(at(30));
    let second = stage.send().await.session.id;
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.way(first).await, DeliveryStatus::Canceled);
    assert_eq!(stage.look(first).await.status, SessionStatus::Superseded);
    assert_eq!(stage.way(second).await, DeliveryStatus::Accepted);
}

#[tokio::test]
async fn one_that_cannot_be_read_keeps_no_other_from_being_sent() {
    let stage = Stage::with([accepted()]).await;
    queue(&stage, MessageTtl::DEFAULT).await;
    // Sealed under a master key that is gone.
    let sent = stage.with_another_key().send_message(a_message(MessageTtl::DEFAULT)).await.unwrap();
    let whatotp_application::MessageSent::Queued(poison) = sent else { panic!("it was not stored") };
    assert_eq!(stage.deliver().await, 2);
    assert_eq!(stage.outgoing.all().len(), 1);
    let left = stage.delivery(poison.record.id).await;
    assert_eq!((left.delivery.status(), left.attempts), (DeliveryStatus::Queued, 0), "it has not left");
    assert_eq!(stage.next_due().await, Some(at(60)), "and somebody may put the key back");
    stage.clock.set(at(300));
    stage.deliver().await;
    assert_eq!(stage.delivery(poison.record.id).await.delivery.status(), DeliveryStatus::Expired);
    assert_eq!(stage.next_due().await, None, "it does not come back for ever");
}

#[tokio::test]
async fn one_that_was_handed_over_and_cannot_be_read_any_more_ends_as_well() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    stage.clock.set(at(300));
    assert_eq!(stage.with_another_key().deliver_due(10).await.unwrap(), 1);
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Expired);
    assert_eq!(stage.next_due().await, None);
}

/// A channel that takes longer than the lease, while another worker takes the delivery over.
struct Slow {
    away: Mutex<Option<(Arc<ManualClock>, Arc<SqliteStore>)>>,
    other: Arc<Mutex<Vec<ClaimedDelivery>>>,
}

#[async_trait]
impl MessageChannel for Slow {
    fn needs_sender(&self) -> bool {
        false
    }

    async fn send(&self, _message: &OutboundMessage, _now: Timestamp) -> SendOutcome {
        let (clock, store) = self.away.lock().unwrap().take().expect("it is sent once");
        let now = clock.advance(LEASE);
        let taken = store.claim_due(LEASE, 10, now).await.unwrap();
        *self.other.lock().unwrap() = taken;
        accepted()
    }

    async fn poll(&self, _sent: &SentMessage, _now: Timestamp) -> Polled {
        Polled::default()
    }
}

/// A stage with a [`Slow`] channel, and what the other worker takes.
async fn slow() -> (Stage, Arc<Mutex<Vec<ClaimedDelivery>>>) {
    let other = Arc::<Mutex<Vec<ClaimedDelivery>>>::default();
    let stage = Stage::with([]).await;
    let away = Mutex::new(Some((stage.clock.clone(), stage.store.clone())));
    (stage.playing(Slow { away, other: other.clone() }), other)
}

async fn assert_the_other_has_the_word(stage: &Stage, other: &Mutex<Vec<ClaimedDelivery>>) {
    let taken = other.lock().unwrap().pop().expect("the other worker took it");
    assert!(taken.interrupted);
    let delivery = stage.delivery(taken.record.id).await;
    assert_eq!((delivery.delivery.status(), delivery.attempts), (DeliveryStatus::Queued, 0));
    assert_eq!(stage.known_as("wamid.1").await, None);
    let event = DeliveryEvent { status: DeliveryStatus::Sent, at: stage.now(), error: None };
    let progress = Progress { events: vec![event], ..Progress::default() };
    assert!(stage.store.progress(&taken.lease, progress).await.unwrap().is_some());
    assert_eq!(stage.delivery(taken.record.id).await.delivery.status(), DeliveryStatus::Sent);
}

#[tokio::test]
async fn a_worker_that_comes_back_too_late_writes_nothing() {
    let (stage, other) = slow().await;
    queue(&stage, MessageTtl::DEFAULT).await;
    assert_eq!(stage.deliver().await, 1);
    assert_the_other_has_the_word(&stage, &other).await;
}

#[tokio::test]
async fn a_request_that_comes_back_too_late_writes_nothing_and_says_what_it_saw() {
    let (stage, other) = slow().await;
    let view = stage.send_as(a_send()).await;
    assert_eq!(view.delivery.status(), DeliveryStatus::Accepted);
    assert_the_other_has_the_word(&stage, &other).await;
}

#[tokio::test]
async fn a_round_takes_no_more_than_it_is_told() {
    let stage = Stage::with([accepted(), accepted(), accepted()]).await;
    queue(&stage, MessageTtl::DEFAULT).await;
    for _ in 0..2 {
        stage.app.send_message(a_message(MessageTtl::DEFAULT)).await.unwrap();
    }
    assert_eq!(stage.app.deliver_due(2).await.unwrap(), 2);
    assert_eq!(stage.app.deliver_due(2).await.unwrap(), 1);
    assert_eq!(stage.app.deliver_due(2).await.unwrap(), 0);
}
