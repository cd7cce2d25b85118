//! The programs of `docs/examples` against a running server.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::client::Client;
use super::{run, server};
use crate::support::MAGIC;

/// One of the examples, and what runs it.
fn example(interpreter: &str, file: &str, arguments: [&str; 3]) -> Output {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", "docs", "examples", file].iter().collect();
    let mut command = Command::new(interpreter);
    command.arg(path).args(arguments).env_remove("http_proxy").env_remove("HTTP_PROXY");
    if let Some(packages) = std::env::var_os("WHATOTP_TEST_PYTHON") {
        command.env("PYTHONPATH", packages);
    }
    command.output().unwrap_or_else(|error| panic!("{interpreter} starts: {error}"))
}

/// The same receipt with one character of this part changed.
fn damaged(receipt: &str, part: usize) -> String {
    let mut parts: Vec<String> = receipt.split('.').map(str::to_owned).collect();
    let middle = parts[part].len() / 2;
    let other = if parts[part].as_bytes()[middle] == b'A' { "B" } else { "A" };
    parts[part].replace_range(middle..=middle, other);
    parts.join(".")
}

async fn receipt(client: &Client) -> Value {
    let sent = client.post("/v1/otp/send", &json!({"to": MAGIC, "channel": "whatsapp"}), None).await.unwrap();
    let session = &sent.body["session_id"];
    let inbox = client.get(&format!("/v1/sandbox/messages?session_id={}", session.as_str().unwrap())).await.unwrap();
    let body = json!({"session_id": session, "code": inbox.body["data"][0]["code"]});
    client.post("/v1/otp/verify", &body, None).await.unwrap().body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_take_a_receipt_of_ours_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path()).start();
    let made = run(directory.path(), &[], &["keys", "create", "--mode", "test", "--json"]);
    let made: Value = serde_json::from_str(&made.stdout).unwrap();
    let (key, account) = (made["key"].as_str().unwrap(), made["account_id"].as_str().unwrap());
    let verified = receipt(&Client::new(&server, key)).await;
    let receipt = verified["receipt"].as_str().unwrap();
    for (interpreter, file) in [("node", "verify_receipt.mjs"), ("python3", "verify_receipt.py")] {
        let run = |account: &str, receipt: &str| example(interpreter, file, [server.base_url(), account, receipt]);
        let taken = run(account, receipt);
        assert!(taken.status.success(), "{file}: {}", String::from_utf8_lossy(&taken.stderr));
        let claims: Value = serde_json::from_slice(&taken.stdout).unwrap();
        assert_eq!((&claims["session_id"], &claims["mode"]), (&verified["session_id"], &json!("test")));
        for part in 0..3 {
            let refused = run(account, &damaged(receipt, part));
            assert!(!refused.status.success(), "{file} takes a receipt whose part {part} is changed");
        }
        assert!(!run("acc_of_somebody_else", receipt).status.success(), "{file} takes another's receipt");
    }
}

#[test]
fn every_example_is_run() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/examples");
    let mut files: Vec<_> =
        examples.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["verify_receipt.mjs", "verify_receipt.py"]);
}
