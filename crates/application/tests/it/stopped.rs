//! Senders and templates that have stopped.

use whatotp_application::{MessageSent, OtpSent, SendMessage};
use whatotp_domain::{DeliveryStatus, EventKind, MessageTtl, TemplateStatus};
use whatotp_ports::{SendOutcome, Stopped, Topic};
use whatotp_testkit::fixtures::{at, sender_id};

use crate::fake_catalog::{LOGIN_CODE, locale, login_code_in, provider_template};
use crate::live::waba;
use crate::messages::a_message;
use crate::stage::{Stage, a_send_of, accepted, accepted_as, an_error, retry};

fn stopped(what: Stopped, code: u32) -> SendOutcome {
    SendOutcome::Unavailable { error: an_error(code), stopped: what }
}

async fn is_unavailable(stage: &Stage) -> bool {
    matches!(stage.app.send_otp(a_send_of(stage.scope)).await.unwrap(), OtpSent::ChannelUnavailable)
}

#[tokio::test]
async fn a_template_that_has_stopped_gives_way_to_another_language_at_once_and_from_then_on() {
    let stage = Stage::live([stopped(Stopped::Template, 132_015), accepted(), accepted_as("wamid.2")]).await;
    stage.catalog.lists(&waba(), login_code_in(&["en", "es"]));
    let mut sync = stage.app.ports().wakeups.subscribe(Topic::Templates);
    stage.send().await;
    assert_eq!(stage.outgoing.locales(), ["en", "es"]);
    let told = sync.changed(std::time::Duration::from_secs(3600));
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.expect("the rest is looked up");

    let known = stage.app.ports().templates.find_template_named(stage.scope, Some(&waba()), LOGIN_CODE).await;
    let known = known.unwrap().unwrap();
    assert_eq!(known.exactly(&locale("en")).unwrap().status, TemplateStatus::Paused);
    assert_eq!(known.exactly(&locale("es")).unwrap().status, TemplateStatus::Approved);
    stage.clock.set(at(60));
    stage.send().await;
    assert_eq!(stage.outgoing.locales(), ["en", "es", "es"]);
    let events = stage.events(EventKind::TemplatePaused).await;
    assert_eq!(events.iter().map(|event| event.subject.as_str()).collect::<Vec<_>>(), ["template login_code (en)"]);
}

#[tokio::test]
async fn a_template_that_has_stopped_in_its_only_language_is_not_even_tried() {
    let stage = Stage::live([stopped(Stopped::Template, 132_015)]).await;
    for _ in 0..3 {
        assert!(is_unavailable(&stage).await);
    }
    assert_eq!(stage.outgoing.all().len(), 1);
    assert_eq!(stage.events(EventKind::TemplatePaused).await.len(), 1);
}

#[tokio::test]
async fn however_often_a_template_stops_the_operator_is_told_once_a_day() {
    let stage = Stage::live((0..4).map(|_| stopped(Stopped::Template, 132_015))).await;
    for (moment, events) in [(0, 1), (10, 1), (3600, 1), (86_400, 2)] {
        stage.clock.set(at(moment));
        // WhatsApp lists it as approved all the same.
        stage.app.sync_templates().await.unwrap();
        assert!(is_unavailable(&stage).await);
        assert_eq!(stage.events(EventKind::TemplatePaused).await.len(), events, "after {moment} seconds");
    }
}

#[tokio::test]
async fn a_sender_that_has_stopped_is_told_of_once_a_day_for_each_reason() {
    let reasons = [(0, 190), (60, 190), (120, 131_031), (180, 190), (86_400, 190)];
    let stage = Stage::live(reasons.map(|(_, code)| stopped(Stopped::Sender, code))).await;
    for ((moment, _), events) in reasons.into_iter().zip([1, 1, 2, 2, 3]) {
        stage.clock.set(at(moment));
        assert!(is_unavailable(&stage).await);
        let told = stage.events(EventKind::SenderStopped).await;
        assert_eq!(told.len(), events, "after {moment} seconds");
        assert_eq!(told[0].subject, format!("sender {}", sender_id(1)));
    }
    assert_eq!(stage.outgoing.all().len(), 5, "WhatsApp may have let it go on");
}

#[tokio::test]
async fn an_outage_is_no_news() {
    let stage = Stage::live([stopped(Stopped::Nothing, 2)]).await;
    assert!(is_unavailable(&stage).await);
    assert!(stage.app.list_events(None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_whose_template_stops_waits_and_takes_another_language() {
    let stage = Stage::live([stopped(Stopped::Template, 132_015), accepted()]).await;
    let languages = ["pt-BR", "es"].map(|one| provider_template("order_update", one, "{{first_name}} {{order_id}}"));
    stage.catalog.lists(&waba(), languages);
    let message = || SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    let id = stage.queue(message()).await;
    assert_eq!(stage.deliver().await, 1);
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Queued);
    stage.clock.set(stage.next_due().await.unwrap());
    stage.deliver().await;
    assert_eq!(stage.delivery(id).await.delivery.status(), DeliveryStatus::Accepted);
    assert_eq!(stage.outgoing.locales(), ["pt-BR", "es"]);
}

#[tokio::test]
async fn a_message_of_a_template_without_an_approved_language_is_not_stored() {
    let stage = Stage::live([stopped(Stopped::Template, 132_015)]).await;
    stage.catalog.lists(&waba(), [provider_template("order_update", "en", "{{first_name}} {{order_id}}")]);
    let message = || SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    stage.queue(message()).await;
    stage.deliver().await;
    assert!(matches!(stage.app.send_message(message()).await.unwrap(), MessageSent::ChannelUnavailable));
    assert_eq!(stage.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_resend_is_of_the_next_best_language_too() {
    let stage =
        Stage::live([retry(std::time::Duration::ZERO), stopped(Stopped::Template, 132_015), accepted_as("a")]).await;
    stage.catalog.lists(&waba(), login_code_in(&["en", "es"]));
    let session = stage.send().await.session.id;
    while stage.outgoing.all().len() < 3 {
        stage.clock.set(stage.next_due().await.expect("it is tried again"));
        stage.deliver().await;
    }
    assert_eq!(stage.outgoing.locales(), ["en", "en", "es"]);
    assert_eq!(stage.way(session).await, DeliveryStatus::Accepted);
}
