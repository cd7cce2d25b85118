use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use whatotp_simulator::{Behaviour, Fault, FaultKind, Handle, ReceivedMessage};
use whatotp_testkit::{SeededEntropy, ServerProcess};

use super::super::client::{Answer, Client};
use super::super::seed;
use super::Stage;

const KILLS: usize = 12;
const CUSTOMERS: usize = 6;
/// Questions asked at a time at the end.
const AT_ONCE: usize = 8;

/// Everything that was asked for, under the number it was for: each has a number of its own.
#[derive(Debug, Default)]
struct Asked {
    by_number: BTreeMap<String, Told>,
    /// How many messages the phones had when a killed server was back.
    kills: Vec<usize>,
    numbers: u32,
}

/// What the customer was told.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Told {
    /// Nothing: the server was killed.
    Nothing,
    /// There is no way to send just now.
    Unavailable,
    /// A session or message, by its path, and where its delivery stood.
    Taken { path: String, delivery: String },
}

#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    codes_accepted: usize,
    codes_of_unknown_outcome: usize,
    codes_queued: usize,
    messages_taken: usize,
    unavailable_503: usize,
    unheard: usize,
    phones_with_one_message: usize,
    twice_after_an_unknown_outcome: usize,
    twice_after_a_kill: usize,
    taken_and_on_no_phone: usize,
    ended: usize,
    within_their_life: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_nothing_sent_twice_without_a_reason_over_kills() {
    let dice = Arc::new(SeededEntropy::new(seed()));
    let mut stage = Stage::start().await;
    for (name, value) in [
        ("WHATOTP_DELIVERY__CHANNEL_TIMEOUT_SECONDS", "2"),
        ("WHATOTP_DELIVERY__LEASE_SECONDS", "5"),
        ("WHATOTP_DELIVERY__UNKNOWN_WAIT_SECONDS", "1"),
        ("WHATOTP_LOG__LEVEL", "warn"),
    ] {
        stage.set_any(name, value);
    }
    let phones = stage.phones();
    let asked = Arc::new(Mutex::new(Asked::default()));
    let mut logs = String::new();
    let mut key = None;
    for _ in 0..KILLS {
        let mut server = back(&stage, &asked);
        let key = key.get_or_insert_with(|| stage.live_key());
        phones.clear_faults();
        for _ in 0..200 {
            phones.push_fault(Fault::once(trouble(&dice)));
        }
        let life = Arc::new(Life::new(15 + usize::try_from(dice.next_u64() % 30).unwrap()));
        let mut customers = JoinSet::new();
        for _ in 0..CUSTOMERS {
            let client = Client::new(&server, key);
            customers.spawn(be_a_customer(client, phones.clone(), asked.clone(), dice.clone(), life.clone()));
        }
        tokio::select! {
            () = life.over.notified() => {}
            // A customer who leaves by himself has met something that should not be.
            Some(left) = customers.join_next() => left.unwrap(),
        }
        life.killed.store(true, Ordering::SeqCst);
        server.kill9();
        while let Some(left) = customers.join_next().await {
            left.unwrap();
        }
        logs += &server.logs();
    }
    phones.clear_faults();
    let server = back(&stage, &asked);
    let client = Client::new(&server, &key.unwrap());
    phones.settle().await;
    let by_number = lock(&asked).by_number.clone();
    let ends = ends(&client, &by_number).await;
    phones.settle().await;
    logs += &server.logs();
    let figures = judge(&lock(&asked), &phones.messages(None), &ends, &logs);
    println!("{figures:#?}");
    assert!(figures.kills >= 10 && figures.codes_accepted > 0 && figures.messages_taken > 0, "{figures:?}");
}

/// Starts the server. Only once it is back is it told how much the one that was killed had sent: some of that may still
/// have been on its way in. A second copy never goes out as early as that.
fn back(stage: &Stage, asked: &Mutex<Asked>) -> ServerProcess {
    let server = stage.serve();
    let mut asked = lock(asked);
    if !asked.by_number.is_empty() {
        asked.kills.push(stage.phones().messages(None).len());
    }
    drop(asked);
    server
}

fn lock(asked: &Mutex<Asked>) -> MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Mostly a slow answer; sometimes one that is lost after the message was accepted, or a refusal of what is too fast.
fn trouble(dice: &SeededEntropy) -> FaultKind {
    match dice.next_u64() % 20 {
        0 | 1 => FaultKind::ResetAfterAcceptance,
        2 => FaultKind::LostAnswer { status: 502 },
        3 => FaultKind::TimeoutAfterAcceptance,
        4 => FaultKind::error(130_429),
        _ => FaultKind::SlowAnswer { pause_ms: dice.next_u64() % 3 },
    }
}

/// Reports that come soon, or later than a message of unknown outcome is waited for, or (seldom) never.
fn reports(dice: &SeededEntropy) -> Behaviour {
    let at = |sent, delivered| Behaviour { sent_ms: Some(sent), delivered_ms: Some(delivered), ..Behaviour::default() };
    match dice.next_u64() % 16 {
        0..4 => at(3_000, 3_500),
        4 => Behaviour { loss_percent: 100, ..at(100, 200) },
        _ => Behaviour { duplicates: 1, ..at(50, 150) },
    }
}

/// One life of the server, from its start to its kill.
struct Life {
    left: AtomicUsize,
    over: Notify,
    killed: AtomicBool,
}

impl Life {
    fn new(answers: usize) -> Self {
        Self { left: AtomicUsize::new(answers), over: Notify::new(), killed: AtomicBool::new(false) }
    }
}

