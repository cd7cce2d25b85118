use std::sync::{Arc, Mutex};

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;
use whatotp_domain::Mode;
use whatotp_testkit::{ServerProcess, create_key};

use super::connection::{Connection, Reply, request};
use super::database::Database;
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
    server: ServerProcess,
    pub session: String,
    pub message: String,
    authorization: String,
    _directory: TempDir,
    _database: Database,
}

impl Target {
    async fn start(database: Database) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let key = create_key(BINARY.as_ref(), directory.path(), &database.variables(), Mode::Test);
        let server = without_limits(database.used_by(server(directory.path())));
        let server = server.arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start();
        let authorization = format!("authorization: Bearer {key}\r\n");
        let (session, message) = (String::new(), String::new());
        let mut target = Self { server, session, message, authorization, _directory: directory, _database: database };
        let mut connection = target.connect().await;
        let attempt =
            Attempt::post("/v1/otp/send", r#"{"to":"+12025550100","channel":"whatsapp","purpose":"attacked"}"#);
        let sent = target.carry_out(&mut connection, &attempt).await;
        target.session = sent.json()["session_id"].as_str().unwrap().to_owned();
        let body = r#"{"phone_number":"+12025550100","template_id":"payment_received","variables":{"1":"1","2":"2"}}"#;
        let queued = target.carry_out(&mut connection, &Attempt::post("/v1/messages/send", body)).await;
        target.message = queued.json()["message_id"].as_str().unwrap().to_owned();
        // What becomes of them later is the attacks' doing alone.
        for path in [format!("/v1/otp/{}", target.session), format!("/v1/messages/{}", target.message)] {
            let look = Attempt::get(format!("{path}?wait_seconds=5"));
            let arrived = |seen: &Value| seen["status"] == "delivered" || seen["delivery"]["status"] == "delivered";
            while !arrived(&target.carry_out(&mut connection, &look).await.json()) {}
        }
        target
    }

    async fn connect(&self) -> Connection {
        Connection::open(self.server.base_url()).await.unwrap()
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

    /// One attempt, and what was said to it. The connection is opened anew only when the server has said that it ends it,
    /// as it may where it did not read a body.
    async fn tell(&self, connection: &mut Connection, attempt: &Attempt) -> Told {
        let reply = self.carry_out(connection, attempt).await;
        if reply.header("connection") == Some("close") {
            assert!(attempt.body.is_some() && reply.status != 400, "hung up after {attempt:?}");
            *connection = self.connect().await;
        }
        let problem = if reply.status < 400 { Value::Null } else { reply.json() };
        Told { status: reply.status, code: problem["code"].clone(), errors: problem["errors"].clone() }
    }

    /// Whether what is said to it depends on what was tried before.
    fn depends_on_others(&self, attempt: &Attempt) -> bool {
        let Some(body) = &attempt.body else { return false };
        let named_in = |text: &str| text.contains(&self.session) || text.contains(&self.message);
        attempt.headers.contains("idempotency-key")
            || named_in(&attempt.target)
            || named_in(&String::from_utf8_lossy(body))
    }

    fn assert_unharmed(&self) {
        let logs = self.server.logs();
        assert!(!logs.contains("panicked") && !logs.contains("\"level\":\"ERROR\""), "{logs}");
    }
}

/// What a caller can go by.
#[derive(Debug, PartialEq)]
struct Told {
    status: u16,
    code: Value,
    errors: Value,
}

/// The same attempt on a server with SQLite and on one with PostgreSQL.
type Pair = [Attempt; 2];

/// Carries the same attempts out on each database, and expects the same answers of both. Where an answer depends on those
/// before it, they come one after the other; the others side by side. Returns how many there were.
pub(super) async fn carry_out_on_both(attempts: impl Fn(&Target) -> Vec<Attempt>) -> usize {
    let database = Database::postgres().await;
    let targets = Arc::new([Target::start(Database::Sqlite).await, Target::start(database).await]);
    let [of_sqlite, of_postgres] = targets.each_ref().map(attempts);
    assert_eq!(of_sqlite.len(), of_postgres.len());
    let count = of_sqlite.len();
    let pairs = of_sqlite.into_iter().zip(of_postgres).map(Pair::from);
    let (in_order, any): (Vec<_>, Vec<_>) = pairs.partition(|[attempt, _]| targets[0].depends_on_others(attempt));
    let any = Arc::new(Mutex::new(any.into_iter()));
    let mut workers = JoinSet::new();
    workers.spawn(compare(Arc::clone(&targets), Arc::new(Mutex::new(in_order.into_iter()))));
    for _ in 1..SIDE_BY_SIDE {
        workers.spawn(compare(Arc::clone(&targets), Arc::clone(&any)));
    }
    while let Some(done) = workers.join_next().await {
        done.unwrap();
    }
    targets.iter().for_each(Target::assert_unharmed);
    count
}

/// Takes pairs until there are none left.
async fn compare(targets: Arc<[Target; 2]>, left: Arc<Mutex<impl Iterator<Item = Pair>>>) {
    let [sqlite, postgres] = &*targets;
    let (mut to_sqlite, mut to_postgres) = (sqlite.connect().await, postgres.connect().await);
    let next = || left.lock().unwrap().next();
    while let Some([on_sqlite, on_postgres]) = next() {
        let told = tokio::join!(sqlite.tell(&mut to_sqlite, &on_sqlite), postgres.tell(&mut to_postgres, &on_postgres));
        assert_eq!(told.0, told.1, "SQLite and PostgreSQL differ about {on_sqlite:?}");
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
