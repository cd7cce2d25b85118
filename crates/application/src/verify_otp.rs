use whatotp_domain::{
    AccountScope, Attempted, Code, CodeError, Counts, GuessRefused, SessionId, SessionStatus, Timestamp,
};
use whatotp_ports::{Attempt, Claim, Prior, Settled, Topic};
use whatotp_vault::{BlindIndex, RECEIPT_LIFETIME, ReceiptClaims};

use crate::views::session_row;
use crate::{Application, Failure, SessionView};

/// A code that somebody gave.
#[derive(Debug)]
pub struct VerifyOtp {
    /// Whose session.
    pub scope: AccountScope,
    /// Which session; `None` when the caller's text is no session id at all.
    pub session: Option<SessionId>,
    /// What was typed. Never printed.
    pub code: Typed,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What a person typed for a code: a secret until the session is over.
pub struct Typed(pub String);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed([REDACTED])")
    }
}

/// A right code.
#[derive(Debug)]
pub struct Verification {
    /// The session, verified.
    pub view: SessionView,
    /// When.
    pub verified_at: Timestamp,
    /// The signed receipt.
    pub receipt: String,
}

/// What came of it.
#[derive(Debug)]
pub enum OtpVerified {
    /// The code was right, and is consumed.
    Verified(Box<Verification>),
    /// The code was wrong; so many attempts are left.
    Wrong {
        /// Attempts left.
        left: u8,
    },
    /// It cannot be a code; no attempt was charged.
    NotACode(CodeError),
    /// There is no such session.
    NotFound,
    /// The session is over, like this; no attempt was charged.
    Finished(SessionStatus),
    /// The number has failed too often; no attempt was charged.
    Blocked(GuessRefused),
    /// Nearly every code of the account is wrong, and only now and then one is looked at; no attempt was charged.
    Throttled {
        /// When the next one may be.
        until: Timestamp,
    },
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Checks a code. The attempt is charged, and the session consumed, in one step of the store; until that step has
    /// committed nobody learns whether the code was right.
    pub async fn verify_otp(&self, command: VerifyOtp) -> Result<OtpVerified, Failure> {
        let VerifyOtp { scope, session, code, claim } = command;
        if let Some(until) = self.guessing_until(scope) {
            return Ok(OtpVerified::Throttled { until });
        }
        let found = match session {
            Some(id) => self.ports.sessions.find(scope, id).await?,
            None => None,
        };
        let Some((record, delivery)) = found else {
            self.pretend_to_derive(scope);
            return Ok(OtpVerified::NotFound);
        };
        let given = match Code::normalise(&code.0, record.session.code_length) {
            Ok(given) => given,
            Err(error) => return Ok(OtpVerified::NotACode(error)),
        };
        let matched = match self.code_of(&record) {
            Ok(code) => given.matches(&code),
            // A key is dropped when no code of it can be right any more.
            Err(_gone) if record.session.status_at(self.ports.clock.now()) != SessionStatus::Pending => false,
            Err(failure) => return Err(failure),
        };
        let row_id = record.session.id.to_bytes();
        let to = self.open_number(session_row(&record.session, &row_id), &record.recipient)?;
        let limits = self.policy.limits_of(scope, &to);
        let attempt = Attempt {
            scope,
            session: record.session.id,
            number: record.number,
            length: record.session.code_length,
            matched,
            limits,
            everybody: self.keyring.global_index(&to),
            claim,
        };
        let now = self.ports.clock.now();
        let (record, attempted) = match self.ports.sessions.settle_attempt(attempt, now).await? {
            None => return Ok(OtpVerified::NotFound),
            Some(Settled::Blocked(refused)) => return Ok(OtpVerified::Blocked(refused)),
            Some(Settled::Replay(prior)) => return Ok(OtpVerified::Replay(prior)),
            Some(Settled::Done(record, attempted)) => (record, attempted),
        };
        match attempted {
            Attempted::Finished(status) => Ok(OtpVerified::Finished(status)),
            Attempted::Wrong { left } => {
                self.ports.wakeups.announce(Topic::Session(record.session.id));
                self.count_attempt(scope, false).await;
                Ok(OtpVerified::Wrong { left })
            }
            Attempted::Verified => {
                let all_of_it = Counts { sent: 0, verified: record.session.sends.into() };
                self.count_traffic(self.traffic_keys(scope, &to, record.client_ip.as_deref()), all_of_it);
                self.count_attempt(scope, true).await;
                self.ports.wakeups.announce(Topic::Session(record.session.id));
                let number = record.number;
                let view = self.session_view(record, delivery, now)?;
                Ok(OtpVerified::Verified(Box::new(self.verification(view, number))))
            }
        }
    }

    /// The answer to a request that did its work and died before it answered. The receipt is the same, to the letter.
    pub async fn recall_attempt(
        &self,
        scope: AccountScope,
        id: SessionId,
        attempted: Attempted,
    ) -> Result<OtpVerified, Failure> {
        Ok(match (attempted, self.ports.sessions.find(scope, id).await?) {
            (_, None) => OtpVerified::NotFound,
            (Attempted::Wrong { left }, _) => OtpVerified::Wrong { left },
            (Attempted::Finished(status), _) => OtpVerified::Finished(status),
            (Attempted::Verified, Some((record, delivery))) => {
                let number = record.number;
                let view = self.session_view(record, delivery, self.ports.clock.now())?;
                OtpVerified::Verified(Box::new(self.verification(view, number)))
            }
        })
    }

    fn verification(&self, view: SessionView, number: BlindIndex) -> Verification {
        let verified_at = view.session.finished_at.unwrap_or(view.session.created_at);
        let receipt = self.keyring.sign_receipt(&ReceiptClaims {
            scope: view.session.scope,
            session: view.session.id,
            subject: number,
            purpose: view.session.purpose.as_str(),
            channel: "whatsapp",
            issued_at: verified_at,
            expires_at: verified_at.plus(RECEIPT_LIFETIME),
        });
        Verification { view, verified_at, receipt }
    }
}
