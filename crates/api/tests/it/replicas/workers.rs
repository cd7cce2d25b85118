use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use whatotp_domain::Mode;
use whatotp_simulator::{Behaviour, Fault, FaultKind, Handle};
use whatotp_testkit::{PostgresServer, PostgresVersion, ServerProcess};

use super::client::Client;
use super::waiting::whatsapp;
use super::{Stage, assert_sound, eventually, signal, until};

const MESSAGES: usize = 60;
/// Longer than the test may take: a message that nobody takes up again would expire otherwise.
const EXPIRES: u32 = 3_600;
/// A lease, by the settings below, and a half more.
const LONGER_THAN_A_LEASE: Duration = Duration::from_millis(7_500);
/// How long WhatsApp takes for each byte of an answer, of which there are some two hundred: a worker that is hit is hit in
/// the middle of many.
const SLOW_MS: u64 = 1;
const SLOW_ANSWERS: usize = 20;
/// How long nobody hears what became of a message: longer than a lease, so that another worker takes up what was cut off.
const SILENCE_MS: u64 = 9_000;
/// What a worker says that has lost its lease.
const TAKEN_OVER: &str = "another worker took this delivery over";
/// How many messages a worker has under way.
const AT_ONCE: usize = 8;

struct Scene {
    stage: Stage,
    simulator: whatotp_simulator::Simulator,
    api: ServerProcess,
    client: Client,
    messages: BTreeMap<String, String>,
}

impl Scene {
    async fn start(version: &PostgresVersion) -> Self {
        let mut stage = Stage::start(version).await;
        let simulator = whatsapp(&mut stage).await;
        stage.set("DELIVERY__CHANNEL_TIMEOUT_SECONDS", "2");
        stage.set("DELIVERY__LEASE_SECONDS", "5");
        stage.set("DELIVERY__UNKNOWN_WAIT_SECONDS", "1");
        stage.set("DELIVERY__CONCURRENCY", &AT_ONCE.to_string());
        let api = stage.serve("api");
        simulator.handle().set_webhook_url(Some(format!("{}/webhooks/whatsapp", api.base_url())));
        let (sent_ms, delivered_ms) = (Some(SILENCE_MS), Some(SILENCE_MS + 100));
        simulator.handle().set_behaviour(Behaviour { sent_ms, delivered_ms, ..Behaviour::default() });
        let client = Client::new(api.base_url(), &stage.key(Mode::Live));
        Self { stage, simulator, api, client, messages: BTreeMap::new() }
    }

    fn phones(&self) -> Handle {
        self.simulator.handle()
    }

    async fn queue(&mut self, count: usize) {
        for number in self.messages.len()..self.messages.len() + count {
            let to = format!("+1415{:07}", 3_000_000 + number);
            let variables = json!({"first_name": "Ada", "order_id": "A-1"});
            let body = json!({"phone_number": to, "template_id": "order_update", "variables": variables,
                "expires_in_seconds": EXPIRES});
            let queued = self.client.post("/v1/messages/send", &body).await;
            assert_eq!(queued.status, 202, "{queued:?}");
            self.messages.insert(to, queued.text("message_id"));
        }
    }

    /// Starts a worker and waits until it is in the middle of giving messages to WhatsApp.
    async fn worker_in_the_middle(&self) -> ServerProcess {
        self.phones().push_fault(
            Fault::once(FaultKind::SlowAnswer { pause_ms: SLOW_MS }).times(u32::try_from(SLOW_ANSWERS).unwrap()),
        );
        let worker = self.stage.serve("worker");
        let phones = self.phones();
        until("a worker that is in the middle", async || phones.requests(None).len() > AT_ONCE).await;
        worker
    }

    /// Waits until every message is delivered.
    async fn all_delivered(&self, what: &str) {
        let mut open = Vec::new();
        let took = eventually(async || {
            open.clear();
            for (to, id) in &self.messages {
                let message = self.client.get(&format!("/v1/messages/{id}")).await;
                if message.body["delivery"]["status"] != "delivered" {
                    open.push((self.phones().messages(Some(to)), message.body));
                }
            }
            open.is_empty()
        })
        .await;
        let took = took.unwrap_or_else(|| panic!("{what}: not delivered, and what the phones have: {open:#?}"));
        println!("{what}: all {} delivered after {took:?}", self.messages.len());
    }

    /// No phone got more than one copy too many, and each message has one history.
    async fn judge(&self, what: &str) {
        let mut twice = 0;
        for (to, id) in &self.messages {
            let received = self.phones().messages(Some(to));
            assert!((1..=2).contains(&received.len()), "{to} got {}: {received:#?}", received.len());
            twice += usize::from(received.len() == 2);
            let message = self.client.get(&format!("/v1/messages/{id}")).await;
            let steps = message.body["delivery"]["timeline"].as_array().unwrap();
            let steps: Vec<&str> = steps.iter().map(|step| step["status"].as_str().unwrap()).collect();
            assert_eq!(steps.last(), Some(&"delivered"), "{message:?}");
            let mut once = steps.clone();
            once.dedup();
            assert_eq!(once, steps, "{message:?}");
        }
        println!("{what}: {twice} of {} phones got a second copy", self.messages.len());
        // What the worker had under way when it was hit, and what took too long on a busy machine.
        assert!((1..=AT_ONCE + SLOW_ANSWERS).contains(&twice), "{twice}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_worker_had_begun_another_one_finishes() {
    for version in PostgresServer::each_version() {
        let mut scene = Scene::start(&version).await;
        scene.queue(MESSAGES).await;
        let mut killed = scene.worker_in_the_middle().await;
        killed.kill9();
        let other = scene.stage.serve("worker");
        scene.all_delivered("killed").await;
        scene.judge("killed").await;
        assert_sound(&[other, scene.api]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_is_halted_for_longer_than_a_lease_writes_nothing_when_it_goes_on() {
    for version in PostgresServer::each_version() {
        let mut scene = Scene::start(&version).await;
        scene.queue(MESSAGES).await;
        let halted = scene.worker_in_the_middle().await;
        signal(&halted, "STOP");
        let begun = Instant::now();
        let other = scene.stage.serve("worker");
        // By then the other one has taken up what was cut off, and nobody has heard yet what became of it.
        until("a lease that is over", async || begun.elapsed() > LONGER_THAN_A_LEASE).await;
        signal(&halted, "CONT");
        let zombie = Client::new(halted.base_url(), "");
        until("a worker that is back", async || zombie.get("/readyz").await.status == 200).await;
        scene.queue(MESSAGES / 2).await;
        scene.all_delivered("halted").await;
        scene.phones().settle().await;
        scene.judge("halted").await;
        // It had something to say, and nothing of it was written: no message has been tried more often than it was sent.
        assert!(halted.logs().contains(TAKEN_OVER), "{}", halted.logs());
        let Stage { postgres, database, .. } = &scene.stage;
        let counted_twice = postgres.execute(database.name(), "SELECT 1 FROM deliveries WHERE attempts > 2").await;
        assert_eq!(counted_twice, 0);
        assert_sound(&[halted, other, scene.api]);
    }
}
