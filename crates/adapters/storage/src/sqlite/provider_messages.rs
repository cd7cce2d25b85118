//! Which delivery has which id at the provider.

use diesel::dsl::max;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryId, Timestamp};
use whatotp_vault::MessageIndex;

use crate::failure::Failure;
use crate::rows::ProviderMessageRow;
use crate::schema::provider_messages::dsl;

/// How many days a look-up goes back. WhatsApp tries to deliver a message for 30 days.
const DAYS: u32 = 31;

const DAY_MS: i64 = 86_400_000;

/// The day of a moment, counted from 1970.
pub(super) const fn day(moment: Timestamp) -> i64 {
    moment.unix_ms().div_euclid(DAY_MS)
}

/// Writes down the provider's id for a delivery.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    message: &MessageIndex,
    told_at: Timestamp,
    (scope, delivery): (AccountScope, DeliveryId),
) -> Result<(), Failure> {
    let row = ProviderMessageRow::new(day(told_at), message.as_bytes(), scope, delivery);
    diesel::insert_into(dsl::provider_messages)
        .values(&row)
        .on_conflict((dsl::day, dsl::message))
        .do_nothing()
        .execute(connection)?;
    Ok(())
}

/// The delivery that has this id. It looks at each of the latest days on which ids were told, newest first, and at no
/// other: each look is one step down the tree, and so is each leap to the day before.
pub(super) fn find(
    connection: &mut SqliteConnection,
    message: &MessageIndex,
) -> Result<Option<(AccountScope, DeliveryId)>, Failure> {
    let mut end = i64::MAX;
    for _ in 0..DAYS {
        let newest = dsl::provider_messages.filter(dsl::day.lt(end)).select(max(dsl::day));
        let Some(day) = newest.get_result::<Option<i64>>(connection)? else { break };
        let row =
            dsl::provider_messages.filter(dsl::day.eq(day)).filter(dsl::message.eq(message.as_bytes().as_slice()));
        let row = row.select(ProviderMessageRow::as_select()).get_result(connection).optional()?;
        if let Some(row) = row {
            return Ok(Some(row.read()?));
        }
        end = day;
    }
    Ok(None)
}
