//! What the steps of a request take that touch neither socket nor database: `just micro`.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::Criterion;
use futures_util::FutureExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Serialize;
use sha2::Sha256;
use whatotp::http::fields::{self, Fields};
use whatotp_domain::{ApiKeySecret, Code, CodeLength, Mode, PhoneNumber, SessionId, TemplateBody, Variables};
use whatotp_ports::{Clock as _, RateLimiter as _, RateRule};
use whatotp_system::{DEFAULT_CAPACITY, LocalRateLimiter, SystemClock};
use whatotp_testkit::{fixtures, test_keyring};
use whatotp_vault::key_hash;
use whatotp_whatsapp::cloud_api::webhooks::{self, WebhookSecrets};

type Failure = Box<dyn std::error::Error>;

const BODY: &str = r#"{"to":"+14155550123","channel":"whatsapp","purpose":"login","metadata":{"user":"42"}}"#;
const TEXT: &str = "Hello {{first_name}}, your order {{order_id}} is on its way.";
const WEBHOOK: &str = include_str!("../../../fuzz/seeds/webhook/failed");
const APP_SECRET: &str = "app secret";

fn main() -> Result<(), Failure> {
    let mut criterion = Criterion::default().configure_from_args();
    codes(&mut criterion)?;
    keys(&mut criterion)?;
    numbers(&mut criterion)?;
    limits(&mut criterion);
    json(&mut criterion)?;
    templates(&mut criterion)?;
    webhook(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}

fn codes(criterion: &mut Criterion) -> Result<(), Failure> {
    let (keyring, scope) = (test_keyring(), fixtures::home());
    let session = SessionId::new(fixtures::at(0), [7; 10]);
    let (kid, length) = (keyring.active_kid(), CodeLength::new(6).ok_or("a length")?);
    let derive = || keyring.derive_code(&kid, scope, black_box(session), "login", length);
    criterion.bench_function("derive a code", |b| b.iter(derive));
    let code = derive().ok_or("a code")?;
    criterion.bench_function("read and compare a typed code", |b| {
        b.iter(|| Code::normalise(black_box("123 456"), length).is_ok_and(|typed| typed.matches(&code)));
    });
    Ok(())
}

fn keys(criterion: &mut Criterion) -> Result<(), Failure> {
    let text = ApiKeySecret::mint(Mode::Test, &[42; 32]).expose().to_owned();
    let secret = ApiKeySecret::parse(&text).ok_or("a key")?;
    criterion.bench_function("read an API key", |b| b.iter(|| ApiKeySecret::parse(black_box(&text))));
    criterion.bench_function("hash an API key for its look-up", |b| b.iter(|| key_hash(black_box(&secret))));
    Ok(())
}

fn numbers(criterion: &mut Criterion) -> Result<(), Failure> {
    let (keyring, scope) = (test_keyring(), fixtures::home());
    let number = PhoneNumber::parse("+14155550123")?;
    let stored = number.to_stored();
    criterion.bench_function("read a number", |b| b.iter(|| PhoneNumber::parse(black_box("+1 415 555 0123"))));
    criterion.bench_function("read a stored number", |b| b.iter(|| PhoneNumber::recall(black_box(&stored))));
    criterion.bench_function("blind index of a number", |b| b.iter(|| keyring.blind_index(scope, black_box(&number))));
    Ok(())
}

/// The two limits of a request, for one caller and for one after another whom it has not seen.
fn limits(criterion: &mut Criterion) {
    let limiter = LocalRateLimiter::new(Arc::new(SystemClock), DEFAULT_CAPACITY);
    let rule = |key| RateRule { key, quota: 600, window: Duration::from_secs(60), cost: 1 };
    criterion.bench_function("two limits, the same caller", |b| {
        b.iter(|| limiter.admit(black_box(&[rule(1), rule(2)])).now_or_never());
    });
    let mut caller = 0_u64;
    criterion.bench_function("two limits, a new caller each time", |b| {
        b.iter(|| {
            // An odd factor, so that every caller has keys of its own, which look like the hashes that they are.
            caller = caller.wrapping_add(0x9E37_79B9_7F4A_7C15);
            limiter.admit(black_box(&[rule(caller), rule(!caller)])).now_or_never()
        });
    });
}

/// An answer as long as the one to a send.
#[derive(Serialize)]
struct Answer {
    session_id: &'static str,
    status: &'static str,
    channel: &'static str,
    to: &'static str,
    code_length: u8,
    purpose: &'static str,
    mode: &'static str,
    attempts_remaining: u8,
    sends_remaining: u8,
    created_at: &'static str,
    expires_at: &'static str,
    resend_available_at: &'static str,
}

fn json(criterion: &mut Criterion) -> Result<(), Failure> {
    let read = || {
        let mut fields = Fields::of_json(black_box(BODY.as_bytes())).ok()?;
        let to = fields.required("to", fields::text);
        let channel = fields.required("channel", fields::text);
        let purpose = fields.optional("purpose", fields::text);
        let metadata = fields.optional("metadata", fields::metadata);
        fields.finish(to.zip(channel).map(|sent| (sent, purpose, metadata))).ok()
    };
    read().ok_or("a body")?;
    criterion.bench_function("read a body, but for its number", |b| b.iter(read));
    let answer = Answer {
        session_id: "otp_01k0z3v8xkf3g9mzq2w6c5t7rb",
        status: "pending",
        channel: "whatsapp",
        to: "+1******0123",
        code_length: 6,
        purpose: "login",
        mode: "test",
        attempts_remaining: 5,
        sends_remaining: 4,
        created_at: "2026-11-23T10:00:00.000Z",
        expires_at: "2026-11-23T10:05:00.000Z",
        resend_available_at: "2026-11-23T10:00:30.000Z",
    };
    criterion.bench_function("write an answer", |b| b.iter(|| serde_json::to_vec(black_box(&answer))));
    Ok(())
}

fn templates(criterion: &mut Criterion) -> Result<(), Failure> {
    let body = TemplateBody::parse(TEXT)?;
    let variables = Variables::new([("first_name", "Ana"), ("order_id", "A-1042")])?;
    criterion.bench_function("read a template", |b| b.iter(|| TemplateBody::parse(black_box(TEXT))));
    criterion.bench_function("render a template", |b| b.iter(|| body.render(black_box(&variables))));
    Ok(())
}

fn webhook(criterion: &mut Criterion) -> Result<(), Failure> {
    let secrets = WebhookSecrets::new(vec![APP_SECRET.to_owned().into()], String::new().into());
    let mac = Hmac::<Sha256>::new_from_slice(APP_SECRET.as_bytes())?.chain_update(WEBHOOK).finalize().into_bytes();
    let signature = mac.iter().fold("sha256=".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let verify = || secrets.is_authentic(Some(black_box(&signature)), WEBHOOK.as_bytes());
    if !verify() {
        return Err("its signature is not taken".into());
    }
    criterion.bench_function("verify a webhook's signature", |b| b.iter(verify));
    let now = SystemClock.now();
    criterion.bench_function("read a webhook", |b| b.iter(|| webhooks::parse(black_box(WEBHOOK.as_bytes()), now)));
    Ok(())
}
