use std::time::Duration;

use whatotp_application::{InboxItem, InboxQuery, SendOtp};
use whatotp_domain::{Locale, MessageTtl};
use whatotp_ports::Content;
use whatotp_testkit::fixtures::{ALICE, BOB, an_account};

use crate::messages::queue;
use crate::stage::{Stage, a_send, a_send_of, accepted, number, refused, retry};

async fn inbox(stage: &Stage, query: InboxQuery) -> Vec<InboxItem> {
    stage.app.sandbox_inbox(an_account(1).id, InboxQuery { limit: 10, ..query }).await.unwrap()
}

#[tokio::test]
async fn the_inbox_shows_the_code_that_was_handed_over() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let alice = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.pass(1);
    stage.send_as(SendOtp { to: number(BOB), ..a_send() }).await;
    let all = inbox(&stage, InboxQuery::default()).await;
    assert_eq!(all.iter().map(|item| item.to.as_e164()).collect::<Vec<_>>(), [BOB, ALICE]);
    for query in [
        InboxQuery { to: Some(number(ALICE)), ..InboxQuery::default() },
        InboxQuery { session: Some(alice), ..InboxQuery::default() },
    ] {
        let items = inbox(&stage, query).await;
        let [InboxItem { content: Content::Code { code: shown, .. }, .. }] = &items[..] else { panic!("{items:?}") };
        assert_eq!(shown.expose(), code);
    }
}

#[tokio::test]
async fn what_was_never_handed_over_is_not_in_the_inbox() {
    let stage = Stage::with([retry(Duration::from_secs(1)), refused()]).await;
    stage.send().await;
    stage.app.send_otp(SendOtp { to: number(BOB), ..a_send() }).await.unwrap();
    queue(&stage, MessageTtl::DEFAULT).await;
    assert!(inbox(&stage, InboxQuery::default()).await.is_empty());
}

#[tokio::test]
async fn a_code_stays_readable_when_its_session_is_over() {
    let stage = Stage::with([accepted()]).await;
    let id = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.verify(id, &code).await;
    assert_eq!(inbox(&stage, InboxQuery::default()).await.len(), 1);
}

#[tokio::test]
async fn live_messages_and_those_of_others_are_never_in_it() {
    let stage = Stage::with([accepted(), accepted()]).await;
    let app = stage.but(|ports| ports.live_channel = ports.sandbox.clone());
    app.send_otp(a_send_of(whatotp_testkit::fixtures::other_mode())).await.unwrap();
    app.send_otp(a_send_of(whatotp_testkit::fixtures::other_account())).await.unwrap();
    assert!(inbox(&stage, InboxQuery::default()).await.is_empty());
    let others = stage.app.sandbox_inbox(an_account(2).id, InboxQuery { limit: 10, ..InboxQuery::default() });
    assert_eq!(others.await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_is_shown_with_its_variables() {
    let stage = Stage::with([accepted()]).await;
    let id = queue(&stage, MessageTtl::DEFAULT).await;
    stage.deliver().await;
    let items = inbox(&stage, InboxQuery { message: Some(id), ..InboxQuery::default() }).await;
    let [InboxItem { content: Content::Template { variables, locale, .. }, .. }] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(variables.get("first_name"), Some("Ada"));
    assert_eq!(locale.as_ref().map(Locale::as_str), Some("pt-BR"));
}
