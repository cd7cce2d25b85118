//! `whatotp erase` as somebody types it.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use tempfile::TempDir;
use whatotp_domain::Mode;
use whatotp_testkit::{ServerProcess, create_key};

use super::client::Client;
use super::{BINARY, Ran, server};

const ALICE: &str = "+12025550100";
const BOB: &str = "+12025550177";

/// A server that has sent a code and a message to each of two numbers, and has nothing of them in its hands.
async fn in_use() -> (TempDir, ServerProcess, Client) {
    let directory = tempfile::tempdir().unwrap();
    let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
    let server = server(directory.path()).arg("serve").start();
    let client = Client::new(&server, &key);
    for to in [ALICE, BOB] {
        let body = json!({"to": to, "channel": "whatsapp"});
        let sent = client.post("/v1/otp/send", &body, Some(&format!("erasing-{to}"))).await.unwrap();
        assert_eq!(sent.status, 200, "{sent:?}");
        let variables = json!({"first_name": "Ada", "order_id": "42"});
        let body = json!({"phone_number": to, "template_id": "order_update", "variables": variables});
        let queued = client.post("/v1/messages/send", &body, None).await.unwrap();
        // Nothing of what is on its way can be erased, so it must have arrived.
        for path in ["message_id", "session_id"] {
            let id = sent.body[path].as_str().or(queued.body[path].as_str()).unwrap();
            let path = if path == "message_id" { "messages" } else { "otp" };
            settled(&client, &format!("/v1/{path}/{id}")).await;
        }
    }
    (directory, server, client)
}

/// Waits, in the server's own long poll, until a message has arrived.
async fn settled(client: &Client, path: &str) {
    for _ in 0..20 {
        let seen = client.get(&format!("{path}?wait_seconds=5")).await.unwrap();
        let way = seen.body["delivery"]["status"].as_str().or(seen.body["status"].as_str()).unwrap();
        if ["delivered", "read"].contains(&way) {
            return;
        }
    }
    panic!("{path} did not arrive");
}

/// Runs `whatotp erase`, and types this when it asks.
fn erase(directory: &Path, arguments: &[&str], typed: &str) -> Ran {
    let mut command = Command::new(BINARY);
    command.current_dir(directory).env_clear().arg("erase").args(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    child.stdin.take().unwrap().write_all(typed.as_bytes()).expect("it reads");
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).expect("it prints UTF-8");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

async fn messages_to(client: &Client, number: &str) -> usize {
    let listed = client.get(&format!("/v1/messages?phone_number=%2B{}", &number[1..])).await.unwrap();
    listed.body["data"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_erased_until_somebody_says_yes() {
    let (directory, _server, client) = in_use().await;
    for typed in ["no\n", "\n", "", "y\n", "YES\n"] {
        let refused = erase(directory.path(), &[ALICE], typed);
        assert_eq!((refused.code, refused.stderr.as_str()), (Some(1), ""), "{typed:?}: {refused:?}");
        assert!(refused.stdout.contains("It cannot be undone. Type yes to go on:"), "{refused:?}");
        assert!(refused.stdout.contains("in every account") && !refused.stdout.contains(&ALICE[1..]), "{refused:?}");
        assert!(refused.stdout.ends_with("Nothing was deleted.\n"), "{refused:?}");
        assert_eq!(messages_to(&client, ALICE).await, 1);
    }
    let erased = erase(directory.path(), &[ALICE], "yes\n");
    assert_eq!((erased.code, erased.stderr.as_str()), (Some(0), ""), "{erased:?}");
    let (question, counts) = erased.stdout.split_once("go on:\n").unwrap();
    assert!(question.contains("+1******0100"), "{question}");
    assert_eq!(counts, counted([1, 2, 1, 1, 2, 0]));
    assert_eq!((messages_to(&client, ALICE).await, messages_to(&client, BOB).await), (0, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erase_for_scripts_asks_nothing_and_counts_what_it_did() {
    let (directory, _server, client) = in_use().await;
    let nobody = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb";
    for (arguments, counts) in [
        (vec!["--yes", "--account", nobody, ALICE], [0; 6]),
        (vec!["--yes", ALICE], [1, 2, 1, 1, 2, 0]),
        (vec![ALICE, "--yes"], [0; 6]),
    ] {
        let ran = erase(directory.path(), &arguments, "");
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}: {ran:?}");
        assert_eq!(ran.stdout, counted(counts), "{arguments:?}");
    }
    assert_eq!((messages_to(&client, ALICE).await, messages_to(&client, BOB).await), (0, 1));
    let typo = erase(directory.path(), &["+1202555010x", "--yes"], "");
    assert_eq!((typo.code, typo.stdout.as_str()), (Some(1), ""));
    assert!(typo.stderr.contains("no phone number") && !typo.stderr.contains("010x"), "{typo:?}");
}

/// What is printed when so many rows were deleted.
fn counted(rows: [u32; 6]) -> String {
    let [sessions, deliveries, ledgers, claims, provider_messages, waiting_reports] = rows;
    format!(
        "otp_sessions        {sessions}\ndeliveries          {deliveries}\nnumber_ledgers      {ledgers}\n\
         idempotency_claims  {claims}\nprovider_messages   {provider_messages}\nwaiting_reports     {waiting_reports}\n\
         texts of tickets    0\n"
    )
}
