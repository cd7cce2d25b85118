//! How long the rows of each table stay: `docs/PRIVACY.md`, once more and apart from the code that deletes them.

use std::time::Duration;

use serde_json::Value;
use whatotp_domain::Timestamp;

use super::{DAY, HOUR, Row};

/// How long the rows of a table stay.
pub(super) enum Rule {
    /// Until this moment and not a millisecond longer; for ever, when there is none.
    Until(fn(&Row) -> Option<Timestamp>),
    /// They are no data about a person that ages, for this reason.
    Stay(#[expect(dead_code, reason = "for whoever reads the list")] &'static str),
}

use Rule::{Stay, Until};

pub(super) const TABLES: [(&str, Rule); 28] = [
    ("otp_sessions", Until(|row| Some(after(moment(row, "created_at"), 25 * HOUR)))),
    ("deliveries", Until(|row| Some(after(moment(row, "created_at"), 30 * DAY)))),
    ("number_ledgers", Until(ledger)),
    ("idempotency_claims", Until(|row| Some(moment(row, "expires_at").minus(Duration::from_millis(1))))),
    ("provider_messages", Until(|row| Some(after(day(row), 31 * DAY)))),
    ("waiting_reports", Until(|row| Some(after(moment(row, "reported_at"), HOUR)))),
    ("events", Until(|row| Some(after(moment(row, "at"), 365 * DAY)))),
    ("traffic", Until(|row| Some(traffic(row)))),
    ("destination_blocks", Until(|row| row["until"].as_i64().map(|until| after(ms(until), 30 * DAY)))),
    (
        "console_sessions",
        Until(|row| Some(after(moment(row, "last_seen_at"), HOUR / 2).minus(Duration::from_millis(1)))),
    ),
    ("console_links", Until(|row| Some(moment(row, "expires_at").minus(Duration::from_millis(1))))),
    ("log_in_tries", Until(|row| Some(after(moment(row, "last_at"), DAY).minus(Duration::from_millis(1))))),
    ("audit_log", Until(|row| Some(after(moment(row, "at"), 365 * DAY)))),
    ("audit_head", Stay("where the audit log begins and ends: two numbers, and nobody's")),
    ("tickets", Until(|row| row["closed_at"].as_i64().map(|closed| after(ms(closed), 365 * DAY)))),
    ("ticket_comments", Until(|row| Some(after(moment(row, "created_at"), 365 * DAY)))),
    ("canned_replies", Stay("an operator's")),
    ("users", Stay("people who log in, until somebody removes them")),
    ("account_usage", Stay("one row of counts for an account, which the next day overwrites")),
    ("accounts", Stay("an operator's")),
    ("api_keys", Stay("an operator's")),
    ("templates", Stay("an operator's")),
    ("senders", Stay("an operator's")),
    ("account_senders", Stay("an operator's")),
    ("account_rules", Stay("an operator's")),
    ("installation", Stay("what the database is bound to")),
    ("master_keys", Stay("ids of keys, until a rotation retires them")),
    ("__diesel_schema_migrations", Stay("the list of migrations")),
];

/// What is wiped before its row goes.
pub(super) struct Part {
    pub table: &'static str,
    pub column: &'static str,
    /// The last moment at which it may be there.
    pub until: fn(&Row) -> Timestamp,
}

pub(super) const PARTS: [Part; 1] = [Part { table: "deliveries", column: "variables", until: variables }];

/// A day after the end of the message's way, or after its last news while it has none.
fn variables(row: &Row) -> Timestamp {
    let ends = ["canceled_at", "expired_at", "failed_at", "delivered_at", "read_at"];
    let end = ends.iter().find_map(|column| row[*column].as_i64());
    match end {
        Some(end) => after(ms(end), DAY),
        // Whatever becomes of it, it is over when nobody may send it any more, and the worker writes that down.
        None => after(moment(row, "expires_at"), DAY + HOUR),
    }
}

/// A day after the last thing that it counts; for ever while wrong codes add up.
fn ledger(row: &Row) -> Option<Timestamp> {
    let list = |column: &str| -> Vec<Value> { serde_json::from_str(row[column].as_str().unwrap()).unwrap() };
    let times = ["sends", "failures", "short_failures"].into_iter().flat_map(list);
    let counted = times.map(|time| after(ms(time.as_i64().unwrap()), DAY));
    let ends = ["live", "reserved"].into_iter().flat_map(list);
    let ends = ends.map(|held| ms(held.as_array().unwrap().last().unwrap().as_i64().unwrap()));
    (row["in_a_row"] == 0).then(|| counted.chain(ends).max().unwrap_or_default())
}

/// Two days, and what counts a country fifteen.
fn traffic(row: &Row) -> Timestamp {
    let memory = if row["dimension"] == "country" { 15 * DAY } else { 2 * DAY };
    after(moment(row, "slot"), memory)
}

fn day(row: &Row) -> Timestamp {
    ms(row["day"].as_i64().unwrap() * 86_400_000)
}

fn moment(row: &Row, column: &str) -> Timestamp {
    ms(row[column].as_i64().unwrap_or_else(|| panic!("{column} is no time: {row}")))
}

fn ms(unix_ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(unix_ms)
}

fn after(moment: Timestamp, seconds: u64) -> Timestamp {
    moment.plus(Duration::from_secs(seconds))
}
