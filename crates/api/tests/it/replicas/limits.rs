use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use whatotp_domain::Mode;
use whatotp_testkit::PostgresServer;

use super::client::{Answer, Client, tally};
use super::{Stage, assert_sound, clients, until};

/// The documented limit of one key from one address.
const QUOTA: usize = 120;
const REQUESTS: usize = 400;
/// So few that a busy machine answers each within the 100 ms that Redis has.
const AT_ONCE: usize = 8;
/// What a process says when it no longer counts together with the others.
const ALONE: &str = "Redis is lost";
/// How often a round is played before one of them must have gone by without Redis being too late for one process.
const TRIES: usize = 5;

/// Asks all processes in turn, a few at a time.
async fn ask_all(clients: &[Client], requests: usize) -> Vec<Answer> {
    let asked = (0..requests).map(|number| {
        let client = clients[number % clients.len()].clone();
        async move { client.get("/v1/templates").await }
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

fn admitted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_product_limit_is_exact_over_two_and_four_processes() {
    for version in PostgresServer::each_version() {
        for processes in [2, 4] {
            let mut stage = Stage::with_redis(&version).await;
            stage.set("LIMITS__PRODUCT_PER_MINUTE", &QUOTA.to_string());
            exact_round(&stage, processes).await;
        }
    }
}

/// One in which every process counted in Redis from beginning to end.
async fn exact_round(stage: &Stage, processes: usize) {
    for _ in 0..TRIES {
        let key = stage.key(Mode::Test);
        let servers = stage.serve_many("api", processes);
        let answers = ask_all(&clients(&servers, &key), REQUESTS).await;
        println!("{processes} processes, limit {QUOTA}, {REQUESTS} requests: {}", tally(&answers));
        let refused = answers.iter().filter(|answer| answer.code == "rate_limited").count();
        assert_eq!(admitted(&answers) + refused, REQUESTS, "{}", tally(&answers));
        assert!(answers.iter().all(|answer| answer.status == 200 || answer.retry_after.is_some()));
        assert_sound(&servers);
        assert!(admitted(&answers) <= QUOTA * processes);
        if !servers.iter().any(|server| server.logs().contains(ALONE)) {
            assert_eq!(admitted(&answers), QUOTA);
            return;
        }
    }
    panic!("Redis was too late for some process in each of {TRIES} rounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_everywhere_within_seconds() {
    for version in PostgresServer::each_version() {
        let stage = Stage::with_redis(&version).await;
        let created: Value = serde_json::from_str(&stage.run(&["keys", "create", "--mode", "test", "--json"])).unwrap();
        let (id, key) = (created["key_id"].as_str().unwrap(), created["key"].as_str().unwrap());
        let servers = stage.serve_many("api", 4);
        let clients = clients(&servers, key);
        for client in &clients {
            // Once for the database, and once for whatever remembers it.
            for _ in 0..2 {
                assert_eq!(client.get("/v1/templates").await.status, 200);
            }
        }
        stage.run(&["keys", "revoke", id]);
        let took = until("a key that is refused everywhere", async || {
            let answers = ask_all(&clients, clients.len()).await;
            answers.iter().all(|answer| (answer.status, answer.code.as_str()) == (401, "invalid_api_key"))
        })
        .await;
        println!("refused by all {} processes {took:?} after the command ended", clients.len());
        assert!(took < Duration::from_secs(10), "promised are 5 s: {took:?}");
        let later = ask_all(&clients, 40).await;
        assert!(later.iter().all(|answer| answer.status == 401), "{}", tally(&later));
    }
}
