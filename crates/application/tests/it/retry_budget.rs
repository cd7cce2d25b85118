//! How many retries the provider is asked to bear.

use std::time::Duration;

use whatotp_application::SendMessage;
use whatotp_domain::{DeliveryStatus, MessageTtl};
use whatotp_testkit::fixtures::{DAY, at, just_before};

use crate::fake_catalog::provider_template;
use crate::live::waba;
use crate::messages::a_message;
use crate::stage::{Stage, accepted, retry};

/// So many messages, each of which was refused for now.
async fn refused_for_now(stage: &Stage, count: usize, ttl: MessageTtl) {
    stage.catalog.lists(&waba(), [provider_template("order_update", "en", "{{first_name}} {{order_id}}")]);
    for _ in 0..count {
        stage.queue(SendMessage { scope: stage.scope, ..a_message(ttl) }).await;
    }
    assert_eq!(stage.app.deliver_due(200).await.unwrap(), count);
    assert_eq!(stage.outgoing.all().len(), count, "a first attempt needs no budget");
}

#[tokio::test]
async fn what_the_budget_does_not_allow_is_put_off_and_not_dropped() {
    let refusals = (0..103).map(|_| retry(Duration::ZERO));
    let stage = Stage::live(refusals.chain((0..103).map(|_| accepted()))).await;
    refused_for_now(&stage, 103, MessageTtl::DEFAULT).await;
    stage.pass(2);
    assert_eq!(stage.app.deliver_due(200).await.unwrap(), 103);
    assert_eq!(stage.outgoing.all().len(), 103 + 100, "a hundred retries at once are the most there is");
    let put_off: Vec<_> =
        stage.deliveries().await.into_iter().filter(|one| one.delivery.status() == DeliveryStatus::Queued).collect();
    assert_eq!(put_off.iter().map(|one| one.attempts).collect::<Vec<_>>(), [1, 1, 1], "putting off is no attempt");
    assert!(stage.next_due().await.unwrap() <= at(4));
    // A second brings one.
    stage.clock.set(at(5));
    assert_eq!(stage.app.deliver_due(200).await.unwrap(), 3);
    assert_eq!(stage.outgoing.all().len(), 103 + 103);
    let all = stage.deliveries().await;
    assert!(all.iter().all(|one| (one.attempts, one.delivery.status()) == (2, DeliveryStatus::Accepted)));
}

#[tokio::test]
async fn the_sandbox_has_no_budget() {
    let stage = Stage::with((0..103).map(|_| retry(Duration::ZERO)).chain((0..103).map(|_| accepted()))).await;
    crate::messages::queue(&stage, MessageTtl::DEFAULT).await;
    for _ in 1..103 {
        stage.queue(a_message(MessageTtl::DEFAULT)).await;
    }
    assert_eq!(stage.app.deliver_due(200).await.unwrap(), 103);
    stage.pass(2);
    assert_eq!(stage.app.deliver_due(200).await.unwrap(), 103);
    assert_eq!(stage.outgoing.all().len(), 206);
}

#[tokio::test]
async fn what_is_put_off_to_its_end_expires_in_time() {
    let stage = Stage::live((0..201).map(|_| retry(Duration::ZERO))).await;
    refused_for_now(&stage, 101, MessageTtl::from_seconds(30).unwrap()).await;
    stage.pass(2);
    stage.app.deliver_due(200).await.unwrap();
    stage.clock.set(at(30));
    while stage.app.deliver_due(200).await.unwrap() > 0 {}
    let all = stage.deliveries().await;
    assert!(all.iter().all(|one| one.delivery.reached_at(DeliveryStatus::Expired) == Some(at(30))));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn the_providers_wait_is_the_least_and_the_die_comes_on_top() {
    let mut pauses = Vec::new();
    for seed in 1..=20 {
        let stage = Stage::live([retry(Duration::from_secs(7))]).await;
        let app = stage.but(|ports| ports.entropy = std::sync::Arc::new(whatotp_testkit::SeededEntropy::new(seed)));
        app.send_otp(crate::stage::a_send_of(stage.scope)).await.unwrap();
        let due = stage.next_due().await.unwrap();
        assert!(due >= at(7) && due <= at(7 + 2), "{due}");
        stage.clock.set(just_before(due));
        assert_eq!(stage.deliver().await, 0, "not a moment before");
        pauses.push(due);
    }
    pauses.sort_unstable();
    pauses.dedup();
    assert!(pauses.len() > 10, "{pauses:?}");
}

#[tokio::test]
async fn a_wait_beyond_its_expiry_ends_a_message_on_time() {
    let stage = Stage::live([retry(DAY)]).await;
    let session = stage.send().await.session.id;
    assert_eq!(stage.next_due().await, Some(at(300)));
    stage.clock.set(at(300));
    stage.settle().await;
    assert_eq!(stage.way(session).await, DeliveryStatus::Expired);
    assert_eq!(stage.outgoing.all().len(), 1);
}
