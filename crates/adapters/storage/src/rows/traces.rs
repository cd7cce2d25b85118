//! Where a number is found, a page of a table at a time: the same text for every engine.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use whatotp_domain::{DeliveryId, SessionId};
use whatotp_ports::{Looked, Sought, Trace};
use whatotp_vault::{IdempotencyHash, MessageIndex};

use super::{InColumn, Read, ScopeColumns, hash};

/// Takes the mode, the number, the account, the id of the last session, and a limit.
pub(crate) const SESSIONS: &str = "SELECT id, mode = $1 AND number = $2 AS hit, 1 = 0 AS held FROM otp_sessions
     WHERE account_id = $3 AND id > $4 ORDER BY id LIMIT $5";

/// Takes the mode, the number, the moment, the account, the id of the last delivery, and a limit.
pub(crate) const DELIVERIES: &str =
    "SELECT id, mode = $1 AND number = $2 AS hit, leased = 1 AND due_at > $3 AS held FROM deliveries
     WHERE account_id = $4 AND id > $5 ORDER BY id LIMIT $6";

/// Takes the account, the mode, the key of the last claim, and a limit.
pub(crate) const CLAIMS: &str = "SELECT key, subject FROM idempotency_claims
     WHERE account_id = $1 AND mode = $2 AND key > $3 ORDER BY key LIMIT $4";

/// Takes the day and the hash of the last message, and a limit.
pub(crate) const PROVIDER_MESSAGES: &str = "SELECT day, message, account_id, mode, delivery_id FROM provider_messages
     WHERE (day, message) > ($1, $2) ORDER BY day, message LIMIT $3";

/// Take the account, the mode, and what tells the row from the others.
pub(crate) const ERASE_SESSION: &str = "DELETE FROM otp_sessions WHERE account_id = $1 AND mode = $2 AND id = $3";
pub(crate) const ERASE_CLAIM: &str = "DELETE FROM idempotency_claims WHERE account_id = $1 AND mode = $2 AND key = $3";
pub(crate) const ERASE_LEDGER: &str = "DELETE FROM number_ledgers WHERE account_id = $1 AND mode = $2 AND number = $3";
/// Takes the moment as well.
pub(crate) const ERASE_DELIVERY: &str = "DELETE FROM deliveries
     WHERE account_id = $1 AND mode = $2 AND id = $3 AND NOT (leased = 1 AND due_at > $4)";
/// Takes the day as well.
pub(crate) const ERASE_PROVIDER_MESSAGE: &str =
    "DELETE FROM provider_messages WHERE account_id = $1 AND mode = $2 AND message = $3 AND day = $4";
/// Takes the message.
pub(crate) const ERASE_WAITING_REPORTS: &str = "DELETE FROM waiting_reports WHERE message = $1";

#[derive(QueryableByName)]
pub(crate) struct TraceRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Bool)]
    hit: bool,
    #[diesel(sql_type = Bool)]
    held: bool,
}

#[derive(QueryableByName)]
pub(crate) struct ClaimTraceRow {
    #[diesel(sql_type = Binary)]
    key: Vec<u8>,
    #[diesel(sql_type = Nullable<Text>)]
    subject: Option<String>,
}

#[derive(QueryableByName)]
pub(crate) struct MessageTraceRow {
    #[diesel(sql_type = BigInt)]
    day: i64,
    #[diesel(sql_type = Binary)]
    message: Vec<u8>,
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Text)]
    delivery_id: String,
}

pub(crate) fn sessions(rows: &[TraceRow], limit: u32) -> Read<Looked> {
    page(rows, limit, |row| {
        let id = SessionId::parse(&row.id).in_column("otp_sessions.id")?;
        Ok((Trace::Session(id), if row.hit { Mark::Found } else { Mark::None }))
    })
}

pub(crate) fn deliveries(rows: &[TraceRow], limit: u32) -> Read<Looked> {
    page(rows, limit, |row| {
        let id = DeliveryId::parse(&row.id).in_column("deliveries.id")?;
        let mark = match (row.hit, row.held) {
            (false, _) => Mark::None,
            (true, false) => Mark::Found,
            (true, true) => Mark::Held,
        };
        Ok((Trace::Delivery(id), mark))
    })
}

pub(crate) fn claims(rows: &[ClaimTraceRow], limit: u32, sought: &Sought) -> Read<Looked> {
    let sessions = sought.sessions.iter().map(ToString::to_string);
    let ids: Vec<String> = sessions.chain(sought.deliveries.iter().map(ToString::to_string)).collect();
    page(rows, limit, |row| {
        let key = IdempotencyHash::from_bytes(hash(&row.key, "idempotency_claims.key")?);
        // `session:otp_…` and the like: the id comes second.
        let about = row.subject.as_deref().and_then(|subject| subject.split(':').nth(1));
        let found = about.is_some_and(|about| ids.iter().any(|id| id == about));
        Ok((Trace::Claim(key), if found { Mark::Found } else { Mark::None }))
    })
}

pub(crate) fn provider_messages(rows: &[MessageTraceRow], limit: u32, sought: &Sought) -> Read<Looked> {
    let ScopeColumns { account, mode } = sought.scope.into();
    let ids: Vec<String> = sought.deliveries.iter().map(ToString::to_string).collect();
    page(rows, limit, |row| {
        let message = MessageIndex::from_bytes(hash(&row.message, "provider_messages.message")?);
        let ours = row.account_id == account && row.mode == mode && ids.contains(&row.delivery_id);
        Ok((Trace::ProviderMessage(row.day, message), if ours { Mark::Found } else { Mark::None }))
    })
}

enum Mark {
    None,
    Found,
    Held,
}

fn page<R>(rows: &[R], limit: u32, read: impl Fn(&R) -> Read<(Trace, Mark)>) -> Read<Looked> {
    let mut looked = Looked::default();
    let is_full = u32::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
    for row in rows {
        let (trace, mark) = read(row)?;
        match mark {
            Mark::None => {}
            Mark::Found => looked.found.push(trace),
            Mark::Held => looked.held += 1,
        }
        looked.next = is_full.then_some(trace);
    }
    Ok(looked)
}

/// The day on which to look first: no id is told before its delivery is made, but clocks may disagree.
pub(crate) fn first_day(sought: &Sought) -> i64 {
    let made_at = |id: &DeliveryId| id.to_bytes().iter().take(6).fold(0_i64, |ms, byte| (ms << 8) | i64::from(*byte));
    sought.deliveries.iter().map(made_at).min().unwrap_or_default().div_euclid(DAY_MS) - 1
}

const DAY_MS: i64 = 86_400_000;

/// The id after which a look at sessions or deliveries goes on.
pub(crate) fn last_id(after: Option<Trace>) -> String {
    match after {
        Some(Trace::Session(id)) => id.to_string(),
        Some(Trace::Delivery(id)) => id.to_string(),
        _ => String::new(),
    }
}

/// The key after which a look at claims goes on.
pub(crate) fn last_key(after: Option<Trace>) -> Vec<u8> {
    match after {
        Some(Trace::Claim(key)) => key.as_bytes().to_vec(),
        _ => Vec::new(),
    }
}

/// The day and the message after which a look at messages goes on.
pub(crate) fn last_message(after: Option<Trace>, sought: &Sought) -> (i64, Vec<u8>) {
    match after {
        Some(Trace::ProviderMessage(day, message)) => (day, message.as_bytes().to_vec()),
        _ => (first_day(sought), Vec::new()),
    }
}
