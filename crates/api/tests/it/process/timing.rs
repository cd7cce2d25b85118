//! How long the server takes to say that there is nothing, by what there is.

use std::path::Path;
use tokio::time::Instant;

use serde_json::{Value, json};
use whatotp_domain::Mode;
use whatotp_testkit::create_key;

use super::connection::{Connection, Reply, request};
use super::{BINARY, DELIVERED, run, server, without_limits};
use crate::support::unused;

/// Requests of each kind that are measured.
const MEASURED: u32 = 1_000;
/// Those before them, that are not: the first ones fill caches.
const UNMEASURED: u32 = 100;

/// Somebody with a key, on one connection.
struct Caller {
    connection: Connection,
    headers: String,
}

impl Caller {
    async fn new(base_url: &str, key: &str) -> Self {
        let headers = format!("authorization: Bearer {key}\r\ncontent-type: application/json\r\n");
        Self { connection: Connection::open(base_url).await.unwrap(), headers }
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        let body = body.map(Value::to_string);
        let bytes = request(method, path, &self.headers, body.as_deref().map(str::as_bytes));
        self.connection.write(&bytes).await.unwrap();
        self.connection.reply().await.unwrap()
    }

    /// Asks about a session. Returns the answer without what tells requests apart, and the microseconds that it took.
    async fn ask_about(&mut self, session: &str, verify: bool) -> (u16, Value, f64) {
        let (path, body) = (format!("/v1/otp/{session}"), json!({"session_id": session, "code": "123456"}));
        let began = Instant::now();
        let reply = if verify {
            self.ask("POST", "/v1/otp/verify", Some(&body)).await
        } else {
            self.ask("GET", &path, None).await
        };
        let took = began.elapsed().as_secs_f64() * 1e6;
        let mut body = reply.json();
        body.as_object_mut().unwrap().remove("request_id").expect("an id of the request");
        (reply.status, body, took)
    }
}

/// A key of another account.
fn key_of_another(directory: &Path) -> String {
    let json = |arguments: &[&str]| -> Value {
        let ran = run(directory, &[], arguments);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    };
    let made = json(&["accounts", "create", "--name", "other", "--json"]);
    let account = made["account_id"].as_str().unwrap();
    let key = json(&["keys", "create", "--mode", "test", "--account", account, "--json"]);
    key["key"].as_str().unwrap().to_owned()
}

fn mean_and_variance(times: &[f64]) -> (f64, f64) {
    let count = f64::from(u32::try_from(times.len()).unwrap());
    let mean = times.iter().sum::<f64>() / count;
    (mean, times.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

/// Welch's t: how many standard errors the means are apart.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let error = |times: &[f64]| mean_and_variance(times).1 / f64::from(u32::try_from(times.len()).unwrap());
    (mean_and_variance(one).0 - mean_and_variance(other).0) / (error(one) + error(other)).sqrt()
}

/// Without the slowest twentieth of all, which the machine is to blame for.
fn without_slowest(kinds: &[Vec<f64>; 2]) -> [Vec<f64>; 2] {
    let mut all = kinds.concat();
    all.sort_by(f64::total_cmp);
    let bound = all[all.len() * 19 / 20];
    kinds.each_ref().map(|times| times.iter().copied().filter(|time| *time < bound).collect())
}

/// What is measured depends on the machine and is printed; that the answers are the same does not.
#[tokio::test]
async fn an_unknown_session_and_one_of_another_account_are_answered_alike() {
    let directory = tempfile::tempdir().unwrap();
    let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
    let server = without_limits(server(directory.path())).arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start();
    let mut owner = Caller::new(server.base_url(), &key).await;
    let code = json!({"to": DELIVERED, "channel": "whatsapp", "purpose": "timing"});
    let sent = owner.ask("POST", "/v1/otp/send", Some(&code)).await.json();
    let session = sent["session_id"].as_str().unwrap();
    let ids = [unused("otp"), session.to_owned()];
    let mut stranger = Caller::new(server.base_url(), &key_of_another(directory.path())).await;

    for verify in [false, true] {
        let mut kinds = [Vec::new(), Vec::new()];
        let (expected, problem, _) = stranger.ask_about(&ids[0], verify).await;
        assert_eq!((expected, &problem["code"]), (404, &json!("session_not_found")), "{problem}");
        for round in 0..UNMEASURED + MEASURED {
            // Each of the two is the first every other time.
            for turn in 0..2 {
                let kind = usize::from((round + turn) % 2 == 0);
                let (status, body, took) = stranger.ask_about(&ids[kind], verify).await;
                assert_eq!((status, &body), (expected, &problem));
                if round >= UNMEASURED {
                    kinds[kind].push(took);
                }
            }
        }
        let [(unknown, _), (others, _)] = kinds.each_ref().map(|times| mean_and_variance(times));
        let [some_unknown, some_others] = without_slowest(&kinds);
        println!(
            "{}: {unknown:.1} µs for an unknown id, {others:.1} µs for another account's; Welch's t = {:.2}, \
             {:.2} without the slowest twentieth",
            if verify { "POST /v1/otp/verify" } else { "GET /v1/otp/{id}" },
            welch(&kinds[0], &kinds[1]),
            welch(&some_unknown, &some_others),
        );
    }
    let mut owner = Caller::new(server.base_url(), &key).await;
    let seen = owner.ask("GET", &format!("/v1/otp/{session}"), None).await.json();
    assert_eq!(seen["status"], "pending", "it was there all the while, and untouched: {seen}");
}
