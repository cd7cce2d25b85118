use whatotp_ports::{DeliveryStore, NewDelivery, SessionStore};
use whatotp_storage::postgres::PostgresStore;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{ALICE, BOB, LEASE, a_message, a_session, at, home, other_account};

use super::server::{migrated, server, settings};

/// Fills the outbox of an account, other than by storing one message after the other.
fn flood(database: &str, messages: u32) {
    let account = home().account;
    server().psql(
        database,
        &format!(
            "INSERT INTO deliveries (account_id, id, mode, template_id, recipient, number, status, queued_at, route,
                fallback, attempts, in_doubt, lease_token, leased, due_at, created_at, expires_at)
             SELECT '{account}', 'msg_01mcc5rm00e0080000' || lpad(n::text, 8, '0'), 'test',
                'tpl_01mcc5rm00e008000000000001', '\\x01', decode(repeat('00', 32), 'hex'), 'queued', 1, 0, 0, 0, 0, 0, 0,
                {due}, {due}, {due} + 1000000 FROM generate_series(1, {messages}) AS n;
             ANALYZE deliveries",
            due = START.unix_ms() - 1,
        ),
    );
}

#[tokio::test]
async fn a_flood_of_one_account_delays_no_other_by_more_than_a_claim() {
    let database = migrated().await;
    flood(&database, 100_000);
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    let message = NewDelivery { scope: other_account(), ..a_message(BOB, START) };
    store.enqueue(message.clone(), None, START).await.unwrap();
    let claimed = store.claim_due(LEASE, 32, at(1)).await.unwrap();
    assert_eq!(claimed.len(), 32);
    assert!(claimed.iter().any(|one| one.record.id == message.id), "it is in the first claim");

    // A code of the flooded account itself goes first as well.
    let code = a_session(ALICE).unleased().at(at(2));
    let delivery = code.delivery.id;
    store.issue(code, at(2)).await.unwrap();
    let claimed = store.claim_due(LEASE, 32, at(3)).await.unwrap();
    assert!(claimed.iter().any(|one| one.record.id == delivery));
    let mut ids: Vec<_> = claimed.iter().map(|one| one.record.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 32, "and none is claimed twice");
}

#[tokio::test]
async fn a_worker_that_takes_one_at_a_time_serves_every_account_too() {
    let database = migrated().await;
    flood(&database, 1_000);
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    let message = NewDelivery { scope: other_account(), ..a_message(BOB, START) };
    store.enqueue(message.clone(), None, START).await.unwrap();
    let mut claimed = Vec::new();
    for _ in 0..4 {
        claimed.extend(store.claim_due(LEASE, 1, at(1)).await.unwrap());
    }
    assert_eq!(claimed.len(), 4);
    assert_eq!(claimed.iter().filter(|one| one.record.scope == message.scope).count(), 1);
}
