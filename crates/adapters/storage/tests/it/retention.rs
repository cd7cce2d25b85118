//! Nothing is kept longer than `docs/PRIVACY.md` says: every table is filled through the use cases, the clock moves past
//! every limit, the sweeper works, and every row of every table in the catalogue is looked at.

mod filling;
mod rules;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::Value;
use whatotp_domain::Timestamp;
use whatotp_ports::Clock as _;
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_testkit::START;
use whatotp_testkit::fixtures::at;

pub(crate) use self::filling::Installation;
use self::rules::{PARTS, Part, Rule, TABLES};

/// A row as JSON: numbers and texts as they are, and bytes as hexadecimal digits.
type Row = Value;

/// The tables of an engine, read past the store.
pub(crate) trait Catalogue {
    fn tables(&self) -> Vec<String>;
    fn rows(&self, table: &str) -> Vec<Row>;
}

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A millisecond after each of these, counted from when everything was made, something is over. The first is a code's end.
const ENDS: [u64; 12] =
    [300, HOUR / 2, HOUR, DAY, 25 * HOUR, 26 * HOUR, 49 * HOUR, 7 * DAY, 16 * DAY, 30 * DAY, 32 * DAY, 366 * DAY];

/// Fills every table and lets the time pass.
pub(crate) async fn check(installation: &Installation, catalogue: &impl Catalogue) {
    installation.fill().await;
    for table in catalogue.tables() {
        assert!(!catalogue.rows(&table).is_empty(), "nothing is in {table}: fill it, or its rule proves nothing");
    }
    let (mut swept, mut without_variables) = (0, 0);
    for end in ENDS {
        installation.clock.set(at(end).plus(Duration::from_millis(1)));
        swept += installation.work_and_sweep().await;
        let now = installation.clock.now();
        let (rows, wiped) = scan(catalogue, now);
        without_variables = without_variables.max(wiped);
        println!("{:>4} h: {rows} rows, none of them too old", end / HOUR);
    }
    assert!(swept > 0 && without_variables > 0, "variables are wiped while their message is still there");
    let left = |table: &str| catalogue.rows(table).len();
    assert_eq!(
        (left("number_ledgers"), left("destination_blocks")),
        (1, 1),
        "a row of wrong codes, and an endless block"
    );
    for table in ["otp_sessions", "deliveries", "idempotency_claims", "provider_messages", "waiting_reports", "events"]
    {
        assert_eq!(left(table), 0, "{table}, after a year");
    }
}

/// Looks at every row there is. Returns how many there are, and how many messages are without their variables.
fn scan(catalogue: &impl Catalogue, now: Timestamp) -> (usize, usize) {
    let (mut looked_at, mut wiped) = (0, 0);
    for table in catalogue.tables() {
        let rule = TABLES.iter().find(|(name, _)| *name == table);
        let Some((_, rule)) = rule else { panic!("{table} has no rule: how long do its rows stay?") };
        for row in catalogue.rows(&table) {
            looked_at += 1;
            if let Rule::Until(until) = rule {
                let until = until(&row);
                assert!(until.is_none_or(|until| now <= until), "{table}, to be gone by {until:?}: {row}");
            }
            for Part { column, until, .. } in PARTS.iter().filter(|part| part.table == table) {
                let until = until(&row);
                assert!(row[*column].is_null() || now <= until, "{table}.{column}, to be gone by {until:?}: {row}");
                wiped += usize::from(row[*column].is_null() && row["template_id"].is_string());
            }
        }
    }
    (looked_at, wiped)
}

/// A database file, read by a connection of its own.
struct File(PathBuf);

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

impl File {
    fn lines(&self, query: &str) -> Vec<String> {
        let mut connection = SqliteConnection::establish(self.0.to_str().unwrap()).unwrap();
        let lines: Vec<Line> = diesel::sql_query(query).load(&mut connection).unwrap();
        lines.into_iter().map(|line| line.line).collect()
    }
}

impl Catalogue for File {
    fn tables(&self) -> Vec<String> {
        self.lines("SELECT name AS line FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    }

    fn rows(&self, table: &str) -> Vec<Row> {
        let columns = self.lines(&format!("SELECT name AS line FROM pragma_table_info('{table}')"));
        let columns = columns
            .iter()
            .map(|name| format!("'{name}', CASE typeof({name}) WHEN 'blob' THEN lower(hex({name})) ELSE {name} END"));
        let object = columns.collect::<Vec<_>>().join(", ");
        let rows = self.lines(&format!("SELECT json_object({object}) AS line FROM {table}"));
        rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}

#[tokio::test]
async fn nothing_in_any_table_is_older_than_its_limit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("retention.db");
    let settings = SqliteSettings { create: true, ..SqliteSettings::new(&path) };
    let store = SqliteStore::open(&settings, START).unwrap();
    check(&Installation::on(Arc::new(store)), &File(path)).await;
}
