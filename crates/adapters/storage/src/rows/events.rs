use diesel::prelude::*;
use whatotp_domain::{AccountId, EventId, EventKind, LogEvent, Timestamp};
use whatotp_ports::NewEvent;

use super::{InColumn, Read, storable};
use crate::schema::events;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = events, treat_none_as_default_value = false)]
pub(crate) struct EventRow {
    id: String,
    at: i64,
    kind: String,
    account_id: Option<String>,
    subject: String,
    detail: String,
    fingerprint: Vec<u8>,
}

impl EventRow {
    pub(crate) fn new(new: &NewEvent) -> Self {
        let event = &new.event;
        Self {
            id: event.id.to_string(),
            at: event.at.unix_ms(),
            kind: event.kind.as_str().to_owned(),
            account_id: event.account.map(|account| account.to_string()),
            subject: storable(&event.subject),
            detail: storable(&event.detail),
            fingerprint: new.fingerprint.to_vec(),
        }
    }

    pub(crate) fn read(self) -> Read<LogEvent> {
        let account = self.account_id.map(|account| AccountId::parse(&account).in_column("events.account_id"));
        Ok(LogEvent {
            id: EventId::parse(&self.id).in_column("events.id")?,
            at: Timestamp::from_unix_ms(self.at),
            kind: EventKind::parse(&self.kind).in_column("events.kind")?,
            account: account.transpose()?,
            subject: self.subject,
            detail: self.detail,
        })
    }
}
