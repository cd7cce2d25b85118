//! Traffic that looks like pumping, or like guessing.

use std::sync::Arc;
use std::time::Duration;

use whatotp_application::{Application, NotAdmitted, OtpSent, OtpVerified, SendOtp, Swept};
use whatotp_domain::{AbuseMode, Dimension, EventKind, UnverifiedBudget};
use whatotp_ports::{SendOutcome, TrafficKey, TrafficStore};
use whatotp_testkit::fixtures::a_number;

use crate::stage::{Stage, a_send_of, accepted, accepted_as, another, number};

fn answers(count: usize) -> impl Iterator<Item = SendOutcome> {
    (0..count).map(|one| accepted_as(&format!("wamid.{one}")))
}

/// Live mode that refuses what looks like abuse.
async fn enforcing(sends: usize) -> Stage {
    Stage::live(answers(sends)).await.under(|policy| policy.abuse.mode = AbuseMode::Enforce)
}

/// A number of its own prefix: a hundred of them have nothing in common but the country.
fn scattered(one: usize) -> String {
    format!("+1415{:03}0123", 555 - one)
}

fn a_code(stage: &Stage, to: &str, client_ip: Option<u8>) -> SendOtp {
    SendOtp { to: number(to), client_ip: client_ip.map(|last| [last; 16]), ..a_send_of(stage.scope) }
}

async fn refused(app: &Application, command: SendOtp) -> Option<NotAdmitted> {
    match app.send_otp(command).await.unwrap() {
        OtpSent::NotAdmitted(refused) => Some(refused),
        OtpSent::Sent(_) => None,
        other => panic!("neither sent nor refused: {other:?}"),
    }
}

fn over(stage: &Stage, budget: UnverifiedBudget) -> NotAdmitted {
    let hour = 3_600_000;
    let next = stage.now().unix_ms().div_euclid(hour) * hour + hour;
    NotAdmitted::OverBudget { budget, retry_at: whatotp_domain::Timestamp::from_unix_ms(next) }
}

#[tokio::test]
async fn a_country_where_nothing_comes_back_gets_three_codes_an_hour_when_that_is_enforced() {
    let stage = enforcing(4).await;
    for one in 0..3 {
        assert_eq!(refused(&stage.app, a_code(&stage, &scattered(one), None)).await, None);
    }
    let fourth = a_code(&stage, &scattered(3), None);
    assert_eq!(refused(&stage.app, fourth).await, Some(over(&stage, UnverifiedBudget::CountryHour)));
    // Two hours later the hour is empty again.
    stage.pass(2 * 3600);
    assert_eq!(refused(&stage.app, a_code(&stage, &scattered(4), None)).await, None);
    let event = stage.events(EventKind::UnverifiedBudget).await.remove(0);
    assert_eq!((event.account, event.subject.as_str()), (Some(stage.scope.account), "country_hour US"));
}

#[tokio::test]
async fn observing_refuses_nothing_and_tells_once_an_hour() {
    let stage = Stage::live(answers(8)).await;
    for one in 0..6 {
        assert_eq!(refused(&stage.app, a_code(&stage, &scattered(one), None)).await, None);
    }
    assert_eq!(stage.events(EventKind::UnverifiedBudget).await.len(), 1);
    stage.pass(3600);
    for one in 6..8 {
        assert_eq!(refused(&stage.app, a_code(&stage, &scattered(one), None)).await, None);
    }
    assert_eq!(stage.events(EventKind::UnverifiedBudget).await.len(), 2);
}

#[tokio::test]
async fn test_mode_is_not_judged() {
    let stage = Stage::with((0..6).map(|_| accepted())).await.under(|policy| policy.abuse.mode = AbuseMode::Enforce);
    for one in 0..6 {
        assert_eq!(refused(&stage.app, a_code(&stage, &scattered(one), Some(1))).await, None);
    }
}

#[tokio::test]
async fn a_code_that_comes_back_uses_up_no_budget() {
    let stage = enforcing(8).await;
    for one in 0..8 {
        let session = stage.send_as(a_code(&stage, &scattered(one), Some(1))).await.session.id;
        let code = stage.outgoing.last().says;
        assert!(matches!(stage.verify(session, &code).await, OtpVerified::Verified(_)));
    }
}

#[tokio::test]
async fn what_one_process_counts_another_knows_after_an_exchange() {
    let stage = enforcing(3).await;
    let other = Application::new(
        stage.app.ports().clone(),
        Arc::new(whatotp_testkit::test_keyring()),
        stage.app.policy().clone(),
    );
    for one in 0..3 {
        let app = if one % 2 == 0 { &stage.app } else { &other };
        assert_eq!(refused(app, a_code(&stage, &scattered(one), None)).await, None);
    }
    stage.app.exchange_traffic().await.unwrap();
    // The other one reads when it has something to tell.
    other.exchange_traffic().await.unwrap();
    assert!(refused(&other, a_code(&stage, &scattered(3), None)).await.is_some());
    // Nothing is told twice.
    stage.app.exchange_traffic().await.unwrap();
    other.exchange_traffic().await.unwrap();
    let account = stage.scope.account;
    let key = TrafficKey { account, dimension: Dimension::Country, key: "US".to_owned() };
    let stored = stage.store.read_traffic(vec![key]).await.unwrap();
    assert_eq!(stored.iter().map(|traffic| traffic.counts.sent).sum::<u64>(), 3);
}

