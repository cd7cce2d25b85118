//! Several processes on one database, as far as stores of their own can stand for them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Barrier, mpsc};
use tokio::task::JoinSet;
use whatotp_domain::Attempted;
use whatotp_ports::{
    Attempt, DeliveryStore, Enqueued, Issued, SessionRecord, SessionStore, Settled, StoreError, Subscription, Topic,
    Wakeups,
};
use whatotp_storage::postgres::{PostgresSettings, PostgresStore, PostgresWakeups};
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{ALICE, a_claim, a_message, a_number, a_session, an_attempt, at};

use super::server::{migrated, server, settings};

/// As a server has it, but patient: what is to be seen here is not how fast this machine is.
fn patient(database: &str) -> PostgresSettings {
    PostgresSettings {
        answer_within: Duration::from_secs(30),
        connection_wait: Duration::from_secs(20),
        lock_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        ..settings(database)
    }
}

async fn stores(database: &str) -> Vec<Arc<PostgresStore>> {
    let mut stores = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(PostgresStore::open(&patient(database)).await.unwrap()));
    }
    stores
}

async fn issue(store: &PostgresStore, to: &str) -> SessionRecord {
    match store.issue(a_session(to).at(START), START).await.unwrap() {
        Issued::Created { record, .. } => *record,
        other => panic!("{other:?}"),
    }
}

