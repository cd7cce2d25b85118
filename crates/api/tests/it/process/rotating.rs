//! Another master key, in the middle of everything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;
use whatotp_domain::{Mode, Timestamp};
use whatotp_ports::{MasterKeyStore as _, SealedColumn, SealedTable};
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_testkit::{ServerProcess, create_key};
use whatotp_vault::{Keyring, Kid, MasterKeys};

use super::client::Client;
use super::{BINARY, DELIVERED, Ran, run, server, without_limits};

const OLD_KEY: &str = "Zt4cJ9dVb2QmX0sKe7RrW1yHnU5gAoPlLiF8EwTzB6M=";
const NEW_KEY: &str = "q1HtSlVx0Z3nY8v0rXfGd7Wm4uKpE2LbJc6iTaOoRhM=";
const CUSTOMERS: usize = 4;
/// Messages that the old key has sealed: several batches of a rotation, and as many again for the answers.
const MESSAGES: usize = 2_000;
/// Sends of them that are on their way at a time.
const SIDE_BY_SIDE: usize = 20;
/// How much is left when a rotation is killed, in eighths: twice among the messages, once among the answers.
const KILLED_AT_EIGHTHS: [usize; 3] = [7, 5, 3];

/// An installation whose key file can be changed.
struct Installation {
    directory: TempDir,
    api_key: String,
    /// What the first start wrote: the key by which numbers are looked up.
    founding_key: String,
}

impl Installation {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let api_key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
        let founding_key = std::fs::read_to_string(directory.path().join("data/master.key")).unwrap();
        Self { directory, api_key, founding_key }
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Puts these keys above the founding one; the first of all seals from the next start on. Returns its id.
    fn write_keys(&self, above: &[&str]) -> Kid {
        let file = self.path().join("data/master.key");
        let lines = above.iter().fold(String::new(), |lines, key| lines + key + "\n");
        std::fs::write(&file, lines + &self.founding_key).unwrap();
        Keyring::new(MasterKeys::load(&file).unwrap()).active_kid()
    }

    fn serve(&self) -> (ServerProcess, Client) {
        let server = without_limits(server(self.path())).arg("serve").env("WHATOTP_LOG__LEVEL", "warn").start();
        let client = Client::new(&server, &self.api_key);
        (server, client)
    }

    fn rotate(&self) -> Ran {
        run(self.path(), &[], &["rotate-keys"])
    }

    /// Looks into the database, beside those who use it.
    fn look(&self) -> SqliteStore {
        let settings = SqliteSettings::beside(self.path().join("data/whatotp.db"));
        SqliteStore::open(&settings, Timestamp::from_unix_ms(0)).unwrap()
    }
}

/// Recipients and answers that are sealed with this key. Nobody but a rotation takes one away.
async fn sealed_with(kid: Kid, store: &SqliteStore) -> usize {
    let mut found = 0;
    for table in [SealedTable::Deliveries, SealedTable::Claims] {
        let rows = store.sealed_rows(table, None, u32::MAX).await.unwrap();
        let values = rows.iter().flat_map(|row| &row.values);
        let counted = [SealedColumn::Recipient, SealedColumn::Answer];
        found += values.filter(|(column, value)| counted.contains(column) && value.kid() == Some(kid)).count();
    }
    found
}

/// A code that somebody has, and has not used yet.
struct Pending {
    session: String,
    code: String,
}

impl Pending {
    async fn send(client: &Client, purpose: &str) -> Self {
        let body = json!({"to": DELIVERED, "channel": "whatsapp", "purpose": purpose, "expires_in_seconds": 600,
            "metadata": {"tag": purpose}});
        let sent = client.post("/v1/otp/send", &body, Some(&format!("rotating-{purpose}"))).await.unwrap();
        assert_eq!(sent.status, 200, "{sent:?}");
        let session = sent.body["session_id"].as_str().unwrap().to_owned();
        let inbox = client.get(&format!("/v1/sandbox/messages?session_id={session}")).await.unwrap();
        let code = inbox.body["data"][0]["code"].as_str().unwrap().to_owned();
        Self { session, code }
    }

