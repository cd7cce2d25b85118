use std::time::Duration;

use whatotp_domain::{AbusePolicy, AccountScope, Locale, Mode, NumberLimits, OtpPolicy, PhoneNumber};

/// The rules in force. All of it is configuration; the defaults are the documented ones.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The bounds of a session.
    pub otp: OtpPolicy,
    /// The limits of a number, in each account and over all of them.
    pub limits: NumberLimits,
    /// The language when a request names none.
    pub default_locale: Locale,
    /// Test-mode numbers that have no limits: the sandbox's magic numbers.
    pub unlimited_in_test_mode: fn(&PhoneNumber) -> bool,
    /// How long a worker keeps a delivery before another may take it. Well over [`Policy::channel_timeout`].
    pub lease: Duration,
    /// How long a channel may take for its first answer.
    pub channel_timeout: Duration,
    /// How long an unknown outcome waits for the provider's report before the message is tried once more.
    pub unknown_wait: Duration,
    /// How long a code may take to arrive before the account's next sender gets it; `None` to leave it at the first.
    pub fallback_after: Option<Duration>,
    /// An OTP is not sent any more when its code has less than this to live.
    pub otp_send_margin: Duration,
    /// How long a request under an `Idempotency-Key` may run before it counts as dead.
    pub claim_lease: Duration,
    /// How long an answer is kept for repeated requests.
    pub claim_lifetime: Duration,
    /// What is done against abuse.
    pub abuse: AbusePolicy,
    /// How long a session is kept, from its making.
    pub session_retention: Duration,
    /// How long a delivery is kept, from its making.
    pub delivery_retention: Duration,
    /// How long a message's template variables are kept, from the end of its way.
    pub variables_retention: Duration,
    /// How long an event is kept.
    pub event_retention: Duration,
    /// How long an entry of the audit log is kept.
    pub audit_retention: Duration,
    /// How long a ticket is kept, from its closing.
    pub ticket_retention: Duration,
}

impl Policy {
    /// The limits of one number.
    pub(crate) fn limits_of(&self, scope: AccountScope, number: &PhoneNumber) -> NumberLimits {
        if scope.mode == Mode::Test && (self.unlimited_in_test_mode)(number) {
            NumberLimits::unlimited()
        } else {
            self.limits.clone()
        }
    }
}
