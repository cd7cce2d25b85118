//! What every test begins with: the use cases over a new store, and a channel with its lines learned by heart.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use whatotp_application::{Application, OtpSent, OtpVerified, Policy, Ports, SendOtp, SessionView, Typed, VerifyOtp};
use whatotp_domain::{
    AbusePolicy, AccountScope, CodeLength, DeliveryId, DeliveryStatus, Locale, Metadata, NumberLimits, OtpPolicy,
    PhoneNumber, Purpose, SessionId, Timestamp,
};
use whatotp_ports::{
    AccountStore, Clock, DeliveryFilter, DeliveryRecord, DeliveryStore, Entropy, MessageChannel, Polled,
    ProviderMessageId, SendOutcome, SentMessage, SessionStore, Stopped,
};
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_system::LocalWakeups;
use whatotp_testkit::fixtures::{ALICE, DAY, an_account, home};
use whatotp_testkit::{ManualClock, SeededEntropy, test_keyring};
use whatotp_vault::{Keyring, MasterKey, MasterKeys};

use crate::fake_catalog::FakeCatalog;
use crate::fake_channel::{FakeChannel, Outgoing};

/// How long a worker keeps a delivery here.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) app: Application,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) outgoing: Outgoing,
    pub(crate) catalog: Arc<FakeCatalog>,
    /// Who everything here is done for, unless it says otherwise.
    pub(crate) scope: AccountScope,
    pub(crate) directory: TempDir,
}

impl Stage {
    /// The channel of test mode answers like this, one by one, and is asked exactly so often.
    pub(crate) async fn with(outcomes: impl IntoIterator<Item = SendOutcome>) -> Self {
        Self::in_test_mode(FakeChannel::answering(outcomes)).await
    }

    /// As [`Stage::with`], and the channel tells this when it is polled.
    pub(crate) async fn with_reports(
        outcomes: impl IntoIterator<Item = SendOutcome>,
        reports: impl Fn(&SentMessage, Timestamp) -> Polled + Send + 'static,
    ) -> Self {
        Self::in_test_mode(FakeChannel::answering(outcomes).reporting(reports)).await
    }

    async fn in_test_mode(sandbox: FakeChannel) -> Self {
        let outgoing = sandbox.outgoing();
        let live = FakeChannel::silent().that_needs_a_sender();
        let stage = Self::without_accounts(Arc::new(live), Arc::new(sandbox), outgoing, home());
        stage.store.insert_account(an_account(1)).await.unwrap();
        stage
    }

    /// Before any account was made, and with channels that nobody may ask.
    pub(crate) fn empty() -> Self {
        let (live, sandbox) = (FakeChannel::silent(), FakeChannel::silent());
        Self::without_accounts(Arc::new(live), Arc::new(sandbox), Outgoing::default(), home())
    }

    pub(crate) fn without_accounts(
        live_channel: Arc<dyn MessageChannel>,
        sandbox: Arc<dyn MessageChannel>,
        outgoing: Outgoing,
        scope: AccountScope,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::default());
        let store = open(&directory, clock.now());
        let catalog = Arc::new(FakeCatalog::default());
        let ports = ports(&store, &clock, &catalog, live_channel, sandbox);
        let app = Application::new(ports, Arc::new(test_keyring()), policy());
        Self { app, clock, store, outgoing, catalog, scope, directory }
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

    /// The same stage under another policy.
    pub(crate) fn under(self, change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = self.app.policy().clone();
        change(&mut policy);
        let app = Application::new(self.app.ports().clone(), Arc::new(test_keyring()), policy);
        Self { app, ..self }
    }

