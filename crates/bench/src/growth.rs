//! Rows that were there before: copies of a real session, its delivery and its ledgers, under ids and numbers of their
//! own.

use whatotp::wiring::Outside;

use crate::Failure;
use crate::database::{Database, id_time};
use crate::site::Site;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const YEAR: i64 = 365 * 24 * HOUR;

/// How much there is.
#[derive(Clone, Copy, Default)]
pub(crate) struct Rows {
    /// Live sessions, each with a delivery and its number's two ledgers.
    pub(crate) sessions: u64,
    /// Deliveries of the last year.
    pub(crate) deliveries: u64,
}

impl Rows {
    pub(crate) const fn is_none(self) -> bool {
        self.sessions == 0 && self.deliveries == 0
    }
}

/// Fills a site in which one code was sent, while no server runs.
pub(crate) async fn fill(site: &Site, rows: Rows) -> Result<(), Failure> {
    let database = Database::open(site).await?;
    let now = Outside::default().clock.now().unix_ms();
    if let Database::Sqlite(_) = database {
        // Only while it is filled: nothing is lost when it is cut off.
        database.run("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = FILE;").await?;
    }
    for (count, span, is_live) in [(rows.deliveries, YEAR, false), (rows.sessions, MINUTE, true)] {
        if count > 0 {
            let statements = statements(&database, (count, now - span, span), is_live).await?;
            database.run(&format!("BEGIN; {statements} COMMIT;")).await?;
        }
    }
    let afterwards: &[&str] = match database {
        Database::Sqlite(_) => &["PRAGMA wal_checkpoint(TRUNCATE);"],
        Database::Postgres(_) => &["VACUUM ANALYZE", "CHECKPOINT"],
    };
    for statement in afterwards {
        database.run(statement).await?;
    }
    Ok(())
}

async fn statements(
    database: &Database,
    (count, from, span): (u64, i64, i64),
    is_live: bool,
) -> Result<String, Failure> {
    let (words, time) = (database.words(), id_time("ms"));
    let series = match database {
        Database::Sqlite(_) => {
            format!(
                "(WITH RECURSIVE up(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM up WHERE n < {count} - 1) SELECT n FROM up)"
            )
        }
        Database::Postgres(_) => format!("generate_series(0, {count} - 1) AS up(n)"),
    };
    let filling = format!(
        "CREATE TEMP TABLE filling AS SELECT ms, {time} || {hex} AS id, {hash} AS number FROM
             (SELECT CAST({from} + n * ({span} * 1.0 / {count}) AS bigint) AS ms FROM {series}) AS moments;",
        hex = words.hex,
        hash = words.hash,
    );
    // A session that lives for as long as the bench runs.
    let expires = format!("ms + {}", if is_live { 6 * HOUR } else { 5 * MINUTE });
    let delivery = [
        ("id", "'msg_' || filling.id".to_owned()),
        ("session_id", "'otp_' || filling.id".to_owned()),
        ("number", "filling.number".to_owned()),
        ("status", "'delivered'".to_owned()),
        ("queued_at", "ms".to_owned()),
        ("accepted_at", "ms + 200".to_owned()),
        ("sent_at", "ms + 900".to_owned()),
        ("delivered_at", "ms + 2000".to_owned()),
        ("leased", "0".to_owned()),
        ("due_at", "NULL".to_owned()),
        ("created_at", "ms".to_owned()),
        ("expires_at", expires.clone()),
    ];
    let mut all = vec![filling, copies(database, "deliveries", "session_id IS NOT NULL", &delivery, "id").await?];
    if is_live {
        let session = [
            ("id", "'otp_' || filling.id".to_owned()),
            ("number", "filling.number".to_owned()),
            ("delivery_id", "'msg_' || filling.id".to_owned()),
            ("created_at", "ms".to_owned()),
            ("expires_at", expires.clone()),
            ("resend_available_at", "ms + 30000".to_owned()),
        ];
        let ledger = [
            ("number", "filling.number".to_owned()),
            ("sends", "'[' || ms || ']'".to_owned()),
            ("live", format!("'[[\"default\",\"otp_' || filling.id || '\",' || ({expires}) || ']]'")),
            ("reserved", format!("'[[\"otp_' || filling.id || '\",5,false,' || ({expires}) || ']]'")),
        ];
        all.push(copies(database, "otp_sessions", "status = 'pending'", &session, "id").await?);
        for whose in ["account_id = ''", "account_id <> ''"] {
            all.push(copies(database, "number_ledgers", whose, &ledger, "number").await?);
        }
    }
    all.push("DROP TABLE filling;".to_owned());
    Ok(all.join("\n"))
}

/// For each row of `filling` a copy of one row of the table, but for these columns; in the order of its key.
async fn copies(
    database: &Database,
    table: &str,
    model: &str,
    other: &[(&str, String)],
    order: &str,
) -> Result<String, Failure> {
    let columns = database.columns(table).await?;
    let value = |column: &String| {
        let other = other.iter().find(|(name, _)| name == column);
        other.map_or_else(|| format!("model.{column}"), |(_, value)| value.clone())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    Ok(format!(
        "INSERT INTO {table} ({}) SELECT {} FROM filling, (SELECT * FROM {table} WHERE {model} LIMIT 1) AS model
             ORDER BY filling.{order};",
        columns.join(", "),
        values.join(", "),
    ))
}
