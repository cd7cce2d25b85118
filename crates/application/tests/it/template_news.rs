//! What WhatsApp decides about templates, told by webhooks.

use whatotp_application::{OtpSent, SendOtp, TemplateRef};
use whatotp_domain::{
    AccountScope, EventKind, MessageTemplate, SenderQuality, TemplateCategory, TemplateStatus, Timestamp, WabaId,
};
use whatotp_ports::{Inbound, Notice, TemplateDecision, Topic};
use whatotp_testkit::fixtures::{an_account, other_mode};

use crate::fake_catalog::{LOGIN_CODE, locale, login_code_in};
use crate::live::{other_waba, waba};
use crate::stage::{Stage, a_send_of, accepted_as};

/// News of this kind. What is about the same and of the same moment is the same news.
fn a_notice(kind: EventKind, subject: &str, at: Timestamp) -> Notice {
    let mut fingerprint = [0; 32];
    fingerprint[..8].copy_from_slice(&at.unix_ms().to_be_bytes());
    fingerprint[8..8 + kind.as_str().len().min(24)]
        .copy_from_slice(&kind.as_str().as_bytes()[..kind.as_str().len().min(24)]);
    Notice { kind, subject: subject.to_owned(), detail: "a reason".to_owned(), at, fingerprint }
}

fn decided(waba: &WabaId, language: &str, decision: TemplateDecision, kind: EventKind, at: Timestamp) -> Inbound {
    let notice = a_notice(kind, &format!("template {LOGIN_CODE} ({language})"), at);
    Inbound::Template { waba: waba.clone(), name: LOGIN_CODE.to_owned(), locale: locale(language), decision, notice }
}

fn status(stage: &Stage, language: &str, status: TemplateStatus, kind: EventKind) -> Inbound {
    decided(&waba(), language, TemplateDecision::Status(status), kind, stage.now())
}

async fn known(stage: &Stage, scope: AccountScope) -> Option<MessageTemplate> {
    stage.app.find_template(scope, &TemplateRef::Name(LOGIN_CODE.to_owned())).await.unwrap()
}

/// A stage whose template for codes is known in English and Spanish.
async fn knowing(codes: u32) -> Stage {
    let stage = Stage::live((0..codes).map(|nth| accepted_as(&nth.to_string()))).await;
    stage.catalog.lists(&waba(), login_code_in(&["en", "es"]));
    stage.app.sync_templates().await.unwrap();
    stage
}

async fn language_of_the_next(stage: &Stage) -> Option<String> {
    stage.pass(300);
    let command = SendOtp { locale: Some(locale("es")), ..a_send_of(stage.scope) };
    match stage.app.send_otp(command).await.unwrap() {
        OtpSent::Sent(_) => stage.outgoing.last().locale,
        OtpSent::ChannelUnavailable => None,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_paused_language_is_not_sent_until_it_is_approved_again() {
    let stage = knowing(3).await;
    assert_eq!(language_of_the_next(&stage).await.as_deref(), Some("es"));
    let paused = status(&stage, "es", TemplateStatus::Paused, EventKind::TemplatePaused);
    stage.app.ingest(vec![paused.clone()]).await.unwrap();
    assert_eq!(language_of_the_next(&stage).await.as_deref(), Some("en"));
    let disabled = status(&stage, "en", TemplateStatus::Disabled, EventKind::TemplateDisabled);
    stage.app.ingest(vec![disabled]).await.unwrap();
    assert_eq!(language_of_the_next(&stage).await, None);
    let approved = status(&stage, "es", TemplateStatus::Approved, EventKind::TemplateApproved);
    stage.app.ingest(vec![approved]).await.unwrap();
    assert_eq!(language_of_the_next(&stage).await.as_deref(), Some("es"));
}

#[tokio::test]
async fn a_list_that_a_decision_has_overtaken_is_asked_for_again() {
    let stage = knowing(1).await;
    let (reads, release) = (stage.catalog.reads(), stage.catalog.withholds_a_list());
    let app = stage.app.clone();
    let sync = tokio::spawn(async move { app.sync_templates().await.unwrap() });
    while stage.catalog.reads() == reads {
        tokio::task::yield_now().await;
    }
    let paused = status(&stage, "es", TemplateStatus::Paused, EventKind::TemplatePaused);
    stage.app.ingest(vec![paused]).await.unwrap();
    let mut listed = login_code_in(&["en", "es"]);
    listed[1].translation.status = TemplateStatus::Paused;
    stage.catalog.lists(&waba(), listed);
    drop(release);
    assert_eq!(sync.await.unwrap()[0].templates, Ok((1, 2)));
    assert_eq!(stage.catalog.reads(), reads + 2);
    assert_eq!(language_of_the_next(&stage).await.as_deref(), Some("en"));
}

#[tokio::test]
async fn a_decision_is_told_once_and_has_the_rest_looked_up() {
    let stage = knowing(0).await;
    let mut sync = stage.app.ports().wakeups.subscribe(Topic::Templates);
    let paused = status(&stage, "es", TemplateStatus::Paused, EventKind::TemplatePaused);
    stage.app.ingest(vec![paused.clone(), paused.clone()]).await.unwrap();
    stage.app.ingest(vec![paused.clone()]).await.unwrap();
    let told = sync.changed(std::time::Duration::from_secs(3600));
    tokio::time::timeout(std::time::Duration::from_secs(5), told).await.unwrap();
    let happened = stage.now();
    stage.pass(60);
    stage.app.ingest(vec![paused]).await.unwrap();
    let events = stage.events(EventKind::TemplatePaused).await;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].at, events[0].subject.as_str()), (happened, "template login_code (es)"));
    // The same on another day is other news.
    let again = status(&stage, "es", TemplateStatus::Paused, EventKind::TemplatePaused);
    stage.app.ingest(vec![again]).await.unwrap();
    assert_eq!(stage.events(EventKind::TemplatePaused).await.len(), 2);
}

