use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::connection::Dialer;
use super::{PostgresOpenError, PostgresSettings};

/// A migration: the name of its directory, and what it does.
type Migration = (&'static str, &'static str);

/// Every migration, oldest first; each as SQLite has it, under the same name.
static MIGRATIONS: &[Migration] = &[
    (
        "2026-11-23-000000_first_tables",
        include_str!("../../../../../migrations/postgres/2026-11-23-000000_first_tables/up.sql"),
    ),
    (
        "2026-11-23-000001_senders_and_reports",
        include_str!("../../../../../migrations/postgres/2026-11-23-000001_senders_and_reports/up.sql"),
    ),
    (
        "2026-11-23-000002_guess_budgets",
        include_str!("../../../../../migrations/postgres/2026-11-23-000002_guess_budgets/up.sql"),
    ),
    (
        "2026-11-23-000003_destinations",
        include_str!("../../../../../migrations/postgres/2026-11-23-000003_destinations/up.sql"),
    ),
    ("2026-11-23-000004_key_use", include_str!("../../../../../migrations/postgres/2026-11-23-000004_key_use/up.sql")),
    (
        "2026-11-23-000005_personal_data",
        include_str!("../../../../../migrations/postgres/2026-11-23-000005_personal_data/up.sql"),
    ),
    ("2026-11-23-000006_users", include_str!("../../../../../migrations/postgres/2026-11-23-000006_users/up.sql")),
    (
        "2026-11-23-000007_audit_and_tickets",
        include_str!("../../../../../migrations/postgres/2026-11-23-000007_audit_and_tickets/up.sql"),
    ),
    (
        "2026-11-23-000008_delivery_log",
        include_str!("../../../../../migrations/postgres/2026-11-23-000008_delivery_log/up.sql"),
    ),
    ("2026-11-23-000009_domains", include_str!("../../../../../migrations/postgres/2026-11-23-000009_domains/up.sql")),
];

/// One number for all who migrate: "whatotp" in ASCII.
const LOCK: i64 = 0x77_68_61_74_6F_74_70;

/// The lock is one of the transaction and not of the session, because a pooler would hand that to somebody else. To wait
/// for it may take as long as another's migration. A table's lock is not waited for that long: all who use the table would
/// wait as well.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0;
    SET LOCAL client_min_messages = warning";

