use diesel::prelude::*;
use whatotp_domain::{CodeLength, DeliveryId, OtpSession, Purpose, SessionId, SessionStatus, Timestamp};
use whatotp_ports::{SessionRecord, SessionState};
use whatotp_vault::{BlindIndex, Kid, Sealed};

use super::{InColumn, Read, ScopeColumns, hash, moment, scope, unix_ms};
use crate::schema::otp_sessions;

#[derive(Queryable, Selectable)]
#[diesel(table_name = otp_sessions)]
pub(crate) struct SessionRow {
    pub(crate) account_id: String,
    pub(crate) id: String,
    pub(crate) mode: String,
    pub(crate) purpose: String,
    pub(crate) code_length: i32,
    pub(crate) kid: String,
    pub(crate) recipient: Vec<u8>,
    pub(crate) number: Vec<u8>,
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) delivery_id: String,
    pub(crate) client_ip: Option<String>,
    pub(crate) status: String,
    pub(crate) attempts: i32,
    pub(crate) attempts_max: i32,
    pub(crate) sends: i32,
    pub(crate) sends_max: i32,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) resend_available_at: i64,
    pub(crate) finished_at: Option<i64>,
}

impl SessionRow {
    pub(crate) fn new(record: &SessionRecord) -> Self {
        let session = &record.session;
        let ScopeColumns { account, mode } = session.scope.into();
        Self {
            account_id: account,
            id: session.id.to_string(),
            mode: mode.to_owned(),
            purpose: session.purpose.as_str().to_owned(),
            code_length: session.code_length.get().into(),
            kid: record.kid.to_string(),
            recipient: record.recipient.as_bytes().to_vec(),
            number: record.number.as_bytes().to_vec(),
            metadata: record.metadata.as_ref().map(|sealed| sealed.as_bytes().to_vec()),
            delivery_id: record.delivery.to_string(),
            client_ip: record.client_ip.clone(),
            status: session.status.as_str().to_owned(),
            attempts: session.attempts.into(),
            attempts_max: session.attempts_max.into(),
            sends: session.sends.into(),
            sends_max: session.sends_max.into(),
            created_at: session.created_at.unix_ms(),
            expires_at: session.expires_at.unix_ms(),
            resend_available_at: session.resend_available_at.unix_ms(),
            finished_at: unix_ms(session.finished_at),
        }
    }

    pub(crate) fn read(self) -> Read<SessionRecord> {
        let session = OtpSession {
            id: SessionId::parse(&self.id).in_column("otp_sessions.id")?,
            scope: scope(&self.account_id, &self.mode)?,
            purpose: Purpose::parse(&self.purpose).in_column("otp_sessions.purpose")?,
            code_length: code_length(self.code_length).in_column("otp_sessions.code_length")?,
            status: SessionStatus::parse(&self.status).in_column("otp_sessions.status")?,
            attempts: self.attempts.try_into().in_column("otp_sessions.attempts")?,
            attempts_max: self.attempts_max.try_into().in_column("otp_sessions.attempts_max")?,
            sends: self.sends.try_into().in_column("otp_sessions.sends")?,
            sends_max: self.sends_max.try_into().in_column("otp_sessions.sends_max")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: Timestamp::from_unix_ms(self.expires_at),
            resend_available_at: Timestamp::from_unix_ms(self.resend_available_at),
            finished_at: moment(self.finished_at),
        };
        Ok(SessionRecord {
            session,
            kid: Kid::parse(&self.kid).in_column("otp_sessions.kid")?,
            recipient: Sealed::from_bytes(self.recipient),
            number: BlindIndex::from_bytes(hash(&self.number, "otp_sessions.number")?),
            metadata: self.metadata.map(Sealed::from_bytes),
            delivery: DeliveryId::parse(&self.delivery_id).in_column("otp_sessions.delivery_id")?,
            client_ip: self.client_ip,
        })
    }
}

/// What lists and figures read of a session.
#[derive(Queryable, Selectable)]
#[diesel(table_name = otp_sessions)]
pub(crate) struct SessionStateRow {
    id: String,
    purpose: String,
    status: String,
    created_at: i64,
    expires_at: i64,
    finished_at: Option<i64>,
}

impl SessionStateRow {
    pub(crate) fn read(self) -> Read<SessionState> {
        Ok(SessionState {
            id: SessionId::parse(&self.id).in_column("otp_sessions.id")?,
            purpose: Purpose::parse(&self.purpose).in_column("otp_sessions.purpose")?,
            status: SessionStatus::parse(&self.status).in_column("otp_sessions.status")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: Timestamp::from_unix_ms(self.expires_at),
            finished_at: moment(self.finished_at),
        })
    }
}

fn code_length(digits: i32) -> Option<CodeLength> {
    CodeLength::new(digits.try_into().ok()?)
}