#[tokio::test]
async fn a_template_in_another_category_is_known_as_such() {
    let stage = knowing(0).await;
    let kind = EventKind::TemplateRecategorised;
    let category = TemplateDecision::Category(TemplateCategory::Marketing);
    stage.app.ingest(vec![decided(&waba(), "en", category, kind, stage.now())]).await.unwrap();
    let template = known(&stage, stage.scope).await.unwrap();
    assert_eq!((template.category(), template.status()), (TemplateCategory::Marketing, TemplateStatus::Approved));
    assert_eq!(stage.events(kind).await.len(), 1);
}

#[tokio::test]
async fn what_is_decided_about_something_unknown_is_told_and_does_no_harm() {
    let stage = knowing(0).await;
    let before = known(&stage, stage.scope).await.unwrap();
    let kind = EventKind::TemplateRejected;
    let rejected = TemplateDecision::Status(TemplateStatus::Rejected);
    let unknown_language = decided(&waba(), "pt-BR", rejected, kind, stage.now());
    let unknown_account = decided(&other_waba(), "en", rejected, kind, stage.pass(1));
    let mut unknown_name = decided(&waba(), "en", rejected, kind, stage.pass(1));
    if let Inbound::Template { name, .. } = &mut unknown_name {
        "no_such_template".clone_into(name);
    }
    stage.app.ingest(vec![unknown_language, unknown_account, unknown_name]).await.unwrap();
    assert_eq!(known(&stage, stage.scope).await.unwrap(), before);
    assert_eq!(stage.events(kind).await.len(), 3);
}

#[tokio::test]
async fn a_decision_holds_for_every_account_that_sends_from_there() {
    let stage = knowing(0).await;
    let paused = status(&stage, "es", TemplateStatus::Paused, EventKind::TemplatePaused);
    stage.app.ingest(vec![paused]).await.unwrap();
    for account in [1, 2] {
        let scope = AccountScope { account: an_account(account).id, ..other_mode() };
        let template = known(&stage, scope).await.unwrap();
        assert_eq!(template.exactly(&locale("es")).unwrap().status, TemplateStatus::Paused, "account {account}");
        assert_eq!(template.exactly(&locale("en")).unwrap().status, TemplateStatus::Approved);
    }
}

#[tokio::test]
async fn other_news_is_kept_for_the_operator_in_the_order_of_its_telling() {
    let stage = knowing(0).await;
    let first = a_notice(EventKind::AccountUpdate, "business account", stage.now());
    let older = stage.now().minus(std::time::Duration::from_secs(3600));
    stage.app.ingest(vec![Inbound::Notice(first)]).await.unwrap();
    stage.pass(1);
    let second = a_notice(EventKind::SenderQuality, SenderQuality::Yellow.as_str(), older);
    stage.app.ingest(vec![Inbound::Notice(second)]).await.unwrap();
    let events = stage.app.list_events(None, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| (event.kind, event.at)).collect();
    assert_eq!(
        kinds,
        [
            (EventKind::SenderQuality, older),
            (EventKind::AccountUpdate, stage.now().minus(std::time::Duration::from_secs(1)))
        ]
    );
    let page = stage.app.list_events(Some(events[0].id), 10).await.unwrap();
    assert_eq!(page, events[1..]);
}
