use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::client::{Answer, Client, tally};
use super::until;

/// No customer asks more often, or an outage would be nothing but a race of refusals.
const PACE: Duration = Duration::from_millis(25);

/// Customers who send and verify, each session at two processes at once, until they are told to stop.
pub(super) struct Load {
    clients: Vec<Client>,
    known: Arc<Mutex<Known>>,
    over: Arc<AtomicBool>,
    customers: JoinSet<()>,
}

/// What the customers were told.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// How often each session's code was said to be right.
    sessions: BTreeMap<String, usize>,
    messages: Vec<String>,
    /// Answers that were no refusal.
    pub good: usize,
    /// Answers with 5xx.
    pub outages: Vec<Answer>,
    slowest: Duration,
}

impl Known {
    /// Good answers, sessions that were verified, and messages.
    fn counts(&self) -> (usize, usize, usize) {
        (self.good, self.sessions.values().sum(), self.messages.len())
    }
}

impl Load {
    pub(super) fn start(clients: &[Client], customers: usize) -> Self {
        let (known, over) = (Arc::new(Mutex::new(Known::default())), Arc::new(AtomicBool::new(false)));
        let mut load = Self { clients: clients.to_vec(), known, over, customers: JoinSet::new() };
        for number in 0..customers {
            let customer =
                Customer { clients: load.clients.clone(), known: load.known.clone(), over: load.over.clone(), number };
            load.customers.spawn(customer.shop());
        }
        load
    }

    pub(super) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for so many more good answers, one more session that is verified and one more message that is taken. On a
    /// slow machine many answers are soon given before any customer comes to its first message.
    pub(super) async fn goes_on(&self, more: usize) {
        let (good, verified, messages) = self.known().counts();
        until("a load that goes on", async || {
            let now = self.known().counts();
            now.0 >= good + more && now.1 > verified && now.2 > messages
        })
        .await;
    }

    /// Waits for so many more refusals because of an outage.
    pub(super) async fn is_refused(&self, more: usize) {
        let before = self.known().outages.len();
        until("a load that is refused", async || self.known().outages.len() >= before + more).await;
    }

    /// Ends it, and holds what is stored against what the customers were told.
    pub(super) async fn end(mut self) {
        self.over.store(true, Ordering::SeqCst);
        while let Some(ended) = self.customers.join_next().await {
            ended.unwrap();
        }
        let known = std::mem::take(&mut *self.known());
        for (session, rights) in &known.sessions {
            assert!(*rights <= 1, "{session} was verified {rights} times");
            let found = self.ask(&format!("/v1/otp/{session}")).await;
            let status = found.text("status");
            match rights {
                1 => assert_eq!(status, "verified", "{found:?}"),
                _ => assert!(["pending", "verified"].contains(&status.as_str()), "{found:?}"),
            }
        }
        for message in &known.messages {
            self.ask(&format!("/v1/messages/{message}")).await;
        }
        let delivered = until("messages that are all delivered", async || {
            let mut open = 0;
            for message in &known.messages {
                let status = self.ask(&format!("/v1/messages/{message}")).await.body["delivery"]["status"].clone();
                open += usize::from(status != "delivered");
            }
            open == 0
        })
        .await;
        let (_, verified, messages) = known.counts();
        println!(
            "good {}, sessions {} ({verified} verified), messages {messages} (all delivered {delivered:?} after the \
             end); refused: {}; slowest {:?}",
            known.good,
            known.sessions.len(),
            tally(&known.outages),
            known.slowest,
        );
    }

    /// What must be found. A busy machine may turn the question away for now.
    async fn ask(&self, path: &str) -> Answer {
        let client = &self.clients[0];
        let mut answer = client.get(path).await;
        while answer.is_outage() {
            answer = client.get(path).await;
        }
        assert_eq!(answer.status, 200, "acknowledged, and gone: {path}: {answer:?}");
        answer
    }
}

struct Customer {
    clients: Vec<Client>,
    known: Arc<Mutex<Known>>,
    over: Arc<AtomicBool>,
    number: usize,
}

impl Customer {
    async fn shop(self) {
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for visit in 0.. {
            pace.tick().await;
            if self.over.load(Ordering::SeqCst) {
                return;
            }
            let client = &self.clients[visit % self.clients.len()];
            let other = &self.clients[(visit + 1) % self.clients.len()];
            let to = format!("+120255501{:02}", 20 + self.number);
            if visit % 4 == 3 {
                let variables = json!({"first_name": "Ada", "order_id": "A-1"});
                let body = json!({"phone_number": to, "template_id": "order_update", "variables": variables,
                    "expires_in_seconds": 3600});
                let answer = self.note(client.post("/v1/messages/send", &body).await);
                if answer.status == 202 {
                    self.known().messages.push(answer.text("message_id"));
                }
                continue;
            }
            let sent = self.note(client.send(&to, &format!("visit {visit}")).await);
            if sent.status != 200 {
                continue;
            }
            let session = sent.text("session_id");
            self.known().sessions.insert(session.clone(), 0);
            let inbox = self.note(other.get(&format!("/v1/sandbox/messages?session_id={session}")).await);
            let Some(code) = inbox.body["data"][0]["code"].as_str() else { continue };
            let answers = tokio::join!(client.verify(&session, code), other.verify(&session, code));
            for answer in [self.note(answers.0), self.note(answers.1)] {
                assert!(
                    answer.status == 200 || answer.is_outage() || answer.code == "session_already_verified",
                    "{answer:?}"
                );
                *self.known().sessions.entry(session.clone()).or_default() += usize::from(answer.status == 200);
            }
        }
    }

    /// Every answer is a good one, a refusal by the rules, or one that says when to come back.
    fn note(&self, answer: Answer) -> Answer {
        let mut known = self.known();
        known.slowest = known.slowest.max(answer.took);
        if answer.status >= 500 {
            assert!(answer.is_outage(), "{answer:?}");
            known.outages.push(answer.clone());
        } else {
            known.good += 1;
        }
        drop(known);
        answer
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
