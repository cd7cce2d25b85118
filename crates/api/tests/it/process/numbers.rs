use std::path::Path;

use serde_json::{Value, json};

use super::client::Client;
use super::{run, server};

const ORDINARY: &str = "+14155550123";

fn printed(directory: &Path, arguments: &[&str]) -> String {
    let ran = run(directory, &[], arguments);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    ran.stdout
}

fn read(directory: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(directory, arguments)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_counts_against_a_number_is_shown_and_forgiven() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let server = server(path).start();
    let key = read(path, &["keys", "create", "--mode", "test", "--json"]);
    let account = key["account_id"].as_str().unwrap();
    assert!(printed(path, &["numbers", "show", ORDINARY]).starts_with("Nothing counts against +1******0123"));
    assert!(printed(path, &["numbers", "unblock", ORDINARY]).contains("no wrong codes"));

    let client = Client::new(&server, key["key"].as_str().unwrap());
    let body = json!({"to": ORDINARY, "channel": "whatsapp", "length": 8});
    let sent = client.post("/v1/otp/send", &body, None).await.unwrap();
    assert_eq!(sent.status, 200, "{sent:?}");
    for wrong in ["00000000", "00000001", "00000002"] {
        let body = json!({"session_id": sent.body["session_id"], "code": wrong});
        assert_eq!(client.post("/v1/otp/verify", &body, None).await.unwrap().code(), "code_mismatch");
    }
    let shown = read(path, &["numbers", "show", ORDINARY, "--account", account, "--json"]);
    let (ours, all) = (&shown[0], &shown[1]);
    assert_eq!((&ours["account_id"], &ours["mode"]), (&json!(account), &json!("test")));
    assert_eq!((&all["account_id"], shown.as_array().unwrap().len()), (&Value::Null, 2));
    for (count, in_a_row) in [(ours, 3), (all, 0)] {
        assert_eq!(count["sends_in_24_hours"], 1);
        assert_eq!(count["failures_in_24_hours"], 3);
        assert_eq!(count["consecutive_failures"], in_a_row);
        assert_eq!(count["held_by_open_sessions"], 2);
        assert_eq!((&count["disabled"], &count["blocked_until"]), (&json!(false), &Value::Null));
    }
    let text = printed(path, &["numbers", "show", ORDINARY]);
    assert!(text.contains("wrong codes in a row     3 of 100"), "{text}");
    assert!(!text.contains(ORDINARY), "{text}");

    printed(path, &["numbers", "unblock", ORDINARY, "--account", account]);
    let shown = read(path, &["numbers", "show", ORDINARY, "--json"]);
    assert_eq!((&shown[0]["consecutive_failures"], &shown[0]["failures_in_24_hours"]), (&json!(0), &json!(0)));
    assert_eq!(shown[0]["sends_in_24_hours"], 1, "what it received still counts");
    assert_eq!(shown[1]["failures_in_24_hours"], 3, "over all accounts they still count");
    printed(path, &["numbers", "unblock", ORDINARY, "--all-accounts"]);
    assert_eq!(read(path, &["numbers", "show", ORDINARY, "--json"])[1]["failures_in_24_hours"], 0);

    let events = read(path, &["events", "--json"]);
    let unblocked: Vec<&Value> =
        events.as_array().unwrap().iter().filter(|event| event["kind"] == "number_unblocked").collect();
    let accounts: Vec<&Value> = unblocked.iter().map(|event| &event["account_id"]).collect();
    assert_eq!(accounts, [&json!(account), &Value::Null]);
    assert!(!events.to_string().contains(&ORDINARY[2..]), "no number is in the log of events");

    let audited = read(path, &["audit", "list", "--json"]);
    let forgiven = audited.as_array().unwrap().iter().filter(|entry| entry["action"] == "number.forgiven");
    let of: Vec<_> = forgiven.map(|entry| (&entry["subject"], &entry["account_id"])).collect();
    let number = json!("number +1******0123");
    assert_eq!(of, [(&number, &json!(account)), (&number, &Value::Null)]);
}

#[test]
fn what_is_no_number_or_nobodys_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let _server = server(directory.path()).start();
    let nobody = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb";
    for (arguments, says) in [
        (&["numbers", "show", "14155550123"][..], "E.164"),
        (&["numbers", "unblock", ORDINARY, "--account", nobody], nobody),
    ] {
        let ran = run(directory.path(), &[], arguments);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(says), "{ran:?}");
    }
    let both = ["numbers", "unblock", ORDINARY, "--account", nobody, "--all-accounts"];
    assert_eq!(run(directory.path(), &[], &both).code, Some(2));
}
