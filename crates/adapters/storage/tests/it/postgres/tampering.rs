use whatotp_storage::postgres::PostgresStore;

use super::server::{migrated, server, settings};
use crate::tampering;

async fn open() -> (PostgresStore, impl Fn(&str), ()) {
    let database = migrated().await;
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    (store, move |sql: &str| drop(server().psql(&database, sql)), ())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_tampering_with_postgresql_is_found() {
    tampering::all_tampering_is_found(open).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_tampered_with_in_postgresql_is_not_purged() {
    let (store, tamper, ()) = open().await;
    tampering::what_was_tampered_with_is_not_purged(store, tamper).await;
}
