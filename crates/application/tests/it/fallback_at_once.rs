//! A code that one sender definitely did not send, or could not deliver, goes to the next one at once.

use std::sync::Arc;
use std::time::Duration;

use whatotp_application::OtpSent;
use whatotp_domain::{DeliveryStatus, EventKind, SessionId, SessionStatus};
use whatotp_ports::SendOutcome;
use whatotp_testkit::fixtures::{at, sender_id};

use crate::fake_channel::Gate;
use crate::live::{FALLBACK_AFTER, sender_ids};
use crate::stage::{Stage, a_send_of, accepted_as, invalid, refused, retry, unavailable};
use DeliveryStatus::{Accepted, Failed};

/// A code that the first sender has.
async fn with_the_first(outcomes: Vec<SendOutcome>) -> (Stage, SessionId) {
    let stage = Stage::falling_back([accepted_as("wamid.1")].into_iter().chain(outcomes)).await;
    let session = stage.send().await.session.id;
    stage.pass(3);
    (stage, session)
}

#[tokio::test]
async fn a_failure_that_is_told_hands_the_code_to_the_next_sender_at_once() {
    let (stage, session) = with_the_first(vec![accepted_as("wamid.2")]).await;
    stage.told_by_id("wamid.1", Failed).await;
    assert_eq!(stage.next_due().await, Some(at(3)));
    stage.settle().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    let codes: Vec<_> = stage.outgoing.all().into_iter().map(|handed| handed.says).collect();
    assert_eq!(codes[0], codes[1]);
    let view = stage.look(session).await;
    assert_eq!(
        (view.status, view.delivery.status(), view.sender),
        (SessionStatus::Pending, Accepted, Some(sender_id(2)))
    );
    assert_eq!((view.session.sends, stage.events(EventKind::FellBack).await.len()), (1, 1));
}

#[tokio::test]
async fn a_failure_that_is_told_before_the_answer_to_the_send_does_too() {
    let gate = Arc::new(Gate::default());
    let stage = Stage::live_behind(&gate, ["wamid.1", "wamid.2"].map(accepted_as)).await.with_senders(2).await;
    let stage = stage.under(|policy| policy.fallback_after = Some(FALLBACK_AFTER));
    let meanwhile = async {
        gate.arrival().await;
        stage.told_by_id("wamid.1", Failed).await;
        gate.open();
    };
    let (view, ()) = tokio::join!(stage.send(), meanwhile);
    gate.open();
    stage.settle().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    let view = stage.look(view.session.id).await;
    assert_eq!((view.status, view.delivery.status()), (SessionStatus::Pending, Accepted));
    assert_eq!(view.sender, Some(sender_id(2)));
}

#[tokio::test]
async fn when_all_have_failed_so_has_the_session_in_whatever_order_it_is_told() {
    for order in [["wamid.1", "wamid.2"], ["wamid.2", "wamid.1"]] {
        let (stage, session) = with_the_first(vec![accepted_as("wamid.2")]).await;
        stage.clock.set(at(20));
        stage.settle().await;
        stage.told_by_id(order[0], Failed).await;
        stage.settle().await;
        let view = stage.look(session).await;
        assert_eq!((view.status, view.delivery.status()), (SessionStatus::Pending, Accepted), "one may still arrive");
        stage.told_by_id(order[1], Failed).await;
        stage.settle().await;
        let view = stage.look(session).await;
        assert_eq!((view.status, view.delivery.status()), (SessionStatus::Failed, Failed), "{order:?}");
        assert_eq!(stage.outgoing.all().len(), 2);
        while let Some(due) = stage.next_due().await {
            stage.clock.set(due);
            stage.deliver().await;
        }
    }
}

#[tokio::test]
async fn a_second_that_fails_too_ends_the_session_at_once() {
    let (stage, session) = with_the_first(vec![refused()]).await;
    stage.told_by_id("wamid.1", Failed).await;
    stage.settle().await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
    assert_eq!((stage.outgoing.senders(), stage.next_due().await), (sender_ids(&[1, 2]), None));
}

