//! What an attacker gets out of a running server, attack by attack: each prints its best result beside its bound.

use std::path::Path;

use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use whatotp_domain::{ApiKeySecret, Mode};
use whatotp_testkit::{ServerBuilder, ServerProcess};

use super::{run, server};
use crate::support::{other_than, unused};

/// A number with limits: no magic one.
const VICTIM: &str = "+4915112345678";

/// A server, and an attacker with a key of his own who can come from any address.
struct Scene {
    server: ServerProcess,
    http: reqwest::Client,
    key: String,
    account: String,
    directory: TempDir,
}

/// What the server said.
struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_default().to_owned()
    }
}

impl Scene {
    fn start(prepare: impl FnOnce(ServerBuilder) -> ServerBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = prepare(server(directory.path())).start();
        let (key, account) = key(directory.path(), &[]);
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { server, http, key, account, directory }
    }

    /// With a proxy in front that is believed, so that the attacker has as many addresses as he likes, and with no
    /// limit on what a number may be sent: every session he wants.
    fn with_many_addresses_and_sessions() -> Self {
        Self::start(|server| {
            let generous = ["SENDS_PER_10_MINUTES", "SENDS_PER_HOUR", "SENDS_PER_DAY", "EVERYBODY_SENDS_PER_DAY"];
            let server =
                server.env("WHATOTP_TRUSTED_PROXIES", "127.0.0.1/32").env("WHATOTP_OTP__COOLDOWN_SECONDS", "0");
            generous.into_iter().fold(server, |server, name| server.env(format!("WHATOTP_OTP__{name}"), "1000"))
        })
    }

    fn request(&self, method: Method, path: &str, ip: usize) -> RequestBuilder {
        let address = format!("198.51.{}.{}", ip / 250, ip % 250 + 1);
        let request = self.http.request(method, format!("{}{path}", self.server.base_url()));
        request.bearer_auth(&self.key).header("x-forwarded-for", address)
    }

    async fn send(&self, to: &str, purpose: &str, ip: usize) -> Answer {
        let body = json!({"to": to, "channel": "whatsapp", "purpose": purpose});
        answer(self.request(Method::POST, "/v1/otp/send", ip).json(&body)).await
    }

    async fn verify(&self, session: &str, code: &str, ip: usize) -> Answer {
        let body = json!({"session_id": session, "code": code});
        answer(self.request(Method::POST, "/v1/otp/verify", ip).json(&body)).await
    }

    /// What the attacker does not have: the code.
    async fn code_of(&self, session: &str) -> String {
        let path = format!("/v1/sandbox/messages?session_id={session}");
        let inbox = answer(self.request(Method::GET, &path, 40_000)).await;
        inbox.body["data"][0]["code"].as_str().expect("a code in the inbox").to_owned()
    }
}

async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    Answer { status: response.status(), body: response.json().await.unwrap() }
}

/// A key for tests, and whose it is.
fn key(directory: &Path, options: &[&str]) -> (String, String) {
    let arguments = [&["keys", "create", "--mode", "test", "--json"], options].concat();
    let made = run(directory, &[], &arguments);
    let made: Value = serde_json::from_str(&made.stdout).unwrap_or_else(|error| panic!("{error}: {made:?}"));
    (made["key"].as_str().unwrap().to_owned(), made["account_id"].as_str().unwrap().to_owned())
}

