//! Who sends what: the senders, and which account uses which.

use whatotp_application::{FixedSender, MessageSent, OtpResent, OtpSent, SendMessage, SendOtp};
use whatotp_domain::{AccountScope, MessageTtl};
use whatotp_ports::TemplateStore;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{a_template, an_account, other_mode, sender_id};

use crate::live::{a_new_sender, sender_ids, waba};
use crate::messages::a_message;
use crate::stage::{Stage, a_send_of, accepted, accepted_as, refused};

/// The live half of the second account.
fn neighbour() -> AccountScope {
    AccountScope { account: an_account(2).id, ..other_mode() }
}

#[tokio::test]
async fn without_a_sender_nothing_is_sent_and_nothing_left_behind() {
    let stage = Stage::live_without_senders([accepted(), accepted()]).await;
    stage.store.insert_template(stage.scope, a_template("order_update", START).of_waba(waba())).await.unwrap();
    let message = || SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    assert!(matches!(stage.app.send_otp(a_send_of(stage.scope)).await.unwrap(), OtpSent::ChannelUnavailable));
    assert!(matches!(stage.app.send_message(message()).await.unwrap(), MessageSent::ChannelUnavailable));
    assert!(stage.deliveries().await.is_empty());
    assert_eq!(stage.next_due().await, None);
    assert_eq!(stage.catalog.reads(), 0, "there is nobody to ask about templates");

    // A sender is there, and goes again: what was sent stays as it is.
    stage.app.put_sender(a_new_sender(1)).await.unwrap();
    let sent = stage.send().await;
    stage.pass(30);
    assert_eq!(stage.app.remove_sender(&sender_id(1)).await.unwrap(), Ok(()));
    let resent =
        stage.app.resend_otp(stage.scope, sent.session.id, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(resent, OtpResent::ChannelUnavailable));
    assert_eq!(stage.look(sent.session.id).await, sent);
    assert_eq!(stage.deliveries().await.len(), 1);
    stage.app.put_sender(a_new_sender(1)).await.unwrap();
    let resent =
        stage.app.resend_otp(stage.scope, sent.session.id, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(resent, OtpResent::Sent(view) if view.session.sends == 2));
}

#[tokio::test]
async fn a_shared_sender_serves_every_account() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await;
    for scope in [other_mode(), neighbour()] {
        let view = stage.send_as(a_send_of(scope)).await;
        assert_eq!(view.sender, Some(sender_id(1)));
        let handed = stage.outgoing.last();
        assert_eq!((handed.sender, handed.token), (Some(sender_id(1)), Some(crate::live::token(1))));
        assert_eq!((handed.reference.account, handed.reference.delivery), (scope.account, handed.delivery));
    }
}

#[tokio::test]
async fn a_sender_that_is_not_shared_serves_only_who_is_routed_to_it() {
    let stage = Stage::live_without_senders([accepted()]).await;
    stage.app.put_sender(whatotp_application::NewSender { shared: false, ..a_new_sender(1) }).await.unwrap();
    assert!(stage.app.route(neighbour().account, sender_ids(&[1])).await.unwrap());
    assert!(matches!(stage.app.send_otp(a_send_of(other_mode())).await.unwrap(), OtpSent::ChannelUnavailable));
    let view = stage.send_as(a_send_of(neighbour())).await;
    assert_eq!(view.sender, Some(sender_id(1)));
}

#[tokio::test]
async fn an_account_with_senders_of_its_own_uses_those_in_their_order() {
    let outcomes = [refused(), refused(), accepted_as("a"), accepted_as("b"), accepted_as("c")];
    let stage = Stage::falling_back(outcomes).await.with_senders(3).await;
    assert!(stage.app.route(stage.scope.account, sender_ids(&[3, 1, 2])).await.unwrap());
    let view = stage.send().await;
    assert_eq!(stage.outgoing.senders(), sender_ids(&[3, 1, 2]));
    assert_eq!(view.sender, Some(sender_id(2)));
    // The others are where they were: at the first of the shared ones.
    assert_eq!(stage.send_as(a_send_of(neighbour())).await.sender, Some(sender_id(1)));
    // No senders of its own takes it back to those.
    assert!(stage.app.route(stage.scope.account, Vec::new()).await.unwrap());
    stage.pass(30);
    assert_eq!(stage.send().await.sender, Some(sender_id(1)));
}

#[tokio::test]
async fn a_sender_that_is_removed_sends_nothing_more() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await.with_senders(2).await;
    assert!(stage.app.route(stage.scope.account, sender_ids(&[1, 2])).await.unwrap());
    assert_eq!(stage.send().await.sender, Some(sender_id(1)));
    assert_eq!(stage.app.remove_sender(&sender_id(1)).await.unwrap(), Ok(()));
    assert_eq!(stage.app.remove_sender(&sender_id(1)).await.unwrap(), Err(FixedSender::Unknown), "it is gone already");
    stage.pass(30);
    assert_eq!(stage.send().await.sender, Some(sender_id(2)));
    assert_eq!(stage.app.list_routes().await.unwrap(), [(stage.scope.account, sender_ids(&[2]))]);
}

#[tokio::test]
async fn a_change_by_another_process_is_seen_after_five_seconds() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await;
    assert_eq!(stage.send().await.sender, Some(sender_id(1)));
    let other = stage.but(|_same| {});
    other.put_sender(a_new_sender(2)).await.unwrap();
    other.remove_sender(&sender_id(1)).await.unwrap().unwrap();
    stage.pass(5);
    let to_bob = SendOtp { to: crate::stage::number(whatotp_testkit::fixtures::BOB), ..a_send_of(stage.scope) };
    assert_eq!(stage.send_as(to_bob).await.sender, Some(sender_id(2)));
}

#[tokio::test]
async fn nobody_is_routed_to_what_does_not_exist() {
    let stage = Stage::live([]).await;
    assert!(!stage.app.route(stage.scope.account, sender_ids(&[1, 9])).await.unwrap());
    assert!(!stage.app.route(an_account(9).id, sender_ids(&[1])).await.unwrap());
    assert!(stage.app.list_routes().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_configured_sender_comes_and_goes_with_the_configuration() {
    let stage = Stage::live_without_senders([]).await;
    stage.app.put_sender(a_new_sender(3)).await.unwrap();
    let ids = async || {
        let senders = stage.app.list_senders().await.unwrap();
        senders.into_iter().map(|sender| (sender.id, sender.configured)).collect::<Vec<_>>()
    };
    stage.app.configure_sender(Some(a_new_sender(1))).await.unwrap();
    assert_eq!(ids().await, [(sender_id(1), true), (sender_id(3), false)]);
    stage.app.configure_sender(Some(a_new_sender(2))).await.unwrap();
    assert_eq!(ids().await, [(sender_id(2), true), (sender_id(3), false)]);
    stage.app.configure_sender(None).await.unwrap();
    assert_eq!(ids().await, [(sender_id(3), false)], "one that was made by hand stays");
}

#[tokio::test]
async fn a_channel_that_needs_no_sender_is_open_without_one() {
    let stage = Stage::with([accepted()]).await;
    assert!(!stage.app.ports().sandbox.needs_sender() && stage.app.ports().live_channel.needs_sender());
    let app = stage.but(|ports| ports.live_channel = ports.sandbox.clone());
    let OtpSent::Sent(view) = app.send_otp(a_send_of(other_mode())).await.unwrap() else { panic!("it was not sent") };
    assert_eq!(view.sender, None);
    assert_eq!((stage.outgoing.last().sender, stage.catalog.reads()), (None, 0));
}
