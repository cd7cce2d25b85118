use serde_json::json;

use super::super::client::Client;
use super::super::searching::{Search, Secret};
use super::super::{files_in, secrecy};
use super::{OTHER_SENDER, PHONE, SENDER, Stage, WABA, send, wait_for, went_well, with_two_senders};

const SECOND_TOKEN: &str = "token-of-the-second";

/// Adds the second number, and returns what that printed.
fn add_second(stage: &Stage, more: &[&str]) -> String {
    let add = ["senders", "add", "--phone-number-id", OTHER_SENDER, "--waba-id", WABA, "--access-token-file", "-"];
    went_well(stage.run_with_input(&[&add, more].concat(), &format!("{SECOND_TOKEN}\n")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_is_added_beside_a_running_server_and_used() {
    let stage = Stage::with(with_two_senders()).await;
    let server = stage.serve();
    let created = stage.json(&["keys", "create", "--mode", "live", "--json"]);
    let account = created["account_id"].as_str().unwrap();
    let client = Client::new(&server, created["key"].as_str().unwrap());
    assert_eq!(send(&client, PHONE).await.body["delivery"]["sender"], SENDER);

    let said = add_second(&stage, &["--name", "second", "--account", account]);
    assert!(said.contains("its token sealed") && said.contains("senders check"), "{said}");
    // The server looks again at most five seconds later; until then the first one is used.
    let mut number = 0;
    let used = loop {
        let to = format!("+14155551{number:03}");
        let sent = send(&client, &to).await;
        assert_eq!(sent.status, 200, "{sent:?}");
        let path = format!("/v1/otp/{}", sent.body["session_id"].as_str().unwrap());
        let delivered = wait_for(&client, &path, "delivered").await;
        if delivered.body["delivery"]["sender"] == OTHER_SENDER {
            break to;
        }
        number += 1;
        assert!(number < 500, "the new sender is never used");
    };
    assert_eq!(stage.phones().messages(Some(&used))[0].phone_number_id, OTHER_SENDER);

    let listed = stage.json(&["senders", "list", "--json"]);
    let [first, second] = &listed.as_array().unwrap()[..] else { panic!("{listed}") };
    assert_eq!((&first["phone_number_id"], &first["from"]), (&json!(SENDER), &json!("configuration")));
    assert_eq!((&second["phone_number_id"], &second["name"]), (&json!(OTHER_SENDER), &json!("second")));
    assert_eq!((&second["shared"], &second["accounts"]), (&json!(false), &json!([account])));
    assert!(!listed.to_string().contains("token"), "{listed}");
    let text = stage.printed(&["senders", "list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("PHONE NUMBER ID  WABA") && lines[1].contains("everybody else"), "{text}");
    assert_eq!(lines[1].find(WABA), lines[2].find(WABA), "columns are aligned: {text}");

    let check = stage.printed(&["senders", "check"]);
    assert!(check.lines().count() == 2 && check.lines().all(|line| line.starts_with("ok ")), "{check}");
    assert!(check.contains("Second Number") && check.contains("+1 202-555-0199"), "{check}");

    // Back to the shared one, and gone.
    let said = stage.printed(&["senders", "use", "--account", account]);
    assert!(said.contains("everybody shares"), "{said}");
    let said = stage.printed(&["senders", "remove", OTHER_SENDER]);
    assert!(said.contains(OTHER_SENDER), "{said}");
    assert_eq!(stage.json(&["senders", "list", "--json"]).as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_read_from_a_file_or_the_input_and_shown_and_stored_nowhere() {
    let mut stage = Stage::without_sender(with_two_senders()).await;
    stage.set_any("WHATOTP_LOG__LEVEL", "trace");
    let server = stage.serve();
    stage.live_key();
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(elsewhere.path(), format!("{}\r\n", super::TOKEN)).unwrap();
    let path = elsewhere.path().to_str().unwrap();
    let add = ["senders", "add", "--phone-number-id", SENDER, "--waba-id", WABA, "--access-token-file", path];
    let mut said = stage.printed(&add);
    said += &add_second(&stage, &[]);
    said += &stage.printed(&["senders", "check"]);
    said += &stage.printed(&["templates", "sync"]);
    said += &stage.printed(&["senders", "list"]);
    // The last word on a sender counts: one with a wrong token.
    let wrong = stage.run_with_input(&[&add[..7], &["-"]].concat(), "token-that-is-wrong");
    said += &went_well(wrong);
    let check = stage.failed(&["senders", "check"]);
    assert!(check.contains(&format!("FAIL  {SENDER}")) && check.contains(&format!("ok    {OTHER_SENDER}")), "{check}");
    assert!(check.contains("(190)") && check.contains("Give the sender a new access token"), "{check}");
    said += &check;

    let tokens = [super::TOKEN, SECOND_TOKEN, "token-that-is-wrong"];
    let secrets = tokens.map(|token| Secret { what: "an access token", value: token.as_bytes().to_vec() });
    let search = Search::new(secrets.to_vec());
    secrecy::assert_nothing_in(&search, "what is printed", said.as_bytes());
    secrecy::assert_nothing_in(&search, "the log", server.logs().as_bytes());
    assert!(secrecy::search_files(&search, stage.directory.path()) > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_a_sender_is_refused_and_nothing_is_stored() {
    let stage = Stage::with(with_two_senders()).await;
    let none = stage.failed(&["senders", "list"]);
    assert!(none.contains("there is no database") || none.contains("no database"), "{none}");
    assert_eq!(files_in(stage.directory.path()).len(), 0, "a look makes nothing");
    let _server = stage.serve();
    let account = stage.json(&["keys", "create", "--mode", "live", "--json"])["account_id"].clone();
    let account = account.as_str().unwrap();

    let add = ["senders", "add", "--phone-number-id", OTHER_SENDER, "--waba-id", WABA, "--access-token-file", "-"];
    let nobody = "acc_01k0z3v8xkf3g9mzq2w6c5t7rb";
    for (more, input, said) in [
        (&["--base-url", "http://graph.example.com"][..], SECOND_TOKEN, "must begin with https://"),
        (&["--base-url", "http://127.0.0.1.example.com"], SECOND_TOKEN, "must begin with https://"),
        (&["--base-url", "http://127.0.0.1@example.com"], SECOND_TOKEN, "must begin with https://"),
        (&["--account", nobody], SECOND_TOKEN, nobody),
        (&[], "", "holds no token"),
        (&[], "two words", "holds no token"),
    ] {
        let ran = stage.run_with_input(&[&add, more].concat(), input);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{more:?}");
        assert!(ran.stderr.contains(said) && !ran.stderr.contains(SECOND_TOKEN), "{more:?}: {ran:?}");
    }
    let said = stage.failed(&[&add[..7], &["/nowhere/token"]].concat());
    assert!(said.contains("/nowhere/token"), "{said}");
    let configured = ["senders", "add", "--phone-number-id", SENDER, "--waba-id", WABA, "--access-token-file", "-"];
    for refused in [stage.run_with_input(&configured, "another"), stage.run(&["senders", "remove", SENDER])] {
        assert!(refused.code == Some(1) && refused.stderr.contains("comes from the configuration"), "{refused:?}");
    }
    for (arguments, said) in [
        (&["senders", "remove", OTHER_SENDER][..], "senders list"),
        (&["senders", "use", "--account", account, OTHER_SENDER], "senders list"),
        (&["senders", "use", "--account", nobody, SENDER], nobody),
    ] {
        let refused = stage.failed(arguments);
        assert!(refused.contains(said), "{arguments:?}: {refused}");
    }
    for wrong in [&["senders", "remove", "+14155550100"][..], &["senders", "use", "--account", account, "../me"]] {
        let ran = stage.run(wrong);
        assert!(ran.code == Some(2) && ran.stderr.contains("1 to 32 digits"), "{wrong:?}: {ran:?}");
    }
    assert_eq!(stage.json(&["senders", "list", "--json"]).as_array().unwrap().len(), 1, "nothing was stored");
    // Plain http is for this machine, and these are this machine.
    for loopback in ["http://localhost:1", "http://[::1]:1", "http://127.0.0.2:1"] {
        add_second(&stage, &["--base-url", loopback]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_uses_its_senders_in_the_order_they_were_given() {
    let stage = Stage::with(with_two_senders()).await;
    let server = stage.serve();
    let created = stage.json(&["keys", "create", "--mode", "live", "--json"]);
    let account = created["account_id"].as_str().unwrap();
    add_second(&stage, &[]);
    let said = stage.printed(&["senders", "use", "--account", account, OTHER_SENDER, SENDER]);
    assert_eq!(said, format!("{account} uses {OTHER_SENDER}, then {SENDER}\n"));
    // Nothing was sent before, so the server has nothing to forget.
    drop(server);
    let server = stage.serve();
    let client = Client::new(&server, created["key"].as_str().unwrap());
    assert_eq!(send(&client, PHONE).await.body["delivery"]["sender"], OTHER_SENDER);
}
