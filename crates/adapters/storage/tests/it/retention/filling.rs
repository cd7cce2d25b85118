//! Something in every table, made by those who make it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use whatotp_application::{
    Application, MessageSent, NewTicket, OtpSent, OtpVerified, Policy, Ports, SendMessage, SendOtp, TemplateRef,
    TicketOpened, TicketStep, Typed, VerifyOtp,
};
use whatotp_domain::{
    AbusePolicy, Asked, CodeLength, Counts, DeliveryId, DeliveryStatus, Dimension, Locale, MessageTtl, Metadata,
    NumberLimits, OtpPolicy, PhoneNumber, Purpose, Quota, SessionId, TicketPriority, Timestamp, UserId, Variables,
};
use whatotp_ports::{
    AccountRules, AuthenticationDraft, Block, BlockKey, BlockKind, Catalog, CatalogError, Clock as _, Content, Inbound,
    Joined, MessageChannel, OutboundMessage, Polled, ProviderMessageId, ProviderTemplate, SendOutcome, Sender,
    SenderHealth, SentMessage, Submitted, Traffic, TrafficKey,
};
use whatotp_system::LocalWakeups;
use whatotp_testkit::contract::Store;
use whatotp_testkit::fixtures::{
    ALICE, BOB, a_claim, a_console_session, a_log_event, a_reset_link, a_sender, a_template, a_user, an_account,
    an_api_key, an_event, an_invitation, at, home, link_hash, sender_id,
};
use whatotp_testkit::{ManualClock, SeededEntropy, test_keyring};

use super::{DAY, HOUR};

/// The use cases over a new and empty store.
pub(crate) struct Installation {
    store: Arc<dyn Store>,
    app: Application,
    pub(super) clock: Arc<ManualClock>,
    phones: Arc<Phones>,
}

impl Installation {
    pub(crate) fn on<S: Store>(store: Arc<S>) -> Self {
        let (clock, phones) = (Arc::new(ManualClock::default()), Arc::new(Phones::default()));
        let ports = Ports {
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
            live_channel: phones.clone(),
            catalog: Arc::new(NoCatalog),
            sandbox: phones.clone(),
            wakeups: Arc::new(LocalWakeups::new()),
        };
        let app = Application::new(ports, Arc::new(test_keyring()), policy());
        Self { store, app, clock, phones }
    }

    /// Puts something into every table.
    pub(super) async fn fill(&self) {
        let (store, now) = (&self.store, self.clock.now());
        Application::bind_master_keys(self.app.ports(), &mut test_keyring(), true).await.unwrap();
        let account = an_account(1);
        store.insert_account(account.clone()).await.unwrap();
        let (key, hash) = an_api_key(home(), now);
        assert!(store.insert_key(key, hash).await.unwrap());
        store.insert_template(home(), a_template("order_update", now)).await.unwrap();
        store.put_sender(a_sender(1)).await.unwrap();
        assert!(store.set_routes(account.id, vec![sender_id(1)]).await.unwrap());
        let quota = Quota { per_day: Some(10), per_month: None };
        assert!(store.set_rules(account.id, AccountRules { quota, ..AccountRules::default() }).await.unwrap());
        store.count_message(account.id, quota, now).await.unwrap();
        for (prefix, until) in [("+4930", Some(at(HOUR))), ("+4940", None)] {
            let key = BlockKey { account: None, kind: BlockKind::Prefix, key: prefix.to_owned() };
            store.put_block(Block { key, until, reason: "pumped".to_owned(), created_at: now }).await.unwrap();
        }
        for dimension in Dimension::ALL {
            let of = TrafficKey { account: account.id, dimension, key: "DE".to_owned() };
            let counts = Counts { sent: 1, verified: 0 };
            store.add_traffic(vec![Traffic { of, part: String::new(), slot: now, counts }]).await.unwrap();
        }
        assert!(store.append_event(a_log_event("a sender", now)).await.unwrap());
        let early = ProviderMessageId("wamid.early".to_owned());
        let event = an_event(DeliveryStatus::Delivered, now);
        self.app.ingest(vec![Inbound::Status { provider_message_id: early, reference: None, event }]).await.unwrap();
        self.fill_the_console().await;
        self.ask_the_platform().await;
        self.use_it().await;
    }

