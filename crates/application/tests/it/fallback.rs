//! A code that does not arrive goes to the account's next sender.

use whatotp_application::{OtpResent, OtpVerified, SendOtp};
use whatotp_domain::{DeliveryStatus, EventKind, SessionId, SessionStatus, SessionTtl};
use whatotp_testkit::fixtures::{at, just_before, sender_id};

use crate::live::sender_ids;
use crate::stage::{Stage, a_send_of, accepted_as, unknown};
use DeliveryStatus::{Accepted, Delivered, Failed, Sent};

/// A code that the first sender has, and after twenty seconds the second.
async fn fallen_back() -> (Stage, SessionId) {
    let stage = Stage::falling_back([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    let session = stage.send().await.session.id;
    stage.clock.set(at(20));
    stage.settle().await;
    (stage, session)
}

#[tokio::test]
async fn a_code_that_does_not_arrive_in_time_goes_to_the_next_sender() {
    let stage = Stage::falling_back([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    let before = stage.send().await;
    assert_eq!((before.sender.clone(), stage.next_due().await), (Some(sender_id(1)), Some(at(20))));
    stage.clock.set(just_before(at(20)));
    assert_eq!(stage.deliver().await, 0);
    stage.clock.set(at(20));
    stage.settle().await;

    let handed = stage.outgoing.all();
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
    assert_eq!((&handed[0].says, &handed[0].locale), (&handed[1].says, &handed[1].locale));
    assert_ne!(handed[0].delivery, handed[1].delivery);
    assert_eq!((handed[1].at, handed[1].attempt), (at(20), 1));
    let [second, first] = &stage.deliveries().await[..] else { panic!("two messages") };
    assert_eq!((first.fallback, second.fallback), (false, true));

    let view = stage.look(before.session.id).await;
    assert_eq!(view.session, before.session, "neither sends nor cooldown nor expiry have changed");
    assert_eq!((view.delivery.status(), view.sender), (Accepted, Some(sender_id(2))));
    assert_eq!(stage.events(EventKind::FellBack).await.len(), 1);
    let code = &handed[1].says;
    assert!(matches!(stage.verify(before.session.id, code).await, OtpVerified::Verified(_)));
}

#[tokio::test]
async fn the_session_tells_who_delivered() {
    for (wamid, sender) in [("wamid.1", 1), ("wamid.2", 2)] {
        let (stage, session) = fallen_back().await;
        stage.clock.set(at(25));
        stage.told_by_id(wamid, Delivered).await;
        let view = stage.look(session).await;
        assert_eq!((view.delivery.status(), view.sender), (Delivered, Some(sender_id(sender))), "{wamid}");
        assert_eq!(view.status, SessionStatus::Pending, "it still waits for its code");
    }
}

#[tokio::test]
async fn while_the_second_is_not_sent_the_first_is_the_one_that_counts() {
    let stage = Stage::falling_back([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    let session = stage.send().await.session.id;
    stage.told_by_id("wamid.1", Sent).await;
    stage.clock.set(at(20));
    assert_eq!(stage.deliver().await, 1);
    assert_eq!((stage.deliveries().await.len(), stage.look(session).await.sender), (2, Some(sender_id(1))));
    stage.settle().await;
    let view = stage.look(session).await;
    assert_eq!((view.delivery.status(), view.sender), (Sent, Some(sender_id(1))), "sent says more than accepted");
}

#[tokio::test]
async fn a_code_that_arrives_in_time_stays_with_the_first_sender() {
    let stage = Stage::falling_back([accepted_as("wamid.1")]).await;
    stage.send().await;
    stage.clock.set(just_before(at(20)));
    stage.told_by_id("wamid.1", Delivered).await;
    stage.clock.set(at(20));
    stage.settle().await;
    assert_eq!((stage.deliveries().await.len(), stage.next_due().await), (1, None));
}

#[tokio::test]
async fn a_code_that_was_sent_and_does_not_arrive_falls_back_too() {
    let stage = Stage::falling_back([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    stage.send().await;
    stage.told_by_id("wamid.1", Sent).await;
    stage.clock.set(at(20));
    stage.settle().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2]));
}

#[tokio::test]
async fn a_code_whose_outcome_is_unknown_is_tried_again_and_then_falls_back() {
    let stage = Stage::falling_back([unknown(), unknown(), accepted_as("wamid.2")]).await;
    stage.send().await;
    for moment in [10, 20] {
        stage.clock.set(at(moment));
        stage.settle().await;
    }
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 1, 2]));
    let codes: Vec<_> = stage.outgoing.all().into_iter().map(|handed| handed.says).collect();
    assert!(codes.iter().all(|code| *code == codes[0]));
}

#[tokio::test]
async fn it_goes_through_all_senders_and_then_rests() {
    let outcomes = ["wamid.1", "wamid.2", "wamid.3"].map(accepted_as);
    let stage = Stage::falling_back(outcomes).await.with_senders(3).await;
    let session = stage.send().await.session.id;
    while let Some(due) = stage.next_due().await {
        stage.clock.set(due);
        stage.deliver().await;
    }
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2, 3]));
    let times: Vec<_> = stage.outgoing.all().into_iter().map(|handed| handed.at).collect();
    assert_eq!(times, [at(0), at(20), at(40)]);
    assert_eq!((stage.now(), stage.look(session).await.session.sends), (at(300), 1));
}

