//! Messages that left without an answer.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use whatotp_application::SendOtp;
use whatotp_domain::{DeliveryEvent, DeliveryStatus, SessionStatus, SessionTtl, Timestamp};
use whatotp_ports::{MessageChannel, OutboundMessage, Polled, SendOutcome, SentMessage};
use whatotp_testkit::fixtures::{at, just_before};

use crate::stage::{Stage, a_send, accepted, refused, retry, unknown};

#[tokio::test]
async fn an_unknown_outcome_waits_and_is_replayed_once_with_the_same_code() {
    let stage = Stage::with([unknown(), accepted()]).await;
    let view = stage.send().await;
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Pending, DeliveryStatus::Unknown));
    stage.clock.set(just_before(at(10)));
    assert_eq!(stage.deliver().await, 0, "a report may still come");
    stage.clock.set(at(10));
    assert_eq!(stage.deliver().await, 1);
    let handed = stage.outgoing.all();
    assert_eq!(handed.iter().map(|one| one.attempt).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((handed[0].delivery, &handed[0].says), (handed[1].delivery, &handed[1].says));
    assert_eq!(stage.way(view.session.id).await, DeliveryStatus::Accepted);
}

#[tokio::test]
async fn tries_that_were_refused_before_do_not_count_as_replays() {
    let stage = Stage::with([retry(Duration::ZERO), retry(Duration::ZERO), unknown(), accepted()]).await;
    let session = stage.send().await.session.id;
    while stage.outgoing.all().len() < 4 {
        stage.clock.set(stage.next_due().await.expect("it is tried again"));
        stage.deliver().await;
    }
    assert_eq!(stage.way(session).await, DeliveryStatus::Accepted);
}

#[tokio::test]
async fn it_is_never_sent_a_third_time() {
    let stage = Stage::with([unknown(), unknown()]).await;
    let session = stage.send().await.session.id;
    while let Some(due) = stage.next_due().await {
        stage.clock.set(due);
        stage.deliver().await;
    }
    assert_eq!(stage.outgoing.all().len(), 2);
    assert_eq!(stage.now(), at(300), "its end is written down when it comes");
    assert_eq!(stage.way(session).await, DeliveryStatus::Expired);
}

#[tokio::test]
async fn it_is_not_replayed_within_half_a_minute_of_its_expiry() {
    for (looked_at, sends) in [(just_before(at(30)), 2), (at(30), 1)] {
        let answers = [unknown(), accepted()];
        let stage = Stage::with(answers.into_iter().take(sends)).await;
        let session = stage.send_as(SendOtp { ttl: SessionTtl::from_seconds(60), ..a_send() }).await.session.id;
        stage.clock.set(looked_at);
        assert_eq!(stage.deliver().await, 1);
        assert_eq!(stage.outgoing.all().len(), sends);
        let expected = if sends == 1 { DeliveryStatus::Unknown } else { DeliveryStatus::Accepted };
        assert_eq!(stage.way(session).await, expected, "a report may still come");
        stage.clock.set(at(60));
        stage.deliver().await;
        assert_eq!(stage.way(session).await, DeliveryStatus::Expired);
    }
}

fn reported(status: DeliveryStatus, at: Timestamp) -> Polled {
    Polled { events: vec![DeliveryEvent { status, at, error: None }], poll_at: None }
}

#[tokio::test]
async fn a_report_settles_it_and_nothing_is_sent_again() {
    let asked_for = at(2);
    let outcome = SendOutcome::Unknown { error: crate::stage::an_error(131_000), poll_at: Some(asked_for) };
    let stage = Stage::with_reports([outcome], |sent, now| {
        assert_eq!((sent.status, sent.handed_over_at), (DeliveryStatus::Unknown, at(0)));
        reported(DeliveryStatus::Delivered, now)
    })
    .await;
    let session = stage.send().await.session.id;
    assert_eq!(stage.next_due().await, Some(asked_for));
    stage.clock.set(asked_for);
    stage.deliver().await;
    let view = stage.look(session).await;
    assert_eq!(view.delivery.reached_at(DeliveryStatus::Delivered), Some(asked_for));
    assert!(view.delivery.timeline().iter().all(|(status, _)| *status != DeliveryStatus::Unknown));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_report_that_it_was_accepted_is_enough() {
    let stage = Stage::with_reports([unknown()], |_sent, now| reported(DeliveryStatus::Accepted, now)).await;
    let session = stage.send().await.session.id;
    stage.clock.set(at(10));
    stage.deliver().await;
    assert_eq!(stage.way(session).await, DeliveryStatus::Accepted);
    assert_eq!(stage.next_due().await, Some(at(300)));
}

#[tokio::test]
async fn a_replay_that_is_refused_fails_the_session() {
    let stage = Stage::with([unknown(), refused()]).await;
    let session = stage.send().await.session.id;
    stage.clock.set(at(10));
    stage.deliver().await;
    assert_eq!(stage.next_due().await, Some(at(10)), "what follows for its session is the next round's");
    assert_eq!(stage.deliver().await, 1);
    let view = stage.look(session).await;
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Failed, DeliveryStatus::Failed));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_replay_that_is_refused_for_now_was_none_and_is_made_again() {
    let stage = Stage::with([unknown(), retry(Duration::from_secs(1)), accepted()]).await;
    let session = stage.send().await.session.id;
    while stage.outgoing.all().len() < 3 {
        stage.clock.set(stage.next_due().await.expect("it is tried again"));
        stage.deliver().await;
    }
    assert_eq!(stage.way(session).await, DeliveryStatus::Accepted);
}

#[tokio::test]
async fn a_code_that_was_used_meanwhile_is_not_replayed() {
    let stage = Stage::with([unknown()]).await;
    let session = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.verify(session, &code).await;
    stage.clock.set(at(10));
    stage.deliver().await;
    assert_eq!(stage.way(session).await, DeliveryStatus::Canceled);
    assert_eq!(stage.next_due().await, None);
}

/// It takes every message and never says a word.
struct Silent;

#[async_trait]
impl MessageChannel for Silent {
    fn needs_sender(&self) -> bool {
        false
    }

    async fn send(&self, _message: &OutboundMessage, _now: Timestamp) -> SendOutcome {
        std::future::pending().await
    }

    async fn poll(&self, _sent: &SentMessage, _now: Timestamp) -> Polled {
        Polled::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_never_answers_is_left_after_nine_seconds() {
    let stage = Stage::with([]).await.playing(Silent);
    let before = Instant::now();
    let view = stage.send().await;
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(9) && waited < Duration::from_secs(10), "{waited:?}");
    assert_eq!(view.delivery.status(), DeliveryStatus::Unknown);
    assert_eq!(stage.next_due().await, Some(at(10)));
}
