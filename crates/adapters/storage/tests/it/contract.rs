use std::future::{Ready, ready};
use std::sync::Arc;

use tempfile::TempDir;
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_testkit::START;

fn open() -> Ready<(Arc<SqliteStore>, TempDir)> {
    let directory = tempfile::tempdir().unwrap();
    let settings = SqliteSettings { create: true, ..SqliteSettings::new(directory.path().join("contract.db")) };
    ready((Arc::new(SqliteStore::open(&settings, START).unwrap()), directory))
}

whatotp_testkit::store_contract!(open);