    async fn verify(self, client: &Client) {
        let body = json!({"session_id": self.session, "code": self.code});
        let answer = client.post("/v1/otp/verify", &body, None).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

/// Sends a message for somebody called `name`.
async fn send_message(client: &Client, name: &str, number: usize) -> String {
    let variables = json!({"first_name": name, "order_id": number.to_string()});
    let body = json!({"phone_number": DELIVERED, "template_id": "order_update", "variables": variables,
        "metadata": {"tag": name}});
    let sent = client.post("/v1/messages/send", &body, Some(&format!("rotating-{name}-{number}"))).await.unwrap();
    assert_eq!(sent.status, 202, "{sent:?}");
    sent.body["message_id"].as_str().unwrap().to_owned()
}

/// Everything that is sealed about a message opens: whom it is for, what is attached to it and what it says.
async fn read_message(client: &Client, id: &str, name: &str) {
    let read = client.get(&format!("/v1/messages/{id}")).await.unwrap();
    assert_eq!((read.status, &read.body["metadata"]["tag"]), (200, &json!(name)), "{read:?}");
    let inbox = client.get(&format!("/v1/sandbox/messages?message_id={id}")).await.unwrap();
    let message = &inbox.body["data"][0];
    assert_eq!(message["to"], DELIVERED, "{inbox:?}");
    assert!(message["text"].as_str().is_some_and(|text| text.contains(name)), "{inbox:?}");
}

/// Sends and verifies until it is told to stop. Not one right code may be refused.
async fn be_a_customer(client: Client, number: usize, over: Arc<AtomicBool>, verified: Arc<AtomicUsize>) {
    let mut round = 0;
    while !over.load(Ordering::SeqCst) {
        round += 1;
        Pending::send(&client, &format!("{number}-{round}")).await.verify(&client).await;
        verified.fetch_add(1, Ordering::SeqCst);
    }
}

/// Kills a rotation as soon as it has brought the values that need the old key down to so many: after it has committed
/// batches of its own, and before its last one.
async fn kill_in_the_middle(installation: &Installation, old: Kid, store: &SqliteStore, at: usize) {
    let before = sealed_with(old, store).await;
    assert!(at < before, "{before} are left before the kill at {at}");
    let mut rotation = server(installation.path()).arg("rotate-keys").spawn();
    while sealed_with(old, store).await > at {}
    rotation.kill9();
    let left = sealed_with(old, store).await;
    println!("killed when {left} of {before} values were left under the old key");
    assert!(left > 0, "it was over before it was killed: {}", rotation.logs());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_and_run_again_under_load_fails_no_verification_and_frees_the_old_key() {
    let installation = Installation::new();
    let (founding, client) = installation.serve();
    let of_founding_key = Pending::send(&client, "under-founding").await;
    drop(founding);

    let old = installation.write_keys(&[OLD_KEY]);
    let (first, client) = installation.serve();
    let of_old_key = Pending::send(&client, "under-old").await;
    let message = send_message(&client, "Grace", 0).await;
    for start in (0..MESSAGES).step_by(SIDE_BY_SIDE) {
        join_all((start..start + SIDE_BY_SIDE).map(|number| send_message(&client, "Ada", number))).await;
    }
    drop(first);

    installation.write_keys(&[NEW_KEY, OLD_KEY]);
    let (second, client) = installation.serve();
    let (over, verified) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        customers.spawn(be_a_customer(client.clone(), number, over.clone(), verified.clone()));
    }
    let store = installation.look();
    let all = sealed_with(old, &store).await;
    for eighth in KILLED_AT_EIGHTHS {
        kill_in_the_middle(&installation, old, &store, all * eighth / 8).await;
    }
    let ran = tokio::task::block_in_place(|| installation.rotate());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(sealed_with(old, &store).await, 0, "{ran:?}");
    over.store(true, Ordering::SeqCst);
    while let Some(left) = customers.join_next().await {
        left.unwrap();
    }
    assert!(verified.load(Ordering::SeqCst) >= CUSTOMERS, "{verified:?} codes were verified meanwhile");
    println!("{verified:?} codes were verified meanwhile; {}", ran.stdout);
    drop(second);

    // A code cannot be sealed anew: its key stays until it is used or too old, and a start without that key is refused.
    assert!(ran.stdout.contains(&format!("Keep the master key {old}: codes that were made with it")), "{ran:?}");
    installation.write_keys(&[NEW_KEY]);
    let refused = run(installation.path(), &[], &["serve"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(&old.to_string()), "{refused:?}");
    installation.write_keys(&[NEW_KEY, OLD_KEY]);
    let (third, client) = installation.serve();
    of_old_key.verify(&client).await;
    let of_new_key = Pending::send(&client, "under-new").await;
    let again = tokio::task::block_in_place(|| installation.rotate());
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains("\n0 values were sealed anew"), "{again:?}");
    assert!(again.stdout.contains(&format!("Nothing needs the master key {old} any more")), "{again:?}");
    drop(third);

    installation.write_keys(&[NEW_KEY]);
    let (fourth, client) = installation.serve();
    read_message(&client, &message, "Grace").await;
    of_founding_key.verify(&client).await;
    of_new_key.verify(&client).await;
    let logs = fourth.logs();
    assert!(!logs.contains("\"level\":\"ERROR\""), "{logs}");
}

#[test]
fn the_founding_key_is_kept_for_looking_up() {
    let installation = Installation::new();
    let founding = installation.write_keys(&[]);
    installation.write_keys(&[NEW_KEY]);
    let ran = installation.rotate();
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains(&format!("Keep the master key {founding}: numbers are looked up by it")), "{ran:?}");
    // It is the only use that is left of it: without it the start says so, and nothing is changed.
    std::fs::write(installation.path().join("data/master.key"), format!("{NEW_KEY}\n")).unwrap();
    let refused = run(installation.path(), &[], &["serve"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains(&founding.to_string()), "{refused:?}");
}
