use diesel::prelude::*;
use whatotp_domain::{AccountId, Counts, Dimension, Timestamp};
use whatotp_ports::{Traffic, TrafficKey};

use super::{InColumn, Read};
use crate::schema::traffic;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = traffic)]
pub(crate) struct TrafficRow {
    pub(crate) account_id: String,
    pub(crate) dimension: String,
    pub(crate) key: String,
    pub(crate) part: String,
    pub(crate) slot: i64,
    pub(crate) sent: i64,
    pub(crate) verified: i64,
}

impl TrafficRow {
    pub(crate) fn new(traffic: &Traffic) -> Self {
        let Traffic { of, part, slot, counts } = traffic;
        Self {
            account_id: of.account.to_string(),
            dimension: of.dimension.as_str().to_owned(),
            key: of.key.clone(),
            part: part.clone(),
            slot: slot.unix_ms(),
            sent: i64::try_from(counts.sent).unwrap_or(i64::MAX),
            verified: i64::try_from(counts.verified).unwrap_or(i64::MAX),
        }
    }

    pub(crate) fn read(self) -> Read<Traffic> {
        let of = TrafficKey {
            account: AccountId::parse(&self.account_id).in_column("traffic.account_id")?,
            dimension: Dimension::parse(&self.dimension).in_column("traffic.dimension")?,
            key: self.key,
        };
        let counts = Counts {
            sent: self.sent.try_into().in_column("traffic.sent")?,
            verified: self.verified.try_into().in_column("traffic.verified")?,
        };
        Ok(Traffic { of, part: self.part, slot: Timestamp::from_unix_ms(self.slot), counts })
    }
}
