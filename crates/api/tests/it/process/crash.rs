use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use whatotp_domain::Mode;
use whatotp_testkit::{SeededEntropy, ServerBuilder, create_key};

use super::client::{Answer, Client};
use super::history::{Call, History, Known, Session, Verified, What};
use super::{BINARY, files_in, run, seed, server, without_limits};

const KILLS: usize = 50;
const CUSTOMERS: usize = 6;
/// Questions asked at a time while nothing is being killed.
const AT_ONCE: usize = 8;

/// So short that a message whose worker was killed does not keep the test waiting.
const SHORT: [(&str, &str); 4] = [
    ("WHATOTP_DELIVERY__CHANNEL_TIMEOUT_SECONDS", "1"),
    ("WHATOTP_DELIVERY__LEASE_SECONDS", "3"),
    ("WHATOTP_DELIVERY__UNKNOWN_WAIT_SECONDS", "1"),
    ("WHATOTP_LOG__LEVEL", "warn"),
];

fn start(directory: &TempDir) -> ServerBuilder {
    let server = without_limits(server(directory.path())).arg("serve");
    SHORT.iter().fold(server, |server, (name, value)| server.env(*name, *value))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_answered_is_lost_to_fifty_kills() {
    let dice = Arc::new(SeededEntropy::new(seed()));
    let directory = tempfile::tempdir().unwrap();
    let key = create_key(BINARY.as_ref(), directory.path(), &[], Mode::Test);
    let history = Arc::new(History::default());
    while history.lock().figures.kills < KILLS {
        if dice.one_in(8) {
            // Not even a start that is cut off does harm.
            let mut server = start(&directory).spawn();
            linger(&dice, 10_000_000);
            server.kill9();
            history.lock().figures.kills += 1;
        }
        let mut server = start(&directory).start();
        let client = Client::new(&server, &key);
        audit(&client, &history).await;
        let life = Arc::new(Life::new(10 + usize::try_from(dice.next_u64() % 50).unwrap()));
        let mut customers = JoinSet::new();
        for _ in 0..CUSTOMERS {
            customers.spawn(be_a_customer(client.clone(), history.clone(), dice.clone(), life.clone()));
        }
        tokio::select! {
            () = life.over.notified() => {}
            // A customer who leaves by himself has met something that should not be.
            Some(left) = customers.join_next() => left.unwrap(),
        }
        linger(&dice, 200_000);
        life.killed.store(true, Ordering::SeqCst);
        server.kill9();
        while let Some(left) = customers.join_next().await {
            left.unwrap();
        }
        history.lock().figures.kills += 1;
    }
    let server = start(&directory).start();
    let client = Client::new(&server, &key);
    audit(&client, &history).await;
    settle(&client, &history).await;
    let address = server.base_url().trim_start_matches("http://");
    let doctor = run(directory.path(), &[("WHATOTP_LISTEN", address)], &["doctor"]);
    assert_eq!(doctor.code, Some(0), "{}", doctor.stdout);
    println!("{:#?}", history.lock().figures);
}

/// A kill in the middle of the very first start leaves something that the next start makes whole, or nothing.
#[test]
fn a_first_start_that_is_killed_does_not_crash_the_second() {
    let dice = SeededEntropy::new(seed());
    for awaited in ["data", "data/whatotp.db", "data/whatotp.db-wal", "data/master.key", "data/whatotp.db.lock"] {
        for _ in 0..4 {
            let directory = tempfile::tempdir().unwrap();
            let mut first = server(directory.path()).spawn();
            while !directory.path().join(awaited).exists() {
                std::thread::yield_now();
            }
            linger(&dice, 1_000_000);
            first.kill9();
            let there = files_in(directory.path());
            let second = server(directory.path()).start();
            let shown_once = [first.stdout(), second.stdout()].iter().filter(|text| text.contains("sk_test_")).count();
            assert!(shown_once <= 1, "{there:?}");
        }
    }
}

/// One life of the server, from its start to its kill.
struct Life {
    /// Answers until it ends.
    left: AtomicUsize,
    over: Notify,
    killed: AtomicBool,
}

impl Life {
    fn new(answers: usize) -> Self {
        Self { left: AtomicUsize::new(answers), over: Notify::new(), killed: AtomicBool::new(false) }
    }

    fn answered(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.over.notify_one();
        }
    }
}

