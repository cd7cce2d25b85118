//! Which delivery has which id at the provider.

use diesel::dsl::max;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, DeliveryId, Timestamp};
use whatotp_vault::MessageIndex;

use super::statement::{change, changing, fetch, fetching, values};
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

change!(
    Insert,
    "INSERT INTO provider_messages (day, message, account_id, mode, delivery_id) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (day, message) DO NOTHING"
);

fetch!(OfDay -> ProviderMessageRow, "SELECT ", " FROM provider_messages WHERE day = ?1 AND message = ?2");

/// Writes down the provider's id for a delivery.
pub(super) fn insert(
    connection: &mut SqliteConnection,
    message: &MessageIndex,
    told_at: Timestamp,
    (scope, delivery): (AccountScope, DeliveryId),
) -> Result<(), Failure> {
    let row = ProviderMessageRow::new(day(told_at), message.as_bytes(), scope, delivery);
    let values =
        values![row.day, row.message.as_slice(), row.account_id.as_str(), row.mode.as_str(), row.delivery_id.as_str(),];
    changing::<Insert>(values).execute(connection)?;
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
        let row = fetching::<OfDay>(values![day, message.as_bytes().as_slice()]);
        if let Some(row) = row.get_result::<ProviderMessageRow>(connection).optional()? {
            return Ok(Some(row.read()?));
        }
        end = day;
    }
    Ok(None)
}
