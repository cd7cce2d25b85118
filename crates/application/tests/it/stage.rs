//! What every test begins with: the use cases over a new store, and a channel with its lines learned by heart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;
use whatotp_application::{Application, OtpSent, OtpVerified, Policy, Ports, SendOtp, SessionView, Typed, VerifyOtp};
use whatotp_domain::{
    AccountScope, CodeLength, DeliveryId, DeliveryStatus, LedgerPolicy, Locale, Metadata, OtpPolicy, PhoneNumber,
    Purpose, SessionId, Timestamp,
};
use whatotp_ports::{
    AccountStore, Clock, Content, DeliveryFilter, DeliveryRecord, DeliveryStore, Entropy, MessageChannel,
    MockMessageChannel, OutboundMessage, Polled, SendOutcome, SentMessage, SessionStore,
};
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_system::LocalWakeups;
use whatotp_testkit::fixtures::{ALICE, DAY, an_account, home};
use whatotp_testkit::{ManualClock, SeededEntropy, test_keyring};
use whatotp_vault::{Keyring, MasterKey, MasterKeys};

/// How long a worker keeps a delivery here.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

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

    fn note(&self, message: &OutboundMessage, at: Timestamp) {
        let (says, locale) = match &message.content {
            Content::Code { code, locale } => (code.expose().to_owned(), locale),
            Content::Template { template, locale, .. } => (template.name().to_owned(), locale),
        };
        self.0.lock().unwrap().push(Handed {
            delivery: message.delivery,
            to: message.to.as_e164().to_owned(),
            says,
            locale: locale.as_ref().map(|locale| locale.as_str().to_owned()),
            attempt: message.attempt,
            at,
        });
    }
}

pub(crate) struct Stage {
    pub(crate) app: Application,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) outgoing: Outgoing,
    _directory: TempDir,
}

impl Stage {
    /// The channel answers like this, one by one, and is asked exactly so often: once more and the test fails, once
    /// less too. It has nothing to tell when it is polled.
    pub(crate) async fn with(outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self::with_reports(outcomes, |_sent, _now| Polled::default()).await
    }

    /// As [`Stage::with`], and the channel tells this when it is polled.
    pub(crate) async fn with_reports(
        outcomes: impl IntoIterator<Item = SendOutcome>,
        reports: impl Fn(&SentMessage, Timestamp) -> Polled + Send + 'static,
    ) -> Self {
        let outgoing = Outgoing::default();
        let mut outcomes: Vec<SendOutcome> = outcomes.into_iter().collect();
        outcomes.reverse();
        let mut channel = MockMessageChannel::new();
        let (times, seen) = (outcomes.len(), outgoing.clone());
        channel.expect_send().times(times).returning(move |message, now| {
            seen.note(message, now);
            outcomes.pop().expect("as many answers as calls")
        });
        channel.expect_poll().returning(reports);
        Self::on(Arc::new(channel), outgoing).await
    }

    /// Before any account was made, and with a channel that nobody may ask.
    pub(crate) fn empty() -> Self {
        Self::without_accounts(Arc::new(MockMessageChannel::new()), Outgoing::default())
    }

    async fn on(channel: Arc<dyn MessageChannel>, outgoing: Outgoing) -> Self {
        let stage = Self::without_accounts(channel, outgoing);
        stage.store.insert_account(an_account(1)).await.unwrap();
        stage
    }

