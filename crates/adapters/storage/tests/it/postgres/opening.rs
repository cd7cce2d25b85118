use secrecy::SecretString;
use whatotp_ports::AccountStore;
use whatotp_storage::postgres::{PostgresOpenError, PostgresSettings, PostgresStore, is_unused, migrate};
use whatotp_testkit::fixtures::an_account;

use super::server::{empty, migrated, server, settings};

const NAMES: [&str; 10] = [
    "2026-11-23-000000_first_tables",
    "2026-11-23-000001_senders_and_reports",
    "2026-11-23-000002_guess_budgets",
    "2026-11-23-000003_destinations",
    "2026-11-23-000004_key_use",
    "2026-11-23-000005_personal_data",
    "2026-11-23-000006_users",
    "2026-11-23-000007_audit_and_tickets",
    "2026-11-23-000008_delivery_log",
    "2026-11-23-000009_domains",
];

async fn refused(settings: &PostgresSettings) -> PostgresOpenError {
    PostgresStore::open(settings).await.err().expect("it must be refused")
}

#[tokio::test]
async fn a_check_names_what_is_pending_and_changes_nothing() {
    let database = empty();
    let url = server().url(&database);
    for _ in 0..2 {
        assert_eq!(migrate(&url, true).await.unwrap(), NAMES);
        assert!(is_unused(&url).await.unwrap());
    }
    let error = refused(&settings(&database)).await;
    assert!(matches!(&error, PostgresOpenError::PendingMigrations { names } if names == &NAMES), "{error}");
    assert_eq!(migrate(&url, false).await.unwrap(), NAMES);
    assert_eq!(migrate(&url, true).await.unwrap(), [""; 0]);
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    assert!(is_unused(&url).await.unwrap());
    store.insert_account(an_account(1)).await.unwrap();
    assert!(!is_unused(&url).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_migrate_once() {
    for _ in 0..5 {
        let database = empty();
        let url = server().url(&database);
        let tasks = [(); 4].map(|()| {
            let url = url.clone();
            tokio::spawn(async move { migrate(&url, false).await.unwrap() })
        });
        let mut applied = 0;
        for task in tasks {
            applied += task.await.unwrap().len();
        }
        assert_eq!(applied, NAMES.len());
        PostgresStore::open(&settings(&database)).await.unwrap();
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_and_says_so() {
    let database = migrated().await;
    server().psql(&database, "INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000000')");
    let error = refused(&settings(&database)).await;
    assert!(matches!(error, PostgresOpenError::Newer { .. }), "{error}");
    assert!(error.to_string().contains("newer than this program") && error.to_string().contains("20991231000000"));
    assert!(matches!(migrate(&server().url(&database), false).await, Err(PostgresOpenError::Newer { .. })));
}

#[tokio::test]
async fn a_failed_migration_leaves_the_database_as_it_was() {
    let database = empty();
    server().psql(&database, "CREATE TABLE senders (id TEXT)");
    let error = migrate(&server().url(&database), false).await.unwrap_err();
    assert!(matches!(&error, PostgresOpenError::Migration { name, .. } if name == NAMES[1]), "{error}");
    assert_eq!(migrate(&server().url(&database), true).await.unwrap(), NAMES, "nor is the first one there");
}

#[tokio::test]
async fn there_is_a_way_back() {
    let database = migrated().await;
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../migrations/postgres");
    for name in NAMES.iter().rev() {
        server().psql(&database, &std::fs::read_to_string(folder.join(name).join("down.sql")).unwrap());
    }
    server().psql(&database, "DELETE FROM __diesel_schema_migrations");
    assert_eq!(migrate(&server().url(&database), false).await.unwrap(), NAMES);
}

#[tokio::test]
async fn who_does_not_answer_is_named_without_the_password() {
    let url = SecretString::from("postgres://me:geheim@127.0.0.1:1/otp");
    let error = refused(&PostgresSettings::new(url)).await;
    assert!(matches!(error, PostgresOpenError::Unreachable { .. }), "{error}");
    let text = format!("{error} {error:?}");
    assert!(text.contains("127.0.0.1") && !text.contains("geheim"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_refused_when_tls_is_wanted() {
    let url = server().url("postgres");
    let plain = secrecy::ExposeSecret::expose_secret(&url).to_owned();
    let wanted = SecretString::from(plain.replace("sslmode=disable", "sslmode=require"));
    assert!(matches!(refused(&PostgresSettings::new(wanted)).await, PostgresOpenError::Unreachable { .. }));
    let preferred = SecretString::from(plain.replace("sslmode=disable", "sslmode=prefer"));
    assert!(matches!(refused(&PostgresSettings::new(preferred)).await, PostgresOpenError::PendingMigrations { .. }));
}