#[tokio::test]
async fn a_first_sender_that_does_not_send_is_followed_by_the_second_in_the_same_request() {
    for outcome in [refused(), invalid(), unavailable()] {
        let stage = Stage::falling_back([outcome.clone(), accepted_as("wamid.2")]).await;
        let view = stage.send().await;
        assert_eq!((view.delivery.status(), view.sender), (Accepted, Some(sender_id(2))), "{outcome:?}");
        assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
        let handed = stage.outgoing.all();
        assert_eq!((&handed[0].says, handed[0].delivery), (&handed[1].says, handed[1].delivery), "one message");
        assert_eq!((stage.deliveries().await.len(), view.session.sends), (1, 1));
        // It is the second's, which was the last.
        stage.clock.set(at(20));
        stage.settle().await;
        assert_eq!(stage.outgoing.all().len(), 2);
    }
}

#[tokio::test]
async fn when_nobody_sends_it_the_recipients_fault_is_the_answer_if_it_is_one() {
    for (outcomes, is_unreachable) in [
        ([refused(), refused()], true),
        ([refused(), unavailable()], true),
        ([unavailable(), refused()], true),
        ([unavailable(), unavailable()], false),
        ([invalid(), unavailable()], false),
        ([unavailable(), invalid()], false),
    ] {
        let stage = Stage::falling_back(outcomes.clone()).await;
        match stage.app.send_otp(a_send_of(stage.scope)).await.unwrap() {
            OtpSent::Unreachable(_) => assert!(is_unreachable, "{outcomes:?}"),
            OtpSent::ChannelUnavailable => {
                assert!(!is_unreachable, "{outcomes:?}");
                assert!(stage.deliveries().await.is_empty());
            }
            other => panic!("{outcomes:?}: {other:?}"),
        }
        assert_eq!(stage.next_due().await, None);
    }
}

#[tokio::test]
async fn one_that_may_have_sent_it_or_will_soon_is_not_followed_at_once() {
    for outcome in [retry(Duration::from_secs(60)), crate::stage::unknown(), accepted_as("wamid.1")] {
        let stage = Stage::falling_back([outcome]).await;
        stage.send().await;
        assert_eq!(stage.outgoing.senders(), sender_ids(&[1]));
    }
}

#[tokio::test]
async fn a_worker_goes_on_to_the_next_sender_as_well() {
    let stage = Stage::falling_back([retry(Duration::ZERO), refused(), accepted_as("wamid.2")]).await;
    let session = stage.send().await.session.id;
    stage.clock.set(stage.next_due().await.unwrap());
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 1, 2]));
    assert_eq!((stage.way(session).await, stage.look(session).await.sender), (Accepted, Some(sender_id(2))));
}

#[tokio::test]
async fn a_fallback_that_is_refused_for_now_is_tried_again_at_the_same_sender() {
    let (stage, session) = with_the_first(vec![retry(Duration::from_secs(5)), accepted_as("wamid.2")]).await;
    stage.told_by_id("wamid.1", Failed).await;
    stage.settle().await;
    stage.clock.set(stage.next_due().await.unwrap());
    stage.settle().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2, 2]));
    assert_eq!(stage.way(session).await, Accepted);
}

#[tokio::test]
async fn with_falling_back_off_nothing_of_this_happens() {
    for (outcome, is_unreachable) in [(refused(), true), (unavailable(), false)] {
        let stage = Stage::live([outcome]).await.with_senders(2).await;
        let sent = stage.app.send_otp(a_send_of(stage.scope)).await.unwrap();
        assert_eq!(matches!(sent, OtpSent::Unreachable(_)), is_unreachable);
        assert_eq!(matches!(sent, OtpSent::ChannelUnavailable), !is_unreachable);
        assert_eq!(stage.outgoing.senders(), sender_ids(&[1]));
    }
}

#[tokio::test]
async fn one_sender_that_is_named_first_by_a_single_account_has_nobody_to_fall_back_on() {
    let stage = Stage::falling_back([accepted_as("wamid.1")]).await;
    assert!(stage.app.route(stage.scope.account, sender_ids(&[2])).await.unwrap());
    let session = stage.send().await.session.id;
    stage.clock.set(at(20));
    stage.settle().await;
    assert_eq!((stage.outgoing.senders(), stage.deliveries().await.len()), (sender_ids(&[2]), 1));
    assert_eq!(stage.next_due().await, Some(at(300)));
    stage.told_by_id("wamid.1", Failed).await;
    stage.settle().await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
}
