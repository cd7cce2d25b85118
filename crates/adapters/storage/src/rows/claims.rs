use diesel::prelude::*;
use whatotp_domain::{Attempted, DeliveryId, SessionId, SessionStatus, Timestamp};
use whatotp_ports::{Claim, Prior, Subject};
use whatotp_vault::{Fingerprint, Sealed};

use super::{InColumn, Read, ScopeColumns, hash};
use crate::schema::idempotency_claims;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = idempotency_claims, treat_none_as_default_value = false)]
pub(crate) struct ClaimRow {
    pub(crate) account_id: String,
    pub(crate) mode: String,
    pub(crate) key: Vec<u8>,
    pub(crate) fingerprint: Vec<u8>,
    pub(crate) subject: Option<String>,
    pub(crate) lease_until: i64,
    pub(crate) expires_at: i64,
    pub(crate) answer_status: Option<i32>,
    pub(crate) answer: Option<Vec<u8>>,
}

impl ClaimRow {
    fn new(claim: &Claim) -> Self {
        let ScopeColumns { account, mode } = claim.scope.into();
        Self {
            account_id: account,
            mode: mode.to_owned(),
            key: claim.key.as_bytes().to_vec(),
            fingerprint: claim.fingerprint.as_bytes().to_vec(),
            subject: None,
            lease_until: claim.lease_until.unix_ms(),
            expires_at: claim.expires_at.unix_ms(),
            answer_status: None,
            answer: None,
        }
    }

    /// A claim under which work was just done.
    pub(crate) fn working(claim: &Claim, subject: &Subject) -> Self {
        Self { subject: Some(subject_to_text(subject)), ..Self::new(claim) }
    }

    /// A claim that has its answer.
    pub(crate) fn answered(claim: &Claim, status: u16, body: &Sealed) -> Self {
        Self { answer_status: Some(status.into()), answer: Some(body.as_bytes().to_vec()), ..Self::new(claim) }
    }

    /// What it tells a caller that comes with `claim`; nothing once its time is over.
    pub(crate) fn prior(self, claim: &Claim, now: Timestamp) -> Read<Option<Prior>> {
        if self.expires_at <= now.unix_ms() {
            return Ok(None);
        }
        let fingerprint = hash(&self.fingerprint, "idempotency_claims.fingerprint")?;
        if Fingerprint::from_bytes(fingerprint) != claim.fingerprint {
            return Ok(Some(Prior::OtherRequest));
        }
        if let (Some(status), Some(body)) = (self.answer_status, self.answer) {
            let status = status.try_into().in_column("idempotency_claims.answer_status")?;
            return Ok(Some(Prior::Answered { status, body: Sealed::from_bytes(body) }));
        }
        if self.lease_until > now.unix_ms() {
            return Ok(Some(Prior::Running));
        }
        let subject = self.subject.as_deref().and_then(subject_from_text).in_column("idempotency_claims.subject")?;
        Ok(Some(Prior::Abandoned(subject)))
    }
}

/// `session:otp_…`, `message:msg_…`, `attempt:otp_…:verified`, `attempt:otp_…:wrong:3` or
/// `attempt:otp_…:finished:locked`.
fn subject_to_text(subject: &Subject) -> String {
    match subject {
        Subject::Session(session) => format!("session:{session}"),
        Subject::Message(message) => format!("message:{message}"),
        Subject::Attempt(session, Attempted::Verified) => format!("attempt:{session}:verified"),
        Subject::Attempt(session, Attempted::Wrong { left }) => format!("attempt:{session}:wrong:{left}"),
        Subject::Attempt(session, Attempted::Finished(status)) => format!("attempt:{session}:finished:{status}"),
    }
}

fn subject_from_text(text: &str) -> Option<Subject> {
    let mut parts = text.split(':');
    let (kind, id) = (parts.next()?, parts.next()?);
    let subject = match kind {
        "session" => Subject::Session(SessionId::parse(id).ok()?),
        "message" => Subject::Message(DeliveryId::parse(id).ok()?),
        "attempt" => {
            let attempted = match parts.next()? {
                "verified" => Attempted::Verified,
                "wrong" => Attempted::Wrong { left: parts.next()?.parse().ok()? },
                "finished" => Attempted::Finished(SessionStatus::parse(parts.next()?)?),
                _ => return None,
            };
            Subject::Attempt(SessionId::parse(id).ok()?, attempted)
        }
        _ => return None,
    };
    parts.next().is_none().then_some(subject)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_is_read_back_and_nothing_else_is() {
        let session = SessionId::new(Timestamp::from_unix_ms(1), [1; 10]);
        let message = DeliveryId::new(Timestamp::from_unix_ms(1), [1; 10]);
        let mut subjects = vec![
            Subject::Session(session),
            Subject::Message(message),
            Subject::Attempt(session, Attempted::Verified),
            Subject::Attempt(session, Attempted::Wrong { left: 3 }),
        ];
        let finished = SessionStatus::ALL.map(|status| Subject::Attempt(session, Attempted::Finished(status)));
        subjects.extend(finished);
        for subject in subjects {
            let text = subject_to_text(&subject);
            assert_eq!(subject_from_text(&text), Some(subject), "{text}");
            assert_eq!(subject_from_text(&format!("{text}:more")), None);
        }
        for text in ["", "session", "session:msg_1", "attempt:otp_1:wrong", "else:1"] {
            assert_eq!(subject_from_text(text), None, "{text}");
        }
    }
}