#[track_caller]
fn bounded(attack: &str, what: &str, best: usize, bound: usize) {
    println!("{attack}: {best} {what}, of at most {bound}");
    assert!(best <= bound, "{attack}: {best} {what} are more than {bound}");
    assert!(best > 0 || bound == 0, "{attack}: the attack did nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sessions_and_addresses_do_not_bring_more_than_a_days_guesses() {
    let scene = Scene::with_many_addresses_and_sessions();
    let (mut looked_at, mut last) = (0, None);
    for purpose in 0..40 {
        let sent = scene.send(VICTIM, &format!("purpose {purpose}"), purpose).await;
        if sent.status != StatusCode::OK {
            assert_eq!(sent.code(), "verify_limited");
            continue;
        }
        let session = sent.text("session_id");
        let wrong = other_than(&scene.code_of(&session).await);
        for guess in 0..6 {
            looked_at +=
                usize::from(scene.verify(&session, &wrong, 100 * purpose + guess).await.code() == "code_mismatch");
        }
        last = Some(session);
    }
    bounded("guessing over 40 sessions from 240 addresses", "guesses looked at", looked_at, 20);
    let last = last.unwrap();
    let right = scene.verify(&last, &scene.code_of(&last).await, 0).await;
    assert_ne!(right.status, StatusCode::OK, "even the right code comes too late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn racing_guesses_bring_no_more_than_patient_ones() {
    let scene = Scene::with_many_addresses_and_sessions();
    let mut sessions = Vec::new();
    for purpose in 0..6 {
        let sent = scene.send(VICTIM, &format!("purpose {purpose}"), purpose).await;
        if sent.status == StatusCode::OK {
            let session = sent.text("session_id");
            sessions.push((other_than(&scene.code_of(&session).await), session));
        }
    }
    let guesses = sessions.iter().cycle().take(200).enumerate();
    let answers = join_all(guesses.map(|(ip, (wrong, session))| scene.verify(session, wrong, ip))).await;
    let looked_at = answers.iter().filter(|answer| answer.code() == "code_mismatch").count();
    bounded("200 racing guesses over parallel sessions", "guesses looked at", looked_at, 20);

    let sent = scene.send("+4915112345679", "race", 0).await;
    let session = sent.text("session_id");
    let code = scene.code_of(&session).await;
    let answers = join_all((0..100).map(|ip| scene.verify(&session, &code, ip))).await;
    let right = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    bounded("100 racing uses of one right code", "successes", right, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_victim_gets_one_message_however_many_ask() {
    let scene = Scene::start(|server| server.env("WHATOTP_TRUSTED_PROXIES", "127.0.0.1/32"));
    let purposes: Vec<String> = (0..100).map(|number| format!("purpose {number}")).collect();
    let sends = purposes.iter().enumerate().map(|(ip, purpose)| scene.send(VICTIM, purpose, ip));
    let sent = join_all(sends).await.iter().filter(|sent| sent.status == StatusCode::OK).count();
    bounded("100 racing sends to one number from 100 addresses", "messages in half a minute", sent, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spray_over_many_numbers_is_held_by_the_limit_of_its_key() {
    let scene = Scene::start(|server| server.env("WHATOTP_TRUSTED_PROXIES", "127.0.0.1/32"));
    let spray = |number: usize| {
        let scene = &scene;
        async move {
            let sent = scene.send(&format!("+49151{:08}", 20_000_000 + number), "spray", number).await;
            if sent.status != StatusCode::OK {
                return 0;
            }
            usize::from(scene.verify(&sent.text("session_id"), "000000", number).await.code() == "code_mismatch")
        }
    };
    let mut looked_at = 0;
    for round in 0..20 {
        looked_at += join_all((0..40).map(|number| spray(40 * round + number))).await.iter().sum::<usize>();
    }
    bounded("one guess each at 800 numbers, from as many addresses", "guesses looked at in a minute", looked_at, 300);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_forwarded_headers_bring_no_new_address() {
    let scene = Scene::start(|server| server);
    let answers = join_all((0..200).map(|ip| answer(scene.request(Method::GET, "/v1/templates", ip)))).await;
    let passed = answers.iter().filter(|answer| answer.status == StatusCode::OK).count();
    bounded("200 requests that claim 200 addresses", "requests in a minute", passed, 120);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_up_keys_are_few_and_a_stolen_one_is_bound_to_its_network() {
    let scene = Scene::start(|server| server);
    let made_up = (0..200_u8).map(|number| ApiKeySecret::mint(Mode::Live, &[number; 32]));
    let tries = made_up.map(|key| answer(scene.request(Method::GET, "/v1/templates", 0).bearer_auth(key.expose())));
    let looked_up = join_all(tries).await.iter().filter(|answer| answer.code() == "invalid_api_key").count();
    bounded("200 made-up keys whose checksum is right", "looked at in a minute", looked_up, 20);

    let (stolen, _) = key(scene.directory.path(), &["--allow-ip", "10.0.0.0/8"]);
    let url = format!("{}/v1/templates", scene.server.base_url());
    let claims = ["10.0.0.1", "10.0.0.1, 10.0.0.2", "::ffff:10.0.0.1", "127.0.0.1"];
    let tries = claims.map(|claim| answer(scene.http.get(&url).bearer_auth(&stolen).header("x-forwarded-for", claim)));
    let passed = join_all(tries).await.iter().filter(|answer| answer.status == StatusCode::OK).count();
    bounded("a stolen key from another network", "requests", passed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_verified_is_not_verified_again() {
    let scene = Scene::start(|server| server);
    let session = scene.send(VICTIM, "replay", 0).await.text("session_id");
    let body = json!({"session_id": session, "code": scene.code_of(&session).await});
    let once = || scene.request(Method::POST, "/v1/otp/verify", 0).json(&body).header("idempotency-key", "once");
    let first = answer(once()).await;
    assert_eq!(first.status, StatusCode::OK);
    let again = answer(once()).await;
    assert_eq!(again.body, first.body, "a repeated request is told the same, with the same receipt and its one jti");
    let others = join_all((0..20).map(|_| answer(scene.request(Method::POST, "/v1/otp/verify", 0).json(&body)))).await;
    let verified = others.iter().filter(|answer| answer.status == StatusCode::OK).count();
    bounded("20 replays of a right code", "successes", verified, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ids_of_others_open_nothing() {
    let mut scene = Scene::start(|server| server);
    let session = scene.send(VICTIM, "theirs", 0).await.text("session_id");
    let code = scene.code_of(&session).await;
    let template = answer(scene.request(Method::GET, "/v1/templates", 0)).await.body["data"][0]["id"].clone();
    let other = run(scene.directory.path(), &[], &["accounts", "create", "--name", "other", "--json"]);
    let other: Value = serde_json::from_str(&other.stdout).unwrap_or_else(|error| panic!("{error}: {other:?}"));
    let (key, account) = key(scene.directory.path(), &["--account", other["account_id"].as_str().unwrap()]);
    assert_ne!(account, scene.account);
    scene.key = key;
    let post = |path: String, body: Value| scene.request(Method::POST, &path, 0).json(&body);
    let tries = [
        scene.request(Method::GET, &format!("/v1/otp/{session}"), 0),
        post(format!("/v1/otp/{session}/cancel"), json!({})),
        post(format!("/v1/otp/{session}/resend"), json!({})),
        post("/v1/otp/verify".to_owned(), json!({"session_id": session, "code": code})),
        post("/v1/otp/verify".to_owned(), json!({"session_id": unused("otp"), "code": code})),
        post("/v1/messages/send".to_owned(), json!({"phone_number": VICTIM, "template_id": template})),
        scene.request(Method::GET, &format!("/v1/templates/{}", template.as_str().unwrap()), 0),
    ];
    let opened = join_all(tries.map(answer)).await.iter().filter(|answer| answer.status.is_success()).count();
    bounded("another account's ids", "that opened anything", opened, 0);
}
