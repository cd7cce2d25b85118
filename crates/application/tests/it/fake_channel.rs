//! A channel with its lines learned by heart.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use whatotp_domain::{DeliveryId, SenderId, Timestamp};
use whatotp_ports::{Content, MessageChannel, OutboundMessage, Polled, Reference, SendOutcome, SentMessage};

/// A message as the channel got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handed {
    pub(crate) delivery: DeliveryId,
    pub(crate) to: String,
    /// The code, or the name of the template.
    pub(crate) says: String,
    pub(crate) locale: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) at: Timestamp,
    pub(crate) sender: Option<SenderId>,
    pub(crate) token: Option<String>,
    pub(crate) reference: Reference,
}

/// Everything the channel got, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outgoing(Arc<Mutex<Vec<Handed>>>);

impl Outgoing {
    pub(crate) fn all(&self) -> Vec<Handed> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> Handed {
        self.all().pop().expect("a message was handed over")
    }

    /// Who was asked to send, in order.
    pub(crate) fn senders(&self) -> Vec<SenderId> {
        self.all().into_iter().filter_map(|handed| handed.sender).collect()
    }

    /// In which languages, in order.
    pub(crate) fn locales(&self) -> Vec<String> {
        self.all().into_iter().filter_map(|handed| handed.locale).collect()
    }

    fn note(&self, message: &OutboundMessage, at: Timestamp) {
        let (says, locale) = match &message.content {
            Content::Code { code, locale } => (code.expose().to_owned(), locale),
            Content::Template { template, locale, .. } => (template.name().to_owned(), locale),
        };
        let sender = message.origin.as_ref().map(|origin| &origin.sender);
        self.0.lock().unwrap().push(Handed {
            delivery: message.delivery,
            to: message.to.as_e164().to_owned(),
            says,
            locale: locale.as_ref().map(|locale| locale.as_str().to_owned()),
            attempt: message.attempt,
            at,
            sender: sender.map(|sender| sender.id.clone()),
            token: sender.map(|sender| sender.access_token.expose_secret().to_owned()),
            reference: message.reference(),
        });
    }
}

type Reports = Box<dyn Fn(&SentMessage, Timestamp) -> Polled + Send>;

/// It answers like this, one by one, and is asked exactly so often: once more and the test fails, once less too.
pub(crate) struct FakeChannel {
    answers: Mutex<VecDeque<SendOutcome>>,
    reports: Mutex<Reports>,
    outgoing: Outgoing,
    needs_sender: bool,
    gate: Option<Arc<Gate>>,
}

impl FakeChannel {
    /// It can send without a sender, and has nothing to tell when it is polled.
    pub(crate) fn answering(answers: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self {
            answers: Mutex::new(answers.into_iter().collect()),
            reports: Mutex::new(Box::new(|_sent, _now| Polled::default())),
            outgoing: Outgoing::default(),
            needs_sender: false,
            gate: None,
        }
    }

    /// Nobody may ask it to send.
    pub(crate) fn silent() -> Self {
        Self::answering([])
    }

    pub(crate) fn that_needs_a_sender(mut self) -> Self {
        self.needs_sender = true;
        self
    }

    /// Polled, it tells this.
    pub(crate) fn reporting(self, reports: impl Fn(&SentMessage, Timestamp) -> Polled + Send + 'static) -> Self {
        *self.reports.lock().unwrap() = Box::new(reports);
        self
    }

    /// It answers when the gate is opened.
    pub(crate) fn behind(mut self, gate: &Arc<Gate>) -> Self {
        self.gate = Some(Arc::clone(gate));
        self
    }

    pub(crate) fn outgoing(&self) -> Outgoing {
        self.outgoing.clone()
    }
}

#[async_trait]
impl MessageChannel for FakeChannel {
    fn needs_sender(&self) -> bool {
        self.needs_sender
    }

    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome {
        self.outgoing.note(message, now);
        if let Some(gate) = &self.gate {
            gate.pass().await;
        }
        self.answers.lock().unwrap().pop_front().expect("as many answers as calls")
    }

    async fn poll(&self, sent: &SentMessage, now: Timestamp) -> Polled {
        (self.reports.lock().unwrap())(sent, now)
    }
}

impl Drop for FakeChannel {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left = self.answers.get_mut().unwrap().len();
            assert_eq!(left, 0, "the channel was asked less often than expected");
        }
    }
}

/// Keeps a message waiting for its answer, so that something can happen meanwhile.
#[derive(Default)]
pub(crate) struct Gate {
    arrived: Notify,
    opened: Notify,
}

impl Gate {
    /// Returns when a message waits.
    pub(crate) async fn arrival(&self) {
        self.arrived.notified().await;
    }

    pub(crate) fn open(&self) {
        self.opened.notify_one();
    }

    async fn pass(&self) {
        self.arrived.notify_one();
        self.opened.notified().await;
    }
}
