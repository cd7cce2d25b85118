use std::process::ExitCode;

use super::{Outcome, say};
use crate::settings::{Database, Settings};

pub(crate) async fn run(settings: &Settings, check: bool) -> Outcome {
    let database = settings.database()?;
    let migrations = match &database {
        Database::Sqlite(path) => whatotp_storage::migrate(path, check)?,
        Database::Postgres(url) => whatotp_storage::postgres::migrate(url, check).await?,
    };
    match (check, migrations.is_empty()) {
        (_, true) => say(format!("{database} is up to date")),
        (true, false) => say(format!("pending in {database}:")),
        (false, false) => say(format!("applied to {database}:")),
    }
    for migration in &migrations {
        say(format!("  {migration}"));
    }
    Ok(if check && !migrations.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
