use whatotp_domain::{AccountScope, SessionId, SessionStatus};
use whatotp_ports::{CancelSession, Claim, Prior, Topic};

use crate::{Application, Failure, SessionView};

/// What came of canceling a session.
#[derive(Debug)]
pub enum OtpCanceled {
    /// It is canceled: its code is no longer right, and what was still queued is not sent.
    Canceled(Box<SessionView>),
    /// There is no such session.
    NotFound,
    /// It was over before, like this.
    Finished(SessionStatus),
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Calls a session off.
    pub async fn cancel_otp(
        &self,
        scope: AccountScope,
        id: SessionId,
        claim: Option<Claim>,
    ) -> Result<OtpCanceled, Failure> {
        let now = self.ports.clock.now();
        match self.ports.sessions.cancel(scope, id, claim, now).await? {
            None => Ok(OtpCanceled::NotFound),
            Some(CancelSession::Finished(status)) => Ok(OtpCanceled::Finished(status)),
            Some(CancelSession::Replay(prior)) => Ok(OtpCanceled::Replay(prior)),
            Some(CancelSession::Done(_)) => {
                self.ports.wakeups.announce(Topic::Session(id));
                let view = self.otp_status(scope, id).await?;
                Ok(view.map_or(OtpCanceled::NotFound, |view| OtpCanceled::Canceled(Box::new(view))))
            }
        }
    }
}
