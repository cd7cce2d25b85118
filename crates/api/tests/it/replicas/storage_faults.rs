use std::time::Duration;

use tokio::time::Instant;
use whatotp_domain::Mode;
use whatotp_testkit::{Fault, FaultProxy, PostgresServer, PostgresVersion, ServerProcess};

use super::client::Client;
use super::load::Load;
use super::{Stage, assert_sound, clients, until};

const PROCESSES: usize = 2;
const CUSTOMERS: usize = 6;
/// Answers that show that something goes on, or does not.
const SOME: usize = 20;
const STALL: Duration = Duration::from_secs(5);
/// Promised is about a second. This is for a machine that does other things as well.
const SLOW: Duration = Duration::from_secs(10);

/// Two processes under load, with a proxy between them and the database.
struct Scene {
    stage: Stage,
    proxy: FaultProxy,
    servers: Vec<ServerProcess>,
    clients: Vec<Client>,
    load: Load,
}

impl Scene {
    async fn start(version: &PostgresVersion) -> Self {
        let mut stage = Stage::start(version).await;
        let key = stage.key(Mode::Test);
        let proxy = FaultProxy::start(stage.postgres.port());
        let direct = format!(":{}/", stage.postgres.port());
        let url = stage.database.url().replace(&direct, &format!(":{}/", proxy.port()));
        stage.set("DATABASE_URL", &url);
        stage.set("DELIVERY__CHANNEL_TIMEOUT_SECONDS", "1");
        stage.set("DELIVERY__LEASE_SECONDS", "3");
        let servers = stage.serve_many("all", PROCESSES);
        let clients = clients(&servers, &key);
        let load = Load::start(&clients, CUSTOMERS);
        load.goes_on(SOME).await;
        Self { stage, proxy, servers, clients, load }
    }

    /// While the database is away: refusals that come soon, nobody ready, everybody alive.
    async fn is_down(&self) {
        self.load.is_refused(SOME).await;
        for client in &self.clients {
            until("a process that is not ready", async || {
                let ready = client.get("/readyz").await;
                assert!(ready.status == 200 || ready.is_outage(), "{ready:?}");
                ready.status == 503
            })
            .await;
            assert_eq!(client.get("/livez").await.status, 200);
        }
    }

    /// Once it is back: everybody ready, and the load goes on, in the same processes.
    async fn recovers(&self, what: &str) {
        let begun = Instant::now();
        for client in &self.clients {
            until("a process that is ready again", async || client.get("/readyz").await.status == 200).await;
        }
        println!("{what}: ready again after {:?}", begun.elapsed());
        self.load.goes_on(SOME).await;
    }

    async fn end(self, what: &str) {
        let slowest = self.load.known().outages.iter().map(|answer| answer.took).max();
        println!("{what}: slowest refusal {slowest:?}");
        assert!(slowest.unwrap_or_default() < SLOW, "{what}: {slowest:?}");
        self.load.end().await;
        assert_sound(&self.servers);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_stopped_and_started() {
    for version in PostgresServer::each_version() {
        let mut scene = Scene::start(&version).await;
        for _ in 0..2 {
            scene.stage.postgres.stop();
            scene.is_down().await;
            scene.stage.postgres.start_again();
            scene.recovers("stopped and started").await;
        }
        scene.end("stopped and started").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_backends_are_killed() {
    for version in PostgresServer::each_version() {
        let scene = Scene::start(&version).await;
        for _ in 0..5 {
            let killed = scene.stage.postgres.kill_backends(&scene.stage.database).await;
            assert!(killed > 0);
            scene.recovers(&format!("{killed} backends killed")).await;
        }
        scene.end("backends killed").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_nothing_for_five_seconds() {
    for version in PostgresServer::each_version() {
        let scene = Scene::start(&version).await;
        let begun = Instant::now();
        scene.proxy.set_both(Fault::Stall);
        scene.is_down().await;
        until("five seconds", async || begun.elapsed() >= STALL).await;
        scene.proxy.heal();
        scene.recovers("stalled").await;
        scene.end("stalled").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_whose_connections_are_reset_in_mid_statement() {
    for version in PostgresServer::each_version() {
        let scene = Scene::start(&version).await;
        for bytes in [0, 100, 1_000, 5_000] {
            scene.proxy.set_both(Fault::CutAfter(bytes));
            scene.load.is_refused(SOME / 4).await;
            scene.proxy.heal();
            scene.recovers(&format!("cut after {bytes} bytes")).await;
        }
        scene.proxy.set_both(Fault::Reset);
        scene.is_down().await;
        scene.proxy.heal();
        scene.recovers("reset").await;
        scene.end("cut and reset").await;
    }
}
