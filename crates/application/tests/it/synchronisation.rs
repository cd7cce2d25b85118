//! The templates as WhatsApp has them, read into the database.

use whatotp_application::{NewSender, TemplateRef};
use whatotp_domain::{AccountScope, EventKind, Locale, MessageTemplate, SenderQuality, TemplateStatus};
use whatotp_ports::TemplateStore;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{a_template, an_account, home, other_mode, sender_id};

use crate::fake_catalog::{LOGIN_CODE, login_code_in, provider_template};
use crate::live::{a_new_sender, other_waba, sender_ids, waba};
use crate::stage::{Stage, accepted};

async fn known(stage: &Stage, name: &str) -> Option<MessageTemplate> {
    stage.app.find_template(stage.scope, &TemplateRef::Name(name.to_owned())).await.unwrap()
}

fn locales(template: &MessageTemplate) -> Vec<&str> {
    template.locales().map(Locale::as_str).collect()
}

#[tokio::test]
async fn the_languages_of_a_name_are_one_template_that_begins_with_the_default() {
    let stage = Stage::live([]).await;
    let texts = ["es", "pt-BR", "en-US"].map(|one| provider_template("news", one, "{{1}}"));
    stage.catalog.lists(&waba(), texts.into_iter().chain(login_code_in(&["es"])));
    let synced = stage.app.sync_templates().await.unwrap();
    assert_eq!(synced.len(), 1);
    assert_eq!((&synced[0].waba, &synced[0].templates), (&waba(), &Ok((2, 4))));
    assert_eq!(locales(&known(&stage, "news").await.unwrap()), ["en-US", "es", "pt-BR"]);
    assert_eq!(locales(&known(&stage, LOGIN_CODE).await.unwrap()), ["es"]);
    assert_eq!(stage.app.list_templates(stage.scope, None, 10).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_language_with_other_variables_is_left_out() {
    let stage = Stage::live([]).await;
    let same = [provider_template("news", "en", "{{a}} {{b}}"), provider_template("news", "es", "{{b}} {{a}}")];
    let other = provider_template("news", "fr", "{{a}} {{c}}");
    stage.catalog.lists(&waba(), [other].into_iter().chain(same));
    stage.app.sync_templates().await.unwrap();
    assert_eq!(locales(&known(&stage, "news").await.unwrap()), ["en", "es"]);
}

#[tokio::test]
async fn a_template_keeps_its_id_and_takes_what_is_new() {
    let stage = Stage::live([]).await;
    stage.catalog.lists(&waba(), [provider_template("news", "en", "One.")]);
    stage.app.sync_templates().await.unwrap();
    let before = known(&stage, "news").await.unwrap();
    stage.pass(3600);
    stage.catalog.lists(&waba(), [provider_template("news", "en", "Two."), provider_template("news", "es", "Dos.")]);
    stage.app.sync_templates().await.unwrap();
    let after = known(&stage, "news").await.unwrap();
    assert_eq!((after.id(), locales(&after)), (before.id(), vec!["en", "es"]));
    assert_ne!(after.translations().next(), before.translations().next());
    assert_eq!(stage.app.find_template(stage.scope, &TemplateRef::Id(before.id())).await.unwrap(), Some(after));
}

#[tokio::test]
async fn a_template_that_is_not_listed_any_more_is_disabled_in_every_language() {
    let stage = Stage::live([]).await;
    let texts = || ["en", "es"].map(|one| provider_template("news", one, "Hello."));
    stage.catalog.lists(&waba(), texts().into_iter().chain(login_code_in(&["en"])));
    stage.app.sync_templates().await.unwrap();
    let before = known(&stage, "news").await.unwrap();
    stage.catalog.lists(&waba(), login_code_in(&["en"]));
    stage.app.sync_templates().await.unwrap();
    let gone = known(&stage, "news").await.unwrap();
    assert!(gone.translations().all(|one| one.status == TemplateStatus::Disabled));
    assert_eq!(known(&stage, LOGIN_CODE).await.unwrap().status(), TemplateStatus::Approved);
    // It comes back as what it was.
    stage.catalog.lists(&waba(), texts().into_iter().chain(login_code_in(&["en"])));
    stage.app.sync_templates().await.unwrap();
    assert_eq!(known(&stage, "news").await.unwrap(), before);
}

#[tokio::test]
async fn however_many_vanish_all_of_them_are_disabled() {
    let stage = Stage::live([]).await;
    let many = (0..120).map(|nth| provider_template(&format!("news_{nth}"), "en", "Hello."));
    stage.catalog.lists(&waba(), many);
    stage.app.sync_templates().await.unwrap();
    stage.catalog.lists(&waba(), login_code_in(&["en"]));
    stage.app.sync_templates().await.unwrap();
    let all = stage.app.list_templates(stage.scope, None, 200).await.unwrap();
    let disabled = all.iter().filter(|one| one.status() == TemplateStatus::Disabled).count();
    assert_eq!((all.len(), disabled), (121, 120));
}

#[tokio::test]
async fn a_catalog_that_cannot_be_reached_changes_nothing() {
    let stage = Stage::live([]).await;
    stage.app.sync_templates().await.unwrap();
    let before = stage.app.list_templates(stage.scope, None, 10).await.unwrap();
    assert_eq!(before.len(), 1);
    stage.catalog.hides(&waba());
    let synced = stage.app.sync_templates().await.unwrap();
    assert!(synced[0].templates.is_err());
    assert_eq!(stage.app.list_templates(stage.scope, None, 10).await.unwrap(), before);
}

#[tokio::test]
async fn a_synchronised_account_asks_no_more_before_its_first_code() {
    let stage = Stage::live([accepted()]).await;
    stage.catalog.lists(&waba(), login_code_in(&["es"]));
    stage.app.sync_templates().await.unwrap();
    assert_eq!(stage.catalog.reads(), 1, "once for all accounts");
    stage.send().await;
    assert_eq!((stage.catalog.reads(), stage.outgoing.locales()), (1, vec!["es".to_owned()]));
}

#[tokio::test]
async fn business_accounts_do_not_mix() {
    let stage = Stage::live([]).await;
    stage.app.put_sender(NewSender { waba: other_waba(), shared: false, ..a_new_sender(2) }).await.unwrap();
    let neighbour = AccountScope { account: an_account(2).id, ..other_mode() };
    assert!(stage.app.route(neighbour.account, sender_ids(&[2])).await.unwrap());
    stage.store.insert_template(home(), a_template("order_update", START)).await.unwrap();
    stage.catalog.lists(&waba(), [provider_template("news", "en", "Ours.")]);
    stage.catalog.lists(&other_waba(), [provider_template("news", "es", "Suyo.")]);
    assert_eq!(stage.app.sync_templates().await.unwrap().len(), 2);
    let list = async |scope| stage.app.list_templates(scope, None, 10).await.unwrap();
    let (ours, theirs, test) = (list(stage.scope).await, list(neighbour).await, list(home()).await);
    assert_eq!((ours.len(), locales(&ours[0]), ours[0].waba()), (1, vec!["en"], Some(&waba())));
    assert_eq!((theirs.len(), locales(&theirs[0]), theirs[0].waba()), (1, vec!["es"], Some(&other_waba())));
    assert_eq!((test.len(), test[0].status()), (1, TemplateStatus::Approved), "the sandbox has its own");
}

#[tokio::test]
async fn the_list_of_a_new_account_is_read_at_once() {
    let stage = Stage::live([]).await;
    assert_eq!(stage.app.list_templates(stage.scope, None, 10).await.unwrap().len(), 1);
    assert_eq!(stage.app.list_templates(stage.scope, None, 10).await.unwrap().len(), 1);
    assert_eq!(stage.catalog.reads(), 1);
    assert!(stage.app.list_templates(home(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_change_of_quality_is_told() {
    use SenderQuality::{Green, Red, Unknown, Yellow};
    let stage = Stage::live([]).await;
    let sync = async |quality| {
        stage.catalog.rates(&sender_id(1), quality);
        stage.pass(60);
        stage.app.sync_templates().await.unwrap();
        let known = stage.app.list_senders().await.unwrap().remove(0).quality;
        (known, stage.events(EventKind::SenderQuality).await.len())
    };
    let steps = [(Unknown, 0), (Green, 0), (Green, 0), (Yellow, 1), (Red, 2), (Unknown, 2), (Green, 2), (Yellow, 3)];
    for (quality, events) in steps {
        assert_eq!(sync(quality).await, (quality, events));
    }
    let last = &stage.events(EventKind::SenderQuality).await[0];
    assert_eq!(last.subject, format!("sender {}", sender_id(1)));
    assert!(last.detail.contains("green") && last.detail.contains("yellow"), "{}", last.detail);
}

#[tokio::test]
async fn senders_are_checked_with_what_is_known_of_their_template() {
    let stage = Stage::live([]).await;
    stage.app.put_sender(NewSender { otp_template: "no_such".to_owned(), ..a_new_sender(2) }).await.unwrap();
    stage.catalog.rates(&sender_id(1), SenderQuality::Green);
    let checks = stage.app.check_senders().await.unwrap();
    assert_eq!(checks[0].health.as_ref().unwrap().quality, SenderQuality::Green);
    assert_eq!(checks[0].otp_template.as_ref().map(MessageTemplate::name), Some(LOGIN_CODE));
    assert!(checks[1].health.is_err() && checks[1].otp_template.is_none());
}
