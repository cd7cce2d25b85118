use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::Instant;
use whatotp_domain::Mode;
use whatotp_testkit::{Direction, Fault, FaultProxy, PostgresServer, ServerProcess};

use super::client::{Answer, Client, tally};
use super::{Stage, assert_sound, clients, until};

const PROCESSES: usize = 2;
const QUOTA: usize = 60;
const WINDOW: Duration = Duration::from_secs(60);
const AT_ONCE: usize = 16;
/// No answer waits for Redis for longer than 100 ms. This is for a machine that does other things as well.
const SLOW: Duration = Duration::from_secs(5);
/// By then all processes count together again, once Redis is as it should be.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// How often a round is played before one of them must have gone by without Redis being too late for one process.
const TRIES: usize = 5;
/// What a process says when it counts for itself, and when it does no longer.
const ALONE: &str = "Redis is lost";
const TOGETHER: &str = "Redis is back";

/// What becomes of Redis in the middle.
type Trouble = fn(&mut Scene);

/// Two processes, and a proxy between them and the Redis they count in.
struct Scene {
    stage: Stage,
    proxy: FaultProxy,
    servers: Vec<ServerProcess>,
}

/// A client who has asked for all it may ask for at one process, and a session with three of five guesses used up.
struct Budgets {
    flooders: Vec<Client>,
    guessers: Vec<Client>,
    session: String,
    code: String,
    looked_at: usize,
    answers: Vec<Answer>,
    begun: Instant,
}

impl Scene {
    async fn start() -> Self {
        // The database has no part in it, so one version will do.
        let mut stage = Stage::with_redis(&PostgresServer::each_version().remove(0)).await;
        let proxy = FaultProxy::start(stage.redis().port());
        stage.set("REDIS_URL", &format!("redis://127.0.0.1:{}", proxy.port()));
        stage.set("LIMITS__PRODUCT_PER_MINUTE", &QUOTA.to_string());
        stage.set("LOG__LEVEL", "warn,whatotp_redis=info");
        let servers = stage.serve_many("api", PROCESSES);
        Self { stage, proxy, servers }
    }

    fn clients(&self) -> Vec<Client> {
        clients(&self.servers, &self.stage.key(Mode::Test))
    }

    /// How often each process has said this.
    fn said(&self, what: &str) -> Vec<usize> {
        self.servers.iter().map(|server| server.logs().matches(what).count()).collect()
    }

