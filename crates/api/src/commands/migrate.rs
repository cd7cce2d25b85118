use std::process::ExitCode;

use super::{Outcome, say};
use crate::settings::Settings;

pub(crate) fn run(settings: &Settings, check: bool) -> Outcome {
    let database = settings.sqlite_path()?;
    let migrations = whatotp_storage::migrate(&database, check)?;
    match (check, migrations.is_empty()) {
        (_, true) => say(format!("{} is up to date", database.display())),
        (true, false) => say(format!("pending in {}:", database.display())),
        (false, false) => say(format!("applied to {}:", database.display())),
    }
    for migration in &migrations {
        say(format!("  {migration}"));
    }
    Ok(if check && !migrations.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
