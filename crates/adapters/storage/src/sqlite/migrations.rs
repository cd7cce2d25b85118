use std::path::Path;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::OpenError;
use super::connection::{Address, Role};
use crate::schema::accounts;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../../../migrations/sqlite");

diesel::table! {
    // Made by `diesel_migrations`.
    __diesel_schema_migrations (version) {
        version -> Text,
    }
}

diesel::table! {
    // SQLite's own list of what is in the file.
    sqlite_schema (name) {
        name -> Text,
    }
}

/// Brings the database at `path` up to date, making it first if need be, and returns the names of the migrations that
/// were applied. With `check` it changes nothing and returns the names of those that would be.
///
/// It may run while a server of the same version uses the database. An older one has to be stopped first: it may need
/// what a migration takes away.
pub fn migrate(path: &Path, check: bool) -> Result<Vec<String>, OpenError> {
    if check {
        return match Address::find(path, false) {
            Ok(address) => pending(&mut address.connect(Role::Reader)?),
            Err(OpenError::NoDatabase { .. }) => Ok(names(&all()?)),
            Err(error) => Err(error),
        };
    }
    let mut connection = Address::find(path, true)?.connect(Role::Writer)?;
    run_pending(&mut connection)
}

/// Whether nobody has an account in the database at `path`: nothing in it was ever sealed.
pub fn is_unused(path: &Path) -> Result<bool, OpenError> {
    // Only reads; but what a crash has left behind needs the right to write before it can be read.
    let mut connection = Address::find(path, false)?.connect(Role::Writer)?;
    if applied(&mut connection)?.is_empty() {
        return Ok(true);
    }
    let accounts: i64 = accounts::table.count().get_result(&mut connection)?;
    Ok(accounts == 0)
}

/// Applies what is pending. Of several processes that start together one does it, and the others wait for it: each
/// looks for what is pending only once it has the database to itself.
pub(super) fn run_pending(connection: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    // To write is to make room for a header: a file that is no database is found out, and left alone, by reading.
    applied(connection)?;
    Address::use_wal(connection)?;
    connection.exclusive_transaction(|connection| {
        let pending = pending(connection)?;
        connection.run_pending_migrations(MIGRATIONS).map_err(OpenError::Migration)?;
        Ok(pending)
    })
}

/// The names of the migrations that this program has and the database has not. Only reads.
pub(super) fn pending(connection: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    let applied = applied(connection)?;
    let mut pending = all()?;
    pending.retain(|migration| !applied.contains(&migration.name().version()));
    Ok(names(&pending))
}

type BoxedMigration = Box<dyn Migration<Sqlite>>;

fn all() -> Result<Vec<BoxedMigration>, OpenError> {
    let mut all = MigrationSource::<Sqlite>::migrations(&MIGRATIONS).map_err(OpenError::Migration)?;
    all.sort_by_key(|migration| migration.name().version().as_owned());
    Ok(all)
}

fn names(migrations: &[BoxedMigration]) -> Vec<String> {
    migrations.iter().map(|migration| migration.name().to_string()).collect()
}

fn applied(connection: &mut SqliteConnection) -> QueryResult<Vec<MigrationVersion<'static>>> {
    use self::__diesel_schema_migrations::dsl::{__diesel_schema_migrations, version};
    use self::sqlite_schema::dsl::{name, sqlite_schema};

    let list = sqlite_schema.filter(name.eq("__diesel_schema_migrations"));
    if !diesel::select(diesel::dsl::exists(list)).get_result::<bool>(connection)? {
        return Ok(Vec::new());
    }
    let versions: Vec<String> = __diesel_schema_migrations.select(version).load(connection)?;
    Ok(versions.into_iter().map(MigrationVersion::from).collect())
}