    /// So many seconds pass.
    pub(crate) fn pass(&self, seconds: u64) -> Timestamp {
        self.clock.advance(Duration::from_secs(seconds))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Sends a code to Alice, and it works.
    pub(crate) async fn send(&self) -> SessionView {
        self.send_as(a_send_of(self.scope)).await
    }

    pub(crate) async fn send_as(&self, command: SendOtp) -> SessionView {
        match self.app.send_otp(command).await.unwrap() {
            OtpSent::Sent(view) => *view,
            other => panic!("no code was sent: {other:?}"),
        }
    }

    pub(crate) async fn verify(&self, id: SessionId, typed: &str) -> OtpVerified {
        self.app.verify_otp(VerifyOtp { scope: self.scope, ..a_verify(id, typed) }).await.unwrap()
    }

    pub(crate) async fn look(&self, id: SessionId) -> SessionView {
        self.app.otp_status(self.scope, id).await.unwrap().expect("the session is there")
    }

    /// One round of the worker; returns how many deliveries it took.
    pub(crate) async fn deliver(&self) -> usize {
        self.app.deliver_due(10).await.unwrap()
    }

    pub(crate) async fn next_due(&self) -> Option<Timestamp> {
        self.store.next_due().await.unwrap()
    }

    pub(crate) async fn delivery(&self, id: DeliveryId) -> DeliveryRecord {
        self.store.find_delivery(self.scope, id).await.unwrap().expect("the delivery is there")
    }

    /// Every delivery, newest first.
    pub(crate) async fn deliveries(&self) -> Vec<DeliveryRecord> {
        let filter = DeliveryFilter { limit: 100, ..DeliveryFilter::default() };
        self.store.list_deliveries(self.scope, &filter).await.unwrap()
    }

    /// The status of a session's latest message.
    pub(crate) async fn way(&self, id: SessionId) -> DeliveryStatus {
        self.store.find(self.scope, id).await.unwrap().expect("the session is there").1.delivery.status()
    }

    /// Which delivery has this id at the provider.
    pub(crate) async fn known_as(&self, provider_message_id: &str) -> Option<DeliveryId> {
        let message = test_keyring().message_index(provider_message_id);
        self.store.find_by_message(&message).await.unwrap().map(|record| record.id)
    }
}

pub(crate) fn ports(
    store: &Arc<SqliteStore>,
    clock: &Arc<ManualClock>,
    catalog: &Arc<FakeCatalog>,
    live_channel: Arc<dyn MessageChannel>,
    sandbox: Arc<dyn MessageChannel>,
) -> Ports {
    Ports {
        clock: clock.clone(),
        entropy: Arc::new(SeededEntropy::new(1)),
        sessions: store.clone(),
        deliveries: store.clone(),
        idempotency: store.clone(),
        accounts: store.clone(),
        keys: store.clone(),
        templates: store.clone(),
        senders: store.clone(),
        events: store.clone(),
        audit: store.clone(),
        tickets: store.clone(),
        destinations: store.clone(),
        quotas: store.clone(),
        traffic: store.clone(),
        users: store.clone(),
        console_sessions: store.clone(),
        links: store.clone(),
        master_keys: store.clone(),
        personal_data: store.clone(),
        live_channel,
        catalog: catalog.clone(),
        sandbox,
        wakeups: Arc::new(LocalWakeups::new()),
    }
}

pub(crate) fn open(directory: &TempDir, now: Timestamp) -> Arc<SqliteStore> {
    let settings = SqliteSettings { create: true, ..SqliteSettings::new(directory.path().join("whatotp.db")) };
    Arc::new(SqliteStore::open(&settings, now).unwrap())
}

pub(crate) fn policy() -> Policy {
    Policy {
        otp: OtpPolicy::default(),
        limits: NumberLimits::default(),
        default_locale: Locale::parse("en").unwrap(),
        unlimited_in_test_mode: |number| number.as_e164().starts_with("+12025550"),
        lease: LEASE,
        channel_timeout: Duration::from_secs(9),
        unknown_wait: Duration::from_secs(10),
        fallback_after: None,
        otp_send_margin: Duration::from_secs(30),
        claim_lease: Duration::from_secs(60),
        claim_lifetime: DAY,
        abuse: AbusePolicy::default(),
        session_retention: Duration::from_secs(25 * 3600),
        delivery_retention: 30 * DAY,
        variables_retention: DAY,
        event_retention: 90 * DAY,
        audit_retention: 365 * DAY,
        ticket_retention: 365 * DAY,
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
        client_ip: None,
        metadata: Metadata::default(),
        asked: whatotp_domain::Asked::default(),
        claim: None,
    }
}

pub(crate) fn a_verify(id: SessionId, typed: &str) -> VerifyOtp {
    VerifyOtp { scope: home(), session: Some(id), code: Typed(typed.to_owned()), claim: None }
}

pub(crate) fn accepted() -> SendOutcome {
    accepted_as("wamid.1")
}

pub(crate) fn accepted_as(provider_message_id: &str) -> SendOutcome {
    let provider_message_id = ProviderMessageId(provider_message_id.to_owned());
    SendOutcome::Accepted { provider_message_id, poll_at: None }
}

pub(crate) fn refused() -> SendOutcome {
    SendOutcome::Refused(an_error(131_026))
}

pub(crate) fn invalid() -> SendOutcome {
    SendOutcome::Invalid(an_error(132_000))
}

pub(crate) fn unavailable() -> SendOutcome {
    SendOutcome::Unavailable { error: an_error(2), stopped: Stopped::Nothing }
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
