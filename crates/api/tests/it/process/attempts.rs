use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::task::JoinSet;
use whatotp_domain::Mode;
use whatotp_testkit::{ServerProcess, create_key};

use super::connection::{Connection, Reply, request};
use super::{BINARY, server, without_limits};

/// Connections that are used side by side.
const SIDE_BY_SIDE: usize = 8;
/// A shorter text stands in many an honest sentence.
const RECOGNISABLE: usize = 9;

/// A request that nobody should be able to do harm with.
#[derive(Debug)]
pub(super) struct Attempt {
    pub method: &'static str,
    pub target: String,
    /// Whole lines.
    pub headers: String,
    pub body: Option<Vec<u8>>,
    /// What an error must not say again.
    pub secret: Option<String>,
    /// The only answer that is right, if there is only one.
    pub status: Option<u16>,
}

impl Attempt {
    pub(super) fn get(target: String) -> Self {
        Self { method: "GET", target, headers: String::new(), body: None, secret: None, status: None }
    }

    pub(super) fn post(target: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        let headers = "content-type: application/json\r\n".to_owned();
        Self { method: "POST", headers, body: Some(body.into()), ..Self::get(target.into()) }
    }

    pub(super) fn not_repeating(self, text: &str) -> Self {
        Self { secret: Some(text.to_owned()), ..self }
    }
}

/// A server to be attacked, with a session and a message of its own.
pub(super) struct Target {
    pub server: ServerProcess,
    pub session: String,
    pub message: String,
    authorization: String,
    _directory: TempDir,
}

impl Target {
    pub(super) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
        let server = without_limits(server(directory.path())).arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start();
        let authorization = format!("authorization: Bearer {key}\r\n");
        let (session, message) = (String::new(), String::new());
        let mut target = Self { server, session, message, authorization, _directory: directory };
        let mut connection = Connection::open(target.server.base_url()).await.unwrap();
        let attempt =
            Attempt::post("/v1/otp/send", r#"{"to":"+12025550100","channel":"whatsapp","purpose":"attacked"}"#);
        let sent = target.carry_out(&mut connection, &attempt).await;
        target.session = sent.json()["session_id"].as_str().unwrap().to_owned();
        let body = r#"{"phone_number":"+12025550100","template_id":"payment_received","variables":{"1":"1","2":"2"}}"#;
        let queued = target.carry_out(&mut connection, &Attempt::post("/v1/messages/send", body)).await;
        target.message = queued.json()["message_id"].as_str().unwrap().to_owned();
        target
    }

    /// One attempt, judged. The connection must be of use afterwards.
    pub(super) async fn carry_out(&self, connection: &mut Connection, attempt: &Attempt) -> Reply {
        let Attempt { method, target, headers, body, .. } = attempt;
        let authorization = if headers.contains("authorization:") { "" } else { &self.authorization };
        let bytes = request(method, target, &format!("{authorization}{headers}"), body.as_deref());
        connection.write(&bytes).await.unwrap_or_else(|error| panic!("{error}, before {attempt:?}"));
        let reply = connection.reply().await.unwrap_or_else(|error| panic!("{error}, after {attempt:?}"));
        judge(attempt, &reply);
        reply
    }

    /// Carries them all out on a few connections. One is opened anew only when the server has said that it ends it, as it
    /// may where it did not read a body. Returns how many attempts there were.
    pub(super) async fn carry_out_all(self: Arc<Self>, attempts: impl IntoIterator<Item = Attempt>) -> usize {
        let attempts: Vec<_> = attempts.into_iter().collect();
        let count = attempts.len();
        let left = Arc::new(Mutex::new(attempts));
        let mut workers = JoinSet::new();
        for _ in 0..SIDE_BY_SIDE {
            let (target, left) = (Arc::clone(&self), Arc::clone(&left));
            workers.spawn(async move {
                let mut connection = Connection::open(target.server.base_url()).await.unwrap();
                let next = || left.lock().unwrap().pop();
                while let Some(attempt) = next() {
                    let reply = target.carry_out(&mut connection, &attempt).await;
                    if reply.header("connection") == Some("close") {
                        assert!(attempt.body.is_some() && reply.status != 400, "hung up after {attempt:?}");
                        connection = Connection::open(target.server.base_url()).await.unwrap();
                    }
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.unwrap();
        }
        let logs = self.server.logs();
        assert!(!logs.contains("panicked") && !logs.contains("\"level\":\"ERROR\""), "{logs}");
        count
    }
}

fn judge(attempt: &Attempt, reply: &Reply) {
    let text = String::from_utf8_lossy(&reply.body);
    let wrong = |what: &str| format!("{what}: {attempt:?}\n{}{text}", reply.head);
    assert!(reply.status < 500, "{}", wrong("it broke"));
    assert!(attempt.status.is_none_or(|status| status == reply.status), "{}", wrong("not the right answer"));
    if reply.status < 400 {
        return;
    }
    assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{}", wrong("no problem"));
    let problem = reply.json();
    let code = problem["code"].as_str().unwrap_or_default();
    assert!(!code.is_empty() && problem["type"] == format!("/docs/errors#{code}"), "{}", wrong("no code"));
    assert_eq!(problem["status"], reply.status, "{}", wrong("another status"));
    let id = problem["request_id"].as_str().unwrap_or_default();
    assert!(id.starts_with("req_") && reply.header("x-request-id") == Some(id), "{}", wrong("no request id"));
    assert!(problem["title"].is_string() && problem["detail"].is_string(), "{}", wrong("no explanation"));
    if let Some(secret) = attempt.secret.as_ref().filter(|secret| secret.chars().count() >= RECOGNISABLE) {
        let written = serde_json::to_string(secret).unwrap();
        let repeated = text.contains(secret.as_str()) || text.contains(written.trim_matches('"'));
        assert!(!repeated, "{}", wrong("it says again what it was told"));
    }
}

/// A text as it stands in a path or a query.
pub(super) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(format!("%{byte:02X}").chars());
        }
        encoded
    })
}
