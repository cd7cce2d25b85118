use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use whatotp::settings::DEFAULTS;
use whatotp_testkit::ServerProcess;

use super::client::Client;
use super::{files_in, run, server};

/// What a command that must go well prints.
fn printed(directory: &Path, arguments: &[&str]) -> String {
    let ran = run(directory, &[], arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr, "");
    ran.stdout
}

fn json(directory: &Path, arguments: &[&str]) -> Value {
    let text = printed(directory, arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("not JSON ({error}): {text}"))
}

fn started() -> (TempDir, ServerProcess) {
    let directory = tempfile::tempdir().unwrap();
    let server = server(directory.path()).start();
    (directory, server)
}

async fn status_with(server: &ServerProcess, key: &str) -> u16 {
    Client::new(server, key).get("/v1/templates").await.unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_made_and_revoked_beside_a_running_server() {
    let (directory, server) = started();
    let made = json(directory.path(), &["keys", "create", "--mode", "test", "--name", "ci", "--json"]);
    let names: Vec<_> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["key_id", "account_id", "mode", "key"]);
    assert_eq!(made["mode"], "test");
    let (id, key) = (made["key_id"].as_str().unwrap(), made["key"].as_str().unwrap());
    assert_eq!(status_with(&server, key).await, 200);

    let listed = json(directory.path(), &["keys", "list", "--json"]);
    let ours = listed.as_array().unwrap().iter().find(|one| one["key_id"] == id).expect("it is listed");
    assert_eq!((&ours["name"], &ours["revoked_at"]), (&Value::from("ci"), &Value::Null));
    let random = &key["sk_test_wa1_".len()..];
    assert!(!listed.to_string().contains(&random[..30]), "a list never shows a key");
    let text = printed(directory.path(), &["keys", "list"]);
    assert_eq!(text.lines().count(), 2, "the key of the quick start, and this one: {text}");
    assert!(text.contains(id) && text.contains("no end") && !text.contains(&random[..30]), "{text}");

    let rotated = json(directory.path(), &["keys", "rotate", id, "--json"]);
    assert_eq!(rotated["replaces"]["key_id"], id);
    let new = rotated["key"].as_str().unwrap();
    for key in [key, new] {
        assert_eq!(status_with(&server, key).await, 200, "both work");
    }
    let text = printed(directory.path(), &["keys", "list"]);
    assert_eq!(text.matches("last used 2").count(), 2, "{text}");
    assert_eq!(text.matches("never used").count(), 1, "that of the quick start: {text}");

    let said = printed(directory.path(), &["keys", "revoke", id]);
    assert!(said.contains(id) && said.contains("revoked"), "{said}");
    assert!(said.contains("5 seconds"), "{said}");
    // The server looks again at most five seconds later; asking all the while meets the limit of the key.
    let mut tries = 0;
    while status_with(&server, key).await != 401 {
        tries += 1;
        assert!(tries < 50_000, "the key is never refused");
    }
    let listed = json(directory.path(), &["keys", "list", "--json"]);
    let ours = listed.as_array().unwrap().iter().find(|one| one["key_id"] == id).unwrap();
    assert!(ours["revoked_at"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_text_is_the_first_line_and_its_limits_hold() {
    let (directory, server) = started();
    let text = printed(directory.path(), &["keys", "create", "--mode", "test", "--scope", "otp:send"]);
    let (key, remark) = text.split_once('\n').unwrap();
    assert!(remark.contains("key_") && remark.contains("It is not shown again."), "{text}");
    let client = Client::new(&server, key);
    assert_eq!(client.get("/v1/templates").await.unwrap().code(), "insufficient_scope");
    let body = serde_json::json!({"to": super::DELIVERED, "channel": "whatsapp"});
    assert_eq!(client.post("/v1/otp/send", &body, None).await.unwrap().status, 200);

    let elsewhere =
        json(directory.path(), &["keys", "create", "--mode", "test", "--allow-ip", "192.0.2.0/24", "--json"]);
    assert_eq!(status_with(&server, elsewhere["key"].as_str().unwrap()).await, 403);

    let live = json(directory.path(), &["keys", "create", "--mode", "live", "--json"]);
    let live = Client::new(&server, live["key"].as_str().unwrap());
    let refused = live.post("/v1/otp/send", &body, None).await.unwrap();
    assert_eq!((refused.status, refused.code()), (503, "channel_unavailable"));
}

#[test]
fn a_key_of_nobody_is_refused() {
    let (directory, _server) = started();
    let nobody = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb";
    let ran = run(directory.path(), &[], &["keys", "create", "--mode", "test", "--account", nobody]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains(nobody), "{ran:?}");
    let ran = run(directory.path(), &[], &["keys", "revoke", "key_01k0z3v8xkf3g9mzq2w6c5t7rb"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("there is no key") && ran.stderr.contains("keys list"), "{ran:?}");
    for wrong in
        [&["keys", "create"][..], &["keys", "create", "--mode", "both"], &["keys", "revoke", "otp_1"], &["fly"]]
    {
        let ran = run(directory.path(), &[], wrong);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{wrong:?}");
    }
}

#[test]
fn migrate_makes_a_database_and_has_nothing_to_do_the_second_time() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("data")).unwrap();
    let check = run(directory.path(), &[], &["migrate", "--check"]);
    assert_eq!(check.code, Some(1), "something is pending");
    assert!(check.stdout.starts_with("pending in data/whatotp.db:\n  2026-"), "{check:?}");
    assert_eq!(files_in(directory.path()).len(), 1, "a check makes nothing");
    let applied = printed(directory.path(), &["migrate"]);
    assert_eq!(applied.replace("applied to", "pending in"), check.stdout);
    for arguments in [&["migrate", "--check"][..], &["migrate"]] {
        assert_eq!(printed(directory.path(), arguments), "data/whatotp.db is up to date\n");
    }
}

#[test]
fn config_shows_every_setting_and_where_it_comes_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = "listen = \"127.0.0.1:1\"\n[limits]\nkey_per_minute = 7\nproduct_per_minute = 5\n";
    std::fs::write(directory.path().join("my.toml"), file).unwrap();
    std::fs::write(directory.path().join("url"), "postgres://whatotp:hunter2@db/whatotp\n").unwrap();
    let variables = [("WHATOTP_LIMITS__KEY_PER_MINUTE", "9"), ("WHATOTP_DATABASE_URL_FILE", "url")];
    let ran = run(directory.path(), &variables, &["config", "--config", "my.toml"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(!ran.stdout.contains("hunter2"), "{}", ran.stdout);
    let shown: BTreeMap<&str, &str> =
        ran.stdout.lines().map(|line| line.split_once(' ').map(|(key, rest)| (key, rest.trim())).unwrap()).collect();
    let about = |key: &str| shown[key].split_whitespace().collect::<Vec<_>>();
    assert_eq!(about("listen"), ["127.0.0.1:1", "my.toml"]);
    assert_eq!(about("limits.product_per_minute"), ["5", "my.toml"]);
    assert_eq!(about("limits.key_per_minute"), ["9", "WHATOTP_LIMITS__KEY_PER_MINUTE"]);
    assert_eq!(about("database_url"), ["postgres://[REDACTED]@db/whatotp", "WHATOTP_DATABASE_URL_FILE"]);
    assert_eq!(about("server.drain_seconds"), ["5", "default"]);

    let mut section = String::new();
    let mut documented = Vec::new();
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            documented.push(format!("{section}{key}"));
        }
    }
    documented.sort();
    assert_eq!(shown.keys().copied().collect::<Vec<_>>(), documented, "all of config.default.toml, and nothing else");
}

#[test]
fn the_default_configuration_is_one_to_start_from() {
    let directory = tempfile::tempdir().unwrap();
    let text = printed(directory.path(), &["config", "--default"]);
    assert_eq!(text.trim(), DEFAULTS.trim());
    std::fs::write(directory.path().join("whatotp.toml"), text).unwrap();
    assert_eq!(files_in(directory.path()).len(), 1);
    let server = server(directory.path()).arg("serve").arg("--config").arg("whatotp.toml").start();
    assert_eq!(server.stdout(), format!("listening on {}\n", server.base_url()), "serve prints one line");
}

#[test]
fn try_runs_the_example_of_the_documentation() {
    let (directory, server) = started();
    let ran = run(directory.path(), &[], &["try", "--url", server.base_url()]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let lines: Vec<_> = ran.stdout.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    let [send, answer, inbox, received, verify, verified, look, seen, done] = lines[..] else { panic!("{lines:#?}") };
    assert_eq!(send, "EXEC: POST /v1/otp/send");
    assert!(answer.starts_with("SUCCESS: 200 OK | session_id: otp_"), "{answer}");
    assert!(inbox.starts_with("EXEC: GET /v1/sandbox/messages?session_id=otp_"), "{inbox}");
    assert!(received.starts_with("SUCCESS: 200 OK | text: *"), "{received}");
    assert_eq!((verify, verified), ("EXEC: POST /v1/otp/verify", "SUCCESS: 200 OK | verified: true"));
    assert!(look.starts_with("EXEC: GET /v1/otp/otp_"), "{look}");
    assert_eq!(seen, "SUCCESS: 200 OK | status: verified");
    assert!(done.starts_with("DONE: "), "{done}");

    let keys = json(directory.path(), &["keys", "list", "--json"]);
    let usable = keys.as_array().unwrap().iter().filter(|key| key["revoked_at"].is_null()).count();
    assert_eq!(usable, 1, "the key that was made for it is revoked");

    let refused = run(directory.path(), &[], &["try", "--url", server.base_url(), "--to", "+12025550103"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("ERROR: 422 recipient_unreachable"), "{refused:?}");
}

#[test]
fn try_without_a_server_says_so() {
    let (directory, mut server) = started();
    let url = server.base_url().to_owned();
    server.kill9();
    let ran = run(directory.path(), &[], &["try", "--url", &url]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("is the server running?") && ran.stderr.contains(&url), "{ran:?}");
    let keys = json(directory.path(), &["keys", "list", "--json"]);
    let usable = keys.as_array().unwrap().iter().filter(|key| key["revoked_at"].is_null()).count();
    assert_eq!(usable, 1, "the key that was made for it is revoked all the same");
}

#[test]
fn doctor_says_what_is_right_and_what_to_do_about_what_is_not() {
    let (directory, mut server) = started();
    let listen = server.base_url().trim_start_matches("http://").to_owned();
    let variables = [("WHATOTP_LISTEN", listen.as_str())];
    let healthy = run(directory.path(), &variables, &["doctor"]);
    assert_eq!((healthy.code, healthy.stderr.as_str()), (Some(0), ""), "{}", healthy.stdout);
    assert!(healthy.stdout.lines().all(|line| line.starts_with("ok ")), "{}", healthy.stdout);

    server.kill9();
    let down = run(directory.path(), &variables, &["doctor"]);
    let failing = |stdout: &str| {
        let lines = stdout.lines().filter(|line| line.starts_with("FAIL"));
        lines.map(|line| line.split_whitespace().nth(1).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((down.code, failing(&down.stdout)), (Some(1), vec!["server".to_owned()]), "{}", down.stdout);

    let nothing = tempfile::tempdir().unwrap();
    let ill = run(nothing.path(), &variables, &["doctor"]);
    assert_eq!(ill.code, Some(1));
    assert_eq!(failing(&ill.stdout), ["master", "database", "keys", "server"], "{}", ill.stdout);
    assert_eq!(files_in(nothing.path()).len(), 0, "a doctor changes nothing");
}

#[test]
fn openapi_is_the_document_that_the_server_serves() {
    let directory = tempfile::tempdir().unwrap();
    let document = json(directory.path(), &["openapi"]);
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert!(document["paths"]["/v1/otp/send"]["post"].is_object());
    assert_eq!(files_in(directory.path()).len(), 0);
}
