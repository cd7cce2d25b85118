//! What WhatsApp tells by itself about messages.

use std::sync::Arc;

use whatotp_domain::{AccountScope, DeliveryId, DeliveryStatus, SessionStatus};
use whatotp_ports::{Reference, Topic};
use whatotp_testkit::fixtures::{an_account, at, home, other_mode};

use crate::fake_catalog::provider_template;
use crate::fake_channel::Gate;
use crate::live::{status_of, waba};
use crate::stage::{Stage, accepted_as};
use DeliveryStatus::{Accepted, Delivered, Failed, Read, Sent};

#[tokio::test]
async fn a_status_finds_its_message_by_our_reference_or_the_providers_id() {
    for by_reference in [true, false] {
        let stage = Stage::live([accepted_as("wamid.1")]).await;
        let session = stage.send().await.session.id;
        for (seconds, status) in [(1, Sent), (2, Delivered), (3, Read)] {
            stage.clock.set(at(seconds));
            if by_reference {
                // The provider's id is one that nobody has told.
                stage.told("wamid.9", stage.outgoing.last().delivery, status).await;
            } else {
                stage.told_by_id("wamid.1", status).await;
            }
            let view = stage.look(session).await;
            assert_eq!(view.delivery.status(), status, "by reference: {by_reference}");
            assert_eq!(view.delivery.reached_at(status), Some(at(seconds)));
        }
        assert_eq!(stage.next_due().await, None, "nobody has to look at it any more");
    }
}

#[tokio::test]
async fn the_end_of_a_message_is_told_with_its_reason() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    stage.catalog.lists(&waba(), [provider_template("order_update", "en", "{{first_name}} {{order_id}}")]);
    let message = whatotp_application::SendMessage {
        scope: stage.scope,
        ..crate::messages::a_message(whatotp_domain::MessageTtl::DEFAULT)
    };
    let id = stage.queue(message).await;
    stage.deliver().await;
    stage.told_by_id("wamid.1", Failed).await;
    let view = stage.app.message_status(stage.scope, id).await.unwrap().unwrap();
    assert_eq!(view.record.delivery.error().map(|error| error.code), Some(131_026));
    assert!(view.is_settled());
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn statuses_that_come_late_twice_and_out_of_order_change_nothing_more() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    let session = stage.send().await.session.id;
    let delivery = stage.outgoing.last().delivery;
    let reference = Reference { account: stage.scope.account, delivery };
    let tell = |status, seconds, named| status_of("wamid.1", named, status, at(seconds));
    stage.clock.set(at(9));
    let both = vec![tell(Read, 8, None), tell(Sent, 1, Some(reference)), tell(Read, 8, Some(reference))];
    stage.app.ingest(both).await.unwrap();
    stage.app.ingest(vec![tell(Delivered, 5, None), tell(Sent, 1, None)]).await.unwrap();
    let view = stage.look(session).await;
    let timeline = view.delivery.timeline();
    assert_eq!(timeline[1..], [(Accepted, at(0)), (Sent, at(1)), (Delivered, at(5)), (Read, at(8))]);

    let mut watcher = stage.app.ports().wakeups.subscribe(Topic::Session(session));
    stage.app.ingest(vec![tell(Delivered, 5, None), tell(Read, 8, Some(reference))]).await.unwrap();
    let told = watcher.changed(std::time::Duration::from_secs(3600));
    let told = tokio::time::timeout(std::time::Duration::from_millis(50), told).await;
    assert!(told.is_err(), "what is known already wakes nobody");
    assert_eq!(stage.look(session).await, view);
}

#[tokio::test]
async fn a_status_wakes_who_watches() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    let session = stage.send().await.session.id;
    let mut watch = stage.app.watch_otp(stage.scope, session).await.unwrap().unwrap();
    let hour = std::time::Duration::from_secs(3600);
    let (changed, ()) = tokio::join!(watch.changed(hour), stage.told_by_id("wamid.1", Delivered));
    assert_eq!(changed.unwrap(), whatotp_application::Change::Seen);
    assert_eq!(watch.seen().delivery.status(), Delivered);
}

