use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use whatotp_domain::{AccountId, Mode, Timestamp};
use whatotp_testkit::PostgresServer;

use super::client::Client;
use super::{Stage, assert_sound, until};

const WORKERS: usize = 2;
/// How many messages one account has in the outbox.
const BACKLOG: usize = 6_000;
const AT_ONCE: usize = 16;
/// How many of them wait still when another account has been served.
const WAITING: u64 = 3_000;
/// How many messages a worker has under way: so few that half of a claim is little.
const UNDER_WAY: usize = 8;
/// A magic number whose first attempt is refused for now, so that the second is a worker's.
const LATER: &str = "+12025550106";
const ORDINARY: &str = "+12025550120";
/// Longer than the test may take.
const EXPIRES: u32 = 3_600;

fn message(to: &str) -> Value {
    let variables = json!({"first_name": "Ada", "order_id": "A-1"});
    json!({"phone_number": to, "template_id": "order_update", "variables": variables, "expires_in_seconds": EXPIRES})
}

/// A key of a second account, which has the same templates as the first.
async fn another_account(stage: &Stage) -> String {
    let id = AccountId::new(Timestamp::from_unix_ms(0), [0; 10]);
    let database = stage.database.name();
    let account = format!("INSERT INTO accounts VALUES ('{id}', 'another', 0)");
    let templates = format!(
        "INSERT INTO templates SELECT (jsonb_populate_record(t, jsonb_build_object('account_id', '{id}'))).* FROM \
         templates AS t"
    );
    for statement in [account, templates] {
        assert!(stage.postgres.execute(database, &statement).await > 0);
    }
    let created = stage.run(&["keys", "create", "--account", &id.to_string(), "--mode", "test", "--json"]);
    let created: Value = serde_json::from_str(&created).unwrap();
    created["key"].as_str().unwrap().to_owned()
}

/// So many messages of one account. Whoever is turned away by a busy machine asks again.
async fn queue(client: &Client, count: usize) {
    let ask = |_| async {
        let mut queued = client.post("/v1/messages/send", &message(ORDINARY)).await;
        while queued.is_outage() {
            queued = client.post("/v1/messages/send", &message(ORDINARY)).await;
        }
        assert_eq!(queued.status, 202, "{queued:?}");
    };
    stream::iter(0..count).for_each_concurrent(AT_ONCE, ask).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_with_very_many_messages_keeps_no_other_waiting() {
    for version in PostgresServer::each_version() {
        let mut stage = Stage::start(&version).await;
        stage.set("DELIVERY__CONCURRENCY", &UNDER_WAY.to_string());
        let (many, api) = (stage.key(Mode::Test), stage.serve("api"));
        let (many, few) =
            (Client::new(api.base_url(), &many), Client::new(api.base_url(), &another_account(&stage).await));
        let queued = async || {
            let waiting =
                "SELECT 1 FROM deliveries WHERE status = 'queued' AND account_id <> (SELECT min(id) FROM accounts)";
            stage.postgres.execute(stage.database.name(), waiting).await
        };
        let begun = tokio::time::Instant::now();
        queue(&many, BACKLOG).await;
        println!("{BACKLOG} messages queued in {:?}", begun.elapsed());
        // A few more, when a busy machine was too late to say of some that they were taken.
        let backlog = queued().await;
        assert!(backlog >= u64::try_from(BACKLOG).unwrap());
        let workers = stage.serve_many("worker", WORKERS);
        until("workers that work", async || queued().await < backlog).await;

        let (code, message) =
            (few.send(LATER, "log in").await, few.post("/v1/messages/send", &message(ORDINARY)).await);
        assert_eq!((code.status, &code.body["delivery"]["status"]), (200, &"queued".into()), "{code:?}");
        assert_eq!((message.status, &message.body["delivery"]["status"]), (202, &"queued".into()), "{message:?}");
        for path in
            [format!("/v1/messages/{}", message.text("message_id")), format!("/v1/otp/{}", code.text("session_id"))]
        {
            let took = until("a delivery of the other account", async || {
                let seen = few.get(&path).await;
                assert!(seen.status == 200 || seen.is_outage(), "{seen:?}");
                seen.body["delivery"]["status"] == "delivered"
            })
            .await;
            let waiting = queued().await;
            println!("delivered after {took:?}, with {waiting} of the first account's messages waiting");
            assert!(waiting >= WAITING, "only {waiting} were still waiting");
        }
        assert_sound(&workers);
        assert_sound(&[api]);
    }
}
