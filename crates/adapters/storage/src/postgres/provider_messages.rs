//! Which delivery has which id at the provider.

use std::collections::HashMap;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, DeliveryId, Timestamp};

use super::statement::{change, changing, columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{self, ProviderMessageRow};

const DAY_MS: i64 = 86_400_000;

/// The day of a moment, counted from 1970.
pub(super) const fn day(moment: Timestamp) -> i64 {
    moment.unix_ms().div_euclid(DAY_MS)
}

change!(
    Insert,
    "INSERT INTO provider_messages (day, message, account_id, mode, delivery_id)
     SELECT * FROM unnest($1, $2, $3, $4, $5)
     ON CONFLICT (day, message) DO NOTHING"
);

/// Writes down the provider's ids for deliveries that workers hold.
pub(super) async fn insert(
    connection: &mut AsyncPgConnection,
    mut rows: Vec<ProviderMessageRow>,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by(|one, other| one.message.cmp(&other.message));
    let arguments = columns!(
        rows,
        row => row.day, row.message.as_slice(), row.account_id.as_str(), row.mode.as_str(), row.delivery_id.as_str(),
    );
    changing::<Insert>(arguments).execute(connection).await?;
    Ok(())
}

fetch!(
    /// It looks at each of the latest 31 days on which ids were told (WhatsApp tries to deliver a message for 30), and at
    /// no other: each look is one step down the index, and so is each leap to the day before.
    Find -> ProviderMessageRow,
    "WITH RECURSIVE days (day) AS (
        SELECT max(day) FROM provider_messages
        UNION ALL
        SELECT (SELECT max(earlier.day) FROM provider_messages AS earlier WHERE earlier.day < days.day)
        FROM days WHERE days.day IS NOT NULL
     ), latest (day) AS (SELECT day FROM days WHERE day IS NOT NULL LIMIT 31)
     SELECT DISTINCT ON (provider_messages.message) ",
    " FROM unnest($1) AS k (message) CROSS JOIN latest
     JOIN provider_messages ON provider_messages.day = latest.day AND provider_messages.message = k.message
     ORDER BY provider_messages.message, provider_messages.day DESC"
);

/// The deliveries that have these ids.
pub(super) async fn find(
    connection: &mut AsyncPgConnection,
    messages: Vec<[u8; 32]>,
) -> Result<HashMap<[u8; 32], (AccountScope, DeliveryId)>, Failure> {
    let mut found = HashMap::new();
    if messages.is_empty() {
        return Ok(found);
    }
    for row in fetching::<Find>(columns!(messages, message => message.as_slice())).load(connection).await? {
        let row: ProviderMessageRow = row;
        found.insert(rows::hash(&row.message, "provider_messages.message")?, row.read()?);
    }
    Ok(found)
}
