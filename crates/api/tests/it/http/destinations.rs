//! Where codes and messages may go: what the caller is told.

use std::time::Duration;

use serde_json::json;
use whatotp_application::Blocked;
use whatotp_domain::{Countries, Country};
use whatotp_ports::AccountRules;

use crate::support::{MAGIC, ORDINARY, TestApp, order_update};

#[tokio::test]
async fn a_refused_destination_says_why_and_is_the_same_for_codes_and_messages() {
    let app = TestApp::start().await;
    let countries = Countries { allowed: [Country::parse("DE").unwrap()].into(), ..Countries::default() };
    let rules = AccountRules { countries, ..AccountRules::default() };
    assert!(app.app.set_rules(app.account, rules).await.unwrap());
    let code = app.api.post("/v1/otp/send", json!({"to": ORDINARY, "channel": "whatsapp"})).await;
    let message = app.api.post("/v1/messages/send", order_update(ORDINARY)).await;
    for answer in [code, message] {
        let problem = answer.problem(403, "destination_not_allowed");
        assert_eq!((&problem["reason"], &problem["country"]), (&json!("country"), &json!("US")));
    }
    let premium = app.api.post("/v1/otp/send", json!({"to": "+19002345678", "channel": "whatsapp"})).await;
    let problem = premium.problem(403, "destination_not_allowed");
    assert_eq!((&problem["reason"], &problem["number_type"]), (&json!("number_type"), &json!("premium_rate")));
    // Nothing is in the way of a CI.
    app.session(MAGIC).await;
}

#[tokio::test]
async fn a_block_says_when_it_ends() {
    let app = TestApp::start().await;
    let what = Blocked::Prefix("+1415".to_owned());
    app.app.block(None, &what, Some(Duration::from_secs(3600)), "a test".to_owned()).await.unwrap();
    let send = || app.api.post("/v1/otp/send", json!({"to": ORDINARY, "channel": "whatsapp"}));
    let problem = send().await.problem(403, "destination_blocked");
    assert_eq!(problem["blocked_until"], "2027-01-15T09:00:00.000Z");
    app.app.block(None, &what, None, "a test".to_owned()).await.unwrap();
    let problem = send().await.problem(403, "destination_blocked");
    assert_eq!(problem.get("blocked_until"), None);
    assert!(!problem.to_string().contains("a test"), "the reason is the operator's");
}
