//! What the migrations make of data that is there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tempfile::TempDir;
use whatotp_domain::{
    DeliveryId, DeliveryStatus, Locale, MessageTemplate, TemplateBody, TemplateCategory, TemplateId, TemplateStatus,
    Timestamp, Translation,
};
use whatotp_ports::{DeliveryFilter, DeliveryStore, TemplateStore};
use whatotp_storage::{SqliteSettings, SqliteStore, migrate};
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{LEASE, home};

const FIRST: &str = include_str!("../../../../../migrations/sqlite/2026-11-23-000000_first_tables/up.sql");
const SECOND_DOWN: &str =
    include_str!("../../../../../migrations/sqlite/2026-11-23-000001_senders_and_reports/down.sql");

/// A database as the first tables were, with a template in each status and a message that is due.
fn first_tables() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("whatotp.db");
    let mut connection = connect(&path);
    connection.batch_execute(FIRST).unwrap();
    connection
        .batch_execute(
            "CREATE TABLE __diesel_schema_migrations (
                version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO __diesel_schema_migrations (version) VALUES ('20261123000000');",
        )
        .unwrap();
    let account = home().account;
    for (n, status) in STATUSES.into_iter().enumerate() {
        let (id, status) = (template_id(n), status.as_str());
        connection
            .batch_execute(&format!(
                r#"INSERT INTO templates VALUES ('{account}', '{id}', 'test', 'template_{n}', 'utility', '{status}',
                   '[["zh-Hant-TW","{{{{1}}}} \"x\" ''y'' \\ 嗨"],["en","Hi {{{{1}}}}"],["de","[\"en\",\"null\"] {{{{1}}}}"]]')"#
            ))
            .unwrap();
    }
    let id = DeliveryId::new(START, [4; 10]);
    let template = template_id(0);
    connection
        .batch_execute(&format!(
            "INSERT INTO deliveries (account_id, id, mode, template_id, recipient, number, status, queued_at, accepted_at,
                provider_message_id, attempts, in_doubt, lease_token, leased, due_at, created_at, expires_at)
             VALUES ('{account}', '{id}', 'test', '{template}', x'01', zeroblob(32), 'accepted', 1, 2,
                'wamid.HBgLMTQxNTU1NTAxMjM=', 1, 0, 1, 0, {now}, {now}, {now} + 1000)",
            now = START.unix_ms()
        ))
        .unwrap();
    (directory, path)
}

const STATUSES: [TemplateStatus; 6] = [
    TemplateStatus::Draft,
    TemplateStatus::Pending,
    TemplateStatus::Approved,
    TemplateStatus::Rejected,
    TemplateStatus::Paused,
    TemplateStatus::Disabled,
];

fn template_id(n: usize) -> TemplateId {
    TemplateId::new(START, [u8::try_from(n).unwrap(); 10])
}

fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::establish(path.to_str().unwrap()).unwrap()
}

fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(&SqliteSettings::new(path), START).unwrap()
}

#[derive(QueryableByName)]
struct Tables {
    #[diesel(sql_type = BigInt)]
    found: i64,
}

#[derive(QueryableByName)]
struct OldTemplate {
    #[diesel(sql_type = Text)]
    translations: String,
}

#[tokio::test]
async fn templates_keep_their_languages_in_order_and_each_has_the_status() {
    let (_directory, path) = first_tables();
    let store = open(&path);
    let listed = store.list_templates(home(), None, 10).await.unwrap();
    assert_eq!(listed.len(), STATUSES.len());
    for (n, status) in STATUSES.into_iter().enumerate() {
        let bodies = ["{{1}} \"x\" 'y' \\ 嗨", "Hi {{1}}", "[\"en\",\"null\"] {{1}}"];
        let translations = ["zh-Hant-TW", "en", "de"].into_iter().zip(bodies).map(|(locale, body)| Translation {
            status,
            ..Translation::of_body(Locale::parse(locale).unwrap(), TemplateBody::parse(body).unwrap())
        });
        let name = format!("template_{n}");
        let expected =
            MessageTemplate::new(template_id(n), name.clone(), TemplateCategory::Utility, translations.collect());
        let expected = Some(expected.unwrap());
        assert_eq!(store.find_template(home(), template_id(n)).await.unwrap(), expected);
        assert_eq!(store.find_template_named(home(), None, &name).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn deliveries_stay_and_lose_the_providers_id() {
    let (_directory, path) = first_tables();
    let store = open(&path);
    let filter = DeliveryFilter { limit: 10, ..DeliveryFilter::default() };
    let listed = store.list_deliveries(home(), &filter).await.unwrap();
    assert_eq!(listed.len(), 1);
    let delivery = &listed[0];
    assert_eq!((delivery.route, delivery.fallback, &delivery.sender), (0, false, &None));
    assert_eq!(delivery.delivery.status(), DeliveryStatus::Accepted);
    assert_eq!(delivery.delivery.reached_at(DeliveryStatus::Accepted), Some(Timestamp::from_unix_ms(2)));
    assert_eq!(store.next_due().await.unwrap(), Some(START), "the outbox is as it was");
    assert_eq!(store.claim_due(LEASE, 10, START.plus(Duration::from_secs(1))).await.unwrap().len(), 1);
    drop(store);
    let query = "SELECT count(*) AS found FROM sqlite_schema WHERE sql LIKE '%provider_message_id%'";
    let tables: Tables = diesel::sql_query(query).get_result(&mut connect(&path)).unwrap();
    assert_eq!(tables.found, 0);
}

#[tokio::test]
async fn there_is_a_way_back_to_the_first_tables() {
    let (_directory, path) = first_tables();
    let store = open(&path);
    let before = store.list_templates(home(), None, 10).await.unwrap();
    drop(store);
    let mut connection = connect(&path);
    connection.batch_execute(SECOND_DOWN).unwrap();
    let rows: Vec<OldTemplate> = diesel::sql_query("SELECT translations FROM templates").load(&mut connection).unwrap();
    assert_eq!(rows.len(), STATUSES.len());
    for row in rows {
        assert!(
            row.translations.starts_with(r#"[["zh-Hant-TW","{{1}} \"x\" 'y' \\ 嗨"],["en","Hi"#),
            "{}",
            row.translations
        );
    }
    connection.batch_execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261123000001'").unwrap();
    drop(connection);
    assert_eq!(migrate(&path, false).unwrap(), ["2026-11-23-000001_senders_and_reports"]);
    assert_eq!(open(&path).list_templates(home(), None, 10).await.unwrap(), before);
}
