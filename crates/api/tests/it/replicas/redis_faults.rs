use futures_util::{StreamExt as _, stream};
use whatotp_domain::Mode;
use whatotp_testkit::{PostgresServer, RedisServer, ServerProcess};

use super::client::{Answer, Client, tally};
use super::{Stage, assert_sound, clients};

const PROCESSES: usize = 2;
const QUOTA: usize = 60;
const AT_ONCE: usize = 16;

/// What becomes of Redis in the middle.
type Trouble = fn(&mut RedisServer);

/// More than all processes together may admit, spread over them.
async fn flood(clients: &[Client]) -> Vec<Answer> {
    let asked = (0..4 * QUOTA).map(|number| {
        let client = clients[number % clients.len()].clone();
        async move { client.get("/v1/templates").await }
    });
    stream::iter(asked).buffer_unordered(AT_ONCE).collect().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_failure_of_redis_is_an_error_opens_a_limit_or_gives_guesses_back() {
    let troubles: [(&str, Trouble, Trouble); 4] = [
        ("stopped", RedisServer::stop, RedisServer::start_again),
        ("flushed", |redis| redis.flush(), |_| ()),
        ("paused", |redis| redis.pause(), |redis| redis.resume()),
        (
            "restarted",
            |redis| {
                redis.stop();
                redis.start_again();
            },
            |_| (),
        ),
    ];
    // The database has no part in it, so one version will do.
    let version = PostgresServer::each_version().remove(0);
    for (what, begin, end) in troubles {
        let mut stage = Stage::with_redis(&version).await;
        stage.set("LIMITS__PRODUCT_PER_MINUTE", &QUOTA.to_string());
        let (guesser, flooder) = (stage.key(Mode::Test), stage.key(Mode::Test));
        let servers: Vec<ServerProcess> = stage.serve_many("api", PROCESSES);
        let (guessers, flooders) = (clients(&servers, &guesser), clients(&servers, &flooder));
        let session = guessers[0].send("+12025550120", what).await.text("session_id");
        let code = guessers[0].code_of(&session).await;
        let wrong = if code == "000000" { "000001" } else { "000000" };
        let mut looked_at = 0;
        for client in guessers.iter().chain(&guessers[..1]) {
            looked_at += usize::from(client.verify(&session, wrong).await.code == "code_mismatch");
        }
        assert_eq!(looked_at, 3);

        let mut answers = flood(&flooders[..1]).await;
        begin(stage.redis());
        answers.extend(flood(&flooders).await);
        for client in guessers.iter().cycle().take(6) {
            let guess = client.verify(&session, wrong).await;
            assert!(guess.code == "code_mismatch" || guess.code == "session_locked", "{what}: {guess:?}");
            looked_at += usize::from(guess.code == "code_mismatch");
        }
        end(stage.redis());
        answers.extend(flood(&flooders).await);
        let right = guessers[1].verify(&session, &code).await;
        assert_eq!((right.status, right.code.as_str()), (410, "session_locked"), "{what}: {right:?}");

        let admitted = answers.iter().filter(|answer| answer.status == 200).count();
        let slowest = answers.iter().map(|answer| answer.took).max().unwrap();
        println!("{what}: {}; guesses looked at {looked_at}; slowest {slowest:?}", tally(&answers));
        assert_eq!(looked_at, 5, "{what}");
        assert!(answers.iter().all(|answer| answer.status < 500), "{what}: {}", tally(&answers));
        assert!((QUOTA..=PROCESSES * QUOTA).contains(&admitted), "{what}: {}", tally(&answers));
        assert_sound(&servers);
    }
}
