//! Values for tests, short to ask for: `a_session(ALICE).purpose("login").at(START)`.

mod people;
mod provider;
mod tickets;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use whatotp_domain::{
    AccountId, AccountScope, ApiKey, ApiKeyId, ApiKeySecret, Asked, CodeLength, Country, DeliveryError, DeliveryEvent,
    DeliveryId, DeliveryStatus, LedgerPolicy, Locale, MessageTemplate, Mode, NumberLimits, OtpPolicy, OtpSession,
    PhoneNumber, Purpose, RequestId, Scope, ScopeSet, SessionId, TemplateBody, TemplateCategory, TemplateId, Timestamp,
    Translation,
};
use whatotp_ports::{
    Account, Attempt, Before, Claim, DeliveryKind, NewDelivery, NewSession, Resend, SessionRecord, Withdrawal,
};
use whatotp_vault::{BlindIndex, KeyHash, Keyring, Place, Sealed, key_hash};

pub use self::people::{
    a_bootstrap_link, a_console_session, a_reset_link, a_user, an_invitation, link_hash, recovery_hash, session_hash,
};
pub use self::provider::{
    a_log_event, a_report, a_sender, an_acceptance, an_audit_entry, message_of, naming, sender_id,
};
pub use self::tickets::{a_comment, a_ticket};
use crate::{START, test_keyring};

/// A number.
pub const ALICE: &str = "+14155550123";
/// Another number.
pub const BOB: &str = "+447400123456";

/// How long a code of [`a_session`] lives.
pub const CODE_LIFE: Duration = Duration::from_secs(300);
/// How long a caller of [`a_session`] or [`a_resend`] keeps the delivery to itself, and how long [`a_claim`] is leased.
pub const LEASE: Duration = Duration::from_secs(60);
/// How long [`a_claim`] is remembered.
pub const CLAIM_LIFE: Duration = DAY;
/// 24 hours.
pub const DAY: Duration = Duration::from_secs(86_400);

static KEYRING: LazyLock<Keyring> = LazyLock::new(test_keyring);

/// The moment so many seconds after [`START`].
#[must_use]
pub fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// The last moment before `moment`.
#[must_use]
pub fn just_before(moment: Timestamp) -> Timestamp {
    moment.minus(Duration::from_millis(1))
}

/// The test half of the account that tests work in.
#[must_use]
pub fn home() -> AccountScope {
    AccountScope { account: an_account(1).id, mode: Mode::Test }
}

/// The other half of the same account.
#[must_use]
pub fn other_mode() -> AccountScope {
    AccountScope { mode: Mode::Live, ..home() }
}

/// The same half of another account.
#[must_use]
pub fn other_account() -> AccountScope {
    AccountScope { account: an_account(2).id, ..home() }
}

/// The account with this number: always the same one.
#[must_use]
pub fn an_account(number: u8) -> Account {
    let created_at = START.minus(DAY).plus(Duration::from_secs(u64::from(number)));
    Account { id: AccountId::new(created_at, [number; 10]), name: format!("account {number}"), created_at }
}

/// The phone number with this number, below 10 000: all are different.
#[must_use]
pub fn a_number(number: usize) -> String {
    format!("+1415555{number:04}")
}

/// How a store knows `number`.
#[must_use]
pub fn index_of(scope: AccountScope, number: &str) -> BlindIndex {
    KEYRING.blind_index(scope, &PhoneNumber::parse(number).expect("a test's number is valid"))
}

/// `text`, sealed: what a store must keep as it is.
#[must_use]
pub fn sealed(text: &str) -> Sealed {
    let place = Place { scope: Some(home()), table: "tests", column: "text", row: b"1" };
    KEYRING.seal(&place, text.as_bytes(), [7; 24])
}

/// The limits of an installation that is not told otherwise, but without cooldowns and caps.
#[must_use]
pub fn free_to_send() -> LedgerPolicy {
    LedgerPolicy { cooldowns: Vec::new(), caps: Vec::new(), ..LedgerPolicy::default() }
}

/// [`free_to_send`], and without limits for wrong codes: a session gets all its attempts, and holds none.
#[must_use]
pub fn free_to_guess() -> LedgerPolicy {
    LedgerPolicy { failures_max: u32::MAX, short_failures_max: None, consecutive_max: None, ..free_to_send() }
}

/// `account`, and over all accounts the limits of an installation that is not told otherwise; without any when there are
/// none in the account.
#[must_use]
pub fn limited_by(account: &LedgerPolicy) -> NumberLimits {
    let everybody = (*account != LedgerPolicy::unlimited()).then(LedgerPolicy::everybody);
    NumberLimits { account: account.clone(), everybody }
}

/// `number` as it is counted over all accounts.
#[must_use]
pub fn everybodys(number: &str) -> BlindIndex {
    KEYRING.global_index(&PhoneNumber::parse(number).expect("a test's number is valid"))
}

