//! Another master key, in the middle of everything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use tokio::task::JoinSet;
use whatotp_domain::Mode;
use whatotp_testkit::{ServerProcess, create_key};
use whatotp_vault::{Keyring, MasterKeys};

use super::client::Client;
use super::{BINARY, DELIVERED, run, server, without_limits};

const NEW_KEY: &str = "q1HtSlVx0Z3nY8v0rXfGd7Wm4uKpE2LbJc6iTaOoRhM=";
const CUSTOMERS: usize = 4;
/// Rotations that are killed.
const KILLS: usize = 5;

fn serve(directory: &Path) -> ServerProcess {
    without_limits(server(directory)).arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start()
}

/// Sends and verifies until it is told to stop. Not one right code may be refused.
async fn be_a_customer(client: Client, number: usize, over: Arc<AtomicBool>, verified: Arc<AtomicUsize>) {
    let mut round = 0;
    while !over.load(Ordering::SeqCst) {
        round += 1;
        let purpose = format!("{number} {round}");
        let wanted = json!({"to": DELIVERED, "channel": "whatsapp", "purpose": purpose, "metadata": {"tag": &purpose}});
        let sent = client.post("/v1/otp/send", &wanted, Some(&format!("rotating-{number}-{round:06}"))).await.unwrap();
        assert_eq!(sent.status, 200, "{sent:?}");
        let id = sent.body["session_id"].as_str().unwrap();
        let inbox = client.get(&format!("/v1/sandbox/messages?session_id={id}")).await.unwrap();
        let code = inbox.body["data"][0]["code"].as_str().unwrap();
        let answer = client.post("/v1/otp/verify", &json!({"session_id": id, "code": code}), None).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        verified.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_and_run_again_under_load_fails_no_verification() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let key = create_key(BINARY.as_ref(), path, &[], Mode::Test);
    let file = path.join("data/master.key");
    let old_keys = std::fs::read_to_string(&file).unwrap();
    let old = Keyring::new(MasterKeys::load(&file).unwrap()).active_kid();
    let first = serve(path);
    let client = Client::new(&first, &key);
    for number in 0..300 {
        let variables = json!({"first_name": "Ada", "order_id": number.to_string()});
        let body = json!({"phone_number": DELIVERED, "template_id": "order_update", "variables": variables});
        let sent = client.post("/v1/messages/send", &body, None).await.unwrap();
        assert_eq!(sent.status, 202, "{sent:?}");
    }
    drop(first);
    std::fs::write(&file, format!("{NEW_KEY}\n{old_keys}")).unwrap();

    let second = serve(path);
    let client = Client::new(&second, &key);
    let (over, verified) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        customers.spawn(be_a_customer(client.clone(), number, over.clone(), verified.clone()));
    }
    for kill in 0..KILLS {
        // After its first line, or after a table or two.
        let mut rotation = server(path).arg("rotate-keys").spawn();
        while rotation.stdout().lines().count() <= kill / 2 {
            tokio::task::yield_now().await;
        }
        rotation.kill9();
    }
    let path_of_run = path.to_owned();
    let ran = tokio::task::spawn_blocking(move || run(&path_of_run, &[], &["rotate-keys"])).await.unwrap();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    over.store(true, Ordering::SeqCst);
    while let Some(left) = customers.join_next().await {
        left.unwrap();
    }
    assert!(verified.load(Ordering::SeqCst) >= CUSTOMERS, "{verified:?} codes were verified meanwhile");
    println!("{verified:?} codes were verified meanwhile; {}", ran.stdout);

    let again = run(path, &[], &["rotate-keys"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains("0 values were sealed anew"), "{again:?}");
    assert!(again.stdout.contains(&format!("Keep the master key {old}: numbers are looked up by it")), "{again:?}");
    drop(second);
    // The key that looks up is the only use that is left of it: without it the start says so, and nothing is changed.
    std::fs::write(&file, format!("{NEW_KEY}\n")).unwrap();
    let refused = run(path, &[], &["serve"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(&old.to_string()), "{refused:?}");
}