/// Makes the moment of the kill a random one within what is going on, without waiting for anything.
fn linger(dice: &SeededEntropy, most: u64) {
    for _ in 0..dice.next_u64() % most {
        std::hint::spin_loop();
    }
}

/// Sends and verifies until the server is killed.
async fn be_a_customer(client: Client, history: Arc<History>, dice: Arc<SeededEntropy>, life: Arc<Life>) {
    let unheard = |error: reqwest::Error| assert!(life.killed.load(Ordering::SeqCst), "not killed, and yet: {error:?}");
    loop {
        let session = if dice.one_in(3) { history.lock().take_session(&dice) } else { None };
        let call = match &session {
            None => history.lock().new_send(&dice),
            Some(id) => match client.get(&format!("/v1/sandbox/messages?session_id={id}")).await {
                Ok(inbox) => history.lock().new_verify(&dice, id, code_in(&inbox)),
                Err(error) => {
                    history.lock().give_back(id);
                    return unheard(error);
                }
            },
        };
        match client.post(call.path(), &call.body, call.once.as_deref()).await {
            Ok(answer) => history.lock().answered(call, &answer),
            Err(error) => {
                history.lock().unheard(call);
                return unheard(error);
            }
        }
        life.answered();
    }
}

fn code_in(inbox: &Answer) -> &str {
    let code = inbox.body["data"][0]["code"].as_str();
    code.unwrap_or_else(|| panic!("a session was answered with 200, and its code is not in the inbox: {inbox:?}"))
}

/// After a restart: everything that was answered is there, as it was or further on; what was asked for under an
/// `Idempotency-Key` is asked for again.
async fn audit(client: &Client, history: &History) {
    let calls = std::mem::take(&mut history.lock().keyed);
    each(calls, async |call| {
        let answer = client.post(call.path(), &call.body, call.once.as_deref()).await.unwrap();
        repeated(&mut history.lock(), call, &answer);
    })
    .await;
    let touched = std::mem::take(&mut history.lock().touched);
    look_at(client, history, touched).await;
}

/// Holds what is stored against what is known.
async fn look_at(client: &Client, history: &History, ids: impl IntoIterator<Item = String>) {
    each(ids, async |id| {
        history.lock().figures.looked_at_after_a_restart += 1;
        let session = history.lock().sessions.get(&id).cloned();
        let path = if session.is_some() { "/v1/otp" } else { "/v1/messages" };
        let answer = client.get(&format!("{path}/{id}")).await.unwrap();
        assert_eq!(answer.status, 200, "{id}, {session:?}: {answer:?}");
        let delivery = answer.body["delivery"]["status"].as_str().unwrap();
        assert!(["queued", "unknown", "accepted", "sent", "delivered"].contains(&delivery), "{answer:?}");
        match session {
            Some(session) => assert_still_there(&session, &answer),
            None => assert_eq!(text(&answer.body["metadata"], "tag"), history.lock().messages[&id]),
        }
    })
    .await;
}

fn repeated(known: &mut Known, mut call: Call, answer: &Answer) {
    if let Some((status, body)) = &call.answer {
        assert_eq!((answer.status, answer.replayed), (*status, true), "{call:?}: {answer:?}");
        assert_eq!(&answer.body, body);
        known.figures.replayed_as_it_was += 1;
    } else {
        let figures = &mut known.figures;
        *(if answer.replayed { &mut figures.answered_from_what_was_done } else { &mut figures.done_on_repetition }) +=
            1;
        known.learn(&call, answer);
        call.answer = Some((answer.status, answer.body.clone()));
        known.keyed.push(call);
    }
}

