use whatotp_domain::{Delivery, Metadata, OtpSession, PhoneNumber, SenderId, SessionStatus, TemplateId, Timestamp};
use whatotp_ports::{DeliveryKind, DeliveryRecord, Sent, SessionRecord};

use crate::sealing::{DELIVERIES, Row, SESSIONS};
use crate::{Application, Failure};

/// A session as its customer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// The session.
    pub session: OtpSession,
    /// Its status at the moment of the answer.
    pub status: SessionStatus,
    /// The number. Prints masked.
    pub to: PhoneNumber,
    /// What the customer attached.
    pub metadata: Metadata,
    /// The way of its latest message.
    pub delivery: Delivery,
    /// Who sent that; `None` when nobody has yet, and in test mode.
    pub sender: Option<SenderId>,
}

impl SessionView {
    /// Whether nothing about it will change any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.status != SessionStatus::Pending && self.delivery.status().is_final()
    }
}

/// A message as its customer may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageView {
    /// The message.
    pub record: DeliveryRecord,
    /// Its template.
    pub template: TemplateId,
    /// The number. Prints masked.
    pub to: PhoneNumber,
    /// What the customer attached.
    pub metadata: Metadata,
}

impl MessageView {
    /// Whether nothing about it will change any more.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.record.delivery.status().is_final()
    }
}

pub(crate) fn session_row<'a>(session: &OtpSession, id: &'a [u8; 16]) -> Row<'a> {
    Row { scope: session.scope, table: SESSIONS, id }
}

pub(crate) fn delivery_row<'a>(record: &DeliveryRecord, id: &'a [u8; 16]) -> Row<'a> {
    Row { scope: record.scope, table: DELIVERIES, id }
}

impl Application {
    pub(crate) fn session_view(
        &self,
        record: SessionRecord,
        sent: Sent,
        now: Timestamp,
    ) -> Result<SessionView, Failure> {
        let id = record.session.id.to_bytes();
        let row = session_row(&record.session, &id);
        let to = self.open_number(row, &record.recipient)?;
        let metadata = self.open_metadata(row, record.metadata.as_ref())?;
        let status = record.session.status_at(now);
        let Sent { delivery, sender } = sent;
        Ok(SessionView { session: record.session, status, to, metadata, delivery, sender })
    }

    /// `None` when the delivery carries a code: that one is seen through its session.
    pub(crate) fn message_view(&self, record: DeliveryRecord) -> Result<Option<MessageView>, Failure> {
        let DeliveryKind::Message(template) = record.kind else { return Ok(None) };
        let id = record.id.to_bytes();
        let row = delivery_row(&record, &id);
        let to = self.open_number(row, &record.recipient)?;
        let metadata = self.open_metadata(row, record.metadata.as_ref())?;
        Ok(Some(MessageView { record, template, to, metadata }))
    }
}
