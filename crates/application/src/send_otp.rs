use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use whatotp_domain::{
    AccountScope, Asked, CodeLength, DeliveryError, DeliveryId, GuessRefused, Locale, Metadata, OtpSession,
    PhoneNumber, Purpose, SendRefused, SessionId, SessionTtl,
};
use whatotp_ports::{Before, Claim, Issued, NewSession, Prior, SendOutcome, SessionRecord, Topic, Withdrawal, random};

use crate::admission::Carried;
use crate::first_attempt::NewOtpDelivery;
use crate::sealing::{Row, SESSIONS};
use crate::{Application, Failure, NotAdmitted, SessionView};

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
    /// The end user's address: an IPv4 address, or the /64 of an IPv6 one.
    pub client_ip: Option<[u8; 16]>,
    /// What comes back with every answer.
    pub metadata: Metadata,
    /// Who asks.
    pub asked: Asked,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What came of it.
#[derive(Debug)]
pub enum OtpSent {
    /// The session is there, and its message is on the way, waits for its next try, or has an unknown outcome.
    Sent(Box<SessionView>),
    /// The number may not be written to, or the account may not write any more.
    NotAdmitted(NotAdmitted),
    /// The number gets no message now.
    Refused(SendRefused),
    /// The number has no guess left that the code could be verified with.
    NoGuesses(GuessRefused),
    /// The provider will not deliver to this recipient; the session has failed.
    Unreachable(DeliveryError),
    /// The code would live longer than the WhatsApp message says; nothing was sent.
    OutlivesTemplate {
        /// The longest a code may live.
        longest: Duration,
    },
    /// There is no way to send just now; nothing was left behind or charged.
    ChannelUnavailable,
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Issues a session and makes the first attempt to deliver its code.
    pub async fn send_otp(&self, command: SendOtp) -> Result<OtpSent, Failure> {
        let place = self.take_in()?;
        let client_ip = self.client_ip_index(command.scope, command.client_ip);
        let admitted =
            match self.admit(command.scope, &command.to, Carried::Code { client_ip: client_ip.clone() }).await? {
                Ok(admitted) => admitted,
                Err(refused) => return Ok(OtpSent::NotAdmitted(refused)),
            };
        let sent = self.issue_otp(command, client_ip, place).await?;
        self.close(admitted, matches!(sent, OtpSent::Sent(_) | OtpSent::Unreachable(_))).await?;
        Ok(sent)
    }

    async fn issue_otp(
        &self,
        command: SendOtp,
        client_ip: Option<String>,
        place: OwnedSemaphorePermit,
    ) -> Result<OtpSent, Failure> {
        let SendOtp { scope, to, length, purpose, locale, ttl, metadata, asked, claim, .. } = command;
        if !self.is_open(scope).await? {
            return Ok(OtpSent::ChannelUnavailable);
        }
        let ttl = match self.lifetime(scope, locale.as_ref(), ttl).await? {
            Ok(ttl) => ttl,
            Err(longest) => return Ok(OtpSent::OutlivesTemplate { longest }),
        };
        let now = self.ports.clock.now();
        let id = SessionId::new(now, random(&*self.ports.entropy)?);
        let expires_at = now.plus(ttl);
        let session = OtpSession::new(id, scope, purpose, length, &self.policy.otp, (now, expires_at));
        let delivery_id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let delivery =
            self.new_otp_delivery(&NewOtpDelivery { id: delivery_id, session: &session, to: &to, locale, asked }, now)?;

        let row_id = id.to_bytes();
        let row = Row { scope, table: SESSIONS, id: &row_id };
        let record = SessionRecord {
            session,
            kid: self.keyring.active_kid(),
            recipient: self.seal_number(row, &to)?,
            number: delivery.number,
            metadata: self.seal_metadata(row, &metadata)?,
            delivery: delivery_id,
            client_ip,
        };
        let limits = self.policy.limits_of(scope, &to);
        let everybody = self.keyring.global_index(&to);
        let new =
            NewSession { record, delivery: delivery.clone(), limits: limits.clone(), everybody, claim: claim.clone() };
        let (record, superseded) = match self.ports.sessions.issue(new, now).await? {
            Issued::Created { record, superseded } => (*record, superseded),
            Issued::Refused(refused) => return Ok(OtpSent::Refused(refused)),
            Issued::NoGuesses(refused) => return Ok(OtpSent::NoGuesses(refused)),
            Issued::Replay(prior) => return Ok(OtpSent::Replay(prior)),
        };
        // Others may come while the provider takes its time.
        drop(place);
        if let Some(superseded) = &superseded {
            self.ports.wakeups.announce(Topic::Session(superseded.session));
        }

        let attempt = self.hand_over_otp(&record, &delivery, to).await?;
        match &attempt.handed_over.outcome {
            SendOutcome::Unavailable { error, .. } | SendOutcome::Invalid(error) => {
                tracing::warn!(delivery.id = %delivery_id, error.code = error.code, error.title, error.detail, "no way to send: the session is withdrawn");
                let before = Before::NoSession(superseded);
                let withdrawal =
                    Withdrawal { scope, session: id, delivery: delivery_id, before, limits, everybody, claim };
                self.ports.sessions.withdraw(withdrawal, self.ports.clock.now()).await?;
                Ok(OtpSent::ChannelUnavailable)
            }
            outcome => {
                let sent = self.settle_first_attempt(&delivery, &attempt).await?;
                if let SendOutcome::Refused(error) = outcome {
                    self.ports.sessions.fail(scope, id, self.ports.clock.now()).await?;
                    return Ok(OtpSent::Unreachable(error.clone()));
                }
                Ok(OtpSent::Sent(Box::new(self.session_view(record, sent, self.ports.clock.now())?)))
            }
        }
    }

    /// How long a code lives: never longer than the message that carries it says. A request that asks for more gets the
    /// longest there is instead of an answer; one that asks for nothing gets the default, or less.
    async fn lifetime(
        &self,
        scope: AccountScope,
        locale: Option<&Locale>,
        asked: Option<SessionTtl>,
    ) -> Result<Result<Duration, Duration>, Failure> {
        let default = self.policy.otp.default_ttl.as_duration();
        let told = self.told_lifetime(scope, locale).await?;
        Ok(match (asked.map(SessionTtl::as_duration), told) {
            (Some(asked), Some(told)) if asked > told => Err(told),
            (Some(asked), _) => Ok(asked),
            (None, Some(told)) => Ok(default.min(told)),
            (None, None) => Ok(default),
        })
    }

    /// How long a code lives according to the template that will carry it; the least, where another may.
    async fn told_lifetime(&self, scope: AccountScope, locale: Option<&Locale>) -> Result<Option<Duration>, Failure> {
        let candidates = if self.policy.fallback_after.is_some() { usize::MAX } else { 1 };
        let mut least: Option<Duration> = None;
        for origin in self.origins_of(scope).await?.iter().take(candidates) {
            let template = self.otp_template(scope, origin).await?;
            let translation = template.as_ref().and_then(|one| one.sendable(locale, &self.policy.default_locale));
            let told = translation.and_then(|translation| translation.code_expires_after);
            least = [least, told].into_iter().flatten().min();
        }
        Ok(least)
    }
}
