//! The real parts, with a switch each: what a test cannot bring about from outside, or could only wait for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use whatotp_domain::{DeliveryError, Timestamp};
use whatotp_ports::{
    Claim, EntropyError, IdempotencyStore, MessageChannel, OutboundMessage, Polled, Prior, SendOutcome, SentMessage,
    Stopped, StoreError, StoreResult, Subscription, Topic,
};
use whatotp_system::{LocalWakeups, SystemEntropy};
use whatotp_vault::Sealed;

/// Wake-ups that tell a test when somebody begins to wait.
pub(crate) struct Wakeups {
    inner: LocalWakeups,
    waits: watch::Sender<usize>,
}

impl Default for Wakeups {
    fn default() -> Self {
        Self { inner: LocalWakeups::new(), waits: watch::Sender::new(0) }
    }
}

impl Wakeups {
    /// How often somebody began to wait.
    pub(crate) fn waits(&self) -> usize {
        *self.waits.borrow()
    }

    /// Returns when somebody has begun to wait more often than `before`.
    pub(crate) async fn waits_after(&self, before: usize) {
        self.waits.subscribe().wait_for(|waits| *waits > before).await.unwrap();
    }
}

impl whatotp_ports::Wakeups for Wakeups {
    fn announce(&self, topic: Topic) {
        self.inner.announce(topic);
    }

    fn subscribe(&self, topic: Topic) -> Box<dyn Subscription> {
        Box::new(Waiter { inner: self.inner.subscribe(topic), waits: self.waits.clone() })
    }
}

struct Waiter {
    inner: Box<dyn Subscription>,
    waits: watch::Sender<usize>,
}

#[async_trait]
impl Subscription for Waiter {
    async fn changed(&mut self, at_most: Duration) {
        self.waits.send_modify(|waits| *waits += 1);
        self.inner.changed(at_most).await;
    }
}

/// A way out behind a door that can be held shut, and that can break down.
pub(crate) struct Channel {
    inner: Arc<dyn MessageChannel>,
    shut: watch::Sender<bool>,
    next_only: AtomicBool,
    waiting: watch::Sender<usize>,
    down: AtomicBool,
    /// Whether answers wait, once their message has left.
    answers_held: watch::Sender<bool>,
}

impl Channel {
    pub(super) fn new(inner: Arc<dyn MessageChannel>) -> Self {
        let (shut, waiting) = (watch::Sender::new(false), watch::Sender::new(0));
        let (next_only, down) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { inner, shut, next_only, waiting, down, answers_held: watch::Sender::new(false) }
    }

    /// Whether answers are on their way from here on: their messages have left, and nobody here knows.
    pub(crate) fn hold_answers(&self, hold: bool) {
        self.answers_held.send_replace(hold);
    }

    /// From here on messages wait for [`Channel::release`].
    pub(crate) fn hold(&self) {
        self.shut.send_replace(true);
    }

    /// The next message waits for [`Channel::release`], and no other.
    pub(crate) fn hold_next(&self) {
        self.next_only.store(true, Ordering::SeqCst);
    }

    pub(crate) fn release(&self) {
        self.shut.send_replace(false);
    }

    /// Returns when a message waits.
    pub(crate) async fn holds_one(&self) {
        self.waiting.subscribe().wait_for(|waiting| *waiting > 0).await.unwrap();
    }

    /// Whether the provider is out of order.
    pub(crate) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
}

#[async_trait]
impl MessageChannel for Channel {
    fn needs_sender(&self) -> bool {
        self.inner.needs_sender()
    }

    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome {
        if self.down.load(Ordering::SeqCst) {
            let (title, detail) = ("Down".to_owned(), "Turned off by the test.".to_owned());
            let error = DeliveryError { code: 2, title, detail };
            return SendOutcome::Unavailable { error, stopped: Stopped::Nothing };
        }
        let mut shut = self.shut.subscribe();
        if self.next_only.swap(false, Ordering::SeqCst) {
            // Whoever releases it says so by a change.
            shut.mark_unchanged();
            self.waiting.send_modify(|waiting| *waiting += 1);
            shut.changed().await.unwrap();
            return self.inner.send(message, now).await;
        }
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.shut.subscribe().wait_for(|shut| !shut).await.unwrap();
        let outcome = self.inner.send(message, now).await;
        self.answers_held.subscribe().wait_for(|held| !held).await.unwrap();
        outcome
    }

    async fn poll(&self, sent: &SentMessage, now: Timestamp) -> Polled {
        self.inner.poll(sent, now).await
    }
}

/// How a store is broken.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Broken {
    Unavailable,
    Overloaded,
    Corrupt,
}

/// The kept answers, in a store that can break.
pub(crate) struct Idempotency {
    inner: Arc<dyn IdempotencyStore>,
    broken: Mutex<Option<Broken>>,
    keeps: AtomicBool,
}

impl Idempotency {
    pub(super) fn new(inner: Arc<dyn IdempotencyStore>) -> Self {
        Self { inner, broken: Mutex::new(None), keeps: AtomicBool::new(true) }
    }

    /// Whether answers can be kept. What is lost is what a process loses that dies between its work and its answer.
    pub(crate) fn set_keeps(&self, keeps: bool) {
        self.keeps.store(keeps, Ordering::SeqCst);
    }

    pub(crate) fn set_broken(&self, broken: Option<Broken>) {
        *self.broken.lock().unwrap() = broken;
    }

    fn check(&self) -> StoreResult<()> {
        match *self.broken.lock().unwrap() {
            None => Ok(()),
            Some(Broken::Unavailable) => Err(StoreError::Unavailable("/secret/path is locked".into())),
            Some(Broken::Overloaded) => Err(StoreError::Overloaded),
            Some(Broken::Corrupt) => Err(StoreError::Corrupt("no such column: secret".into())),
        }
    }
}

#[async_trait]
impl IdempotencyStore for Idempotency {
    async fn find_prior(&self, claim: &Claim, now: Timestamp) -> StoreResult<Option<Prior>> {
        self.check()?;
        self.inner.find_prior(claim, now).await
    }

    async fn keep_answer(&self, claim: &Claim, status: u16, body: Sealed) -> StoreResult<()> {
        self.check()?;
        if !self.keeps.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the answer was lost".into()));
        }
        self.inner.keep_answer(claim, status, body).await
    }

    async fn purge_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.inner.purge_claims(now, limit).await
    }
}

/// The system's randomness, which can run dry after so many more draws.
#[derive(Default)]
pub(crate) struct Entropy {
    left: Mutex<Option<usize>>,
}

impl Entropy {
    /// There is so much more and then nothing; `None` for no end.
    pub(crate) fn leave(&self, draws: Option<usize>) {
        *self.left.lock().unwrap() = draws;
    }
}

impl whatotp_ports::Entropy for Entropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        if let Some(left) = &mut *self.left.lock().unwrap() {
            *left = left.checked_sub(1).ok_or(EntropyError)?;
        }
        SystemEntropy.fill(buffer)
    }
}
