//! In which language a code goes out.

use whatotp_application::{OtpSent, SendOtp};
use whatotp_domain::{AccountScope, PhoneNumber, TemplateStatus};
use whatotp_ports::ProviderTemplate;
use whatotp_testkit::fixtures::{an_account, other_mode};

use crate::fake_catalog::{locale, login_code, login_code_in, provider_template};
use crate::live::waba;
use crate::stage::{Stage, a_send_of, accepted, accepted_as};

/// In which language a code that is asked for in `wanted` goes out, where there are these templates; `None` when it does
/// not.
async fn language(templates: Vec<ProviderTemplate>, wanted: Option<&str>, is_sent: bool) -> Option<String> {
    let stage = Stage::live(is_sent.then(accepted)).await;
    stage.catalog.lists(&waba(), templates);
    let command = SendOtp { locale: wanted.map(locale), ..a_send_of(stage.scope) };
    match stage.app.send_otp(command).await.unwrap() {
        OtpSent::Sent(_) => stage.outgoing.locales().pop(),
        OtpSent::ChannelUnavailable => {
            assert!(stage.outgoing.all().is_empty() && stage.deliveries().await.is_empty());
            assert_eq!(stage.next_due().await, None);
            None
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_code_goes_out_in_the_language_that_fits_best() {
    for (wanted, expected) in [
        (Some("pt-BR"), "pt-BR"),
        (Some("en-US"), "en-US"),
        (Some("es"), "es"),
        (Some("es-MX"), "es"),
        (Some("es-Latn-419"), "es"),
        (Some("pt"), "en-US"),
        (Some("zh-Hant-TW"), "en-US"),
        (None, "en-US"),
    ] {
        let templates = login_code_in(&["es", "pt_BR", "en_US"]);
        assert_eq!(language(templates, wanted, true).await.as_deref(), Some(expected), "{wanted:?}");
    }
}

#[tokio::test]
async fn a_language_that_is_not_approved_is_passed_over() {
    use TemplateStatus::{Approved, Disabled, Draft, Paused, Pending, Rejected};
    for status in [Draft, Pending, Rejected, Paused, Disabled] {
        let templates = vec![login_code("en", Approved), login_code("pt-BR", status), login_code("pt", Approved)];
        assert_eq!(language(templates, Some("pt-BR"), true).await.as_deref(), Some("pt"), "{status:?}");
        let templates = vec![login_code("en", status), login_code("pt", Approved)];
        assert_eq!(language(templates, None, true).await.as_deref(), Some("pt"), "the default is {status:?}");
    }
}

#[tokio::test]
async fn with_no_approved_language_nothing_is_sent() {
    let templates = vec![login_code("en", TemplateStatus::Paused), login_code("pt-BR", TemplateStatus::Pending)];
    assert_eq!(language(templates, Some("pt-BR"), false).await, None);
}

#[tokio::test]
async fn a_template_that_nobody_knows_is_asked_for_as_it_was_wanted() {
    for (wanted, expected) in [(Some("pt-BR"), "pt-BR"), (None, "en")] {
        let stage = Stage::live([accepted()]).await;
        stage.catalog.hides(&waba());
        stage.send_as(SendOtp { locale: wanted.map(locale), ..a_send_of(stage.scope) }).await;
        assert_eq!(stage.outgoing.locales(), [expected], "WhatsApp is the one to refuse it");
        let others_only = vec![provider_template("news", "es", "Hola.")];
        assert_eq!(language(others_only, wanted, true).await.as_deref(), Some(expected));
    }
}

#[tokio::test]
async fn the_first_send_of_an_account_reads_the_catalog_and_the_others_do_not() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b"), accepted_as("c")]).await;
    stage.catalog.lists(&waba(), login_code_in(&["es"]));
    stage.send().await;
    stage.pass(30);
    stage.send().await;
    assert_eq!((stage.catalog.reads(), stage.outgoing.locales()), (1, vec!["es".to_owned(); 2]));
    let neighbour = AccountScope { account: an_account(2).id, ..other_mode() };
    stage.send_as(a_send_of(neighbour)).await;
    assert_eq!(stage.outgoing.locales().last().map(String::as_str), Some("es"));
    assert_eq!(stage.catalog.reads(), 2, "what one account knows is not another's");
}

#[tokio::test]
async fn first_sends_at_the_same_moment_all_go_out_in_the_language_there_is() {
    let stage = Stage::live((0..8).map(|nth| accepted_as(&nth.to_string()))).await;
    stage.catalog.lists(&waba(), login_code_in(&["es"]));
    let sends = (0..8).map(|nth| {
        let to = PhoneNumber::parse(&format!("+1415555012{nth}")).unwrap();
        stage.app.send_otp(SendOtp { to, ..a_send_of(stage.scope) })
    });
    for sent in futures_util::future::join_all(sends).await {
        assert!(matches!(sent.unwrap(), OtpSent::Sent(_)));
    }
    assert_eq!((stage.catalog.reads(), stage.outgoing.locales()), (1, vec!["es".to_owned(); 8]));
}

#[tokio::test]
async fn a_catalog_that_cannot_be_reached_is_asked_once_a_minute() {
    let stage = Stage::live((0..3).map(|nth| accepted_as(&nth.to_string()))).await;
    stage.catalog.hides(&waba());
    stage.send().await;
    stage.pass(59);
    stage.send().await;
    assert_eq!(stage.catalog.reads(), 1);
    stage.pass(61);
    stage.send().await;
    assert_eq!(stage.catalog.reads(), 2);
}

#[tokio::test]
async fn what_was_read_is_still_known_after_a_restart() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await;
    stage.catalog.lists(&waba(), login_code_in(&["es"]));
    stage.send().await;
    let stage = stage.restarted();
    stage.pass(30);
    stage.send().await;
    assert_eq!((stage.catalog.reads(), stage.outgoing.locales()), (1, vec!["es".to_owned(); 2]));
}

#[tokio::test]
async fn a_resend_goes_out_in_the_language_of_the_first() {
    let stage = Stage::live([accepted_as("a"), accepted_as("b")]).await;
    stage.catalog.lists(&waba(), login_code_in(&["en", "es"]));
    let id = stage.send_as(SendOtp { locale: Some(locale("es-MX")), ..a_send_of(stage.scope) }).await.session.id;
    stage.pass(30);
    stage.app.resend_otp(stage.scope, id, whatotp_domain::Asked::default(), None).await.unwrap();
    assert_eq!(stage.outgoing.locales(), ["es", "es"]);
}

/// A catalog that never answers must not hold a code up for ever.
#[tokio::test(start_paused = true)]
async fn a_catalog_that_does_not_answer_is_waited_for_three_seconds() {
    let stage = Stage::live([accepted()]).await;
    stage.catalog.falls_silent();
    let before = tokio::time::Instant::now();
    stage.send().await;
    let waited = before.elapsed().as_secs();
    assert!((3..4).contains(&waited), "{waited}");
    assert_eq!(stage.outgoing.locales(), ["en"]);
}
