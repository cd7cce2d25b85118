use whatotp_domain::{AccountScope, IdempotencyKey};
use whatotp_ports::{Claim, Prior, Subject};

use crate::sealing::{CLAIMS, Row};
use crate::{Application, Failure};

/// What an earlier request under the same `Idempotency-Key` means for this one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Give this answer again.
    Answer {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
    },
    /// It is still running: come back later.
    Running,
    /// The key belongs to a request with another body.
    OtherRequest,
    /// It did its work and died before it answered: answer from what it did.
    Abandoned(Subject),
}

impl Application {
    /// The claim of a request that came with an `Idempotency-Key`.
    #[must_use]
    pub fn claim(&self, scope: AccountScope, route: &str, key: &IdempotencyKey, body: &[u8]) -> Claim {
        let now = self.ports.clock.now();
        Claim {
            scope,
            key: self.keyring.idempotency_key_hash(scope, route, key.as_str()),
            fingerprint: self.keyring.fingerprint(scope, route, body),
            lease_until: now.plus(self.policy.claim_lease),
            expires_at: now.plus(self.policy.claim_lifetime),
        }
    }

    /// What an earlier request under the claim's key left behind. The stores look again when they do the work.
    pub async fn earlier(&self, claim: &Claim) -> Result<Option<Earlier>, Failure> {
        match self.ports.idempotency.find_prior(claim, self.ports.clock.now()).await? {
            None => Ok(None),
            Some(prior) => self.reveal(claim, prior).map(Some),
        }
    }

    /// Opens what a store answered with `Replay`.
    pub fn reveal(&self, claim: &Claim, prior: Prior) -> Result<Earlier, Failure> {
        Ok(match prior {
            Prior::Answered { status, body } => {
                Earlier::Answer { status, body: self.open(answer_row(claim), "body", &body)? }
            }
            Prior::Running => Earlier::Running,
            Prior::OtherRequest => Earlier::OtherRequest,
            Prior::Abandoned(subject) => Earlier::Abandoned(subject),
        })
    }

    /// Keeps the answer to a claim. It is sealed: it may hold a receipt, a masked number, and what the caller attached.
    pub async fn keep_answer(&self, claim: &Claim, status: u16, body: &[u8]) -> Result<(), Failure> {
        let body = self.seal(answer_row(claim), "body", body)?;
        Ok(self.ports.idempotency.keep_answer(claim, status, body).await?)
    }
}

fn answer_row(claim: &Claim) -> Row<'_> {
    Row { scope: claim.scope, table: CLAIMS, id: claim.key.as_bytes() }
}