    fn without_accounts(channel: Arc<dyn MessageChannel>, outgoing: Outgoing) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let settings = SqliteSettings { create: true, ..SqliteSettings::new(directory.path().join("whatotp.db")) };
        let store = Arc::new(SqliteStore::open(&settings, clock.now()).unwrap());
        let ports = Ports {
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
            sessions: store.clone(),
            deliveries: store.clone(),
            idempotency: store.clone(),
            accounts: store.clone(),
            keys: store.clone(),
            templates: store.clone(),
            live_channel: None,
            sandbox: channel,
            wakeups: Arc::new(LocalWakeups::new()),
        };
        let app = Application::new(ports, Arc::new(test_keyring()), policy());
        Self { app, clock, store, outgoing, _directory: directory }
    }

    /// The same use cases with these ports instead: `stage.but(|ports| ports.entropy = …)`.
    pub(crate) fn but(&self, change: impl FnOnce(&mut Ports)) -> Application {
        let mut ports = self.app.ports().clone();
        change(&mut ports);
        Application::new(ports, Arc::new(test_keyring()), policy())
    }

    /// The same use cases on a machine that has another master key, and not this one.
    pub(crate) fn with_another_key(&self) -> Application {
        Application::new(self.app.ports().clone(), Arc::new(another_keyring()), policy())
    }

    /// The same stage with another channel for test mode.
    pub(crate) fn playing(self, channel: impl MessageChannel + 'static) -> Self {
        let app = self.but(|ports| ports.sandbox = Arc::new(channel));
        Self { app, ..self }
    }

    pub(crate) fn with_entropy(&self, entropy: impl Entropy + 'static) -> Application {
        self.but(|ports| ports.entropy = Arc::new(entropy))
    }

    /// So many seconds pass.
    pub(crate) fn pass(&self, seconds: u64) -> Timestamp {
        self.clock.advance(Duration::from_secs(seconds))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a code to Alice in test mode, and it works.
    pub(crate) async fn send(&self) -> SessionView {
        self.send_as(a_send()).await
    }

    pub(crate) async fn send_as(&self, command: SendOtp) -> SessionView {
        match self.app.send_otp(command).await.unwrap() {
            OtpSent::Sent(view) => *view,
            other => panic!("no code was sent: {other:?}"),
        }
    }

    pub(crate) async fn verify(&self, id: SessionId, typed: &str) -> OtpVerified {
        self.app.verify_otp(a_verify(id, typed)).await.unwrap()
    }

    pub(crate) async fn look(&self, id: SessionId) -> SessionView {
        self.app.otp_status(home(), id).await.unwrap().expect("the session is there")
    }

    /// One round of the worker; returns how many deliveries it took.
    pub(crate) async fn deliver(&self) -> usize {
        self.app.deliver_due(10).await.unwrap()
    }

    pub(crate) async fn next_due(&self) -> Option<Timestamp> {
        self.store.next_due().await.unwrap()
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> DeliveryRecord {
        self.store.find_delivery(home(), id).await.unwrap().expect("the delivery is there")
    }

    /// Every delivery of test mode.
    pub(crate) async fn deliveries(&self) -> Vec<DeliveryRecord> {
        let filter = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
        self.store.list_deliveries(home(), &filter).await.unwrap()
    }

    /// The status of a session's latest message.
    pub(crate) async fn way(&self, id: SessionId) -> DeliveryStatus {
        self.store.find(home(), id).await.unwrap().expect("the session is there").1.status()
    }
}

pub(crate) fn policy() -> Policy {
    Policy {
        otp: OtpPolicy::default(),
        limits: LedgerPolicy::default(),
        default_locale: Locale::parse("en").unwrap(),
        unlimited_in_test_mode: |number| number.as_e164().starts_with("+12025550"),
        lease: LEASE,
        channel_timeout: Duration::from_secs(9),
        unknown_wait: Duration::from_secs(10),
        otp_send_margin: Duration::from_secs(30),
        claim_lease: Duration::from_secs(60),
        claim_lifetime: DAY,
        session_retention: Duration::from_secs(25 * 3600),
        delivery_retention: 30 * DAY,
    }
}

pub(crate) fn another_keyring() -> Keyring {
    let bytes = whatotp_ports::random(&SeededEntropy::new(99)).unwrap();
    Keyring::new(MasterKeys::from(MasterKey::from_random(bytes).unwrap()))
}

pub(crate) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

/// A code for Alice, in test mode, with every default.
pub(crate) fn a_send() -> SendOtp {
    a_send_of(home())
}

pub(crate) fn a_send_of(scope: AccountScope) -> SendOtp {
    SendOtp {
        scope,
        to: number(ALICE),
        length: CodeLength::DEFAULT,
        purpose: Purpose::default(),
        locale: None,
        ttl: None,
        metadata: Metadata::default(),
        claim: None,
    }
}

pub(crate) fn a_verify(id: SessionId, typed: &str) -> VerifyOtp {
    VerifyOtp { scope: home(), session: Some(id), code: Typed(typed.to_owned()), claim: None }
}

pub(crate) fn accepted() -> SendOutcome {
    SendOutcome::Accepted { provider_message_id: "wamid.1".to_owned(), poll_at: None }
}

pub(crate) fn refused() -> SendOutcome {
    SendOutcome::Refused(an_error(131_026))
}

pub(crate) fn unavailable() -> SendOutcome {
    SendOutcome::Unavailable(an_error(2))
}

pub(crate) fn retry(after: Duration) -> SendOutcome {
    SendOutcome::Retry { after, error: an_error(131_056) }
}

pub(crate) fn unknown() -> SendOutcome {
    SendOutcome::Unknown { error: an_error(131_000), poll_at: None }
}

pub(crate) fn an_error(code: u32) -> whatotp_domain::DeliveryError {
    whatotp_domain::DeliveryError { code, title: "A title".to_owned(), detail: "A detail.".to_owned() }
}

/// A code of the same length that is not this one.
pub(crate) fn another(code: &str) -> String {
    let other = |digit: char| if digit == '9' { '0' } else { '9' };
    code.chars().map(other).collect()
}
