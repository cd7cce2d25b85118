//! A real server in this process, over real HTTP, on a clock that only the test moves.
//!
//! Nothing runs beside the server: a test advances the clock and has what is due delivered, so nobody sleeps and nothing
//! depends on how fast the machine is. Every answer of every test is held against the OpenAPI document.

mod answer;
mod client;
mod deliveries;
mod document;
mod fakes;
mod snapshot;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use whatotp::server::Server;
use whatotp::settings::Settings;
use whatotp::wiring::{self, Outside, Role};
use whatotp_application::{Application, NewKey, Ports};
use whatotp_domain::{AccountId, AccountScope, ApiKey, Mode, Scope, ScopeSet};
use whatotp_ports::{Account, DeliveryFilter, DeliveryKind, DeliveryRecord, RateLimiter};
use whatotp_testkit::ManualClock;
use whatotp_vault::{Keyring, MasterKeys};

pub(crate) use answer::Answer;
pub(crate) use client::Client;
pub(crate) use deliveries::Deliveries;
pub(crate) use document::{Operation, operations};
pub(crate) use fakes::{Broken, Channel, Entropy, Idempotency, Wakeups};
pub(crate) use snapshot::{SNAPSHOTS, redacted, snapshot};

/// An ordinary number, for which every limit holds.
pub(crate) const ORDINARY: &str = "+14155550123";
/// A magic number: delivered, and without limits.
pub(crate) const MAGIC: &str = "+12025550100";
/// For tests that make more requests than a minute has room for.
pub(crate) const NO_LIMITS: &[(&str, &str)] = &[
    ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "100000"),
    ("WHATOTP_LIMITS__KEY_PER_MINUTE", "100000"),
    ("WHATOTP_LIMITS__AUTH_PER_MINUTE", "100000"),
    ("WHATOTP_LIMITS__CONSOLE_PER_MINUTE", "100000"),
];

/// A server, and everything a test may turn.
pub(crate) struct TestApp {
    /// Calls it with a test key that may do everything.
    pub(crate) api: Client,
    /// The server's clock.
    pub(crate) clock: Arc<ManualClock>,
    /// The use cases behind it.
    pub(crate) app: Application,
    /// The account of [`TestApp::api`].
    pub(crate) account: AccountId,
    /// Tells who waits for a change.
    pub(crate) wakeups: Arc<Wakeups>,
    /// The way to the sandbox.
    pub(crate) channel: Arc<Channel>,
    /// The way to WhatsApp.
    pub(crate) live_channel: Arc<Channel>,
    /// Where messages are kept.
    pub(crate) deliveries: Arc<Deliveries>,
    /// The answers kept for repeated requests.
    pub(crate) idempotency: Arc<Idempotency>,
    /// Where random bytes come from.
    pub(crate) entropy: Arc<Entropy>,
    pub(crate) server: Server,
    pub(crate) directory: TempDir,
}

type Start = fn(&Settings, Application, Arc<dyn RateLimiter>) -> std::io::Result<Server>;

impl TestApp {
    /// With the documented defaults.
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With the worker that delivers by itself.
    pub(crate) async fn with_worker() -> Self {
        Self::with_worker_and(&[]).await
    }

    /// With the worker, and these settings.
    pub(crate) async fn with_worker_and(variables: &[(&str, &str)]) -> Self {
        Self::built(variables, Server::start).await
    }