    /// How often Redis was asked to decide.
    fn decisions(&mut self) -> usize {
        let stats = self.stage.redis().command(&["INFO", "commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    async fn budgets(&self, what: &str) -> Budgets {
        let (begun, flooders, guessers) = (Instant::now(), self.clients(), self.clients());
        let session = guessers[0].send("+12025550120", what).await.text("session_id");
        let code = guessers[0].code_of(&session).await;
        let mut budgets = Budgets { flooders, guessers, session, code, looked_at: 0, answers: Vec::new(), begun };
        budgets.guess(what, PROCESSES + 1).await;
        assert_eq!(budgets.looked_at, 3);
        budgets.answers = flood(&budgets.flooders[..1]).await;
        budgets
    }

    /// Waits until every process counts in Redis again. Whoever has no key is counted as well, and never full.
    async fn is_shared_again(&self, what: &str) {
        let strangers = clients(&self.servers, "");
        let took = until("processes that count together again", async || {
            for stranger in &strangers {
                assert_eq!(stranger.get("/v1/templates").await.status, 401);
            }
            self.said(ALONE).iter().zip(self.said(TOGETHER)).all(|(alone, together)| *alone <= together)
        })
        .await;
        println!("{what}: together again after {took:?}");
        assert!(took < BACK_WITHIN, "{what}: {took:?}");
    }

    /// The limit of a new key is exact, over all processes.
    async fn is_exact(&self, what: &str) {
        for _ in 0..TRIES {
            let before = self.said(ALONE);
            let answers = flood(&self.clients()).await;
            if self.said(ALONE) == before {
                assert_eq!(admitted(&answers), QUOTA, "{what}: {}", tally(&answers));
                return;
            }
            self.is_shared_again(what).await;
        }
        panic!("{what}: Redis was too late for some process in each of {TRIES} rounds");
    }
}

impl Budgets {
    /// Wrong codes, at the processes in turn.
    async fn guess(&mut self, what: &str, times: usize) {
        let wrong = if self.code == "000000" { "000001" } else { "000000" };
        for client in self.guessers.iter().cycle().take(times) {
            let guess = client.verify(&self.session, wrong).await;
            assert!(guess.code == "code_mismatch" || guess.code == "session_locked", "{what}: {guess:?}");
            self.looked_at += usize::from(guess.code == "code_mismatch");
        }
    }

    async fn flood(&mut self) {
        self.answers.extend(flood(&self.flooders).await);
    }

    /// No fresh guess, no error, and no limit that was open at any time.
    async fn judge(&self, what: &str) {
        let right = self.guessers[1].verify(&self.session, &self.code).await;
        assert_eq!((right.status, right.code.as_str()), (410, "session_locked"), "{what}: {right:?}");
        assert_eq!(self.looked_at, 5, "{what}");
        judge(what, &self.answers, self.begun);
    }
}

/// What one key was answered since then: soon, without an error, and never more than the limit for each process.
fn judge(what: &str, answers: &[Answer], since: Instant) {
    let slowest = answers.iter().map(|answer| answer.took).max().unwrap();
    println!("{what}: {}; slowest {slowest:?}", tally(answers));
    assert!(answers.iter().all(|answer| answer.status < 500), "{what}: {}", tally(answers));
    assert!(slowest < SLOW, "{what}: {slowest:?}");
    // A machine that is busy enough begins another window.
    let windows = 1 + usize::try_from(since.elapsed().as_secs() / WINDOW.as_secs()).unwrap();
    assert!((QUOTA..=PROCESSES * QUOTA * windows).contains(&admitted(answers)), "{what}: {}", tally(answers));
}

/// More than all processes together may admit, spread over them.
async fn flood(clients: &[Client]) -> Vec<Answer> {
    let asked = (0..4 * QUOTA).map(|number| {
        let client = clients[number % clients.len()].clone();
        async move { client.get("/v1/templates").await }
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

fn admitted(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failure_of_redis_is_an_error_opens_a_limit_or_gives_guesses_back() {
    let troubles: [(&str, Trouble, Trouble); 4] = [
        ("stopped", |scene| scene.stage.redis().stop(), |scene| scene.stage.redis().start_again()),
        ("flushed", |scene| scene.stage.redis().flush(), |_| ()),
        ("paused", |scene| scene.stage.redis().pause(), |scene| scene.stage.redis().resume()),
        (
            "restarted",
            |scene| {
                scene.stage.redis().stop();
                scene.stage.redis().start_again();
            },
            |_| (),
        ),
    ];
    for (what, begin, end) in troubles {
        let mut scene = Scene::start().await;
        let mut budgets = scene.budgets(what).await;
        begin(&mut scene);
        budgets.flood().await;
        budgets.guess(what, 6).await;
        end(&mut scene);
        budgets.flood().await;
        budgets.judge(what).await;
        scene.is_shared_again(what).await;
        scene.is_exact(what).await;
        assert_sound(&scene.servers);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_slow_is_waited_for_by_few_opens_no_limit_and_gives_no_guesses_back() {
    let late = |ms| Fault::Latency(Duration::from_millis(ms));
    // Whether it is too late for every decision, or only for some.
    let faults = [
        ("60 ms there", late(60), Fault::None, false),
        ("60 ms there and back", late(60), late(60), true),
        ("300 ms there and back", late(300), late(300), true),
        ("stalled", Fault::Stall, Fault::Stall, true),
    ];
    for (what, there, back, is_too_late) in faults {
        let mut scene = Scene::start().await;
        let mut budgets = scene.budgets(what).await;
        let before = scene.decisions();
        scene.proxy.set(Direction::Request, there);
        scene.proxy.set(Direction::Answer, back);
        budgets.flood().await;
        budgets.guess(what, 6).await;
        // A key whose budget is whole: for each of its requests Redis would be asked.
        let begun = Instant::now();
        judge(what, &flood(&scene.clients()).await, begun);
        let asked = scene.decisions() - before;
        println!("{what}: asked {asked} times");
        if is_too_late {
            assert!(scene.said(ALONE).iter().all(|times| *times > 0), "{what}: somebody still waits for it");
            // Those who were under way when the first was late, and one a second who looks whether it is back.
            assert!(asked <= PROCESSES * AT_ONCE + 10, "{what}: asked {asked} times");
        }
        scene.proxy.heal();
        budgets.flood().await;
        budgets.judge(what).await;
        scene.is_shared_again(what).await;
        scene.is_exact(what).await;
        assert_sound(&scene.servers);
    }
}