#[tokio::test]
async fn a_status_that_is_told_before_the_answer_to_the_send_is_not_lost() {
    for (by_reference, status) in [(true, Delivered), (false, Delivered), (true, Sent), (false, Sent)] {
        let gate = Arc::new(Gate::default());
        let stage = Stage::live_behind(&gate, [accepted_as("wamid.1")]).await;
        let meanwhile = async {
            gate.arrival().await;
            if by_reference {
                stage.told("wamid.1", stage.outgoing.last().delivery, status).await;
            } else {
                stage.told_by_id("wamid.1", status).await;
            }
            gate.open();
        };
        let (view, ()) = tokio::join!(stage.send(), meanwhile);
        assert_eq!(view.delivery.status(), status, "the answer knows it already; by reference: {by_reference}");
        assert_eq!(view.delivery.reached_at(Accepted), Some(at(0)));
        let due = if status == Delivered { None } else { Some(at(300)) };
        assert_eq!(stage.next_due().await, due);
    }
}

#[tokio::test]
async fn a_failure_that_is_told_before_the_answer_to_the_send_fails_the_session_at_once() {
    for by_reference in [true, false] {
        let gate = Arc::new(Gate::default());
        let stage = Stage::live_behind(&gate, [accepted_as("wamid.1")]).await;
        let meanwhile = async {
            gate.arrival().await;
            if by_reference {
                stage.told("wamid.1", stage.outgoing.last().delivery, Failed).await;
            } else {
                stage.told_by_id("wamid.1", Failed).await;
            }
            gate.open();
        };
        let (view, ()) = tokio::join!(stage.send(), meanwhile);
        assert_eq!(view.delivery.status(), Failed);
        stage.settle().await;
        let view = stage.look(view.session.id).await;
        assert_eq!(view.status, SessionStatus::Failed, "by reference: {by_reference}");
    }
}

#[tokio::test]
async fn what_is_told_of_messages_that_are_not_ours_does_nothing() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    let before = stage.send().await;
    let delivery = stage.outgoing.last().delivery;
    let strangers = [
        Reference { account: an_account(2).id, delivery },
        Reference { account: an_account(9).id, delivery },
        Reference { account: stage.scope.account, delivery: DeliveryId::earliest_at(at(0)) },
    ];
    for reference in strangers {
        stage.app.ingest(vec![status_of("wamid.9", Some(reference), Read, at(0))]).await.unwrap();
    }
    stage.told_by_id("wamid.9", Read).await;
    assert_eq!(stage.look(before.session.id).await, before);
    assert_eq!(stage.app.sweep().await.unwrap().reports, 0);
    stage.pass(3601);
    assert_eq!(stage.app.sweep().await.unwrap().reports, 1, "only the one that could still have found its message");
}

#[tokio::test]
async fn a_reference_reaches_no_message_of_test_mode() {
    let stage = Stage::with([accepted_as("wamid.1")]).await;
    let before = stage.send().await;
    assert_eq!((stage.scope, other_mode()), (home(), AccountScope { mode: whatotp_domain::Mode::Live, ..home() }));
    stage.told("wamid.9", stage.outgoing.last().delivery, Read).await;
    assert_eq!(stage.look(before.session.id).await, before);
}

#[tokio::test]
async fn what_is_known_at_the_provider_is_not_in_the_database_in_the_clear() {
    let wamid = "wamid.HBgLMTQxNTU1NTAxMjM=";
    let stage = Stage::live([accepted_as(wamid)]).await;
    stage.send().await;
    stage.told_by_id(wamid, Sent).await;
    stage.told_by_id("wamid.HBgLNDQ3NDAwMTIzNDU2", Sent).await;
    for file in std::fs::read_dir(stage.directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(9).any(|window| window == b"wamid.HBg"));
    }
    assert!(stage.known_as(wamid).await.is_some());
}
