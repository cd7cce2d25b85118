//! Quotas and budgets of live keys: what the caller is told.

use serde_json::{Value, json};
use whatotp_domain::Quota;
use whatotp_ports::AccountRules;

use super::scene::{Live, PHONE, config};
use crate::support::Answer;

async fn send(live: &Live, to: &str, client_ip: &str) -> Answer {
    live.api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp", "client_ip": client_ip})).await
}

#[tokio::test]
async fn a_used_up_quota_says_when_the_next_period_begins() {
    let live = Live::start().await;
    let quota = Quota { per_day: Some(1), per_month: None };
    let rules = AccountRules { quota, ..AccountRules::default() };
    assert!(live.app.app.set_rules(live.app.account, rules).await.unwrap());
    send(&live, PHONE, "203.0.113.7").await.success(200);
    let refused = send(&live, "+14155550124", "203.0.113.7").await;
    // It is 08:00.
    assert_eq!(refused.header("retry-after"), Some("57600"));
    let problem = refused.problem(429, "quota_exceeded");
    let expected = (&json!("day"), &json!("2027-01-16T00:00:00.000Z"));
    assert_eq!((&problem["period"], &problem["retry_at"]), expected);
}

#[tokio::test]
async fn an_address_is_known_by_its_network_and_a_refusal_names_the_budget() {
    let live = Live::with(config(), &[("WHATOTP_ABUSE__MODE", "enforce")]).await;
    // Three countries from one /64, written in many ways.
    for (to, client_ip) in
        [(PHONE, "2001:db8::1"), ("+447400123456", "2001:0db8:0:0:ffff::2"), ("+4915112345678", "2001:db8::3")]
    {
        send(&live, to, client_ip).await.success(200);
    }
    let refused = send(&live, "+33612345678", "2001:db8::4").await;
    assert_eq!(refused.header("retry-after"), Some("3600"));
    let problem: Value = refused.problem(429, "destination_limited");
    assert_eq!(
        (&problem["budget"], &problem["retry_at"]),
        (&json!("client_ip_countries"), &json!("2027-01-15T09:00:00.000Z"))
    );
    send(&live, "+33612345678", "2001:db8:0:1::4").await.success(200);
}