    /// A ticket that is asked, answered and closed at once, and an answer to have ready.
    async fn ask_the_platform(&self) {
        let by = UserId::new(self.clock.now(), [1; 10]);
        let link = None;
        let (subject, body) = ("Where is it?".to_owned(), "Nothing came.".to_owned());
        let new = NewTicket { account: home().account, by, subject, body, priority: TicketPriority::Normal, link };
        let TicketOpened::Opened(opened) = self.app.open_ticket(new).await.unwrap() else { panic!("it has no link") };
        let closed = self.app.step_ticket(Some(home().account), opened.ticket.id, by, TicketStep::Close).await.unwrap();
        assert!(closed.is_some());
        self.app.add_canned_reply(by, "Look again".to_owned(), "Please look again.".to_owned()).await.unwrap();
    }

    /// A user who is logged in, links that nobody follows, and a log-in that fails.
    async fn fill_the_console(&self) {
        let (store, now, user) = (&self.store, self.clock.now(), a_user(1));
        store.put_link(an_invitation(1, now)).await.unwrap();
        let (session, hash) = a_console_session(&user, 1, now);
        assert_eq!(store.join(link_hash(1), user.clone(), session, hash, now).await.unwrap(), Joined::Yes);
        store.put_link(an_invitation(2, now)).await.unwrap();
        store.put_link(a_reset_link(&user, 3, now)).await.unwrap();
        assert_eq!(store.charge_log_in(&user.email_index, now).await.unwrap(), None);
    }

    /// A code that comes back right, one that comes back wrong, one that nobody asks for, and two messages.
    async fn use_it(&self) {
        let claim = a_claim("a key", self.clock.now());
        let right = self.send(SendOtp { claim: Some(claim.clone()), ..a_code(ALICE) }).await;
        self.app.keep_answer(&claim, 200, b"an answer").await.unwrap();
        let code = self.phones.last_code();
        assert!(matches!(self.verify(right, &code).await, OtpVerified::Verified(_)));
        let wrong = self.send(a_code(BOB)).await;
        let code = self.phones.last_code();
        let other = code.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect::<String>();
        assert!(matches!(self.verify(wrong, &other).await, OtpVerified::Wrong { .. }));
        self.send(a_code("+33612345678")).await;
        let canceled = self.queue().await;
        self.app.cancel_message(home(), canceled, None).await.unwrap();
        self.queue().await;
        assert!(self.app.deliver_due(10).await.unwrap() > 0);
    }

    async fn send(&self, command: SendOtp) -> SessionId {
        match self.app.send_otp(command).await.unwrap() {
            OtpSent::Sent(view) => view.session.id,
            other => panic!("no code was sent: {other:?}"),
        }
    }

    async fn verify(&self, id: SessionId, code: &str) -> OtpVerified {
        let code = Typed(code.to_owned());
        self.app.verify_otp(VerifyOtp { scope: home(), session: Some(id), code, claim: None }).await.unwrap()
    }

    async fn queue(&self) -> DeliveryId {
        let command = SendMessage {
            scope: home(),
            to: PhoneNumber::parse(ALICE).unwrap(),
            template: TemplateRef::Name("order_update".to_owned()),
            variables: Variables::new([("first_name", "Ada"), ("order_id", "42")]).unwrap(),
            locale: None,
            ttl: MessageTtl::DEFAULT,
            metadata: Metadata::default(),
            asked: Asked::default(),
            claim: None,
        };
        match self.app.send_message(command).await.unwrap() {
            MessageSent::Queued(view) => view.record.id,
            other => panic!("the message was not stored: {other:?}"),
        }
    }