#[tokio::test]
async fn a_resend_begins_at_the_first_sender_and_falls_back_by_itself() {
    let outcomes = ["wamid.1", "wamid.2", "wamid.3", "wamid.4"].map(accepted_as);
    let stage = Stage::falling_back(outcomes).await;
    let session = stage.send().await.session.id;
    stage.clock.set(at(20));
    stage.settle().await;
    stage.clock.set(at(30));
    let resent = stage.app.resend_otp(stage.scope, session, whatotp_domain::Asked::default(), None).await.unwrap();
    let OtpResent::Sent(view) = resent else { panic!("{resent:?}") };
    assert_eq!((view.session.sends, view.session.resend_available_at), (2, at(90)), "the fallback does not count");
    stage.clock.set(at(50));
    stage.settle().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[1, 2, 1, 2]));
    let codes: Vec<_> = stage.outgoing.all().into_iter().map(|handed| handed.says).collect();
    assert!(codes.iter().all(|code| *code == codes[0]));
}

#[tokio::test]
async fn it_is_off_unless_it_is_turned_on() {
    let stage = Stage::live([accepted_as("wamid.1")]).await.with_senders(2).await;
    let session = stage.send().await.session.id;
    assert_eq!(stage.next_due().await, Some(at(300)));
    stage.told_by_id("wamid.1", Failed).await;
    stage.settle().await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Failed);
    assert_eq!((stage.deliveries().await.len(), stage.next_due().await), (1, None));
}

#[tokio::test]
async fn a_session_that_is_over_does_not_fall_back() {
    for ending in ["verified", "canceled", "superseded"] {
        let count = if ending == "superseded" { 2 } else { 1 };
        let outcomes = ["wamid.1", "wamid.2"].map(accepted_as).into_iter().take(count);
        let stage = Stage::falling_back(outcomes).await;
        // No look comes before the thirtieth second, when the number may have its next code.
        let stage = stage.under(|policy| policy.fallback_after = Some(std::time::Duration::from_secs(31)));
        let session = stage.send().await.session.id;
        stage.clock.set(at(30));
        match ending {
            "verified" => drop(stage.verify(session, &stage.outgoing.last().says).await),
            "canceled" => drop(stage.app.cancel_otp(stage.scope, session, None).await.unwrap()),
            _ => drop(stage.send().await),
        }
        stage.clock.set(at(31));
        assert_eq!(stage.deliver().await, 1, "{ending}");
        assert_eq!((stage.outgoing.all().len(), stage.deliveries().await.len()), (count, count), "{ending}");
        assert_eq!(stage.look(session).await.status.as_str(), ending);
    }
}

#[tokio::test]
async fn a_code_in_its_last_half_minute_does_not_fall_back() {
    for (looked_at, sends) in [(just_before(at(30)), 2), (at(30), 1), (at(60), 1)] {
        let outcomes = ["wamid.1", "wamid.2"].map(accepted_as);
        let stage = Stage::falling_back(outcomes.into_iter().take(sends)).await;
        let command = SendOtp { ttl: SessionTtl::from_seconds(60), ..a_send_of(stage.scope) };
        stage.send_as(command).await;
        stage.clock.set(looked_at);
        stage.settle().await;
        assert_eq!((stage.outgoing.all().len(), stage.deliveries().await.len()), (sends, sends), "at {looked_at}");
    }
}
