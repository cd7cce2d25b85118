use whatotp_domain::{
    AccountScope, CodeLength, DeliveryError, DeliveryId, Locale, Metadata, OtpSession, PhoneNumber, Purpose,
    SendRefused, SessionId, SessionTtl,
};
use whatotp_ports::{Before, Claim, Issued, NewSession, Prior, SendOutcome, SessionRecord, Topic, Withdrawal, random};

use crate::first_attempt::NewOtpDelivery;
use crate::sealing::{Row, SESSIONS};
use crate::{Application, Failure, SessionView};

/// A code that is to be sent.
#[derive(Debug)]
pub struct SendOtp {
    /// Whose it is.
    pub scope: AccountScope,
    /// To whom.
    pub to: PhoneNumber,
    /// How many digits.
    pub length: CodeLength,
    /// What for.
    pub purpose: Purpose,
    /// In which language.
    pub locale: Option<Locale>,
    /// How long the code lives.
    pub ttl: Option<SessionTtl>,
    /// What comes back with every answer.
    pub metadata: Metadata,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What came of it.
#[derive(Debug)]
pub enum OtpSent {
    /// The session is there, and its message is on the way, waits for its next try, or has an unknown outcome.
    Sent(Box<SessionView>),
    /// The number gets no message now.
    Refused(SendRefused),
    /// The provider will not deliver to this recipient; the session has failed.
    Unreachable(DeliveryError),
    /// There is no way to send just now; nothing was left behind or charged.
    ChannelUnavailable,
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Issues a session and makes the first attempt to deliver its code.
    pub async fn send_otp(&self, command: SendOtp) -> Result<OtpSent, Failure> {
        let SendOtp { scope, to, length, purpose, locale, ttl, metadata, claim } = command;
        if self.channel(scope.mode).is_none() {
            return Ok(OtpSent::ChannelUnavailable);
        }
        let now = self.ports.clock.now();
        let id = SessionId::new(now, random(&*self.ports.entropy)?);
        let expires_at = now.plus(ttl.unwrap_or(self.policy.otp.default_ttl).as_duration());
        let session = OtpSession::new(id, scope, purpose, length, &self.policy.otp, (now, expires_at));
        let delivery_id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let delivery =
            self.new_otp_delivery(&NewOtpDelivery { id: delivery_id, session: &session, to: &to, locale }, now)?;

        let row_id = id.to_bytes();
        let row = Row { scope, table: SESSIONS, id: &row_id };
        let record = SessionRecord {
            session,
            kid: self.keyring.active_kid(),
            recipient: self.seal_number(row, &to)?,
            number: delivery.number,
            metadata: self.seal_metadata(row, &metadata)?,
            delivery: delivery_id,
        };
        let limits = self.policy.limits_of(scope, &to);
        let new = NewSession { record, delivery: delivery.clone(), limits, claim: claim.clone() };
        let (record, superseded) = match self.ports.sessions.issue(new, now).await? {
            Issued::Created { record, superseded } => (*record, superseded),
            Issued::Refused(refused) => return Ok(OtpSent::Refused(refused)),
            Issued::Replay(prior) => return Ok(OtpSent::Replay(prior)),
        };
        if let Some(superseded) = &superseded {
            self.ports.wakeups.announce(Topic::Session(superseded.session));
        }

        match self.hand_over_otp(&record, &delivery, to).await? {
            SendOutcome::Unavailable(error) => {
                tracing::warn!(delivery.id = %delivery_id, error.code = error.code, "no way to send: the session is withdrawn");
                let before = Before::NoSession(superseded);
                let withdrawal = Withdrawal { scope, session: id, delivery: delivery_id, before, claim };
                self.ports.sessions.withdraw(withdrawal, self.ports.clock.now()).await?;
                Ok(OtpSent::ChannelUnavailable)
            }
            outcome => {
                let way = self.settle_first_attempt(&delivery, &outcome).await?;
                if let SendOutcome::Refused(error) = outcome {
                    self.ports.sessions.fail(scope, id, self.ports.clock.now()).await?;
                    return Ok(OtpSent::Unreachable(error));
                }
                Ok(OtpSent::Sent(Box::new(self.session_view(record, way, self.ports.clock.now())?)))
            }
        }
    }
}
