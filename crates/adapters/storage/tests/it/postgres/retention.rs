use std::sync::Arc;
use std::time::Duration;

use whatotp_storage::postgres::{PostgresSettings, PostgresStore};

use super::server::{migrated, server, settings};
use crate::retention::{Catalogue, Installation, check};

/// A database, by its name.
struct Database(String);

impl Catalogue for Database {
    fn tables(&self) -> Vec<String> {
        let query = "SELECT table_name FROM information_schema.tables
            WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')";
        server().psql(&self.0, query).lines().map(str::to_owned).collect()
    }

    fn rows(&self, table: &str) -> Vec<serde_json::Value> {
        let rows = server().psql(&self.0, &format!("SELECT row_to_json(one) FROM {table} one"));
        rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_any_table_is_older_than_its_limit() {
    let database = migrated().await;
    let patient = Duration::from_secs(20);
    let settings = PostgresSettings { answer_within: patient, connection_wait: patient, ..settings(&database) };
    let store = PostgresStore::open(&settings).await.unwrap();
    check(&Installation::on(Arc::new(store)), &Database(database)).await;
}