fn assert_still_there(session: &Session, answer: &Answer) {
    assert_eq!(text(&answer.body["metadata"], "tag"), session.tag);
    let status = answer.body["status"].as_str().unwrap();
    match session.verified {
        Verified::No => assert_eq!(status, "pending", "{session:?}: {answer:?}"),
        Verified::Perhaps => assert!(["pending", "verified"].contains(&status), "{session:?}: {answer:?}"),
        Verified::Yes => assert_eq!(status, "verified", "{session:?}: {answer:?}"),
    }
    assert!(answer.body["attempts_remaining"].as_u64().unwrap() <= session.attempts_left, "{session:?}: {answer:?}");
}

/// At the end: every message ends, every code is right once, nothing is there twice.
async fn settle(client: &Client, history: &History) {
    let all: Vec<_> = {
        let known = history.lock();
        known.sessions.keys().chain(known.messages.keys()).cloned().collect()
    };
    look_at(client, history, all).await;

    let messages = pages(client, "/v1/messages?limit=100").await;
    let inbox = pages(client, "/v1/sandbox/messages?limit=100").await;
    // What was done and never answered is found here.
    let strangers: Vec<String> = {
        let mut known = history.lock();
        for message in &messages {
            let (id, tag) = (text(message, "message_id"), text(&message["metadata"], "tag"));
            known.messages.insert(id, tag);
        }
        let ids = inbox.iter().filter_map(|item| item["session_id"].as_str());
        ids.filter(|id| !known.sessions.contains_key(*id)).map(str::to_owned).collect()
    };
    each(strangers, async |id| {
        let answer = client.get(&format!("/v1/otp/{id}")).await.unwrap();
        let tag = text(&answer.body["metadata"], "tag");
        history.lock().sessions.insert(id, Session::new(&tag));
    })
    .await;
    history.lock().assert_nothing_twice();

    let messages: Vec<_> = history.lock().messages.keys().cloned().collect();
    each(messages, async |id| wait_until_delivered(client, &format!("/v1/messages/{id}")).await).await;
    let sessions = history.lock().sessions.clone();
    each(sessions, async |(id, session)| {
        wait_until_delivered(client, &format!("/v1/otp/{id}")).await;
        let inbox = client.get(&format!("/v1/sandbox/messages?session_id={id}")).await.unwrap();
        let call = Call {
            what: What::Right(id.clone()),
            body: serde_json::json!({"session_id": id, "code": code_in(&inbox)}),
            once: None,
            answer: None,
        };
        let answer = client.post(call.path(), &call.body, None).await.unwrap();
        let figures = &mut history.lock().figures;
        match (answer.status, session.verified) {
            (200, Verified::No | Verified::Perhaps) => figures.verified_200 += 1,
            (409, Verified::Perhaps) => figures.verified_unheard += 1,
            (409, Verified::Yes) => {}
            _ => panic!("{session:?}: {answer:?}"),
        }
        assert!(answer.status == 200 || answer.code() == "session_already_verified", "{answer:?}");
    })
    .await;
}

async fn wait_until_delivered(client: &Client, path: &str) {
    let mut seen = client.get(path).await.unwrap();
    // A wait ends with a change, and a message changes four times at most.
    for _ in 0..5 {
        if seen.body["delivery"]["status"] == "delivered" {
            return;
        }
        seen = client.get(&format!("{path}?wait_seconds=25")).await.unwrap();
    }
    panic!("not delivered: {seen:?}");
}

/// Everything that a list holds, page after page.
async fn pages(client: &Client, path: &str) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let mut page = client.get(&format!("{path}{next}")).await.unwrap();
        assert_eq!(page.status, 200, "{page:?}");
        let Value::Array(data) = page.body["data"].take() else { panic!("{page:?}") };
        all.extend(data);
        match page.body["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => return all,
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// Does something with each item, some at a time.
async fn each<T>(items: impl IntoIterator<Item = T>, ask: impl AsyncFn(T)) {
    stream::iter(items).for_each_concurrent(AT_ONCE, |item| ask(item)).await;
}
