//! A template belongs to a business account: only its senders can send it.

use whatotp_application::{MessageSent, NewSender, SendMessage, TemplateRef};
use whatotp_domain::{DeliveryStatus, MessageTtl, TemplateId};
use whatotp_ports::TemplateStore;
use whatotp_testkit::fixtures::sender_id;

use crate::fake_catalog::provider_template;
use crate::live::{a_new_sender, other_waba, waba};
use crate::messages::a_message;
use crate::stage::{Stage, accepted_as, retry, unavailable};

const NAME: &str = "order_update";

fn by_id(stage: &Stage, id: TemplateId) -> SendMessage {
    SendMessage { scope: stage.scope, template: TemplateRef::Id(id), ..a_message(MessageTtl::DEFAULT) }
}

/// Two senders of two business accounts, each with the template; returned is the second's.
async fn two_business_accounts(outcomes: Vec<whatotp_ports::SendOutcome>) -> (Stage, TemplateId) {
    let stage = Stage::live(outcomes).await;
    stage.app.put_sender(NewSender { waba: other_waba(), ..a_new_sender(2) }).await.unwrap();
    stage.catalog.lists(&waba(), [provider_template(NAME, "en", "{{first_name}} {{order_id}}")]);
    stage.catalog.lists(&other_waba(), [provider_template(NAME, "es", "{{first_name}} {{order_id}}")]);
    stage.app.sync_templates().await.unwrap();
    let theirs = stage.store.find_template_named(stage.scope, Some(&other_waba()), NAME).await.unwrap().unwrap();
    (stage, theirs.id())
}

#[tokio::test]
async fn a_message_goes_out_from_the_business_account_of_its_template() {
    let (stage, theirs) = two_business_accounts(vec![accepted_as("a"), accepted_as("b")]).await;
    let first = stage.queue(by_id(&stage, theirs)).await;
    let named = SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    let second = stage.queue(named).await;
    stage.settle().await;
    for (id, sender, language) in [(first, 2, "es"), (second, 1, "en")] {
        assert_eq!(stage.delivery(id).await.sender, Some(sender_id(sender)));
        let handed = stage.outgoing.all().into_iter().find(|handed| handed.delivery == id).unwrap();
        assert_eq!((handed.sender, handed.locale.as_deref()), (Some(sender_id(sender)), Some(language)));
    }
}

#[tokio::test]
async fn a_message_that_is_refused_goes_to_no_other_sender() {
    let refused = crate::stage::refused;
    let (stage, theirs) = two_business_accounts(vec![refused(), refused()]).await;
    let stage = stage.under(|policy| policy.fallback_after = Some(crate::live::FALLBACK_AFTER));
    stage.app.put_sender(a_new_sender(3)).await.unwrap();
    let named = SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    for id in [stage.queue(by_id(&stage, theirs)).await, stage.queue(named).await] {
        stage.settle().await;
        assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Failed);
    }
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_template_whose_business_account_has_no_sender_any_more_is_not_sent() {
    let (stage, theirs) = two_business_accounts(vec![]).await;
    stage.app.remove_sender(&sender_id(2)).await.unwrap().unwrap();
    let outcome = stage.app.send_message(by_id(&stage, theirs)).await.unwrap();
    assert!(matches!(outcome, MessageSent::ChannelUnavailable), "{outcome:?}");
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_message_that_was_queued_waits_for_a_sender_of_its_business_account() {
    let outcomes = vec![retry(std::time::Duration::ZERO), unavailable(), accepted_as("a")];
    let (stage, theirs) = two_business_accounts(outcomes).await;
    let id = stage.queue(by_id(&stage, theirs)).await;
    stage.deliver().await;
    stage.app.remove_sender(&sender_id(2)).await.unwrap().unwrap();
    stage.clock.set(stage.next_due().await.unwrap());
    stage.deliver().await;
    assert_eq!(stage.outgoing.last().sender, None, "not from the other business account");
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Queued);
    stage.app.put_sender(NewSender { waba: other_waba(), ..a_new_sender(2) }).await.unwrap();
    stage.clock.set(stage.next_due().await.unwrap());
    stage.deliver().await;
    assert_eq!(stage.delivery(id).await.sender, Some(sender_id(2)));
}