    /// What the worker and the sweeper of a server do, until neither has anything to do. Returns how many rows were swept.
    pub(super) async fn work_and_sweep(&self) -> u64 {
        while self.app.deliver_due(10).await.unwrap() > 0 {}
        let mut swept = 0;
        loop {
            let now = self.app.sweep().await.unwrap().total();
            if now == 0 {
                return swept;
            }
            swept += now;
        }
    }
}

fn a_code(to: &str) -> SendOtp {
    SendOtp {
        scope: home(),
        to: PhoneNumber::parse(to).unwrap(),
        length: CodeLength::DEFAULT,
        purpose: Purpose::default(),
        locale: None,
        ttl: None,
        client_ip: Some([7; 16]),
        metadata: Metadata::new([("order".to_owned(), "42".to_owned())].into()).unwrap(),
        asked: Asked::default(),
        claim: None,
    }
}

/// With the spans of `config.default.toml`.
fn policy() -> Policy {
    Policy {
        otp: OtpPolicy::default(),
        limits: NumberLimits::default(),
        default_locale: Locale::parse("en").unwrap(),
        unlimited_in_test_mode: |_| false,
        lease: Duration::from_secs(60),
        channel_timeout: Duration::from_secs(9),
        unknown_wait: Duration::from_secs(10),
        fallback_after: None,
        otp_send_margin: Duration::from_secs(30),
        claim_lease: Duration::from_secs(60),
        claim_lifetime: Duration::from_secs(DAY),
        abuse: AbusePolicy::default(),
        session_retention: Duration::from_secs(25 * HOUR),
        delivery_retention: Duration::from_secs(30 * DAY),
        variables_retention: Duration::from_secs(DAY),
        event_retention: Duration::from_secs(365 * DAY),
        audit_retention: Duration::from_secs(365 * DAY),
        ticket_retention: Duration::from_secs(365 * DAY),
    }
}

/// Every message arrives.
#[derive(Default)]
struct Phones(Mutex<String>);

impl Phones {
    fn last_code(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl MessageChannel for Phones {
    fn needs_sender(&self) -> bool {
        false
    }

    async fn send(&self, message: &OutboundMessage, _now: Timestamp) -> SendOutcome {
        if let Content::Code { code, .. } = &message.content {
            code.expose().clone_into(&mut self.0.lock().unwrap());
        }
        let provider_message_id = ProviderMessageId(format!("wamid.{}", message.delivery));
        SendOutcome::Accepted { provider_message_id, poll_at: None }
    }

    async fn poll(&self, _sent: &SentMessage, _now: Timestamp) -> Polled {
        Polled::default()
    }
}

/// Nobody asks for templates here.
struct NoCatalog;

fn unreachable<T>() -> Result<T, CatalogError> {
    Err(CatalogError::Unreachable("nobody is there".to_owned()))
}

#[async_trait]
impl Catalog for NoCatalog {
    async fn edit(&self, _: &Sender, _: &ProviderTemplate, _: &Variables) -> Result<Submitted, CatalogError> {
        unreachable!()
    }

    async fn delete(&self, _: &Sender, _: &str) -> Result<(), CatalogError> {
        unreachable!()
    }

    async fn templates(&self, _: &Sender) -> Result<Vec<ProviderTemplate>, CatalogError> {
        unreachable()
    }

    async fn submit_authentication(&self, _: &Sender, _: &AuthenticationDraft) -> Result<Vec<Submitted>, CatalogError> {
        unreachable()
    }

    async fn submit(&self, _: &Sender, _: &ProviderTemplate, _: &Variables) -> Result<Submitted, CatalogError> {
        unreachable()
    }

    async fn preview_authentication(
        &self,
        _: &Sender,
        _: &AuthenticationDraft,
    ) -> Result<Vec<(Locale, String)>, CatalogError> {
        unreachable()
    }

    async fn health(&self, _: &Sender) -> Result<SenderHealth, CatalogError> {
        unreachable()
    }
}
