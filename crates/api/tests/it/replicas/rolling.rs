use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use whatotp_domain::Mode;
use whatotp_testkit::{PostgresServer, ServerProcess};

use super::client::{Answer, Client, tally};
use super::haproxy::{Haproxy, free_port};
use super::{Stage, assert_sound};

/// 200 a second, and one process has to do for two. A debug binary on a busy machine can do half of that.
const PACE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 5 });
/// One request of so many sends a code; the others ask how a session is.
const SENDS: usize = 10;

fn start(stage: &Stage, port: u16) -> ServerProcess {
    stage.builder("all").env("WHATOTP_LISTEN", format!("127.0.0.1:{port}")).start()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_behind_a_proxy_fails_no_request() {
    for version in PostgresServer::each_version() {
        let mut stage = Stage::with_redis(&version).await;
        stage.set("SERVER__DRAIN_SECONDS", "2");
        stage.set("TRUSTED_PROXIES", "127.0.0.1/32");
        let key = stage.key(Mode::Test);
        let ports = [free_port(), free_port()];
        let mut servers: Vec<ServerProcess> = ports.iter().map(|port| start(&stage, *port)).collect();
        let proxy = Haproxy::start(&ports);
        for replica in 0..ports.len() {
            proxy.knows(replica, "UP").await;
        }
        let client = Client::new(&proxy.base_url(), &key);
        let session = client.send("+12025550120", "looked at").await.text("session_id");
        let over = Arc::new(AtomicBool::new(false));
        let stream = tokio::spawn(stream(client.clone(), session, over.clone()));
        let begun = Instant::now();
        for _ in 0..2 {
            for (replica, port) in ports.iter().enumerate() {
                servers[replica].terminate();
                assert!(servers[replica].wait().success(), "{}", servers[replica].logs());
                proxy.knows(replica, "DOWN").await;
                assert_sound(&servers);
                servers[replica] = start(&stage, *port);
                proxy.knows(replica, "UP").await;
            }
        }
        over.store(true, Ordering::SeqCst);
        let answers = stream.await.unwrap();
        let took = begun.elapsed();
        let rate = f64::from(u32::try_from(answers.len()).unwrap()) / took.as_secs_f64();
        let slowest = answers.iter().map(|answer| answer.took).max().unwrap();
        println!("4 restarts in {took:?}: {} at {rate:.0}/s; slowest {slowest:?}", tally(&answers));
        assert!(answers.iter().all(|answer| answer.status == 200), "{}", tally(&answers));
        // Nothing that was acknowledged was lost, and nothing was done twice.
        let sessions: BTreeSet<String> = answers.iter().map(|answer| answer.text("session_id")).collect();
        let stored = stage.postgres.execute(stage.database.name(), "SELECT 1 FROM otp_sessions").await;
        assert_eq!(stored, u64::try_from(sessions.len()).unwrap());
    }
}

/// Asks at a steady pace, however long the answers take, and never again: a failure would be the customer's to see.
async fn stream(client: Client, session: String, over: Arc<AtomicBool>) -> Vec<Answer> {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut requests = JoinSet::new();
    for number in 0_usize.. {
        pace.tick().await;
        if over.load(Ordering::SeqCst) {
            break;
        }
        let (client, path) = (client.clone(), format!("/v1/otp/{session}"));
        requests.spawn(async move {
            let asked = if number % SENDS == 0 {
                let body = json!({"to": "+12025550121", "channel": "whatsapp", "purpose": format!("{number}")});
                client.try_ask(Method::POST, "/v1/otp/send", Some(&body), Some(&format!("rolling-{number}"))).await
            } else {
                client.try_ask(Method::GET, &path, None, None).await
            };
            asked.unwrap_or_else(|error| panic!("request {number} failed: {error:?}"))
        });
    }
    requests.join_all().await
}
