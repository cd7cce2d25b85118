use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::{Value, json};
use whatotp_domain::Mode;
use whatotp_testkit::PostgresServer;

use super::client::{Answer, Client, tally};
use super::{Stage, assert_sound, clients};

const RACERS: usize = 100;
const ROUNDS: usize = 3;
/// An ordinary number but for its last digit: what is sent twice is refused as too soon.
const ORDINARY: &str = "+1415555012";

/// The same question, by so many at once, spread evenly over the processes. Who is turned away because the process has
/// its hands full has changed nothing, and asks again, as a customer does.
async fn race<F: Future<Output = Answer>>(
    clients: &[Client],
    racers: usize,
    ask: impl Fn(Client) -> F + Sync,
) -> Vec<Answer> {
    let turned_away = AtomicUsize::new(0);
    let racers = (0..racers).map(async |racer| {
        loop {
            let answer = ask(clients[racer % clients.len()].clone()).await;
            if answer.code != "overloaded" {
                return answer;
            }
            assert!(answer.is_outage(), "{answer:?}");
            turned_away.fetch_add(1, Ordering::SeqCst);
        }
    });
    let answers = join_all(racers).await;
    println!("turned away for now: {}", turned_away.into_inner());
    answers
}

fn count(answers: &[Answer], status: u16, code: &str) -> usize {
    answers.iter().filter(|answer| answer.status == status && answer.code == code).count()
}

/// Those who were told, on a machine that is too busy, that the database did not answer in time. Each may have had its
/// turn all the same.
fn unheard(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.code == "storage_unavailable" && answer.is_outage()).count()
}

