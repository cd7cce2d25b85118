//! A recipient says that they did not ask for a code.

use whatotp_application::{OtpVerified, VerifyOtp};
use whatotp_domain::{AccountScope, EventKind, SessionStatus};
use whatotp_ports::{Inbound, ProviderMessageId, Topic};
use whatotp_testkit::fixtures::{an_account, other_mode};

use crate::live::waba;
use crate::stage::{Stage, a_send_of, a_verify, accepted_as};

async fn did_not_ask(stage: &Stage, provider_message_id: &str) {
    let provider_message_id = ProviderMessageId(provider_message_id.to_owned());
    stage.app.ingest(vec![Inbound::CodeNotRequested { provider_message_id, at: stage.now() }]).await.unwrap();
}

#[tokio::test]
async fn the_session_is_canceled_and_the_operator_told_once() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    let session = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    let mut watcher = stage.app.ports().wakeups.subscribe(Topic::Session(session));
    did_not_ask(&stage, "wamid.1").await;
    let told = watcher.changed(std::time::Duration::from_secs(3600));
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.unwrap();
    assert!(matches!(stage.verify(session, &code).await, OtpVerified::Finished(SessionStatus::Canceled)));
    stage.pass(7);
    did_not_ask(&stage, "wamid.1").await;
    let events = stage.events(EventKind::CodeNotRequested).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].account, &events[0].subject), (Some(stage.scope.account), &format!("session {session}")));
    let number = whatotp_testkit::fixtures::ALICE.trim_start_matches('+');
    assert!(!events[0].detail.contains(number) && !events[0].detail.contains(&code));
}

#[tokio::test]
async fn a_code_that_was_sent_again_is_canceled_by_either_message() {
    for wamid in ["wamid.1", "wamid.2"] {
        let stage = Stage::live([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
        let session = stage.send().await.session.id;
        stage.pass(30);
        stage.app.resend_otp(stage.scope, session, whatotp_domain::Asked::default(), None).await.unwrap();
        did_not_ask(&stage, wamid).await;
        assert_eq!(stage.look(session).await.status, SessionStatus::Canceled, "{wamid}");
    }
}

#[tokio::test]
async fn a_session_that_is_over_stays_as_it_ended() {
    let stage = Stage::live([accepted_as("wamid.1")]).await;
    let session = stage.send().await.session.id;
    let code = stage.outgoing.last().says;
    stage.verify(session, &code).await;
    did_not_ask(&stage, "wamid.1").await;
    assert_eq!(stage.look(session).await.status, SessionStatus::Verified);
    assert_eq!(stage.events(EventKind::CodeNotRequested).await.len(), 1, "all the more the operator should know");
}

#[tokio::test]
async fn an_id_that_nobody_knows_and_one_of_a_message_do_no_harm() {
    let stage = Stage::live([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    let session = stage.send().await;
    stage
        .catalog
        .lists(&waba(), [crate::fake_catalog::provider_template("order_update", "en", "{{first_name}}{{order_id}}")]);
    stage.app.sync_templates().await.unwrap();
    let message = crate::messages::a_message(whatotp_domain::MessageTtl::DEFAULT);
    stage.queue(whatotp_application::SendMessage { scope: stage.scope, ..message }).await;
    stage.deliver().await;
    did_not_ask(&stage, "wamid.2").await;
    did_not_ask(&stage, "wamid.9").await;
    assert_eq!(stage.look(session.session.id).await, session);
    assert!(stage.events(EventKind::CodeNotRequested).await.is_empty());
}

#[tokio::test]
async fn the_session_of_another_account_goes_on() {
    let stage = Stage::live([accepted_as("wamid.1"), accepted_as("wamid.2")]).await;
    let mine = stage.send().await.session.id;
    let neighbour = AccountScope { account: an_account(2).id, ..other_mode() };
    let theirs = stage.send_as(a_send_of(neighbour)).await.session.id;
    let code = stage.outgoing.last().says;
    did_not_ask(&stage, "wamid.1").await;
    assert_eq!(stage.look(mine).await.status, SessionStatus::Canceled);
    let command = VerifyOtp { scope: neighbour, ..a_verify(theirs, &code) };
    assert!(matches!(stage.app.verify_otp(command).await.unwrap(), OtpVerified::Verified(_)));
}
