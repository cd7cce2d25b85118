use std::path::Path;

use serde_json::{Value, json};

use super::client::Client;
use super::{run, server, without_limits};

fn printed(directory: &Path, arguments: &[&str]) -> String {
    let ran = run(directory, &[], arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.stdout
}

fn read(directory: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(directory, arguments)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_made_and_told_where_they_may_write_to_beside_a_running_server() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = server(directory).start();
    let made = read(directory, &["accounts", "create", "--name", "shop", "--json"]);
    let id = made["account_id"].as_str().unwrap();
    let key = read(directory, &["keys", "create", "--mode", "test", "--account", id, "--json"]);
    let client = Client::new(&server, key["key"].as_str().unwrap());

    let set = ["accounts", "set", id, "--countries-allowed", "de,AT", "--countries-denied", "CH", "--per-day", "10"];
    let said = printed(directory, &set);
    assert!(said.contains("AT,DE") && said.contains("10 messages a day, unlimited a month"), "{said}");
    let listed = read(directory, &["accounts", "list", "--json"]);
    let ours = listed.as_array().unwrap().iter().find(|one| one["account_id"] == id).unwrap();
    assert_eq!((&ours["countries_allowed"], &ours["countries_denied"]), (&json!(["AT", "DE"]), &json!(["CH"])));
    assert_eq!((&ours["per_day"], &ours["per_month"]), (&json!(10), &Value::Null));
    let text = printed(directory, &["accounts", "list"]);
    assert!(text.lines().any(|line| line.contains(id) && line.contains("AT,DE")), "{text}");

    let body = json!({"to": "+14155550123", "channel": "whatsapp"});
    let refused = client.post("/v1/otp/send", &body, None).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("destination_not_allowed")));
    // What is left out stays.
    printed(directory, &["accounts", "set", id, "--per-month", "none", "--countries-denied", "none"]);
    let listed = read(directory, &["accounts", "list", "--json"]);
    let ours = listed.as_array().unwrap().iter().find(|one| one["account_id"] == id).unwrap();
    assert_eq!((&ours["countries_allowed"], &ours["per_day"]), (&json!(["AT", "DE"]), &json!(10)));

    for bad in [["--countries-allowed", "XX"], ["--per-day", "0"], ["--per-month", "many"]] {
        let ran = run(directory, &[], &[&["accounts", "set", id], &bad[..]].concat());
        assert_ne!(ran.code, Some(0), "{bad:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_added_shown_and_lifted_and_hold_no_number() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = without_limits(server(directory)).start();
    let key = read(directory, &["keys", "create", "--mode", "test", "--json"]);
    let client = Client::new(&server, key["key"].as_str().unwrap());
    let body = json!({"to": "+4915112345678", "channel": "whatsapp"});
    printed(directory, &["blocks", "add", "--prefix", "+4915112", "--hours", "12", "--reason", "pumping"]);
    let refused = client.post("/v1/otp/send", &body, None).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (403, &json!("destination_blocked")));
    printed(directory, &["blocks", "add", "--number", "+4915112345678", "--reason", "asked for it"]);
    let listed = read(directory, &["blocks", "list", "--json"]);
    let kinds: Vec<_> = listed.as_array().unwrap().iter().map(|one| (&one["kind"], &one["until"])).collect();
    assert_eq!(kinds[0], (&json!("number"), &Value::Null));
    assert!(kinds[1].0 == "prefix" && kinds[1].1.is_string(), "{kinds:?}");
    assert!(!listed.to_string().contains("15112345678"), "{listed}");
    let text = printed(directory, &["blocks", "list"]);
    assert!(text.contains("somebody lifts it") && text.contains("+4915112") && text.contains("pumping"), "{text}");

    printed(directory, &["blocks", "lift", "--prefix", "+4915112"]);
    printed(directory, &["blocks", "lift", "--number", "+4915112345678"]);
    let again = run(directory, &[], &["blocks", "lift", "--prefix", "+4915112"]);
    assert!(again.code == Some(1) && again.stderr.contains("no such block"), "{again:?}");
    // The server looks again at most five seconds later.
    let mut tries = 0;
    loop {
        let sent = client.post("/v1/otp/send", &body, None).await.unwrap();
        if sent.status == 200 {
            break;
        }
        assert_eq!(sent.code(), "destination_blocked", "{sent:?}");
        tries += 1;
        assert!(tries < 50_000, "the block is never lifted");
    }
    for bad in [&["--prefix", "4915"][..], &["--prefix", "+4915112345678"], &["--number", "+49"], &[]] {
        let ran = run(directory, &[], &[&["blocks", "add", "--reason", "x"], bad].concat());
        assert_ne!(ran.code, Some(0), "{bad:?}: {ran:?}");
    }
}