/// The number of a session, as it is counted over all accounts.
fn everybodys_of(record: &SessionRecord) -> BlindIndex {
    let place = Place { scope: Some(home()), table: "tests", column: "text", row: b"1" };
    let number = KEYRING.open(&place, &record.recipient).expect("a test's number is sealed as all its texts are");
    everybodys(std::str::from_utf8(&number).expect("a number is text"))
}

/// A session for `number`: purpose `default`, a code of 6 digits, 5 attempts, 5 sends, the default limits, no claim.
pub fn a_session(number: &str) -> SessionBuilder {
    SessionBuilder {
        number: number.to_owned(),
        scope: home(),
        purpose: Purpose::default(),
        length: CodeLength::DEFAULT,
        policy: OtpPolicy::default(),
        limits: NumberLimits::default(),
        claim: None,
        leased_for: Some(LEASE),
    }
}

/// See [`a_session`].
#[derive(Debug, Clone)]
#[must_use]
pub struct SessionBuilder {
    number: String,
    scope: AccountScope,
    purpose: Purpose,
    length: CodeLength,
    policy: OtpPolicy,
    limits: NumberLimits,
    claim: Option<Claim>,
    leased_for: Option<Duration>,
}

impl SessionBuilder {
    /// Of this scope.
    pub fn of(self, scope: AccountScope) -> Self {
        Self { scope, ..self }
    }

    /// For this purpose.
    pub fn purpose(self, purpose: &str) -> Self {
        Self { purpose: Purpose::parse(purpose).expect("a test's purpose is valid"), ..self }
    }

    /// With these attempts and sends.
    pub fn policy(self, policy: OtpPolicy) -> Self {
        Self { policy, ..self }
    }

    /// With a code of so many digits.
    pub fn digits(self, digits: u8) -> Self {
        Self { length: CodeLength::new(digits).expect("a code has 4 to 8 digits"), ..self }
    }

    /// Under these limits in its account, see [`limited_by`].
    pub fn limits(self, limits: &LedgerPolicy) -> Self {
        self.limited(&limited_by(limits))
    }

    /// Under these limits.
    pub fn limited(self, limits: &NumberLimits) -> Self {
        Self { limits: limits.clone(), ..self }
    }

    /// Under this claim.
    pub fn claim(self, claim: &Claim) -> Self {
        Self { claim: Some(claim.clone()), ..self }
    }

    /// The message is left to the next worker.
    pub fn unleased(self) -> Self {
        Self { leased_for: None, ..self }
    }

    /// Made at `now`, with ids that nothing else has.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> NewSession {
        let id = SessionId::new(now, unique());
        let expires_at = now.plus(CODE_LIFE);
        let number = index_of(self.scope, &self.number);
        let delivery = NewDelivery {
            id: DeliveryId::new(now, unique()),
            scope: self.scope,
            kind: DeliveryKind::Otp(id),
            recipient: sealed(&self.number),
            number,
            country: Country::parse("DE"),
            asked: an_asker(1),
            variables: None,
            metadata: None,
            locale: Locale::parse("pt-BR"),
            route: 0,
            created_at: now,
            expires_at,
            leased_for: self.leased_for,
        };
        let times = (now, expires_at);
        let (purpose, length) = (self.purpose.clone(), self.length);
        let record = SessionRecord {
            session: OtpSession::new(id, self.scope, purpose, length, &self.policy, times),
            kid: KEYRING.active_kid(),
            recipient: sealed(&self.number),
            number,
            metadata: Some(sealed("metadata of a session")),
            delivery: delivery.id,
            client_ip: Some("0123456789abcdef".to_owned()),
        };
        let (limits, everybody) = (self.limits.clone(), everybodys(&self.number));
        NewSession { record, delivery, limits, everybody, claim: self.claim.clone() }
    }
}

/// One more message of a session, under the default limits, leased to the caller.
#[must_use]
pub fn a_resend(record: &SessionRecord, now: Timestamp) -> Resend {
    let session = &record.session;
    let delivery = NewDelivery {
        id: DeliveryId::new(now, unique()),
        scope: session.scope,
        kind: DeliveryKind::Otp(session.id),
        recipient: record.recipient.clone(),
        number: record.number,
        country: None,
        asked: Asked::default(),
        variables: None,
        metadata: None,
        locale: None,
        route: 0,
        created_at: now,
        expires_at: session.expires_at,
        leased_for: Some(LEASE),
    };
    Resend {
        scope: session.scope,
        session: session.id,
        delivery,
        limits: NumberLimits::default(),
        everybody: everybodys_of(record),
        claim: None,
    }
}

