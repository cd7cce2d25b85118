//! How long a code lives: never longer than its message says.

use std::time::Duration;

use whatotp_application::{OtpSent, SendOtp};
use whatotp_domain::SessionTtl;
use whatotp_testkit::fixtures::at;

use crate::fake_catalog::{locale, login_code_for, login_code_in};
use crate::live::waba;
use crate::stage::{Stage, a_send_of, accepted};

fn asking(stage: &Stage, seconds: u32) -> SendOtp {
    SendOtp { ttl: Some(SessionTtl::from_seconds(seconds).unwrap()), ..a_send_of(stage.scope) }
}

#[tokio::test]
async fn a_code_that_would_outlive_its_message_is_not_sent() {
    let stage = Stage::live([accepted()]).await;
    stage.catalog.lists(&waba(), [login_code_for("en", 3)]);
    let outcome = stage.app.send_otp(asking(&stage, 181)).await.unwrap();
    assert!(matches!(outcome, OtpSent::OutlivesTemplate { longest } if longest == Duration::from_secs(180)));
    assert!(stage.deliveries().await.is_empty());
    assert_eq!(stage.next_due().await, None);
    // Nothing was charged: the next one is the number's first, and may live as long as the message says.
    let view = stage.send_as(asking(&stage, 180)).await;
    assert_eq!((view.session.expires_at, view.session.resend_available_at), (at(180), at(30)));
}

#[tokio::test]
async fn a_code_that_nobody_set_a_lifetime_for_lives_as_long_as_its_message_says_at_most() {
    for (minutes, expected) in [(3, 180), (5, 300), (10, 300)] {
        let stage = Stage::live([accepted()]).await;
        stage.catalog.lists(&waba(), [login_code_for("en", minutes)]);
        assert_eq!(stage.send().await.session.expires_at, at(expected), "{minutes}");
    }
}

#[tokio::test]
async fn the_lifetime_is_that_of_the_language_that_is_sent() {
    for (wanted, expected) in [("en", 120), ("es", 240)] {
        let stage = Stage::live([accepted()]).await;
        stage.catalog.lists(&waba(), [login_code_for("en", 2), login_code_for("es", 4)]);
        let command = SendOtp { locale: Some(locale(wanted)), ..a_send_of(stage.scope) };
        assert_eq!(stage.send_as(command).await.session.expires_at, at(expected), "{wanted}");
    }
}

#[tokio::test]
async fn a_message_that_says_nothing_of_it_allows_any_lifetime() {
    for known in [true, false] {
        let stage = Stage::live([accepted()]).await;
        if known {
            stage.catalog.lists(&waba(), login_code_in(&["en"]));
        } else {
            stage.catalog.hides(&waba());
        }
        assert_eq!(stage.send_as(asking(&stage, 600)).await.session.expires_at, at(600));
    }
}
