use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::Report;

use super::{InColumn, Read, ScopeColumns, error, error_columns, scope};
use crate::schema::{provider_messages, waiting_reports};

/// Which delivery has an id at the provider.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = provider_messages)]
pub(crate) struct ProviderMessageRow {
    pub(crate) day: i64,
    pub(crate) message: Vec<u8>,
    pub(crate) account_id: String,
    pub(crate) mode: String,
    pub(crate) delivery_id: String,
}

impl ProviderMessageRow {
    pub(crate) fn new(day: i64, message: &[u8], scope: AccountScope, delivery: DeliveryId) -> Self {
        let ScopeColumns { account, mode } = scope.into();
        let delivery_id = delivery.to_string();
        Self { day, message: message.to_vec(), account_id: account, mode: mode.to_owned(), delivery_id }
    }

    pub(crate) fn read(&self) -> Read<(AccountScope, DeliveryId)> {
        let delivery = DeliveryId::parse(&self.delivery_id).in_column("provider_messages.delivery_id")?;
        Ok((scope(&self.account_id, &self.mode)?, delivery))
    }
}

/// A report that nobody can place yet.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = waiting_reports, treat_none_as_default_value = false)]
pub(crate) struct WaitingReportRow {
    pub(crate) message: Vec<u8>,
    pub(crate) status: String,
    pub(crate) at: i64,
    pub(crate) error_code: Option<i64>,
    pub(crate) error_title: Option<String>,
    pub(crate) error_detail: Option<String>,
    pub(crate) reported_at: i64,
}

impl WaitingReportRow {
    pub(crate) fn new(report: &Report, now: Timestamp) -> Self {
        let DeliveryEvent { status, at, error } = &report.event;
        let (error_code, error_title, error_detail) = error_columns(error.as_ref());
        Self {
            message: report.message.as_bytes().to_vec(),
            status: status.as_str().to_owned(),
            at: at.unix_ms(),
            error_code,
            error_title,
            error_detail,
            reported_at: now.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<DeliveryEvent> {
        Ok(DeliveryEvent {
            status: DeliveryStatus::parse(&self.status).in_column("waiting_reports.status")?,
            at: Timestamp::from_unix_ms(self.at),
            error: error((self.error_code, self.error_title, self.error_detail))?,
        })
    }
}
