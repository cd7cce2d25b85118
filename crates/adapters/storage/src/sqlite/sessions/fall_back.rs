use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryId, SessionId, Timestamp};
use whatotp_ports::NewDelivery;

use super::{dsl, pending};
use crate::failure::Failure;
use crate::rows::{After, ScopeColumns};
use crate::sqlite::deliveries;
use crate::sqlite::update::update;

pub(super) fn fall_back(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    session: SessionId,
    instead_of: DeliveryId,
    delivery: &NewDelivery,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (ScopeColumns { account, mode }, id) = (scope.into(), session.to_string());
    let waits_for_it = pending(&account, mode, &id, now.unix_ms()).and(dsl::delivery_id.eq(instead_of.to_string()));
    let latest = dsl::delivery_id.eq(delivery.id.to_string());
    if update(dsl::otp_sessions, waits_for_it, latest).execute(connection)? == 0 {
        return Ok(false);
    }
    deliveries::insert(connection, delivery, After::Undelivered(instead_of), now)?;
    Ok(true)
}
