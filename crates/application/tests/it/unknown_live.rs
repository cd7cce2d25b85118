//! Live messages that left without an answer: a webhook may still tell what became of them.

use whatotp_application::SendOtp;
use whatotp_domain::{DeliveryStatus, SessionId, SessionStatus, SessionTtl};
use whatotp_testkit::fixtures::{at, just_before, sender_id};

use crate::stage::{Stage, a_send_of, accepted, accepted_as, retry, unknown};

/// Does everything that is ever due.
async fn to_the_end(stage: &Stage) {
    while let Some(due) = stage.next_due().await {
        stage.clock.set(due.max(stage.now()));
        stage.deliver().await;
    }
}

/// A code whose outcome is unknown.
async fn doubtful(stage: &Stage) -> SessionId {
    let view = stage.send().await;
    assert_eq!((view.delivery.status(), view.sender), (DeliveryStatus::Unknown, Some(sender_id(1))));
    view.session.id
}

#[tokio::test]
async fn a_webhook_that_names_it_settles_it_and_it_is_never_sent_again() {
    use DeliveryStatus::{Delivered, Read, Sent};
    for status in [Sent, Delivered, Read] {
        let stage = Stage::live([unknown()]).await;
        let session = doubtful(&stage).await;
        stage.pass(9);
        stage.told("wamid.1", stage.outgoing.last().delivery, status).await;
        assert_eq!(stage.way(session).await, status);
        to_the_end(&stage).await;
        assert_eq!(stage.outgoing.all().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_failure_that_is_told_settles_it_and_fails_the_session() {
    let stage = Stage::live([unknown()]).await;
    let session = doubtful(&stage).await;
    stage.pass(5);
    stage.told("wamid.1", stage.outgoing.last().delivery, DeliveryStatus::Failed).await;
    assert_eq!(stage.next_due().await, Some(at(5)), "a worker sees to the session at once");
    stage.settle().await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
    assert_eq!((stage.outgoing.all().len(), stage.next_due().await), (1, None));
}

#[tokio::test]
async fn a_webhook_by_the_providers_id_alone_settles_it_once_the_id_is_known() {
    let stage = Stage::live([unknown(), accepted_as("wamid.2")]).await;
    let session = doubtful(&stage).await;
    // It may be anybody's: of the first try nobody has told the id.
    stage.told_by_id("wamid.1", DeliveryStatus::Delivered).await;
    stage.told_by_id("wamid.2", DeliveryStatus::Delivered).await;
    assert_eq!(stage.way(session).await, DeliveryStatus::Unknown);
    stage.clock.set(at(10));
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.way(session).await, DeliveryStatus::Delivered);
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn without_a_webhook_it_is_sent_once_more_with_the_same_code() {
    let stage = Stage::live([unknown(), unknown()]).await;
    let session = doubtful(&stage).await;
    stage.clock.set(just_before(at(10)));
    assert_eq!(stage.deliver().await, 0);
    to_the_end(&stage).await;
    let handed = stage.outgoing.all();
    assert_eq!(handed.iter().map(|one| (one.attempt, one.at)).collect::<Vec<_>>(), [(1, at(0)), (2, at(10))]);
    assert_eq!((&handed[0].says, handed[0].reference), (&handed[1].says, handed[1].reference));
    assert_eq!(stage.way(session).await, DeliveryStatus::Expired);
}

#[tokio::test]
async fn a_webhook_after_its_second_try_counts_for_either() {
    for wamid in ["wamid.1", "wamid.2"] {
        let stage = Stage::live([unknown(), accepted_as("wamid.2")]).await;
        let session = doubtful(&stage).await;
        stage.clock.set(at(10));
        stage.deliver().await;
        stage.told(wamid, stage.outgoing.last().delivery, DeliveryStatus::Delivered).await;
        assert_eq!(stage.way(session).await, DeliveryStatus::Delivered, "{wamid}");
    }
}

#[tokio::test]
async fn it_is_not_sent_again_in_the_last_half_minute() {
    for (looked_at, sends) in [(just_before(at(30)), 2), (at(30), 1)] {
        let outcomes = [unknown(), accepted()];
        let stage = Stage::live(outcomes.into_iter().take(sends)).await;
        let command = SendOtp { ttl: SessionTtl::from_seconds(60), ..a_send_of(stage.scope) };
        stage.send_as(command).await;
        stage.clock.set(looked_at);
        stage.deliver().await;
        assert_eq!(stage.outgoing.all().len(), sends, "at {looked_at}");
    }
}

#[tokio::test]
async fn a_second_try_that_is_refused_for_now_is_made_again_unless_a_webhook_comes() {
    for is_told in [false, true] {
        let outcomes = [unknown(), retry(std::time::Duration::from_secs(4)), accepted_as("wamid.2")];
        let stage = Stage::live(outcomes.into_iter().take(if is_told { 2 } else { 3 })).await;
        let session = doubtful(&stage).await;
        stage.clock.set(at(10));
        stage.deliver().await;
        if is_told {
            stage.told("wamid.1", stage.outgoing.last().delivery, DeliveryStatus::Sent).await;
        }
        to_the_end(&stage).await;
        assert_eq!(stage.outgoing.all().len(), if is_told { 2 } else { 3 });
        assert_eq!(stage.way(session).await, DeliveryStatus::Expired);
    }
}