#[tokio::test]
async fn an_address_that_writes_to_a_fourth_country_is_refused() {
    let stage = enforcing(4).await;
    let numbers = ["+14155550123", "+447400123456", "+4915112345678", "+33612345678"];
    for to in &numbers[..3] {
        assert_eq!(refused(&stage.app, a_code(&stage, to, Some(1))).await, None);
    }
    let fourth = a_code(&stage, numbers[3], Some(1));
    assert_eq!(refused(&stage.app, fourth).await, Some(over(&stage, UnverifiedBudget::ClientIpCountries)));
    assert_eq!(refused(&stage.app, a_code(&stage, numbers[3], Some(2))).await, None, "another address may");
}

#[tokio::test]
async fn a_prefix_that_is_pumped_is_blocked_for_twelve_hours_and_an_operator_can_lift_that() {
    let stage = Stage::live(answers(22)).await;
    for one in 0..20 {
        assert_eq!(refused(&stage.app, a_code(&stage, &a_number(one), None)).await, None);
    }
    // Observed, it is told of; enforced, it is blocked.
    assert_eq!(refused(&stage.app, a_code(&stage, &a_number(20), None)).await, None);
    assert_eq!(stage.events(EventKind::PrefixPumped).await[0].subject, "prefix +1415555");
    assert!(stage.app.list_blocks().await.unwrap().is_empty());
    stage.app.exchange_traffic().await.unwrap();

    let stage = stage.under(|policy| policy.abuse.mode = AbuseMode::Enforce);
    // This process has counted nothing yet, and learns of the others' counts by its first message.
    let first = a_code(&stage, &a_number(21), None);
    assert_eq!(refused(&stage.app, first).await, None);
    stage.app.exchange_traffic().await.unwrap();
    let until = Some(stage.now().plus(Duration::from_secs(12 * 3600)));
    for _ in 0..2 {
        let next = a_code(&stage, &a_number(22), None);
        assert_eq!(refused(&stage.app, next).await, Some(NotAdmitted::Blocked { until }));
    }
    let block = stage.app.list_blocks().await.unwrap().remove(0);
    assert_eq!((block.key.key.as_str(), block.key.account), ("+1415555", Some(stage.scope.account)));
    let lifted = whatotp_application::Blocked::Prefix("+1415555".to_owned());
    assert!(stage.app.lift(Some(stage.scope.account), &lifted).await.unwrap());
    // Whoever lifted it has looked: the prefix is not blocked again at once. The budget of the country still holds.
    let next = refused(&stage.app, a_code(&stage, &a_number(23), None)).await;
    assert!(matches!(next, Some(NotAdmitted::OverBudget { .. })), "{next:?}");
    stage.pass(13 * 3600);
    let next = refused(&stage.app, a_code(&stage, &a_number(24), None)).await;
    assert_eq!(next, Some(over(&stage, UnverifiedBudget::CountryDay)), "the hour is empty, the day is not");
}

#[tokio::test]
async fn addresses_and_prefixes_lie_in_the_database_as_keyed_hashes() {
    let stage = Stage::live(answers(1)).await;
    stage.send_as(a_code(&stage, &a_number(1), Some(7))).await;
    stage.app.exchange_traffic().await.unwrap();
    drop(stage.app);
    let directory = stage.directory.path();
    for entry in std::fs::read_dir(directory).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(8).any(|window| window == b"+1415555"), "the prefix");
        assert!(!bytes.windows(16).any(|window| window == [7; 16]), "the address");
    }
}

#[tokio::test]
async fn counts_are_swept_after_their_time() {
    let stage = Stage::live(answers(1)).await;
    stage.send_as(a_code(&stage, &a_number(1), Some(7))).await;
    stage.app.exchange_traffic().await.unwrap();
    stage.pass(47 * 3600);
    assert_eq!(stage.app.sweep().await.unwrap().traffic, 0);
    stage.pass(3 * 3600);
    assert_eq!(stage.app.sweep().await.unwrap().traffic, 2, "the prefix and the address");
    stage.pass(14 * 86_400);
    assert_eq!(stage.app.sweep().await.unwrap().traffic, 1, "the country");
    assert_eq!(stage.app.sweep().await.unwrap(), Swept::default());
}

#[tokio::test]
async fn when_nearly_every_code_of_an_account_is_wrong_one_a_second_is_looked_at() {
    let stage = Stage::live(answers(103)).await;
    let mut wrong = 0;
    for one in 0..102 {
        let session = stage.send_as(a_code(&stage, &scattered_far(one), None)).await.session.id;
        let code = another(&stage.outgoing.last().says);
        while wrong < 501 && matches!(stage.verify(session, &code).await, OtpVerified::Wrong { .. }) {
            wrong += 1;
        }
    }
    assert_eq!(wrong, 501);
    assert_eq!(stage.events(EventKind::GuessingSuspected).await.len(), 2, "at a hundred, and at five hundred");
    let session = stage.send_as(a_code(&stage, &scattered_far(110), None)).await.session.id;
    let code = stage.outgoing.last().says;
    let bad = another(&code);
    assert!(matches!(stage.verify(session, &bad).await, OtpVerified::Wrong { .. }), "one is looked at");
    let until = stage.now().plus(Duration::from_secs(1));
    let second = stage.verify(session, &code).await;
    assert!(matches!(second, OtpVerified::Throttled { until: told } if told == until), "{second:?}");
    stage.pass(1);
    assert!(matches!(stage.verify(session, &code).await, OtpVerified::Verified(_)), "no attempt was charged");
}

/// As [`scattered`], very many of them.
fn scattered_far(one: usize) -> String {
    format!("+1415{:03}{:04}", 555 - one % 100, 100 + one)
}
