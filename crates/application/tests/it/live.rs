//! The same stage in live mode, where messages need senders.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use whatotp_application::{Application, MessageSent, NewSender, Ports, SendMessage};
use whatotp_domain::{DeliveryEvent, DeliveryId, DeliveryStatus, EventKind, LogEvent, SenderId, Timestamp, WabaId};
use whatotp_ports::{AccountStore, Clock as _, Inbound, ProviderMessageId, Reference, SendOutcome};
use whatotp_testkit::fixtures::{a_sender, an_account, an_event, other_mode, sender_id};
use whatotp_testkit::{SeededEntropy, test_keyring};

use crate::fake_catalog::{LOGIN_CODE, login_code_in};
use crate::fake_channel::{FakeChannel, Gate};
use crate::stage::{Stage, open, ports};

/// How long a code may take to arrive, where falling back is on.
pub(crate) const FALLBACK_AFTER: Duration = Duration::from_secs(20);

impl Stage {
    /// In live mode, with the two accounts and no sender. The channel answers like this, one by one.
    pub(crate) async fn live_without_senders(outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self::live_on(FakeChannel::answering(outcomes)).await
    }

    /// In live mode, with one sender that everybody shares and whose template for codes is in English.
    pub(crate) async fn live(outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self::live_without_senders(outcomes).await.with_senders(1).await
    }

    /// As [`Stage::live`], with two senders, and a code that does not arrive goes to the second.
    pub(crate) async fn falling_back(outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        let stage = Self::live_without_senders(outcomes).await.with_senders(2).await;
        stage.under(|policy| policy.fallback_after = Some(FALLBACK_AFTER))
    }

    /// As [`Stage::live`], and each answer comes when the gate is opened.
    pub(crate) async fn live_behind(gate: &Arc<Gate>, outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self::live_on(FakeChannel::answering(outcomes).behind(gate)).await.with_senders(1).await
    }

    async fn live_on(channel: FakeChannel) -> Self {
        let (outgoing, live) = (channel.outgoing(), channel.that_needs_a_sender());
        let stage = Self::without_accounts(Arc::new(live), Arc::new(FakeChannel::silent()), outgoing, other_mode());
        for number in [1, 2] {
            stage.store.insert_account(an_account(number)).await.unwrap();
        }
        stage
    }

    /// With so many senders that everybody shares.
    pub(crate) async fn with_senders(self, count: u8) -> Self {
        self.catalog.lists(&waba(), login_code_in(&["en"]));
        for number in 1..=count {
            self.app.put_sender(a_new_sender(number)).await.unwrap();
        }
        self
    }

    /// Another process begins over the same database, and this one is gone.
    pub(crate) fn restarted(self) -> Self {
        let Self { app, clock, store, outgoing, catalog, scope, directory } = self;
        let Ports { live_channel, sandbox, .. } = app.ports().clone();
        let policy = app.policy().clone();
        drop((app, store));
        let store = open(&directory, clock.now());
        // Its randomness is not that of the one before.
        let mut ports = ports(&store, &clock, &catalog, live_channel, sandbox);
        ports.entropy = Arc::new(SeededEntropy::new(2));
        let app = Application::new(ports, Arc::new(test_keyring()), policy);
        Self { app, clock, store, outgoing, catalog, scope, directory }
    }

    /// Stores a message for the worker, and it works.
    pub(crate) async fn queue(&self, command: SendMessage) -> DeliveryId {
        match self.app.send_message(command).await.unwrap() {
            MessageSent::Queued(view) => view.record.id,
            other => panic!("the message was not stored: {other:?}"),
        }
    }

    /// WhatsApp tells what became of a message, by its own id and by ours.
    pub(crate) async fn told(&self, provider_message_id: &str, delivery: DeliveryId, status: DeliveryStatus) {
        let reference = Reference { account: self.scope.account, delivery };
        self.app.ingest(vec![status_of(provider_message_id, Some(reference), status, self.now())]).await.unwrap();
    }

    /// WhatsApp tells what became of a message, by its own id alone.
    pub(crate) async fn told_by_id(&self, provider_message_id: &str, status: DeliveryStatus) {
        self.app.ingest(vec![status_of(provider_message_id, None, status, self.now())]).await.unwrap();
    }

    /// The worker does everything that is due now.
    pub(crate) async fn settle(&self) {
        while self.deliver().await > 0 {}
    }

    /// What the operator was told of this kind, newest first.
    pub(crate) async fn events(&self, kind: EventKind) -> Vec<LogEvent> {
        let all = self.app.list_events(None, 100).await.unwrap();
        all.into_iter().filter(|event| event.kind == kind).collect()
    }
}

pub(crate) fn status_of(
    provider_message_id: &str,
    reference: Option<Reference>,
    status: DeliveryStatus,
    at: Timestamp,
) -> Inbound {
    let event: DeliveryEvent = an_event(status, at);
    Inbound::Status { provider_message_id: ProviderMessageId(provider_message_id.to_owned()), reference, event }
}

/// The business account of [`a_new_sender`].
pub(crate) fn waba() -> WabaId {
    a_sender(1).waba
}

/// Another business account.
pub(crate) fn other_waba() -> WabaId {
    WabaId::parse("20000000000002").unwrap()
}

/// The sender with this number, which everybody shares.
pub(crate) fn a_new_sender(number: u8) -> NewSender {
    let record = a_sender(number);
    NewSender {
        id: record.id,
        waba: record.waba,
        name: record.name,
        endpoint: record.endpoint,
        access_token: SecretString::from(token(number)),
        otp_template: LOGIN_CODE.to_owned(),
        shared: true,
    }
}

/// What [`a_new_sender`] is reached with.
pub(crate) fn token(number: u8) -> String {
    format!("planted-token-of-sender-{number}")
}

pub(crate) fn sender_ids(numbers: &[u8]) -> Vec<SenderId> {
    numbers.iter().copied().map(sender_id).collect()
}