/// Has codes and messages sent until the server is killed.
async fn be_a_customer(
    client: Client,
    phones: Handle,
    asked: Arc<Mutex<Asked>>,
    dice: Arc<SeededEntropy>,
    life: Arc<Life>,
) {
    loop {
        let number = {
            let mut asked = lock(&asked);
            asked.numbers += 1;
            let number = format!("+1415{:07}", 2_000_000 + asked.numbers);
            asked.by_number.insert(number.clone(), Told::Nothing);
            number
        };
        phones.set_behaviour_for(&number, Some(reports(&dice)));
        let (route, body, id) = if dice.one_in(2) {
            ("otp", json!({"to": &number, "channel": "whatsapp", "expires_in_seconds": 600}), "session_id")
        } else {
            let variables = json!({"first_name": "Ada", "order_id": &number[5..]});
            let body = json!({"phone_number": &number, "template_id": "order_update", "variables": variables,
                "expires_in_seconds": 600});
            ("messages", body, "message_id")
        };
        let answer = match client.post(&format!("/v1/{route}/send"), &body, None).await {
            Ok(answer) => answer,
            Err(error) => return assert!(life.killed.load(Ordering::SeqCst), "not killed, and yet: {error:?}"),
        };
        lock(&asked).by_number.insert(number, told(route, id, &answer));
        if life.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            life.over.notify_one();
        }
    }
}

fn told(route: &str, id: &str, answer: &Answer) -> Told {
    match (answer.status, answer.code()) {
        (200 | 202, _) => Told::Taken {
            path: format!("/v1/{route}/{}", answer.body[id].as_str().unwrap()),
            delivery: answer.body["delivery"]["status"].as_str().unwrap().to_owned(),
        },
        (503, "channel_unavailable") => Told::Unavailable,
        _ => panic!("{answer:?}"),
    }
}

/// Where the delivery of everything that was taken ends, or stands when nothing will come of it before its time is over.
async fn ends(client: &Client, asked: &BTreeMap<String, Told>) -> BTreeMap<String, Value> {
    let taken = asked.iter().filter_map(|(number, told)| match told {
        Told::Taken { path, .. } => Some((number.clone(), path.clone())),
        _ => None,
    });
    let looks = stream::iter(taken).map(|(number, path)| async move {
        let mut seen = client.get(&path).await.unwrap();
        // What was given to WhatsApp and is not reported on within this time never will be.
        for _ in 0..6 {
            assert_eq!(seen.status, 200, "taken, and gone: {path}: {seen:?}");
            let status = seen.body["delivery"]["status"].as_str().unwrap().to_owned();
            if ["delivered", "read", "failed", "expired"].contains(&status.as_str()) {
                break;
            }
            let before = seen.body["delivery"].clone();
            seen = client.get(&format!("{path}?wait_seconds=12")).await.unwrap();
            if ["accepted", "unknown"].contains(&status.as_str()) && seen.body["delivery"] == before {
                break;
            }
        }
        (number, seen.body["delivery"].clone())
    });
    looks.buffer_unordered(AT_ONCE * 8).collect().await
}

fn judge(asked: &Asked, messages: &[ReceivedMessage], ends: &BTreeMap<String, Value>, logs: &str) -> Figures {
    let mut figures = Figures { kills: asked.kills.len(), ..Figures::default() };
    // The messages of each phone, by their place among all.
    let mut phones: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, message) in messages.iter().enumerate() {
        phones.entry(&message.to).or_default().push(at);
    }
    let unknown: BTreeSet<&str> = logs
        .lines()
        .filter(|line| line.contains("did not say whether it took a message"))
        .filter_map(|line| line.split("msg_").nth(1)?.get(..26))
        .collect();
    for (number, told) in &asked.by_number {
        let on_the_phone = phones.get(number.as_str()).map_or(&[][..], Vec::as_slice);
        let delivery = |at: usize| messages[at].biz_opaque_callback_data.as_deref().unwrap();
        match on_the_phone {
            [] => {}
            [_] => figures.phones_with_one_message += 1,
            [first, second] => {
                assert_eq!(delivery(*first), delivery(*second), "two deliveries to {number}: {told:?}");
                assert_eq!(messages[*first].code, messages[*second].code, "a copy has the same code");
                let id = delivery(*first).split("msg_").nth(1).unwrap();
                let killed = asked.kills.iter().any(|before| first < before && before <= second);
                if unknown.contains(id) {
                    figures.twice_after_an_unknown_outcome += 1;
                } else {
                    assert!(killed, "{number} got a second message for no reason: {told:?}");
                    figures.twice_after_a_kill += 1;
                }
            }
            more => panic!("{number} got {} messages: {told:?}", more.len()),
        }
        match told {
            Told::Nothing => figures.unheard += 1,
            Told::Unavailable => {
                figures.unavailable_503 += 1;
                assert_eq!(on_the_phone.len(), 0, "{number} got a code that was said not to be sent");
            }
            Told::Taken { path, delivery } => {
                let end = &ends[number];
                let status = end["status"].as_str().unwrap();
                match (path.starts_with("/v1/otp"), delivery.as_str()) {
                    (true, "queued") => figures.codes_queued += 1,
                    (true, "unknown") => figures.codes_of_unknown_outcome += 1,
                    (true, _) => {
                        figures.codes_accepted += 1;
                        assert_eq!(on_the_phone.len(), 1, "{path} was accepted: {end}");
                    }
                    (false, _) => figures.messages_taken += 1,
                }
                if on_the_phone.is_empty() {
                    // Twice nobody could know whether it had left, and there is no third time.
                    assert_eq!(status, "unknown", "{path} was taken and lost: {end}");
                    figures.taken_and_on_no_phone += 1;
                }
                match status {
                    "delivered" => figures.ended += 1,
                    "accepted" | "unknown" => figures.within_their_life += 1,
                    _ => panic!("{path} ended as no message should: {end}"),
                }
            }
        }
    }
    figures
}