    /// With these settings, written as in the environment.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        Self::built(variables, Server::without_background).await
    }

    async fn built(variables: &[(&str, &str)], start: Start) -> Self {
        let directory = TempDir::new().unwrap();
        let path = |name: &str| directory.path().join(name).display().to_string();
        let own = [
            ("WHATOTP_LISTEN", "127.0.0.1:0".to_owned()),
            ("WHATOTP_DATABASE_URL", format!("sqlite:{}", path("whatotp.db"))),
            ("WHATOTP_MASTER_KEY_FILE", path("master.key")),
            ("WHATOTP_SERVER__WORKERS", "2".to_owned()),
        ];
        let given = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let variables = own.into_iter().chain(given).map(|(name, value)| (name.to_owned(), value));
        let settings = Settings::load(None, variables.collect()).unwrap();

        let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(Entropy::default()));
        let outside = Outside { clock: clock.clone(), entropy: entropy.clone() };
        let wired = wiring::application(&settings, Role::Own, &outside).await.unwrap();
        let Ports { sandbox, live_channel, idempotency, deliveries, .. } = wired.ports().clone();
        let wakeups = Arc::new(Wakeups::default());
        let (channel, live_channel) = (Arc::new(Channel::new(sandbox)), Arc::new(Channel::new(live_channel)));
        let (idempotency, deliveries) =
            (Arc::new(Idempotency::new(idempotency)), Arc::new(Deliveries::new(deliveries)));
        let ports = Ports {
            wakeups: wakeups.clone(),
            sandbox: channel.clone(),
            live_channel: live_channel.clone(),
            idempotency: idempotency.clone(),
            deliveries: deliveries.clone(),
            ..wired.ports().clone()
        };
        let keyring = Arc::new(Keyring::new(MasterKeys::load(&settings.master_key_file).unwrap()));
        let app = Application::new(ports, keyring, settings.policy());

        let first = app.set_up().await.unwrap().unwrap();
        let server = start(&settings, app.clone(), wiring::limiter(&settings, &outside).await.unwrap()).unwrap();
        let api = Client::new(format!("http://{}", server.address())).with_key(first.key.expose());
        let account = first.account;
        Self {
            api,
            clock,
            app,
            account,
            wakeups,
            channel,
            live_channel,
            deliveries,
            idempotency,
            entropy,
            server,
            directory,
        }
    }

    /// Calls with a new key of this account.
    pub(crate) async fn key(&self, mode: Mode, scopes: &[Scope]) -> Client {
        self.key_with(mode, |key| key.scopes = ScopeSet::new(scopes.iter().copied())).await.0
    }

    /// Calls with a new key, changed before it is made.
    pub(crate) async fn key_with(&self, mode: Mode, change: impl FnOnce(&mut NewKey)) -> (Client, ApiKey) {
        let name = "test".to_owned();
        let (scopes, allowed_ips) = (ScopeSet::all(), Vec::new());
        let mut new = NewKey { account: self.account, mode, name, scopes, allowed_ips, expires_at: None };
        change(&mut new);
        let (key, secret) = self.app.create_key(new).await.unwrap().unwrap();
        (self.api.with_key(secret.expose()), key)
    }

    /// Calls with a test key of another account.
    pub(crate) async fn stranger(&self) -> Client {
        let ports = self.app.ports();
        let now = ports.clock.now();
        let id = AccountId::new(now, whatotp_ports::random(&*ports.entropy).unwrap());
        ports.accounts.insert_account(Account { id, name: "stranger".to_owned(), created_at: now }).await.unwrap();
        self.key_with(Mode::Test, |key| key.account = id).await.0
    }

    /// Moves the clock.
    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Moves the clock by a millisecond, so that what comes next is newer than what was before.
    pub(crate) fn tick(&self) {
        self.clock.advance(Duration::from_millis(1));
    }

    /// Delivers what is due, and what that makes due.
    pub(crate) async fn deliver(&self) {
        while self.app.deliver_due(64).await.unwrap() > 0 {}
    }

    /// Moves the clock, and delivers what is due then.
    pub(crate) async fn deliver_after(&self, ms: u64) {
        self.clock.advance(Duration::from_millis(ms));
        self.deliver().await;
    }

    /// Sends a code, and returns the session.
    pub(crate) async fn send_otp(&self, to: &str) -> Value {
        self.api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp"})).await.success(200)
    }

    /// Sends a code, and returns the session's id and the code.
    pub(crate) async fn session(&self, to: &str) -> (String, String) {
        let id = text(&self.send_otp(to).await["session_id"]);
        let code = self.code(&id).await;
        (id, code)
    }

    /// The code of a session, as the inbox has it.
    pub(crate) async fn code(&self, session: &str) -> String {
        let inbox = self.api.get(&format!("/v1/sandbox/messages?session_id={session}")).await.success(200);
        text(&inbox["data"][0]["code"])
    }

    /// Gives a code.
    pub(crate) async fn verify(&self, session: &str, code: &str) -> Answer {
        self.api.post("/v1/otp/verify", json!({"session_id": session, "code": code})).await
    }

    /// A session as it stands.
    pub(crate) async fn status(&self, session: &str) -> Value {
        self.api.get(&format!("/v1/otp/{session}")).await.success(200)
    }

    /// Sends an `order_update`, and returns the message's id.
    pub(crate) async fn message(&self, to: &str) -> String {
        text(&self.api.post("/v1/messages/send", order_update(to)).await.success(202)["message_id"])
    }

    /// Everything in the outbox of one mode, codes and messages.
    pub(crate) async fn outbox(&self, mode: Mode) -> Vec<DeliveryRecord> {
        let scope = AccountScope { account: self.account, mode };
        let filter = DeliveryFilter { limit: 1000, ..DeliveryFilter::default() };
        self.app.ports().deliveries.list_deliveries(scope, &filter).await.unwrap()
    }

    /// The session of the newest code in the outbox, for when an answer names none.
    pub(crate) async fn newest_session(&self) -> String {
        let newest = self.outbox(Mode::Test).await.swap_remove(0);
        match newest.kind {
            DeliveryKind::Otp(session) => session.to_string(),
            DeliveryKind::Message(_) => panic!("the newest delivery is a message"),
        }
    }
}

/// The body of a message that can be sent.
pub(crate) fn order_update(to: &str) -> Value {
    let variables = json!({"first_name": "Ada", "order_id": "A-1001"});
    json!({"phone_number": to, "template_id": "order_update", "variables": variables})
}

/// A JSON string.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}")).to_owned()
}

/// A code of the same length that is not this one.
pub(crate) fn other_than(code: &str) -> String {
    code.bytes().map(|digit| if digit == b'9' { '0' } else { char::from(digit + 1) }).collect()
}

/// An id that nobody has.
pub(crate) fn unused(prefix: &str) -> String {
    format!("{prefix}_01k0z3v8xkf3g9mzq2w6c5t7rb")
}