/// A code that is not this one.
fn wrong(code: &str) -> String {
    let digit = code.as_bytes()[0];
    let other = if digit == b'9' { '0' } else { char::from(digit + 1) };
    format!("{other}{}", &code[1..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_code_is_right_once_over_two_and_four_processes() {
    for version in PostgresServer::each_version() {
        for processes in [2, 4] {
            let stage = Stage::with_redis(&version).await;
            let (key, worker) = (stage.key(Mode::Test), stage.serve("worker"));
            let servers = stage.serve_many("api", processes);
            let clients = clients(&servers, &key);
            for round in 0..ROUNDS {
                let session = clients[0].send("+12025550100", &format!("round {round}")).await.text("session_id");
                let code = clients[0].code_of(&session).await;
                let verify = |client: Client| {
                    let (session, code) = (session.clone(), code.clone());
                    async move { client.verify(&session, &code).await }
                };
                let answers = race(&clients, RACERS, verify).await;
                println!("{processes} processes, the right code: {}", tally(&answers));
                let (rights, unheard) = (count(&answers, 200, ""), unheard(&answers));
                assert!(rights == 1 || (rights == 0 && unheard > 0), "{}", tally(&answers));
                let others = count(&answers, 409, "session_already_verified");
                assert_eq!(rights + others + unheard, RACERS, "{}", tally(&answers));
            }
            assert_sound(&servers);
            assert_sound(&[worker]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_wrong_codes_are_looked_at_over_two_and_four_processes() {
    for version in PostgresServer::each_version() {
        for processes in [2, 4] {
            let stage = Stage::with_redis(&version).await;
            let key = stage.key(Mode::Test);
            let servers = stage.serve_many("api", processes);
            let clients = clients(&servers, &key);
            for round in 0..ROUNDS {
                let to = format!("+1202555012{round}");
                let session = clients[0].send(&to, "guessed").await.text("session_id");
                let code = clients[0].code_of(&session).await;
                let guess = |client: Client| {
                    let (session, code) = (session.clone(), wrong(&code));
                    async move { client.verify(&session, &code).await }
                };
                let answers = race(&clients, RACERS, guess).await;
                println!("{processes} processes, a wrong code: {}", tally(&answers));
                // The fifth closes the session, which its own answer may say already.
                let mut left: Vec<u64> =
                    answers.iter().filter_map(|answer| answer.body["attempts_remaining"].as_u64()).collect();
                left.retain(|left| *left > 0);
                left.sort_unstable();
                let unheard = unheard(&answers);
                let mut once = left.clone();
                once.dedup();
                assert!(once == left && left.len() + unheard >= 4, "{left:?}: {}", tally(&answers));
                let (mismatches, locked) =
                    (count(&answers, 422, "code_mismatch"), count(&answers, 410, "session_locked"));
                assert!(mismatches <= 5 && mismatches + unheard >= 4, "{}", tally(&answers));
                assert_eq!(mismatches + locked + unheard, RACERS, "{}", tally(&answers));
                for client in &clients {
                    let right = client.verify(&session, &code).await;
                    assert_eq!((right.status, right.code.as_str()), (410, "session_locked"), "{right:?}");
                }
            }
            assert_sound(&servers);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_under_one_idempotency_key_are_one_send_over_two_and_four_processes() {
    for version in PostgresServer::each_version() {
        for processes in [2, 4] {
            let stage = Stage::with_redis(&version).await;
            let key = stage.key(Mode::Test);
            let servers = stage.serve_many("api", processes);
            let clients = clients(&servers, &key);
            for round in 0..ROUNDS {
                let to = format!("{ORDINARY}{round}");
                let once = format!("only-once-{round}");
                let variables = json!({"first_name": "Ada", "order_id": "A-1"});
                let message = json!({"phone_number": to, "template_id": "order_update", "variables": variables});
                let calls = [
                    ("/v1/otp/send", json!({"to": to, "channel": "whatsapp"}), 200, "session_id"),
                    ("/v1/messages/send", message, 202, "message_id"),
                ];
                for (path, body, status, id) in calls {
                    let done = one_answer(&clients, path, &body, &once, status).await;
                    for client in &clients {
                        assert_eq!(client.post_once(path, &body, &once).await.text(id), done.text(id));
                    }
                }
            }
            let deliveries = stage.postgres.execute(stage.database.name(), "SELECT 1 FROM deliveries").await;
            assert_eq!(usize::try_from(deliveries).unwrap(), 2 * ROUNDS, "one code and one message a round");
            assert_sound(&servers);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verifies_under_one_idempotency_key_are_one_verify_over_two_and_four_processes() {
    for version in PostgresServer::each_version() {
        for processes in [2, 4] {
            let stage = Stage::with_redis(&version).await;
            let key = stage.key(Mode::Test);
            let servers = stage.serve_many("api", processes);
            let clients = clients(&servers, &key);
            for round in 0..ROUNDS {
                let session = clients[0].send(&format!("{ORDINARY}{round}"), "once").await.text("session_id");
                let code = clients[0].code_of(&session).await;
                let body = json!({"session_id": session, "code": wrong(&code)});
                let guess = one_answer(&clients, "/v1/otp/verify", &body, &format!("wrong-{round}"), 422).await;
                assert_eq!(guess.body["attempts_remaining"], 4, "one guess, and it is charged once: {guess:?}");
                let body = json!({"session_id": session, "code": code});
                one_answer(&clients, "/v1/otp/verify", &body, &format!("right-{round}"), 200).await;
            }
            assert_sound(&servers);
        }
    }
}

/// The same request under the same key by very many at once: one is carried out, and the others are answered as that one
/// was or told to wait for it.
async fn one_answer(clients: &[Client], path: &str, body: &Value, once: &str, status: u16) -> Answer {
    let ask = |client: Client| async move { client.post_once(path, body, once).await };
    let answers = race(clients, RACERS / 2, ask).await;
    println!("{} processes, one key, {path}: {}", clients.len(), tally(&answers));
    let done: Vec<&Answer> = answers.iter().filter(|answer| answer.status == status).collect();
    assert!(!done.is_empty() && done.iter().all(|answer| answer.body == done[0].body), "{done:#?}");
    let running = count(&answers, 409, "idempotency_in_progress");
    assert_eq!(done.len() + running + unheard(&answers), RACERS / 2, "{}", tally(&answers));
    done[0].clone()
}
