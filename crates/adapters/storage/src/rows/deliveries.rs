mod log;

use diesel::prelude::*;
use whatotp_domain::{
    ApiKeyId, Asked, Country, Delivery, DeliveryEvent, DeliveryId, DeliveryStatus, Locale, RequestId, SenderId,
    SessionId, TemplateId, Timestamp,
};
use whatotp_ports::{ClaimedDelivery, DeliveryKind, DeliveryRecord, Lease, NewDelivery};
use whatotp_vault::{BlindIndex, Sealed};

use super::{InColumn, Read, ScopeColumns, Unreadable, error, error_columns, hash, scope, sender, unix_ms};
use crate::schema::deliveries;

pub(crate) use self::log::{CountRow, DeadLetterRow, GIVEN_UP, IdRange};

/// The columns that tell how far a delivery has come.
#[derive(Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct WayRow {
    pub(crate) status: String,
    pub(crate) queued_at: Option<i64>,
    pub(crate) unknown_at: Option<i64>,
    pub(crate) accepted_at: Option<i64>,
    pub(crate) sent_at: Option<i64>,
    pub(crate) canceled_at: Option<i64>,
    pub(crate) expired_at: Option<i64>,
    pub(crate) failed_at: Option<i64>,
    pub(crate) delivered_at: Option<i64>,
    pub(crate) read_at: Option<i64>,
    pub(crate) error_code: Option<i64>,
    pub(crate) error_title: Option<String>,
    pub(crate) error_detail: Option<String>,
}

impl WayRow {
    pub(crate) fn new(delivery: &Delivery) -> Self {
        let at = |status| unix_ms(delivery.reached_at(status));
        let (error_code, error_title, error_detail) = error_columns(delivery.error());
        Self {
            status: delivery.status().as_str().to_owned(),
            queued_at: at(DeliveryStatus::Queued),
            unknown_at: at(DeliveryStatus::Unknown),
            accepted_at: at(DeliveryStatus::Accepted),
            sent_at: at(DeliveryStatus::Sent),
            canceled_at: at(DeliveryStatus::Canceled),
            expired_at: at(DeliveryStatus::Expired),
            failed_at: at(DeliveryStatus::Failed),
            delivered_at: at(DeliveryStatus::Delivered),
            read_at: at(DeliveryStatus::Read),
            error_code,
            error_title,
            error_detail,
        }
    }

    pub(crate) fn read(self) -> Read<Delivery> {
        let error = error((self.error_code, self.error_title, self.error_detail))?;
        let reached = [
            (DeliveryStatus::Queued, self.queued_at),
            (DeliveryStatus::Unknown, self.unknown_at),
            (DeliveryStatus::Accepted, self.accepted_at),
            (DeliveryStatus::Sent, self.sent_at),
            (DeliveryStatus::Canceled, self.canceled_at),
            (DeliveryStatus::Expired, self.expired_at),
            (DeliveryStatus::Failed, self.failed_at),
            (DeliveryStatus::Delivered, self.delivered_at),
            (DeliveryStatus::Read, self.read_at),
        ];
        Ok(Delivery::from_events(reached.into_iter().filter_map(|(status, at)| {
            let error = error.clone().filter(|_| status == DeliveryStatus::Failed);
            Some(DeliveryEvent { status, at: Timestamp::from_unix_ms(at?), error })
        })))
    }
}

/// What a new delivery comes after.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    /// Nothing: it is the first of its session, or a message.
    Nothing,
    /// The session's delivery before it, of which it is a repetition.
    Sent(DeliveryId),
    /// The session's delivery before it, which has not arrived, and for which it steps in.
    Undelivered(DeliveryId),
}

