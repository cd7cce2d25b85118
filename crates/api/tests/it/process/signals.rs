use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use whatotp_domain::Mode;
use whatotp_testkit::{ServerProcess, create_key};

use super::client::{Answer, Client};
use super::connection::{Connection, request};
use super::{BINARY, server};

/// A magic number whose messages stay at `sent` for ever, so that a watcher has nothing to hear.
const NEVER_DELIVERED: &str = "+12025550102";

const STOPPING: &str = "stopping: running requests are brought to their end";
/// What actix-server says when it takes no more connections.
const CLOSED: &str = "accept thread stopped";

/// Sends one.
type Signal = fn(&ServerProcess);

fn start(directory: &TempDir, drain_seconds: &str) -> (ServerProcess, String) {
    let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
    let server = server(directory.path())
        .arg("serve")
        .env("WHATOTP_SERVER__DRAIN_SECONDS", drain_seconds)
        .env("WHATOTP_LOG__LEVEL", "info,actix_server=trace")
        .start();
    (server, key)
}

/// A session about which nothing will change for a while.
async fn quiet_session(client: &Client) -> String {
    let body = json!({"to": NEVER_DELIVERED, "channel": "whatsapp"});
    let sent = client.post("/v1/otp/send", &body, None).await.unwrap();
    let path = format!("/v1/otp/{}", sent.body["session_id"].as_str().unwrap());
    let mut seen = sent;
    while seen.body["delivery"]["status"] != "sent" {
        seen = client.get(&format!("{path}?wait_seconds=25")).await.unwrap();
    }
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sigterm_running_requests_are_answered_and_the_exit_code_is_0() {
    ends_in_order(ServerProcess::terminate).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sigint_running_requests_are_answered_and_the_exit_code_is_0() {
    ends_in_order(ServerProcess::interrupt).await;
}

async fn ends_in_order(ask_to_stop: Signal) {
    let directory = tempfile::tempdir().unwrap();
    let (mut server, key) = start(&directory, "2");
    let client = Client::new(&server, &key);
    let path = quiet_session(&client).await;

    let mut events = client.request(Method::GET, &format!("{path}/events")).send().await.unwrap();
    let first = events.chunk().await.unwrap().expect("the stream begins with how things are");
    assert!(first.starts_with(b"event: status\ndata: {"), "{first:?}");

    // A quick question and a long one on the same connection: when the first is answered, the second is running.
    let authorization = format!("authorization: Bearer {key}\r\n");
    let mut long_poll = Connection::open(server.base_url()).await.unwrap();
    let quick = request("GET", &path, &authorization, None);
    let long = request("GET", &format!("{path}?wait_seconds=25"), &authorization, None);
    long_poll.write(&[quick, long].concat()).await.unwrap();
    assert_eq!(long_poll.reply().await.unwrap().status, 200);

    // A send of which the server has the head and asks for the rest.
    let body = json!({"to": NEVER_DELIVERED, "channel": "whatsapp", "purpose": "late"}).to_string();
    let length = body.len();
    let head = format!(
        "{authorization}content-type: application/json\r\ncontent-length: {length}\r\nexpect: 100-continue\r\n"
    );
    let mut late = Connection::open(server.base_url()).await.unwrap();
    late.write(&request("POST", "/v1/otp/send", &head, None)).await.unwrap();
    assert_eq!(late.reply().await.unwrap().status, 100);

    ask_to_stop(&server);
    server.wait_for_line(STOPPING);
    let not_ready = first_refusal(&client).await;
    assert_eq!((not_ready.status, not_ready.code()), (503, "overloaded"), "{not_ready:?}");
    let alive = client.get("/livez").await.unwrap();
    assert_eq!(alive.status, 200, "it drains, and is alive");
    let during = json!({"to": NEVER_DELIVERED, "channel": "whatsapp", "purpose": "in between"});
    assert_eq!(client.post("/v1/otp/send", &during, None).await.unwrap().status, 200, "it drains, and serves");

    let polled = long_poll.reply().await.unwrap();
    assert_eq!((polled.status, &polled.json()["status"]), (200, &Value::from("pending")));
    while let Some(more) = events.chunk().await.expect("the stream ends in order") {
        assert!(more.starts_with(b"event: "), "{more:?}");
    }

    server.wait_for_line(CLOSED);
    // The listener goes a moment after that line.
    let address = server.base_url().trim_start_matches("http://").to_owned();
    while TcpStream::connect(&address).await.is_ok() {}
    late.write(body.as_bytes()).await.unwrap();
    let sent = late.reply().await.unwrap();
    assert_eq!((sent.status, &sent.json()["purpose"]), (200, &Value::from("late")));
    drop((late, long_poll, client));
    assert_eq!(server.wait().code(), Some(0), "{}", server.logs());
}

/// Asks for readiness until it is refused: the line in the log is a moment earlier.
async fn first_refusal(client: &Client) -> Answer {
    for _ in 0..1_000 {
        let answer = client.get("/readyz").await.unwrap();
        if answer.status != 200 {
            return answer;
        }
    }
    panic!("it is to stop, and says that it is ready");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_it_at_once() {
    let (terminate, interrupt): (Signal, Signal) = (ServerProcess::terminate, ServerProcess::interrupt);
    for (first, second) in [(terminate, terminate), (terminate, interrupt), (interrupt, interrupt)] {
        let directory = tempfile::tempdir().unwrap();
        // Longer than the test would wait.
        let (mut server, key) = start(&directory, "3600");
        let client = Client::new(&server, &key);
        let path = quiet_session(&client).await;
        first(&server);
        server.wait_for_line(STOPPING);
        let code = first_refusal(&client).await.status;
        second(&server);
        assert_eq!((code, server.wait().code()), (503, Some(1)), "{}", server.logs());
        let restarted = super::server(directory.path()).arg("serve").start();
        let there = Client::new(&restarted, &key).get(&path).await.unwrap();
        assert_eq!(there.status, 200, "what was answered is there all the same");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quick_start_does_not_keep_anybody_waiting() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = server(directory.path()).env("WHATOTP_SERVER__DRAIN_SECONDS", "3600").start();
    server.interrupt();
    assert_eq!(server.wait().code(), Some(0), "{}", server.logs());
    assert!(server.logs().contains("\"message\":\"stopped\""), "{}", server.logs());
}