/// Where Diesel's own tool looks for what was applied.
const MAKE_LIST: &str = "CREATE TABLE IF NOT EXISTS __diesel_schema_migrations
    (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// Brings the database up to date, and returns the names of the migrations that were applied. With `check` it changes
/// nothing and returns the names of those that would be.
///
/// Of several processes that start together one does it, and the others wait for it. All is one transaction: it succeeds
/// or leaves the database as it was. A server of the version before may go on meanwhile: no migration takes away what it
/// needs.
pub async fn migrate(url: &SecretString, check: bool) -> Result<Vec<String>, PostgresOpenError> {
    let line = Line::open(&dialer(url)?).await?;
    let names = if check { line.pending().await } else { line.migrate().await };
    line.close().await;
    names
}

/// Whether nobody has an account in the database: nothing in it was ever sealed.
pub async fn is_unused(url: &SecretString) -> Result<bool, PostgresOpenError> {
    let line = Line::open(&dialer(url)?).await?;
    let unused = line.is_unused().await;
    line.close().await;
    unused
}

/// Refuses a database whose schema is not that of this program.
pub(super) async fn check(dialer: &Dialer) -> Result<(), PostgresOpenError> {
    let line = Line::open(dialer).await?;
    let names = line.pending().await;
    line.close().await;
    match names? {
        names if names.is_empty() => Ok(()),
        names => Err(PostgresOpenError::PendingMigrations { names }),
    }
}

/// Nothing is set as the connection is made: a pooler would refuse it, and what a migration needs it sets by itself.
fn dialer(url: &SecretString) -> Result<Dialer, PostgresOpenError> {
    Dialer::new(&PostgresSettings { transaction_pooler: true, ..PostgresSettings::new(url.clone()) })
}

/// A connection of its own, and the task that drives it.
struct Line {
    client: Client,
    driver: JoinHandle<()>,
}

impl Line {
    async fn open(dialer: &Dialer) -> Result<Self, PostgresOpenError> {
        let (client, connection) = dialer
            .ends()
            .await
            .map_err(|source| PostgresOpenError::Unreachable { server: dialer.server(), source: source.into() })?;
        // It ends with the client, or with an error that the client is told as well.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { client, driver })
    }

    /// Waits until the server has been told that this is the end: the next one may want the database to itself.
    async fn close(self) {
        drop(self.client);
        // However the task ended, it is over.
        let _ = self.driver.await;
    }

    async fn pending(&self) -> Result<Vec<String>, PostgresOpenError> {
        pending(&self.applied().await?)
    }

    async fn migrate(&self) -> Result<Vec<String>, PostgresOpenError> {
        self.client.batch_execute(BEGIN).await.map_err(engine)?;
        self.client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await.map_err(engine)?;
        self.client.batch_execute("SET LOCAL lock_timeout = '10s'").await.map_err(engine)?;
        self.client.batch_execute(MAKE_LIST).await.map_err(engine)?;
        let names = self.pending().await?;
        for (name, sql) in MIGRATIONS.iter().filter(|(name, _)| names.iter().any(|pending| pending == name)) {
            let failed = |source: tokio_postgres::Error| PostgresOpenError::Migration {
                name: (*name).to_owned(),
                source: source.into(),
            };
            self.client.batch_execute(sql).await.map_err(failed)?;
            let list = "INSERT INTO __diesel_schema_migrations (version) VALUES ($1)";
            self.client.execute(list, &[&version(name)]).await.map_err(failed)?;
        }
        self.client.batch_execute("COMMIT").await.map_err(engine)?;
        Ok(names)
    }

    async fn is_unused(&self) -> Result<bool, PostgresOpenError> {
        if self.applied().await?.is_empty() {
            return Ok(true);
        }
        let row = self.client.query_one("SELECT NOT EXISTS (SELECT 1 FROM accounts)", &[]).await.map_err(engine)?;
        row.try_get(0).map_err(engine)
    }

    async fn applied(&self) -> Result<Vec<String>, PostgresOpenError> {
        let list = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL";
        let list = self.client.query_one(list, &[]).await;
        if !list.and_then(|row| row.try_get::<_, bool>(0)).map_err(engine)? {
            return Ok(Vec::new());
        }
        let rows = self.client.query("SELECT version FROM __diesel_schema_migrations ORDER BY version", &[]).await;
        rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect()).map_err(engine)
    }
}

/// The names of the migrations that this program has and the database has not.
fn pending(applied: &[String]) -> Result<Vec<String>, PostgresOpenError> {
    let known: Vec<String> = MIGRATIONS.iter().map(|(name, _)| version(name)).collect();
    let versions: Vec<String> = applied.iter().filter(|version| !known.contains(version)).cloned().collect();
    if !versions.is_empty() {
        return Err(PostgresOpenError::Newer { versions });
    }
    let pending = MIGRATIONS.iter().filter(|(name, _)| !applied.contains(&version(name)));
    Ok(pending.map(|(name, _)| (*name).to_owned()).collect())
}

/// `20261123000000`: what stands before the underscore, without its hyphens. As Diesel has it.
fn version(name: &str) -> String {
    name.split('_').next().unwrap_or(name).replace('-', "")
}

fn engine(error: tokio_postgres::Error) -> PostgresOpenError {
    PostgresOpenError::Engine(error.into())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_directory_is_a_migration_of_both_engines() {
        let known: Vec<String> = MIGRATIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
        for engine in ["postgres", "sqlite"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations").join(engine);
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            assert_eq!(names, known, "{engine}");
        }
    }

    #[test]
    fn a_database_that_knows_more_is_refused() {
        let newer = vec!["20261123000000".to_owned(), "20991231000000".to_owned()];
        let error = pending(&newer).expect_err("it is newer").to_string();
        assert!(error.contains("newer than this program") && error.contains("20991231000000"), "{error}");
        let names = pending(&newer[..1]).unwrap();
        let rest: Vec<&str> = MIGRATIONS.iter().skip(1).map(|(name, _)| *name).collect();
        assert_eq!(names, rest);
    }
}
