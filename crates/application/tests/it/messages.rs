use std::collections::BTreeMap;

use whatotp_application::{MessageCanceled, MessageQuery, MessageSent, SendMessage, TemplateRef};
use whatotp_domain::{
    DeliveryId, DeliveryStatus, Locale, MessageTemplate, MessageTtl, Metadata, TemplateBody, TemplateCategory,
    TemplateId, TemplateStatus, Translation, Variables,
};
use whatotp_ports::TemplateStore;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{ALICE, BOB, a_claim, a_template, at, home, other_mode};

use crate::stage::{Stage, accepted, number};

const TEMPLATE: &str = "order_update";

/// Ada's order, to Alice, in Portuguese.
pub(crate) fn a_message(ttl: MessageTtl) -> SendMessage {
    SendMessage {
        scope: home(),
        to: number(ALICE),
        template: TemplateRef::Name(TEMPLATE.to_owned()),
        variables: Variables::new([("first_name", "Ada"), ("order_id", "42")]).unwrap(),
        locale: Locale::parse("pt-BR"),
        ttl,
        metadata: Metadata::default(),
        asked: whatotp_domain::Asked::default(),
        claim: None,
    }
}

/// Stores [`a_message`], and its template.
pub(crate) async fn queue(stage: &Stage, ttl: MessageTtl) -> DeliveryId {
    stage.store.insert_template(home(), a_template(TEMPLATE, START)).await.unwrap();
    send(stage, a_message(ttl)).await
}

pub(crate) async fn send(stage: &Stage, command: SendMessage) -> DeliveryId {
    match stage.app.send_message(command).await.unwrap() {
        MessageSent::Queued(view) => view.record.id,
        other => panic!("the message was not stored: {other:?}"),
    }
}

#[tokio::test]
async fn a_message_is_stored_and_left_to_the_worker() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    let view = stage.app.message_status(home(), id).await.unwrap().unwrap();
    assert_eq!((view.record.delivery.status(), view.record.expires_at), (DeliveryStatus::Queued, at(300)));
    assert_eq!(view.to.as_e164(), ALICE);
    assert!(stage.outgoing.all().is_empty(), "the caller does not wait for the provider");

    assert_eq!(stage.deliver().await, 1);
    let handed = stage.outgoing.last();
    assert_eq!((handed.delivery, handed.to.as_str(), handed.attempt), (id, ALICE, 1));
    assert_eq!((handed.says.as_str(), handed.locale.as_deref()), (TEMPLATE, Some("pt-BR")));
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Accepted);
    assert_eq!(stage.deliver().await, 0, "it is in nobody's way until it expires");
}

