use diesel::prelude::*;
use whatotp_domain::{AccountId, SenderId, SenderQuality, Timestamp, WabaId};
use whatotp_ports::{Endpoint, SenderRecord};
use whatotp_vault::Sealed;

use super::{InColumn, Read};
use crate::schema::{account_senders, senders};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = senders)]
pub(crate) struct SenderRow {
    id: String,
    waba_id: String,
    name: String,
    base_url: String,
    api_version: String,
    messages_path: String,
    templates_path: String,
    auth_header: String,
    auth_prefix: String,
    access_token: Vec<u8>,
    otp_template: String,
    shared: i32,
    configured: i32,
    quality: String,
    created_at: i64,
}

impl SenderRow {
    pub(crate) fn new(record: &SenderRecord) -> Self {
        let endpoint = &record.endpoint;
        Self {
            id: record.id.to_string(),
            waba_id: record.waba.to_string(),
            name: record.name.clone(),
            base_url: endpoint.base_url.clone(),
            api_version: endpoint.api_version.clone(),
            messages_path: endpoint.messages_path.clone(),
            templates_path: endpoint.templates_path.clone(),
            auth_header: endpoint.auth_header.clone(),
            auth_prefix: endpoint.auth_prefix.clone(),
            access_token: record.access_token.as_bytes().to_vec(),
            otp_template: record.otp_template.clone(),
            shared: record.shared.into(),
            configured: record.configured.into(),
            quality: record.quality.as_str().to_owned(),
            created_at: record.created_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<SenderRecord> {
        Ok(SenderRecord {
            id: SenderId::parse(&self.id).in_column("senders.id")?,
            waba: WabaId::parse(&self.waba_id).in_column("senders.waba_id")?,
            name: self.name,
            endpoint: Endpoint {
                base_url: self.base_url,
                api_version: self.api_version,
                messages_path: self.messages_path,
                templates_path: self.templates_path,
                auth_header: self.auth_header,
                auth_prefix: self.auth_prefix,
            },
            access_token: Sealed::from_bytes(self.access_token),
            otp_template: self.otp_template,
            shared: self.shared != 0,
            configured: self.configured != 0,
            quality: quality(&self.quality)?,
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}

pub(crate) fn quality(text: &str) -> Read<SenderQuality> {
    SenderQuality::parse(text).in_column("senders.quality")
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = account_senders)]
pub(crate) struct AccountSenderRow {
    pub(crate) account_id: String,
    pub(crate) position: i64,
    pub(crate) sender_id: String,
}

impl AccountSenderRow {
    pub(crate) fn read(&self) -> Read<(AccountId, SenderId)> {
        Ok((
            AccountId::parse(&self.account_id).in_column("account_senders.account_id")?,
            SenderId::parse(&self.sender_id).in_column("account_senders.sender_id")?,
        ))
    }
}
