use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use whatotp_testkit::ServerProcess;

use super::client::Client;
use super::{files_in, server};

fn mode_of(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn lines_of(server: &ServerProcess) -> Vec<String> {
    let stdout = server.stdout();
    stdout.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The key in a line of the first start.
fn key_in(line: &str) -> &str {
    line.split_whitespace().find(|word| word.starts_with("sk_test_wa1_")).expect("a test key")
}

/// What a line prints that somebody pastes into a shell.
fn paste(line: &str) -> Value {
    let mut shell = Command::new("sh");
    let output =
        shell.arg("-c").arg(format!("{line} --silent --show-error --fail")).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What a program says that is not for people: one JSON object a line.
fn assert_logs_are_json(server: &ServerProcess) {
    let (everything, stdout) = (server.logs(), server.stdout());
    for line in everything.lines().filter(|line| !stdout.contains(line)) {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
        assert!(parsed["level"].is_string() && parsed["message"].is_string(), "{line}");
    }
}

#[test]
fn the_first_start_says_where_the_data_is_the_key_two_commands_and_the_guide_in_this_order() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = server(directory.path()).start();
    let lines = lines_of(&server);
    let [data, key, introduction, first, second, guide, console, listening] = &lines[..] else { panic!("{lines:#?}") };
    assert!(data.starts_with("Your data") && data.contains("data/whatotp.db") && data.contains("data/master.key"));
    assert!(key.starts_with("Your test key") && key.ends_with("(shown only now)"));
    assert!(introduction.starts_with("Send a code"));
    assert!(guide.starts_with("The guide") && guide.contains(&format!("{}/docs", server.base_url())));
    let link = format!("{}/console/welcome#token=clt_", server.base_url());
    assert!(console.starts_with("The console") && console.contains(&link), "{console}");
    assert_eq!(*listening, format!("listening on {}", server.base_url()));

    let sent = paste(first);
    assert_eq!(sent["status"], "pending");
    let received = &paste(second)["data"][0];
    assert_eq!(received["session_id"], sent["session_id"], "the second command shows what the first one sent");
    assert_eq!(received["code"].as_str().map(str::len), Some(6));

    for line in [data, introduction, listening] {
        assert!(!line.contains("sk_test_"), "{line}");
    }
    server.terminate();
    assert_eq!(server.wait().code(), Some(0));
    assert_eq!(lines_of(&server).len(), lines.len(), "nothing else is printed, whatever happens");
    assert_logs_are_json(&server);
}

#[test]
fn what_it_makes_is_for_its_owner_only() {
    let directory = tempfile::tempdir().unwrap();
    let _server = server(directory.path()).start();
    let data = directory.path().join("data");
    let files = files_in(&data);
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode_of(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_start_shows_no_key_and_keeps_the_data() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = server(directory.path()).start();
    let lines = lines_of(&first);
    let key = key_in(&lines[1]).to_owned();
    let sent = paste(&lines[3]);
    first.terminate();
    first.wait();
    let master_key = std::fs::read(directory.path().join("data/master.key")).unwrap();

    let second = server(directory.path()).start();
    assert!(!second.logs().contains("sk_test_wa1_"), "{}", second.logs());
    let lines = lines_of(&second);
    let [data, key_line, guide, console, listening] = &lines[..] else { panic!("{lines:#?}") };
    assert!(data.starts_with("Your data"));
    assert!(key_line.contains("whatotp keys create --mode test"), "{key_line}");
    assert!(guide.ends_with("/docs"), "{guide}");
    assert!(console.ends_with("/console"), "the link was shown at the first start: {console}");
    assert!(listening.starts_with("listening on "));
    assert_eq!(std::fs::read(directory.path().join("data/master.key")).unwrap(), master_key);

    let client = Client::new(&second, &key);
    let session = sent["session_id"].as_str().unwrap();
    let there = client.get(&format!("/v1/otp/{session}")).await.unwrap();
    assert_eq!((there.status, &there.body["status"]), (200, &Value::from("pending")));
    let inbox = client.get(&format!("/v1/sandbox/messages?session_id={session}")).await.unwrap();
    let body = serde_json::json!({"session_id": session, "code": inbox.body["data"][0]["code"]});
    assert_eq!(client.post("/v1/otp/verify", &body, None).await.unwrap().status, 200, "the code of the first life");
    assert_logs_are_json(&second);
}

#[test]
fn a_first_start_that_cannot_listen_does_not_waste_the_key() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut refused = server(directory.path()).env("WHATOTP_LISTEN", address).spawn();
    assert_eq!(refused.wait().code(), Some(1));
    assert!(!refused.logs().contains("sk_test_"));
    let server = server(directory.path()).start();
    key_in(&lines_of(&server)[1]);
}

#[test]
fn a_database_that_migrate_has_made_gets_its_key_at_the_first_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let migrated = super::run(directory.path(), &[], &["migrate"]);
    assert_eq!(migrated.code, Some(0), "{migrated:?}");
    let server = server(directory.path()).start();
    key_in(&lines_of(&server)[1]);
    assert_eq!(mode_of(&directory.path().join("data/master.key")), 0o600);
}