impl After {
    const fn previous(self) -> Option<DeliveryId> {
        match self {
            Self::Nothing => None,
            Self::Sent(id) | Self::Undelivered(id) => Some(id),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct DeliveryRow {
    pub(crate) account_id: String,
    pub(crate) id: String,
    pub(crate) mode: String,
    pub(crate) session_id: Option<String>,
    pub(crate) template_id: Option<String>,
    pub(crate) previous_id: Option<String>,
    pub(crate) recipient: Vec<u8>,
    pub(crate) number: Vec<u8>,
    pub(crate) variables: Option<Vec<u8>>,
    pub(crate) metadata: Option<Vec<u8>>,
    pub(crate) locale: Option<String>,
    #[diesel(embed)]
    pub(crate) way: WayRow,
    pub(crate) route: i64,
    pub(crate) sender_id: Option<String>,
    pub(crate) fallback: i32,
    pub(crate) attempts: i64,
    pub(crate) in_doubt: i64,
    pub(crate) lease_token: i64,
    pub(crate) leased: i32,
    pub(crate) due_at: Option<i64>,
    pub(crate) created_at: i64,
    pub(crate) expires_at: i64,
    pub(crate) country: Option<String>,
    pub(crate) key_id: Option<String>,
    pub(crate) request_id: Option<String>,
}

impl DeliveryRow {
    /// A delivery that is stored at `now`.
    pub(crate) fn new(new: &NewDelivery, after: After, now: Timestamp) -> Self {
        let ScopeColumns { account, mode } = new.scope.into();
        let (session, template) = match new.kind {
            DeliveryKind::Otp(session) => (Some(session.to_string()), None),
            DeliveryKind::Message(template) => (None, Some(template.to_string())),
        };
        Self {
            account_id: account,
            id: new.id.to_string(),
            mode: mode.to_owned(),
            session_id: session,
            template_id: template,
            previous_id: after.previous().map(|id| id.to_string()),
            recipient: new.recipient.as_bytes().to_vec(),
            number: new.number.as_bytes().to_vec(),
            variables: new.variables.as_ref().map(|sealed| sealed.as_bytes().to_vec()),
            metadata: new.metadata.as_ref().map(|sealed| sealed.as_bytes().to_vec()),
            locale: new.locale.as_ref().map(|locale| locale.as_str().to_owned()),
            way: WayRow::new(&Delivery::queued(now)),
            route: new.route.into(),
            sender_id: None,
            fallback: matches!(after, After::Undelivered(_)).into(),
            attempts: 0,
            in_doubt: 0,
            // `Lease::first` says that the first lease has token 1.
            lease_token: new.leased_for.is_some().into(),
            leased: new.leased_for.is_some().into(),
            due_at: Some(now.plus(new.leased_for.unwrap_or_default()).unix_ms()),
            created_at: new.created_at.unix_ms(),
            expires_at: new.expires_at.unix_ms(),
            country: new.country.map(|country| country.to_string()),
            key_id: new.asked.key.map(|id| id.to_string()),
            request_id: new.asked.request.map(|id| id.to_string()),
        }
    }

    pub(crate) fn read(self) -> Read<DeliveryRecord> {
        let kind = kind(self.session_id.as_deref(), self.template_id.as_deref())?;
        let locale = self.locale.map(|locale| Locale::parse(&locale).in_column("deliveries.locale"));
        let key = self.key_id.as_deref().map(ApiKeyId::parse).transpose().in_column("deliveries.key_id")?;
        let request =
            self.request_id.as_deref().map(RequestId::parse).transpose().in_column("deliveries.request_id")?;
        Ok(DeliveryRecord {
            id: DeliveryId::parse(&self.id).in_column("deliveries.id")?,
            scope: scope(&self.account_id, &self.mode)?,
            kind,
            recipient: Sealed::from_bytes(self.recipient),
            number: BlindIndex::from_bytes(hash(&self.number, "deliveries.number")?),
            country: self.country.as_deref().and_then(Country::recall),
            asked: Asked { key, request },
            variables: self.variables.map(Sealed::from_bytes),
            metadata: self.metadata.map(Sealed::from_bytes),
            locale: locale.transpose()?,
            delivery: self.way.read()?,
            route: self.route.try_into().in_column("deliveries.route")?,
            fallback: self.fallback != 0,
            sender: sender(self.sender_id.as_deref())?,
            attempts: self.attempts.try_into().in_column("deliveries.attempts")?,
            in_doubt: self.in_doubt.try_into().in_column("deliveries.in_doubt")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: Timestamp::from_unix_ms(self.expires_at),
        })
    }

    /// The row as it was before it was leased once more with the next token.
    pub(crate) fn read_claimed(self) -> Read<ClaimedDelivery> {
        let (token, interrupted) = (self.next_token(), self.leased != 0);
        let record = self.read()?;
        let lease = Lease { scope: record.scope, delivery: record.id, token };
        Ok(ClaimedDelivery { record, lease, interrupted })
    }

    pub(crate) const fn next_token(&self) -> i64 {
        self.lease_token.saturating_add(1)
    }

    /// Whether nobody but the caller that stored it can have given it to the provider. (A fallback is nobody's: the
    /// delivery before it went out.)
    pub(crate) fn is_untouched(&self) -> bool {
        self.way.status == DeliveryStatus::Queued.as_str() && self.lease_token <= 1 && self.fallback == 0
    }
}

/// One step on the way back through a session's deliveries.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct StepRow {
    #[diesel(embed)]
    pub(crate) way: WayRow,
    sender_id: Option<String>,
    previous_id: Option<String>,
    fallback: i32,
}

impl StepRow {
    /// Who sends it.
    pub(crate) fn sender(&self) -> Read<Option<SenderId>> {
        sender(self.sender_id.as_deref())
    }

    /// The session's delivery before this one.
    pub(crate) fn previous(&self) -> Read<Option<DeliveryId>> {
        let id = self.previous_id.as_deref().map(DeliveryId::parse);
        id.transpose().in_column("deliveries.previous_id")
    }

    /// The delivery that this one stands in for.
    pub(crate) fn steps_in_for(&self) -> Read<Option<DeliveryId>> {
        if self.fallback == 0 { Ok(None) } else { self.previous() }
    }
}

/// What a report or a worker's progress needs to know of a delivery.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct TargetRow {
    #[diesel(embed)]
    pub(crate) way: WayRow,
    session_id: Option<String>,
    template_id: Option<String>,
    pub(crate) route: i64,
    pub(crate) sender_id: Option<String>,
    pub(crate) leased: i32,
    pub(crate) due_at: Option<i64>,
}

impl TargetRow {
    pub(crate) fn kind(&self) -> Read<DeliveryKind> {
        kind(self.session_id.as_deref(), self.template_id.as_deref())
    }
}

fn kind(session: Option<&str>, template: Option<&str>) -> Read<DeliveryKind> {
    match (session, template) {
        (Some(session), None) => Ok(DeliveryKind::Otp(SessionId::parse(session).in_column("deliveries.session_id")?)),
        (None, Some(template)) => {
            Ok(DeliveryKind::Message(TemplateId::parse(template).in_column("deliveries.template_id")?))
        }
        _ => Err(Unreadable("deliveries.session_id")),
    }
}
