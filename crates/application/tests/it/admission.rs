//! Which numbers get messages, and how many.

use std::collections::BTreeSet;
use std::time::Duration;

use whatotp_application::{Blocked, MessageSent, NotAdmitted, OtpResent, OtpSent, SendMessage, SendOtp};
use whatotp_domain::{Countries, Country, EventKind, MessageTtl, NumberType, Quota, QuotaPeriod, Timestamp};
use whatotp_ports::AccountRules;
use whatotp_testkit::fixtures::{ALICE, BOB, a_number, home, other_mode};

use crate::fake_catalog::provider_template;
use crate::live::waba;
use crate::messages::a_message;
use crate::stage::{Stage, a_send_of, accepted, number, refused, unavailable};

async fn allow(stage: &Stage, rules: AccountRules) {
    assert!(stage.app.set_rules(stage.scope.account, rules).await.unwrap());
}

fn countries(codes: &[&str]) -> BTreeSet<Country> {
    codes.iter().map(|code| Country::parse(code).unwrap()).collect()
}

fn only(codes: &[&str]) -> AccountRules {
    let countries = Countries { allowed: countries(codes), ..Countries::default() };
    AccountRules { countries, ..AccountRules::default() }
}

fn a_day_of(per_day: u32) -> AccountRules {
    AccountRules { quota: Quota { per_day: Some(per_day), per_month: None }, ..AccountRules::default() }
}

fn to(stage: &Stage, text: &str) -> SendOtp {
    SendOtp { to: number(text), ..a_send_of(stage.scope) }
}

/// Why a code is not sent.
async fn not_admitted(stage: &Stage, text: &str) -> NotAdmitted {
    match stage.app.send_otp(to(stage, text)).await.unwrap() {
        OtpSent::NotAdmitted(refused) => refused,
        other => panic!("it was let through: {other:?}"),
    }
}

fn midnight() -> Timestamp {
    QuotaPeriod::Day.end(whatotp_testkit::START)
}

#[tokio::test]
async fn a_code_goes_only_where_the_account_may_write_to() {
    let stage = Stage::live([accepted()]).await;
    allow(&stage, only(&["GB"])).await;
    assert_eq!(not_admitted(&stage, ALICE).await, NotAdmitted::Country(Country::parse("US").unwrap()));
    assert!(stage.deliveries().await.is_empty(), "nothing is stored");
    stage.send_as(to(&stage, BOB)).await;
    let denied = Countries { denied: countries(&["GB"]), ..Countries::default() };
    allow(&stage, AccountRules { countries: denied, ..AccountRules::default() }).await;
    assert_eq!(not_admitted(&stage, BOB).await, NotAdmitted::Country(Country::parse("GB").unwrap()));
}

#[tokio::test]
async fn numbers_that_nobody_signs_up_with_are_refused_to_everybody() {
    let stage = Stage::live([accepted()]).await;
    for (text, number_type) in [
        ("+18002345678", NumberType::TollFree),
        ("+19002345678", NumberType::PremiumRate),
        ("+566001234565", NumberType::SharedCost),
    ] {
        assert_eq!(number(text).number_type(), number_type);
        assert_eq!(not_admitted(&stage, text).await, NotAdmitted::NumberType(number_type));
    }
    // What the policy does not name goes through.
    let stage = stage.under(|policy| policy.abuse.refused_types = vec![NumberType::Voip]);
    stage.send_as(to(&stage, "+18002345678")).await;
}

#[tokio::test]
async fn a_magic_number_of_test_mode_is_written_to_whatever_is_allowed() {
    let stage = Stage::with([accepted()]).await;
    allow(&stage, only(&["DE"])).await;
    assert!(matches!(not_admitted(&stage, ALICE).await, NotAdmitted::Country(_)), "test mode has the same rules");
    stage.send_as(to(&stage, "+12025550100")).await;
}

#[tokio::test]
async fn a_blocked_number_prefix_or_country_gets_nothing_until_the_block_ends_or_is_lifted() {
    let stage = Stage::live([accepted(), accepted(), accepted()]).await;
    let hour = Duration::from_secs(3600);
    let blocks = [
        Blocked::Number(number(ALICE)),
        Blocked::Prefix("+1415".to_owned()),
        Blocked::Country(Country::parse("US").unwrap()),
    ];
    for what in blocks {
        stage.app.block(None, &what, Some(hour), "a test".to_owned()).await.unwrap();
        let until = Some(stage.now().plus(hour));
        assert_eq!(not_admitted(&stage, ALICE).await, NotAdmitted::Blocked { until }, "{what:?}");
        assert!(stage.app.lift(None, &what).await.unwrap());
        stage.send().await;
        stage.pass(1000);
        assert!(!stage.app.lift(None, &what).await.unwrap(), "it is lifted");
    }
    let bob = Blocked::Number(number(BOB));
    stage.app.block(Some(stage.scope.account), &bob, None, String::new()).await.unwrap();
    stage.pass(100 * 86_400);
    assert_eq!(not_admitted(&stage, BOB).await, NotAdmitted::Blocked { until: None });
    let listed = stage.app.list_blocks().await.unwrap();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|block| !block.key.key.contains("7400123456")), "a number lies there as its hash");
}

