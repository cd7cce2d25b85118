use tokio::sync::OwnedSemaphorePermit;
use whatotp_domain::{
    AccountScope, Asked, DeliveryError, DeliveryId, PhoneNumber, SendRefused, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{Before, Claim, Prior, Resend, Resent, SendOutcome, SessionRecord, Topic, Withdrawal, random};

use crate::admission::Carried;
use crate::first_attempt::NewOtpDelivery;
use crate::views::session_row;
use crate::{Application, Failure, NotAdmitted, SessionView};

/// What came of a resend.
#[derive(Debug)]
pub enum OtpResent {
    /// The same code is on the way again, waits for its next try, or has an unknown outcome.
    Sent(Box<SessionView>),
    /// There is no such session.
    NotFound,
    /// The session is over, like this.
    Finished(SessionStatus),
    /// The session has used up its messages.
    NoSendsLeft {
        /// When it is over, and a new one is due.
        until: Timestamp,
    },
    /// The number may not be written to, or the account may not write any more.
    NotAdmitted(NotAdmitted),
    /// The number gets no message now.
    Refused(SendRefused),
    /// The provider will not deliver to this recipient. The session stays: an earlier message may still arrive.
    Unreachable(DeliveryError),
    /// There is no way to send just now; nothing was charged.
    ChannelUnavailable,
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Sends the same code of the same session again. Attempts and expiry stay as they are.
    pub async fn resend_otp(
        &self,
        scope: AccountScope,
        id: SessionId,
        asked: Asked,
        claim: Option<Claim>,
    ) -> Result<OtpResent, Failure> {
        let place = self.take_in()?;
        if !self.is_open(scope).await? {
            return Ok(OtpResent::ChannelUnavailable);
        }
        let Some((earlier, _)) = self.ports.sessions.find(scope, id).await? else { return Ok(OtpResent::NotFound) };
        let row_id = id.to_bytes();
        let to = self.open_number(session_row(&earlier.session, &row_id), &earlier.recipient)?;
        let client_ip = earlier.client_ip.clone();
        let admitted = match self.admit(scope, &to, Carried::Code { client_ip }).await? {
            Ok(admitted) => admitted,
            Err(refused) => return Ok(OtpResent::NotAdmitted(refused)),
        };
        let resent = self.resend_to(earlier, to, (asked, claim), place).await?;
        self.close(admitted, matches!(resent, OtpResent::Sent(_) | OtpResent::Unreachable(_))).await?;
        Ok(resent)
    }

    async fn resend_to(
        &self,
        earlier: SessionRecord,
        to: PhoneNumber,
        (asked, claim): (Asked, Option<Claim>),
        place: OwnedSemaphorePermit,
    ) -> Result<OtpResent, Failure> {
        let (scope, id) = (earlier.session.scope, earlier.session.id);
        let first = self.ports.deliveries.find_delivery(scope, earlier.delivery).await?;
        let locale = first.and_then(|delivery| delivery.locale);

        let now = self.ports.clock.now();
        let delivery_id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let new = NewOtpDelivery { id: delivery_id, session: &earlier.session, to: &to, locale, asked };
        let delivery = self.new_otp_delivery(&new, now)?;
        let limits = self.policy.limits_of(scope, &to);
        let everybody = self.keyring.global_index(&to);
        let resend = Resend {
            scope,
            session: id,
            delivery: delivery.clone(),
            limits: limits.clone(),
            everybody,
            claim: claim.clone(),
        };
        let record = match self.ports.sessions.resend(resend, now).await? {
            None => return Ok(OtpResent::NotFound),
            Some(Resent::Stored(record)) => record,
            Some(Resent::Refused(refused)) => return Ok(OtpResent::Refused(refused)),
            Some(Resent::NoSendsLeft) => return Ok(OtpResent::NoSendsLeft { until: earlier.session.expires_at }),
            Some(Resent::Finished(status)) => return Ok(OtpResent::Finished(status)),
            Some(Resent::Replay(prior)) => return Ok(OtpResent::Replay(prior)),
        };
        drop(place);

        let attempt = self.hand_over_otp(&record, &delivery, to).await?;
        match &attempt.handed_over.outcome {
            SendOutcome::Unavailable { error, .. } | SendOutcome::Invalid(error) => {
                tracing::warn!(delivery.id = %delivery_id, error.code = error.code, error.title, error.detail, "no way to send: the resend is withdrawn");
                let before = Before::Delivery {
                    latest: earlier.delivery,
                    resend_available_at: earlier.session.resend_available_at,
                };
                let withdrawal =
                    Withdrawal { scope, session: id, delivery: delivery_id, before, limits, everybody, claim };
                self.ports.sessions.withdraw(withdrawal, self.ports.clock.now()).await?;
                Ok(OtpResent::ChannelUnavailable)
            }
            outcome => {
                let sent = self.settle_first_attempt(&delivery, &attempt).await?;
                self.ports.wakeups.announce(Topic::Session(id));
                if let SendOutcome::Refused(error) = outcome {
                    return Ok(OtpResent::Unreachable(error.clone()));
                }
                Ok(OtpResent::Sent(Box::new(self.session_view(record, sent, self.ports.clock.now())?)))
            }
        }
    }
}
