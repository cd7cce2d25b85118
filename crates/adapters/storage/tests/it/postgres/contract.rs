//! The contract, on the oldest and the newest PostgreSQL that is installed.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use whatotp_storage::postgres::{PostgresSettings, PostgresStore, migrate};
use whatotp_testkit::{PostgresServer, PostgresVersion};

async fn open_on(version: &PostgresVersion) -> (Arc<PostgresStore>, ()) {
    let server = PostgresServer::shared(version);
    let database = server.database(async |url| drop(migrate(&SecretString::from(url), false).await.unwrap())).await;
    // Claims hold, or do not, whatever else this machine has to do.
    let settings = PostgresSettings {
        answer_within: Duration::from_secs(30),
        connection_wait: Duration::from_secs(20),
        lock_timeout: Duration::from_secs(20),
        statement_timeout: Duration::from_secs(20),
        ..PostgresSettings::new(database.url().into())
    };
    (Arc::new(PostgresStore::open(&settings).await.unwrap()), ())
}

mod oldest {
    use super::*;

    async fn open() -> (Arc<PostgresStore>, ()) {
        open_on(PostgresServer::each_version().first().unwrap()).await
    }

    whatotp_testkit::store_contract!(open);
}

mod newest {
    use super::*;

    async fn open() -> (Arc<PostgresStore>, ()) {
        open_on(PostgresServer::each_version().last().unwrap()).await
    }

    whatotp_testkit::store_contract!(open);
}