#[tokio::test]
async fn another_process_notices_rules_and_blocks_within_five_seconds() {
    let stage = Stage::live([accepted()]).await;
    let other = stage.but(|_| ());
    assert!(stage.app.list_blocks().await.unwrap().is_empty());
    assert!(matches!(not_admitted(&stage, "+18002345678").await, NotAdmitted::NumberType(_)), "what is known is read");
    other.block(None, &Blocked::Prefix("+1415".to_owned()), None, String::new()).await.unwrap();
    stage.pass(5);
    assert_eq!(not_admitted(&stage, ALICE).await, NotAdmitted::Blocked { until: None });
    other.lift(None, &Blocked::Prefix("+1415".to_owned())).await.unwrap();
    stage.pass(5);
    stage.send().await;
}

#[tokio::test]
async fn a_quota_counts_codes_resends_and_messages_and_begins_anew_at_midnight() {
    let stage = Stage::live([accepted(), accepted(), accepted()]).await;
    stage.catalog.lists(&waba(), [provider_template("order_update", "en", "{{first_name}} {{order_id}}")]);
    stage.app.sync_templates().await.unwrap();
    allow(&stage, a_day_of(3)).await;
    let session = stage.send().await.session.id;
    stage.pass(60);
    let resent = stage.app.resend_otp(stage.scope, session, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(resent, OtpResent::Sent(_)), "{resent:?}");
    let message = || SendMessage { scope: stage.scope, ..a_message(MessageTtl::DEFAULT) };
    stage.queue(message()).await;
    let expected = NotAdmitted::QuotaUsedUp { period: QuotaPeriod::Day, retry_at: midnight() };
    assert_eq!(not_admitted(&stage, BOB).await, expected);
    let resent = stage.app.resend_otp(stage.scope, session, whatotp_domain::Asked::default(), None).await.unwrap();
    assert!(matches!(resent, OtpResent::NotAdmitted(refused) if refused == expected));
    let sent = stage.app.send_message(message()).await.unwrap();
    assert!(matches!(sent, MessageSent::NotAdmitted(refused) if refused == expected));
    stage.clock.set(midnight());
    stage.send_as(to(&stage, BOB)).await;
}

#[tokio::test]
async fn what_was_definitely_not_sent_is_given_back() {
    let stage = Stage::live([unavailable(), accepted(), refused()]).await;
    allow(&stage, a_day_of(2)).await;
    let sent = stage.app.send_otp(to(&stage, ALICE)).await.unwrap();
    assert!(matches!(sent, OtpSent::ChannelUnavailable), "{sent:?}");
    stage.send().await;
    // Neither does one that the number's own limits refuse count.
    let sent = stage.app.send_otp(to(&stage, ALICE)).await.unwrap();
    assert!(matches!(sent, OtpSent::Refused(_)), "{sent:?}");
    // One that WhatsApp refuses for its recipient does.
    let sent = stage.app.send_otp(to(&stage, BOB)).await.unwrap();
    assert!(matches!(sent, OtpSent::Unreachable(_)), "{sent:?}");
    assert!(matches!(not_admitted(&stage, &a_number(7)).await, NotAdmitted::QuotaUsedUp { .. }));
}

#[tokio::test]
async fn the_operator_is_told_once_at_four_fifths_and_once_at_the_end() {
    let stage = Stage::live((0..5).map(|_| accepted())).await;
    allow(&stage, a_day_of(5)).await;
    let told =
        async || (stage.events(EventKind::QuotaNear).await.len(), stage.events(EventKind::QuotaReached).await.len());
    for (sent, expected) in (0..5).zip([(0, 0), (0, 0), (0, 0), (1, 0), (1, 1)]) {
        stage.send_as(to(&stage, &a_number(sent))).await;
        assert_eq!(told().await, expected, "after {}", sent + 1);
    }
    not_admitted(&stage, ALICE).await;
    assert_eq!(told().await, (1, 1));
    let event = stage.events(EventKind::QuotaReached).await.remove(0);
    assert_eq!((event.account, event.detail.as_str()), (Some(stage.scope.account), "5 of 5 are sent"));
}

#[tokio::test]
async fn test_mode_uses_up_no_quota() {
    let stage = Stage::with([accepted(), accepted()]).await;
    assert_eq!((stage.scope, stage.scope.account), (home(), other_mode().account));
    allow(&stage, a_day_of(1)).await;
    stage.send().await;
    stage.send_as(to(&stage, BOB)).await;
}
