//! What lists and figures read of a delivery.

use std::time::Duration;

use diesel::prelude::*;
use whatotp_domain::{Country, DeliveryId, DeliveryStatus, SessionId, SessionTtl, TemplateId, Timestamp};
use whatotp_ports::{DeadLetter, DeliveryCount, DeliveryFilter};

use super::kind;
use crate::rows::{InColumn, Read, error, moment, scope, sender};
use crate::schema::deliveries;

/// How far clocks may disagree, or be set back, between the making of a session and of its deliveries.
const CLOCK_SLACK: Duration = Duration::from_secs(60);
/// A request is answered long before this is over.
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// The ids between which everything lies that a filter lets in: there is no index for it, and what narrows the walk through
/// an account's keys is the time in the ids.
#[derive(Debug, Default)]
pub(crate) struct IdRange {
    /// From this one on.
    pub(crate) from: Option<String>,
    /// Up to this one, without it.
    pub(crate) before: Option<String>,
}

impl IdRange {
    pub(crate) fn of(filter: &DeliveryFilter) -> Self {
        let longest = Duration::from_secs(SessionTtl::MAX_SECONDS.into());
        // A session sends nothing after its time.
        let session = filter.session.map(|session| around(made_at(session.to_bytes()), longest));
        let request = filter.request.map(|request| around(made_at(request.to_bytes()), REQUEST_MAX));
        let after = filter.created_after.map(|moment| earliest(moment.minus(CLOCK_SLACK)));
        let end = filter.created_before.map(|moment| earliest(moment.plus(CLOCK_SLACK)));
        let from = [session, request].into_iter().flatten().map(|(from, _)| from).chain(after).max();
        let before = [session, request].into_iter().flatten().map(|(_, end)| end).chain(end).chain(filter.before).min();
        Self { from: from.map(|id| id.to_string()), before: before.map(|id| id.to_string()) }
    }

    /// What was made at or after `from` and before `to`, and is older than `before`.
    pub(crate) fn between((from, to): (Timestamp, Timestamp), before: Option<DeliveryId>) -> Self {
        let filter =
            DeliveryFilter { created_after: Some(from), created_before: Some(to), before, ..DeliveryFilter::default() };
        Self::of(&filter)
    }
}

/// The ids of what was made between `moment` and so long after it, by whatever clock.
fn around(moment: Timestamp, longest: Duration) -> (DeliveryId, DeliveryId) {
    (earliest(moment.minus(CLOCK_SLACK)), earliest(moment.plus(longest + CLOCK_SLACK)))
}

/// The time in an id.
fn made_at(id: [u8; 16]) -> Timestamp {
    Timestamp::from_unix_ms(id.iter().take(6).fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte)))
}

/// Ids know no moment before 1970.
fn earliest(moment: Timestamp) -> DeliveryId {
    DeliveryId::earliest_at(moment.max(Timestamp::default()))
}

/// What is counted.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct CountRow {
    id: String,
    session_id: Option<String>,
    template_id: Option<String>,
    previous_id: Option<String>,
    country: Option<String>,
    status: String,
    unknown_at: Option<i64>,
    accepted_at: Option<i64>,
    sent_at: Option<i64>,
    delivered_at: Option<i64>,
    read_at: Option<i64>,
    error_code: Option<i64>,
    created_at: i64,
}

impl CountRow {
    pub(crate) fn read(self) -> Read<DeliveryCount> {
        let status = DeliveryStatus::parse(&self.status).in_column("deliveries.status")?;
        let session = self.session_id.as_deref().map(SessionId::parse);
        let template = self.template_id.as_deref().map(TemplateId::parse);
        // What was seen has arrived, whether or not anybody said so.
        let delivered_at = [self.delivered_at, self.read_at].into_iter().flatten().min();
        let had = [self.unknown_at, self.accepted_at, self.sent_at, delivered_at];
        let error = self.error_code.filter(|_| status == DeliveryStatus::Failed);
        Ok(DeliveryCount {
            id: DeliveryId::parse(&self.id).in_column("deliveries.id")?,
            session: session.transpose().in_column("deliveries.session_id")?,
            is_first: self.previous_id.is_none(),
            template: template.transpose().in_column("deliveries.template_id")?,
            country: self.country.as_deref().and_then(Country::recall),
            status,
            handed_over: had.iter().any(Option::is_some),
            delivered_at: moment(delivered_at),
            error: error.map(|code| code.try_into().in_column("deliveries.error_code")).transpose()?,
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}

/// What was given up.
#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
pub(crate) struct DeadLetterRow {
    account_id: String,
    mode: String,
    id: String,
    session_id: Option<String>,
    template_id: Option<String>,
    country: Option<String>,
    status: String,
    error_code: Option<i64>,
    error_title: Option<String>,
    error_detail: Option<String>,
    sender_id: Option<String>,
    attempts: i64,
    created_at: i64,
    expires_at: i64,
}

impl DeadLetterRow {
    pub(crate) fn read(self) -> Read<DeadLetter> {
        Ok(DeadLetter {
            scope: scope(&self.account_id, &self.mode)?,
            id: DeliveryId::parse(&self.id).in_column("deliveries.id")?,
            kind: kind(self.session_id.as_deref(), self.template_id.as_deref())?,
            status: DeliveryStatus::parse(&self.status).in_column("deliveries.status")?,
            error: error((self.error_code, self.error_title, self.error_detail))?,
            country: self.country.as_deref().and_then(Country::recall),
            sender: sender(self.sender_id.as_deref())?,
            attempts: self.attempts.try_into().in_column("deliveries.attempts")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: Timestamp::from_unix_ms(self.expires_at),
        })
    }
}

/// Statuses in which a delivery is given up.
pub(crate) const GIVEN_UP: [&str; 2] = [DeliveryStatus::Failed.as_str(), DeliveryStatus::Expired.as_str()];
