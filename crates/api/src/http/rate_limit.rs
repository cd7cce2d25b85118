use std::net::IpAddr;
use std::time::Duration;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use whatotp_ports::{RateDecision, RateRule, RateState};
use whatotp_vault::{KeyHash, SessionHash};

use super::client_ip::bucket;
use super::problem::Problem;
use crate::context::Context;
use crate::errors::ErrorCode;

/// Every limit is per minute.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// What the limits of [`product_rules`] are called.
pub(crate) const PRODUCT: [&str; 2] = ["product", "key"];
/// What the limit of [`failed_log_in_rule`] is called.
pub(crate) const FAILED: [&str; 1] = ["auth"];

/// The limits of an authenticated request: one per key and client address, one per key alone.
pub(crate) fn product_rules(ctx: &Context, key: &KeyHash, ip: IpAddr) -> [RateRule; 2] {
    let limits = &ctx.limits;
    let keyring = ctx.app.keyring();
    let per_ip = keyring.limit_bucket("product", &[key.as_bytes(), &bucket(ip)]);
    let per_key = keyring.limit_bucket("key", &[key.as_bytes()]);
    [rule(per_ip, limits.product_per_minute), rule(per_key, limits.key_per_minute)]
}

/// What the limit of [`auth_rule`] is called.
pub(crate) const AUTH: [&str; 1] = ["auth"];

/// The limit of requests that log somebody in, or change how they do, of one client address.
pub(crate) fn auth_rule(ctx: &Context, ip: IpAddr) -> RateRule {
    rule(ctx.app.keyring().limit_bucket("console-auth", &[&bucket(ip)]), ctx.limits.auth_per_minute)
}

/// What the limit of [`console_rule`] is called.
pub(crate) const CONSOLE: [&str; 1] = ["console"];

/// The limit of everything else that is done in one session of the console.
pub(crate) fn console_rule(ctx: &Context, session: &SessionHash) -> RateRule {
    rule(ctx.app.keyring().limit_bucket("console", &[session.as_bytes()]), ctx.limits.console_per_minute)
}

/// The limit of refused API keys of one client address.
pub(crate) fn failed_log_in_rule(ctx: &Context, ip: IpAddr) -> RateRule {
    rule(ctx.app.keyring().limit_bucket("auth", &[&bucket(ip)]), ctx.limits.auth_per_minute)
}

const fn rule(key: u64, quota: u32) -> RateRule {
    RateRule { key, quota, window: MINUTE, cost: 1 }
}

/// `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, for the tighter of the limits. The
/// draft may change: nothing outside this file knows its form.
pub(crate) fn write_headers(headers: &mut HeaderMap, names: &[&str], rules: &[RateRule], decision: &RateDecision) {
    let tightest = names.iter().zip(rules).zip(&decision.states).min_by_key(|(_, state)| state.remaining);
    let Some(((name, rule), state)) = tightest else { return };
    let policy = format!("\"{name}\";q={};w={}", rule.quota, rule.window.as_secs());
    // The limiter counts a request for its whole window and a millisecond more; a policy of 60 s promises 60 s.
    let reset = seconds(state.reset_after).min(rule.window.as_secs());
    let standing = format!("\"{name}\";r={};t={reset}", state.remaining);
    for (header, value) in [("ratelimit-policy", policy), ("ratelimit", standing)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(header), value);
        }
    }
}

/// A refusal that says when there is room again.
pub(crate) fn refusal(states: &[RateState]) -> Problem {
    let wait = states.iter().map(|state| state.retry_after).max().unwrap_or(MINUTE);
    Problem::new(ErrorCode::RateLimited).retry_after(seconds(wait))
}

fn seconds(span: Duration) -> u64 {
    span.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)
}