#[tokio::test]
async fn what_does_not_fit_the_template_is_not_stored() {
    let stage = Stage::with([]).await;
    assert!(matches!(
        stage.app.send_message(a_message(MessageTtl::DEFAULT)).await.unwrap(),
        MessageSent::TemplateNotFound
    ));
    stage.store.insert_template(home(), a_template(TEMPLATE, START)).await.unwrap();
    let variables = Variables::new([("first_name", "Ada"), ("orderid", "42")]).unwrap();
    let command = SendMessage { variables, ..a_message(MessageTtl::DEFAULT) };
    let MessageSent::Mismatch(mismatch) = stage.app.send_message(command).await.unwrap() else {
        panic!("the variables are not the template's")
    };
    assert_eq!((mismatch.missing, mismatch.unexpected), (vec!["order_id".to_owned()], vec!["orderid".to_owned()]));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_template_that_is_not_approved_is_not_sent() {
    let stage = Stage::with([]).await;
    let approved = Translation::of_body(Locale::parse("en").unwrap(), TemplateBody::parse("Hello").unwrap());
    let translation = Translation { status: TemplateStatus::Pending, ..approved };
    let (id, category) = (TemplateId::new(START, [9; 10]), TemplateCategory::Marketing);
    let template = MessageTemplate::new(id, "news".to_owned(), category, vec![translation]);
    stage.store.insert_template(home(), template.unwrap()).await.unwrap();
    let variables = Variables::default();
    let command = SendMessage { template: TemplateRef::Id(id), variables, ..a_message(MessageTtl::DEFAULT) };
    assert!(matches!(stage.app.send_message(command).await.unwrap(), MessageSent::ChannelUnavailable));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn without_a_sender_a_live_message_is_not_stored() {
    let stage = Stage::with([]).await;
    stage.store.insert_template(other_mode(), a_template(TEMPLATE, START)).await.unwrap();
    let command = SendMessage { scope: other_mode(), ..a_message(MessageTtl::DEFAULT) };
    assert!(matches!(stage.app.send_message(command).await.unwrap(), MessageSent::ChannelUnavailable));
    assert_eq!(stage.next_due().await, None);
}

#[tokio::test]
async fn a_queued_message_can_be_canceled_and_a_sent_one_cannot() {
    let stage = Stage::with([accepted()]).await;
    let sent = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    let canceled = send(&stage, a_message(MessageTtl::DEFAULT)).await;
    let claim = a_claim("cancel", stage.now());
    match stage.app.cancel_message(home(), canceled, Some(claim.clone())).await.unwrap() {
        MessageCanceled::Canceled(view) => assert_eq!(view.record.delivery.status(), DeliveryStatus::Canceled),
        other => panic!("it was not canceled: {other:?}"),
    }
    let again = stage.app.cancel_message(home(), canceled, Some(claim)).await.unwrap();
    assert!(matches!(again, MessageCanceled::Replay(_)));
    let late = stage.app.cancel_message(home(), sent, None).await.unwrap();
    assert!(matches!(late, MessageCanceled::TooLate(DeliveryStatus::Accepted)));
    let strange = stage.app.cancel_message(other_mode(), sent, None).await.unwrap();
    assert!(matches!(strange, MessageCanceled::NotFound));
    assert_eq!(stage.deliver().await, 0);
}

#[tokio::test]
async fn the_code_of_a_session_is_not_a_message() {
    let stage = Stage::with([accepted()]).await;
    stage.send().await;
    let delivery = stage.outgoing.last().delivery;
    assert!(stage.app.message_status(home(), delivery).await.unwrap().is_none());
    assert!(stage.app.watch_message(home(), delivery).await.unwrap().is_none());
    let canceled = stage.app.cancel_message(home(), delivery, None).await.unwrap();
    assert!(matches!(canceled, MessageCanceled::NotFound));
    let all = MessageQuery { limit: 10, ..MessageQuery::default() };
    assert!(stage.app.list_messages(home(), all).await.unwrap().is_empty());
}

#[tokio::test]
async fn messages_are_listed_by_number_and_template_with_what_was_attached() {
    let stage = Stage::with([]).await;
    let metadata = Metadata::new(BTreeMap::from([("order".to_owned(), "42".to_owned())])).unwrap();
    let first = queue(&stage, MessageTtl::DEFAULT).await;
    stage.pass(1);
    let command = SendMessage { to: number(BOB), metadata: metadata.clone(), ..a_message(MessageTtl::DEFAULT) };
    let second = send(&stage, command).await;
    let list = async |query: MessageQuery| {
        let found = stage.app.list_messages(home(), MessageQuery { limit: 10, ..query }).await.unwrap();
        found.into_iter().map(|view| view.record.id).collect::<Vec<_>>()
    };
    assert_eq!(list(MessageQuery::default()).await, [second, first]);
    assert_eq!(list(MessageQuery { number: Some(number(ALICE)), ..MessageQuery::default() }).await, [first]);
    let by_name = |name: &str| Some(TemplateRef::Name(name.to_owned()));
    assert_eq!(list(MessageQuery { template: by_name(TEMPLATE), ..MessageQuery::default() }).await, [second, first]);
    assert!(list(MessageQuery { template: by_name("no_such"), ..MessageQuery::default() }).await.is_empty());
    let view = stage.app.message_status(home(), second).await.unwrap().unwrap();
    assert_eq!((view.to.as_e164(), view.metadata), (BOB, metadata));
}