/// A delivery with a session's code by its account's second sender, left to the next worker.
#[must_use]
pub fn a_fallback(record: &SessionRecord, now: Timestamp) -> NewDelivery {
    NewDelivery { route: 1, leased_for: None, ..a_resend(record, now).delivery }
}

/// A code given to a session, under the default limits.
#[must_use]
pub fn an_attempt(record: &SessionRecord, matched: bool) -> Attempt {
    Attempt {
        scope: record.session.scope,
        session: record.session.id,
        number: record.number,
        length: record.session.code_length,
        matched,
        limits: NumberLimits::default(),
        everybody: everybodys_of(record),
        claim: None,
    }
}

/// Undoes the latest message of a session.
#[must_use]
pub fn a_withdrawal(record: &SessionRecord, before: Before) -> Withdrawal {
    Withdrawal {
        scope: record.session.scope,
        session: record.session.id,
        delivery: record.delivery,
        before,
        limits: NumberLimits::default(),
        everybody: everybodys_of(record),
        claim: None,
    }
}

/// Somebody who asks for a message, with a key of their own, soon after the start.
#[must_use]
pub fn an_asker(n: u8) -> Asked {
    Asked { key: Some(ApiKeyId::new(START, [n; 10])), request: Some(RequestId::new(START, [n; 10])) }
}

/// A message to `number`, left to the next worker.
#[must_use]
pub fn a_message(number: &str, now: Timestamp) -> NewDelivery {
    NewDelivery {
        id: DeliveryId::new(now, unique()),
        scope: home(),
        kind: DeliveryKind::Message(TemplateId::new(START, [3; 10])),
        recipient: sealed(number),
        number: index_of(home(), number),
        country: Country::parse("AT"),
        asked: an_asker(2),
        variables: Some(sealed("variables of a message")),
        metadata: Some(sealed("metadata of a message")),
        locale: Locale::parse("en"),
        route: 1,
        created_at: now,
        expires_at: now.plus(CODE_LIFE),
        leased_for: None,
    }
}

/// A delivery reached `status`; when that is `failed`, with an error.
#[must_use]
pub fn an_event(status: DeliveryStatus, at: Timestamp) -> DeliveryEvent {
    let error = (status == DeliveryStatus::Failed).then(|| DeliveryError {
        code: 131_026,
        title: "Message undeliverable".to_owned(),
        detail: "The \"recipient\" cannot receive this — né?".to_owned(),
    });
    DeliveryEvent { status, at, error }
}

/// The claim of [`home`] under an `Idempotency-Key`, made at `now`.
#[must_use]
pub fn a_claim(key: &str, now: Timestamp) -> Claim {
    let route = "POST /v1/tests";
    Claim {
        scope: home(),
        key: KEYRING.idempotency_key_hash(home(), route, key),
        fingerprint: KEYRING.fingerprint(home(), route, b"a body"),
        lease_until: now.plus(LEASE),
        expires_at: now.plus(CLAIM_LIFE),
    }
}

/// `claim`, but with another request's body.
#[must_use]
pub fn with_another_body(claim: &Claim) -> Claim {
    Claim { fingerprint: KEYRING.fingerprint(claim.scope, "POST /v1/tests", b"another body"), ..claim.clone() }
}

/// A key of `scope`, with everything that a key may have.
#[must_use]
pub fn an_api_key(scope: AccountScope, now: Timestamp) -> (ApiKey, KeyHash) {
    let tail = unique();
    let mut random = [0; 32];
    random[22..].copy_from_slice(&tail);
    let secret = ApiKeySecret::mint(scope.mode, &random);
    let key = ApiKey {
        id: ApiKeyId::new(now, tail),
        scope,
        name: "login service".to_owned(),
        hint: secret.hint(),
        scopes: ScopeSet::new([Scope::OtpSend, Scope::Read]),
        allowed_ips: ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().expect("a network")).to_vec(),
        created_at: now,
        expires_at: Some(now.plus(DAY)),
        revoked_at: None,
        last_used_at: None,
    };
    (key, key_hash(&secret))
}

/// An approved template in two languages with named placeholders, of no business account.
#[must_use]
pub fn a_template(name: &str, now: Timestamp) -> MessageTemplate {
    let translation = |locale, body| {
        let body = TemplateBody::parse(body).expect("a template's body");
        Translation::of_body(Locale::parse(locale).expect("a locale"), body)
    };
    MessageTemplate::new(
        TemplateId::new(now, unique()),
        name.to_owned(),
        TemplateCategory::Utility,
        vec![
            translation("en", "Hi {{first_name}}, your order \"{{order_id}}\" is on its way."),
            translation("pt-BR", "Olá {{first_name}}, o pedido \"{{order_id}}\" está a caminho."),
        ],
    )
    .expect("a test's template is valid")
}

/// The random part of an id that nothing else in this process has; later ones are greater.
fn unique() -> [u8; 10] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}
