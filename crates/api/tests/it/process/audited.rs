//! What is done by commands stands in the audit log.

use std::path::Path;

use serde_json::Value;

use super::{run, server};

const NUMBER: &str = "+4915112345678";

fn printed(directory: &Path, arguments: &[&str]) -> String {
    let ran = run(directory, &[], arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}: {ran:?}");
    ran.stdout
}

fn read(directory: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&printed(directory, arguments)).unwrap()
}

#[test]
fn every_command_that_changes_something_is_in_the_audit_log() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let server = server(directory).start();
    let mut known = read(directory, &["audit", "list", "--json"]).as_array().unwrap().len();
    let mut says = |action: &str, account: Option<&str>, subject: &str| {
        let entries = read(directory, &["audit", "list", "--json"]);
        let entries = entries.as_array().unwrap();
        let new = &entries[known..];
        assert_eq!(new.len(), 1, "{action}: {new:?}");
        assert_eq!((&new[0]["action"], &new[0]["actor"]), (&Value::from(action), &Value::from("command line")));
        assert_eq!(new[0]["account_id"].as_str(), account, "{action}");
        assert_eq!(new[0]["subject"].as_str(), Some(subject), "{action}");
        known = entries.len();
    };
    let made = read(directory, &["accounts", "create", "--name", "shop", "--json"]);
    let account = made["account_id"].as_str().unwrap();
    says("account.created", Some(account), account);
    printed(directory, &["accounts", "set", account, "--per-day", "10"]);
    says("account.rules_changed", Some(account), account);
    let key = read(directory, &["keys", "create", "--mode", "test", "--account", account, "--json"]);
    let key = key["key_id"].as_str().unwrap();
    says("key.created", Some(account), key);
    printed(directory, &["keys", "rotate", key]);
    says("key.rotated", Some(account), key);
    printed(directory, &["keys", "revoke", key]);
    says("key.revoked", Some(account), key);
    printed(directory, &["blocks", "add", "--number", NUMBER, "--account", account, "--reason", "asked for it"]);
    says("block.added", Some(account), "number +49*******5678");
    printed(directory, &["blocks", "lift", "--number", NUMBER, "--account", account]);
    says("block.lifted", Some(account), "number +49*******5678");
    printed(directory, &["blocks", "add", "--prefix", "+4915112", "--reason", "pumped"]);
    says("block.added", None, "prefix +4915112");
    printed(directory, &["erase", NUMBER, "--account", account, "--yes"]);
    says("number.erased", Some(account), "number +49*******5678");
    printed(directory, &["rotate-keys"]);
    let entries = read(directory, &["audit", "list", "--json"]);
    let newest = entries.as_array().unwrap().last().unwrap();
    assert_eq!((&newest["action"], &newest["account_id"]), (&Value::from("master_keys.rotated"), &Value::Null));

    let text = printed(directory, &["audit", "list"]);
    assert!(!text.contains(NUMBER) && !text.contains("12345678"), "no number in full: {text}");
    assert!(printed(directory, &["audit", "verify"]).contains("as it was written"));
    drop(server);
}
