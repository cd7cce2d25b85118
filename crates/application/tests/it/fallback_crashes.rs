//! Workers that die while a code falls back: the next sender gets it once.

use std::sync::Arc;

use whatotp_domain::{DeliveryStatus, EventKind};
use whatotp_ports::DeliveryStore;
use whatotp_testkit::fixtures::at;

use crate::fake_channel::Gate;
use crate::live::{FALLBACK_AFTER, sender_ids};
use crate::stage::{LEASE, Stage, accepted_as};

/// A code that the first sender has, at the moment when the next one has its turn.
async fn about_to_fall_back() -> Stage {
    let stage = Stage::falling_back([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    stage.send().await;
    stage.clock.set(at(20));
    stage
}

async fn to_the_end(stage: &Stage) {
    while let Some(due) = stage.next_due().await {
        stage.clock.set(due.max(stage.now()));
        stage.deliver().await;
    }
}

#[tokio::test]
async fn a_worker_that_dies_after_it_fell_back_is_followed_by_one_that_does_not() {
    let stage = about_to_fall_back().await;
    let mut taken = stage.app.take_due(10).await.unwrap();
    stage.clock.set(at(80));
    let mut others = stage.app.take_due(10).await.unwrap();
    // What the first one writes in the end is not taken: as if it had died just before.
    stage.app.deliver(taken.pop().unwrap()).await;
    assert_eq!(stage.deliveries().await.len(), 2);
    let other = others.pop().unwrap();
    assert!(other.interrupted);
    stage.app.deliver(other).await;
    assert_eq!(stage.deliveries().await.len(), 2);
    to_the_end(&stage).await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    assert_eq!(stage.events(EventKind::FellBack).await.len(), 1);
}

#[tokio::test]
async fn a_worker_that_dies_before_it_fell_back_is_followed_by_one_that_does() {
    let stage = about_to_fall_back().await;
    assert_eq!(stage.store.claim_due(LEASE, 10, stage.now()).await.unwrap().len(), 1);
    to_the_end(&stage).await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
}

#[tokio::test]
async fn a_worker_that_dies_over_the_second_senders_message_leaves_it_to_one_more_try() {
    let stage = about_to_fall_back().await;
    assert_eq!(stage.deliver().await, 1);
    let taken = stage.store.claim_due(LEASE, 10, stage.now()).await.unwrap();
    assert_eq!(taken.iter().map(|one| one.record.fallback).collect::<Vec<_>>(), [true]);
    stage.clock.set(at(80));
    assert_eq!(stage.deliver().await, 1);
    let second = stage.delivery(taken[0].record.id).await;
    assert_eq!(second.delivery.status(), DeliveryStatus::Unknown, "the dead one may have sent it");
    to_the_end(&stage).await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    assert_eq!(stage.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing_and_sends_nothing_twice() {
    let stage = about_to_fall_back().await;
    assert_eq!(stage.deliver().await, 1);
    let stage = stage.restarted();
    to_the_end(&stage).await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    let codes: Vec<_> = stage.outgoing.all().into_iter().map(|handed| handed.says).collect();
    assert_eq!(codes[0], codes[1]);
}

#[tokio::test]
async fn a_code_whose_request_died_and_that_is_known_to_be_sent_falls_back_too() {
    let gate = Arc::new(Gate::default());
    let stage = Stage::live_behind(&gate, [accepted_as("wamid.2")]).await.with_senders(2).await;
    let stage = stage.under(|policy| policy.fallback_after = Some(FALLBACK_AFTER));
    tokio::select! {
        view = stage.send() => panic!("it dies before the answer: {view:?}"),
        () = gate.arrival() => {}
    }
    stage.told("wamid.1", stage.outgoing.last().delivery, DeliveryStatus::Sent).await;
    gate.open();
    to_the_end(&stage).await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
}