async fn settle(stores: &[Arc<PostgresStore>], attempts: Vec<Attempt>) -> Vec<Attempted> {
    let start = Arc::new(Barrier::new(attempts.len()));
    let mut tasks = JoinSet::new();
    for (n, attempt) in attempts.into_iter().enumerate() {
        let (store, start) = (Arc::clone(&stores[n % stores.len()]), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            match store.settle_attempt(attempt, at(1)).await.unwrap() {
                Some(Settled::Done(_, attempted)) => attempted,
                other => panic!("{other:?}"),
            }
        });
    }
    tasks.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_right_codes_over_three_stores_one_is_accepted_and_of_wrong_ones_five_are_charged() {
    let stores = stores(&migrated().await).await;
    let right = issue(&stores[0], ALICE).await;
    let answers = settle(&stores, vec![an_attempt(&right, true); 100]).await;
    assert_eq!(answers.iter().filter(|one| **one == Attempted::Verified).count(), 1);
    let wrong = issue(&stores[0], &a_number(1)).await;
    let answers = settle(&stores, vec![an_attempt(&wrong, false); 100]).await;
    assert_eq!(answers.iter().filter(|one| matches!(one, Attempted::Wrong { .. })).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_come_together_share_a_commit() {
    let store = Arc::new(PostgresStore::open(&patient(&migrated().await)).await.unwrap());
    let mut records = Vec::new();
    for n in 0..100 {
        records.push(issue(&store, &a_number(n)).await);
    }
    let before = store.commits();
    let attempts = records.iter().map(|record| an_attempt(record, true)).collect();
    let answers = settle(&[Arc::clone(&store)], attempts).await;
    assert!(answers.iter().all(|one| *one == Attempted::Verified), "every code of its own session is right");
    let commits = store.commits() - before;
    assert!(commits < 30, "{commits} commits for 100 attempts");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_messages_under_one_key_over_three_stores_one_is_stored() {
    let stores = stores(&migrated().await).await;
    let start = Arc::new(Barrier::new(50));
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let (store, start) = (Arc::clone(&stores[n % 3]), Arc::clone(&start));
        tasks.spawn(async move {
            start.wait().await;
            store.enqueue(a_message(ALICE, START), Some(a_claim("once", START)), START).await.unwrap()
        });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|one| matches!(one, Enqueued::Stored(_))).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_is_unavailable_soon_and_back_at_once() {
    let database = migrated().await;
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    let record = issue(&store, ALICE).await;
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid()";
    server().psql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"));
    server().psql("postgres", &end_all.replace("current_database()", &format!("'{database}'")));
    for _ in 0..3 {
        let asked =
            tokio::time::timeout(Duration::from_secs(1), store.settle_attempt(an_attempt(&record, true), at(1)));
        let answer = asked.await.expect("within a second");
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{answer:?}");
    }
    server().psql("postgres", &format!("ALTER DATABASE {database} ALLOW_CONNECTIONS true"));
    let back = async {
        loop {
            if let Ok(Some(Settled::Done(_, attempted))) = store.settle_attempt(an_attempt(&record, true), at(1)).await
            {
                return attempted;
            }
        }
    };
    let attempted = tokio::time::timeout(Duration::from_secs(5), back).await.expect("it is back within five seconds");
    assert_eq!(attempted, Attempted::Verified);
}

/// Passes on whatever is announced in its process.
struct Ear(mpsc::UnboundedSender<Topic>);

struct Nothing;

#[async_trait]
impl Subscription for Nothing {
    async fn changed(&mut self, _: Duration) {}
}

impl Wakeups for Ear {
    fn announce(&self, topic: Topic) {
        let _ = self.0.send(topic);
    }

    fn subscribe(&self, _: Topic) -> Box<dyn Subscription> {
        Box::new(Nothing)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_announces_another_hears() {
    let settings = settings(&migrated().await);
    let (ear, mut heard) = mpsc::unbounded_channel();
    let _there = PostgresWakeups::start(&settings, Arc::new(Ear(ear))).unwrap();
    // It says so when it listens.
    assert_eq!(heard.recv().await, Some(Topic::Outbox));
    assert_eq!(heard.recv().await, Some(Topic::Templates));
    let (ear, mut own) = mpsc::unbounded_channel();
    let here = PostgresWakeups::start(&settings, Arc::new(Ear(ear))).unwrap();
    let topic = Topic::Message(a_message(ALICE, START).id);
    here.announce(topic);
    // It may have begun to listen before, and then has said so as well.
    let own: Vec<Topic> = std::iter::from_fn(|| own.try_recv().ok()).collect();
    assert!(own.contains(&topic), "its own process hears it at once: {own:?}");
    assert_eq!(heard.recv().await, Some(topic));
}

/// As behind a pooler: no connection remembers anything.
#[tokio::test(flavor = "multi_thread")]
async fn behind_a_pooler_each_transaction_says_what_it_needs() {
    let pooled = PostgresSettings { transaction_pooler: true, ..patient(&migrated().await) };
    let store = PostgresStore::open(&pooled).await.unwrap();
    let record = issue(&store, ALICE).await;
    assert!(store.find(record.session.scope, record.session.id).await.unwrap().is_some());
    let settled = store.settle_attempt(an_attempt(&record, true), at(1)).await.unwrap();
    assert!(matches!(settled, Some(Settled::Done(_, Attempted::Verified))), "{settled:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stuck_is_given_up_and_does_not_hold_up_what_comes_next() {
    let database = migrated().await;
    let one = PostgresSettings { connections: 1, batch_connections: 1, ..settings(&database) };
    let store = PostgresStore::open(&one).await.unwrap();
    let record = issue(&store, ALICE).await;
    // Somebody locks the whole table for longer than anybody waits.
    let holder = std::thread::spawn(move || {
        server().psql(&database, "BEGIN; LOCK TABLE otp_sessions; SELECT pg_sleep(2); COMMIT");
    });
    let begin = tokio::time::Instant::now();
    let mut refusals = 0;
    while !holder.is_finished() {
        let asked = tokio::time::Instant::now();
        refusals += usize::from(store.find(record.session.scope, record.session.id).await.is_err());
        assert!(asked.elapsed() < Duration::from_millis(1500), "it took {:?}", asked.elapsed());
    }
    holder.join().unwrap();
    assert!(refusals > 0 && begin.elapsed() < Duration::from_secs(10));
    assert!(store.find(record.session.scope, record.session.id).await.unwrap().is_some(), "at once");
    let settled = store.settle_attempt(an_attempt(&record, true), at(1)).await.unwrap();
    assert!(matches!(settled, Some(Settled::Done(_, Attempted::Verified))), "{settled:?}");
}
