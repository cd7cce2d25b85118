//! What the statements of the ports are to the engine.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use diesel::connection::{Connection, InstrumentationEvent, SimpleConnection};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tempfile::TempDir;
use whatotp_domain::{DeliveryStatus, LedgerPolicy, SenderQuality};
use whatotp_ports::{
    Account, AccountStore, ApiKeyStore, Attempt, Before, DeliveryFilter, DeliveryStore, EventStore, IdempotencyStore,
    Issued, Lease, NewDelivery, Progress, Resend, SenderStore, SessionRecord, SessionStore, StoreError, TemplateStore,
};
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{
    ALICE, BOB, DAY, LEASE, a_claim, a_fallback, a_log_event, a_message, a_report, a_resend, a_sender, a_session,
    a_template, a_withdrawal, an_acceptance, an_account, an_api_key, an_attempt, at, free_to_send, home, limited_by,
    message_of, naming, sealed, sender_id,
};

use super::*;

fn open() -> (SqliteStore, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("statements.db");
    let settings = SqliteSettings { create: true, readers: 1, ..SqliteSettings::new(path) };
    (SqliteStore::open(&settings, START).unwrap(), directory)
}

/// The statements that were run, and those of them that Diesel keeps prepared.
#[derive(Default)]
struct Log {
    run: BTreeSet<String>,
    kept: BTreeSet<String>,
}

async fn listen(store: &SqliteStore) -> Arc<Mutex<Log>> {
    let log = Arc::new(Mutex::new(Log::default()));
    let listener = |log: Arc<Mutex<Log>>| {
        move |connection: &mut SqliteConnection| {
            let log = Arc::clone(&log);
            connection.set_instrumentation(move |event: InstrumentationEvent<'_>| match event {
                InstrumentationEvent::StartQuery { query, .. } => {
                    let text = query.to_string();
                    log.lock().unwrap().run.insert(text.split(" -- binds").next().unwrap().to_owned());
                }
                InstrumentationEvent::CacheQuery { sql, .. } => {
                    log.lock().unwrap().kept.insert(sql.to_owned());
                }
                _ => {}
            });
            Ok(())
        }
    };
    store.write(listener(Arc::clone(&log))).await.unwrap();
    store.read(listener(Arc::clone(&log))).await.unwrap();
    store.scan(listener(Arc::clone(&log))).await.unwrap();
    log
}

async fn issue(store: &SqliteStore, number: &str, claim: &str, second: u64) -> SessionRecord {
    let claim = a_claim(claim, at(second));
    let new = a_session(number).limits(&free_to_send()).claim(&claim).at(at(second));
    match store.issue(new, at(second)).await.unwrap() {
        Issued::Created { record, .. } => *record,
        other => panic!("{other:?}"),
    }
}

/// Every operation on the way of a request, each with its work to do.
async fn hot_path(store: &SqliteStore, round: u64) {
    let second = round * 1000;
    let key = |name: &str| format!("{name} {round}");
    let claim = |name: &str| a_claim(&key(name), at(second));
    issue(store, ALICE, &key("first"), second).await;
    let record = issue(store, ALICE, &key("second"), second + 1).await;
    let resend = Resend {
        limits: limited_by(&free_to_send()),
        claim: Some(claim("resend")),
        ..a_resend(&record, at(second + 2))
    };
    store.resend(resend, at(second + 2)).await.unwrap().unwrap();
    for matched in [false, true, true] {
        let claim = claim(&format!("verify {matched}"));
        let attempt = Attempt { claim: Some(claim), ..an_attempt(&record, matched) };
        store.settle_attempt(attempt, at(second + 3)).await.unwrap().unwrap();
    }
    store.keep_answer(&claim("first"), 200, sealed("x")).await.unwrap();
    store.keep_answer(&claim("no work"), 422, sealed("x")).await.unwrap();
    store.find_prior(&claim("first"), at(second)).await.unwrap().unwrap();
    store.find(home(), record.session.id).await.unwrap().unwrap();

    let bob = issue(store, BOB, &key("bob"), second).await;
    store.withdraw(a_withdrawal(&bob, Before::NoSession(None)), at(second)).await.unwrap();
    let bob = issue(store, BOB, &key("bob again"), second + 1).await;
    store.cancel(home(), bob.session.id, Some(claim("cancel")), at(second + 1)).await.unwrap().unwrap();
    store.fail(home(), bob.session.id, at(second + 1)).await.unwrap();

    let message = a_message(ALICE, at(second));
    let id = message.id;
    store.enqueue(message, Some(claim("message")), at(second)).await.unwrap();
    store.next_due().await.unwrap().unwrap();
    let code = issue(store, BOB, &key("fallback"), second + 2).await;
    let fallback = a_fallback(&code, at(second + 3));
    let fallback_id = fallback.id;
    assert!(store.fall_back(home(), code.session.id, code.delivery, fallback, at(second + 3)).await.unwrap());
    store.find(home(), code.session.id).await.unwrap().unwrap();
    for claimed in store.claim_due(LEASE, 100, at(second + 200)).await.unwrap() {
        let provider_id = claimed.record.id.to_string();
        let early = a_report(&provider_id, DeliveryStatus::Sent, at(second + 200));
        assert_eq!(store.record_reports(vec![early], at(second + 200)).await.unwrap(), []);
        let way = store.progress(&claimed.lease, an_acceptance(&provider_id, at(second))).await.unwrap().unwrap();
        assert_eq!(way.status(), DeliveryStatus::Sent);
    }
    let by_id = a_report(&fallback_id.to_string(), DeliveryStatus::Delivered, at(second + 201));
    let by_name = naming(fallback_id, &a_report("wamid.any", DeliveryStatus::Read, at(second + 202)));
    assert_eq!(store.record_reports(vec![by_id, by_name], at(second + 203)).await.unwrap().len(), 1);
    store.find_by_message(&message_of(&fallback_id.to_string())).await.unwrap().unwrap();
    store.append_event(a_log_event("sender", at(second))).await.unwrap();
    store.find_delivery(home(), id).await.unwrap().unwrap();
    store.cancel_delivery(home(), id, None, at(second)).await.unwrap().unwrap();
    let (api_key, hash) = an_api_key(home(), at(second));
    assert!(store.insert_key(api_key, hash).await.unwrap());
    store.find_key(&hash).await.unwrap().unwrap();
}

/// Everything else.
async fn cold_path(store: &SqliteStore) {
    let (api_key, hash) = an_api_key(home(), START);
    store.insert_key(api_key.clone(), hash).await.unwrap();
    store.revoke_key(api_key.id, START).await.unwrap().unwrap();
    let template = a_template("order", START);
    store.insert_template(home(), template.clone()).await.unwrap();
    store.find_template(home(), template.id()).await.unwrap().unwrap();
    store.find_template_named(home(), None, "order").await.unwrap().unwrap();
    store.list_templates(home(), Some(template.id()), 10).await.unwrap();
    store.put_template(home(), template).await.unwrap();
    for number in [1, 2] {
        store.put_sender(a_sender(number)).await.unwrap();
        store.set_quality(&sender_id(number), SenderQuality::Green).await.unwrap().unwrap();
    }
    assert!(store.set_routes(home().account, vec![sender_id(2), sender_id(1)]).await.unwrap());
    assert!(store.remove_sender(&sender_id(2)).await.unwrap());
    let event = a_log_event("sender", START);
    store.append_event(event.clone()).await.unwrap();
    store.list_events(Some(event.event.id), 10).await.unwrap();
    let unheard = a_report("wamid.unheard", DeliveryStatus::Sent, START);
    store.record_reports(vec![unheard], START).await.unwrap();
    let filter =
        DeliveryFilter { limit: 10, handed_over: true, created_after: Some(START), ..DeliveryFilter::default() };
    store.list_deliveries(home(), &filter).await.unwrap();
    let late = at(1_000_000_000);
    assert!(store.purge_sessions(late, 1000).await.unwrap() > 0);
    assert!(store.purge_deliveries(late, 1000).await.unwrap() > 0);
    assert!(store.purge_reports(late, 1000).await.unwrap() > 0);
    assert!(store.purge_events(late, 1000).await.unwrap() > 0);
    assert!(store.purge_claims(late, 1000).await.unwrap() > 0);
    assert!(store.purge_ledgers(&LedgerPolicy::default(), late, 1000).await.unwrap() > 0);
}

#[tokio::test]
async fn no_statement_scans_a_table_and_the_outbox_is_read_through_its_index() {
    #[derive(QueryableByName)]
    struct Step {
        #[diesel(sql_type = Text)]
        detail: String,
    }
    let (store, _directory) = open();
    store.insert_account(an_account(1)).await.unwrap();
    let log = listen(&store).await;
    hot_path(&store, 0).await;
    cold_path(&store).await;
    let run = std::mem::take(&mut log.lock().unwrap().run);
    assert!(run.len() > 60, "only {} statements", run.len());
    let plans = store.read(move |connection| {
        let mut plans = Vec::new();
        for sql in run.iter().filter(|sql| !sql.starts_with("BEGIN") && !sql.starts_with("COMMIT")) {
            let steps: Vec<Step> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {sql}")).load(connection)?;
            let steps: Vec<String> = steps.into_iter().map(|step| step.detail).collect();
            plans.push((sql.clone(), steps.join("; ")));
        }
        Ok(plans)
    });
    let mut through_the_index = 0;
    for (sql, plan) in plans.await.unwrap() {
        // Nothing to read: a plain INSERT, or a look at whether a row was found.
        let plan = plan.replace("SCAN CONSTANT ROW", "");
        assert!(!plan.contains("SCAN") || plan.contains("deliveries_due"), "{sql}\n{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "{sql}\n{plan}");
        if sql.contains("due_at <=") || sql.contains("ORDER BY `deliveries`.`due_at`") {
            assert!(
                plan.contains("USING INDEX deliveries_due") || plan.contains("COVERING INDEX deliveries_due"),
                "{sql}\n{plan}"
            );
            through_the_index += 1;
        }
    }
    assert_eq!(through_the_index, 2, "the due ones and the next one");
}

#[tokio::test]
async fn the_statements_of_a_request_are_prepared_once() {
    let (store, _directory) = open();
    store.insert_account(an_account(1)).await.unwrap();
    let log = listen(&store).await;
    hot_path(&store, 0).await;
    let first = std::mem::take(&mut *log.lock().unwrap());
    hot_path(&store, 1).await;
    let second = std::mem::take(&mut *log.lock().unwrap());
    let control = ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"];
    let not_kept: Vec<&String> =
        first.run.iter().filter(|sql| !control.contains(&sql.as_str()) && !first.kept.contains(*sql)).collect();
    assert!(not_kept.is_empty(), "prepared each time: {not_kept:#?}");
    assert!(second.kept.is_empty(), "prepared again: {:#?}", second.kept);
    // A bound LIMIT takes part in SQLite's planning, so SQLite itself prepares such a statement anew for each value.
    // Diesel's `first` adds one, which is why it is not used here: `get_result` reads one row as well.
    let with_limit: Vec<&String> = first.run.iter().filter(|sql| sql.contains("LIMIT")).collect();
    assert!(with_limit.is_empty(), "{with_limit:#?}");
}

#[tokio::test]
async fn every_table_is_strict() {
    #[derive(QueryableByName)]
    struct Table {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = BigInt)]
        strict: i64,
    }
    let (store, _directory) = open();
    let tables = store.read(|connection| {
        let query = "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table'";
        Ok(diesel::sql_query(query).load::<Table>(connection)?.into_iter().map(|row| (row.name, row.strict)).collect())
    });
    let tables: Vec<(String, i64)> = tables.await.unwrap();
    let ours = tables.iter().filter(|(name, _)| !name.starts_with("sqlite_") && !name.starts_with("__diesel"));
    assert_eq!(ours.clone().count(), 27, "{tables:?}");
    for (name, strict) in ours {
        assert_eq!(*strict, 1, "{name}");
    }
}

async fn damage(store: &SqliteStore, sql: &'static str) {
    store.write(move |connection| Ok(connection.batch_execute(sql)?)).await.unwrap();
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_corrupt_and_its_data_is_not_told() {
    let (store, _directory) = open();
    let record = issue(&store, ALICE, "first", 0).await;
    damage(&store, "UPDATE otp_sessions SET kid = 'SECRET!!'").await;
    let found = store.find(home(), record.session.id).await;
    let Err(StoreError::Corrupt(source)) = found else { panic!("{found:?}") };
    assert_eq!(source.to_string(), "otp_sessions.kid holds a value that this program does not write");
    let settled = store.settle_attempt(an_attempt(&record, true), at(1)).await;
    assert!(matches!(settled, Err(StoreError::Corrupt(_))), "{settled:?}");
    damage(&store, "UPDATE otp_sessions SET kid = '0123abcd'").await;
    let (found, _) = store.find(home(), record.session.id).await.unwrap().unwrap();
    assert_eq!(found.session.attempts, 0, "the failed attempt was rolled back");
}

#[tokio::test]
async fn a_due_delivery_that_cannot_be_read_does_not_hold_up_the_others() {
    let (store, _directory) = open();
    for second in 0..3 {
        store.enqueue(a_message(ALICE, at(second)), None, at(second)).await.unwrap();
    }
    damage(&store, "UPDATE deliveries SET locale = '???' WHERE due_at = (SELECT min(due_at) FROM deliveries)").await;
    assert_eq!(store.claim_due(LEASE, 10, at(10)).await.unwrap().len(), 2);
    assert_eq!(store.claim_due(LEASE, 10, at(20)).await.unwrap().len(), 0, "it is left alone for a while");
    assert_eq!(store.next_due().await.unwrap(), Some(at(10).plus(LEASE)));
    assert_eq!(store.claim_due(LEASE, 10, at(10).plus(Duration::from_secs(3600))).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_report_on_what_cannot_be_read_loses_none_of_the_others() {
    let (store, _directory) = open();
    let mut ids = Vec::new();
    for number in [ALICE, BOB, ALICE] {
        let message = NewDelivery { leased_for: Some(LEASE), ..a_message(number, START) };
        let lease = Lease::first(home(), message.id);
        store.enqueue(message, None, START).await.unwrap();
        store.progress(&lease, an_acceptance(&lease.delivery.to_string(), at(1))).await.unwrap().unwrap();
        ids.push(lease.delivery);
    }
    damage(&store, "UPDATE deliveries SET template_id = 'SECRET!!' WHERE id = (SELECT max(id) FROM deliveries)").await;
    damage(
        &store,
        "UPDATE provider_messages SET delivery_id = 'SECRET!!' WHERE delivery_id = (SELECT min(id) FROM deliveries)",
    )
    .await;
    let reports = [2, 0, 1].map(|n: usize| a_report(&ids[n].to_string(), DeliveryStatus::Read, at(2))).to_vec();
    let news = store.record_reports(reports.clone(), at(3)).await.unwrap();
    assert_eq!(news.iter().map(|new| new.delivery).collect::<Vec<_>>(), [ids[1]]);
    assert_eq!(store.record_reports(reports, at(3)).await.unwrap(), [], "what was read is stored");
}

#[tokio::test]
async fn a_waiting_report_that_cannot_be_read_does_not_keep_the_workers_word_from_being_stored() {
    let (store, _directory) = open();
    let message = NewDelivery { leased_for: Some(LEASE), ..a_message(ALICE, START) };
    let lease = Lease::first(home(), message.id);
    store.enqueue(message, None, START).await.unwrap();
    for status in [DeliveryStatus::Sent, DeliveryStatus::Failed] {
        store.record_reports(vec![a_report("wamid.1", status, at(2))], at(2)).await.unwrap();
    }
    damage(
        &store,
        "PRAGMA ignore_check_constraints = ON;
        UPDATE waiting_reports SET error_code = -1 WHERE status = 'failed'",
    )
    .await;
    let way = store.progress(&lease, an_acceptance("wamid.1", at(1))).await.unwrap().unwrap();
    assert_eq!(way.status(), DeliveryStatus::Sent);
    assert_eq!(store.purge_reports(at(1000), 10).await.unwrap(), 0);
}

#[tokio::test]
async fn a_duplicate_id_is_refused_and_says_nothing_about_the_row() {
    let (store, _directory) = open();
    let account = Account { name: "Ada".to_owned(), ..an_account(1) };
    store.insert_account(account.clone()).await.unwrap();
    let again = store.insert_account(account).await;
    let Err(StoreError::Unavailable(source)) = again else { panic!("{again:?}") };
    assert_eq!(source.to_string(), "UNIQUE constraint failed: accounts.id");
}

#[tokio::test]
async fn purges_of_unordered_tables_go_round() {
    let (store, _directory) = open();
    for n in 0..10 {
        store.keep_answer(&a_claim(&format!("{n}"), at(0)), 200, sealed("x")).await.unwrap();
    }
    let end = at(0).plus(DAY);
    let mut purged = 0;
    for _ in 0..5 {
        purged += store.purge_claims(end, 2).await.unwrap();
        // Some keys come to lie before the place that the purge has got to.
        store.keep_answer(&a_claim(&format!("late {purged}"), at(0)), 200, sealed("x")).await.unwrap();
    }
    assert_eq!(purged, 10);
    assert_eq!(store.purge_claims(end, 100).await.unwrap(), 5);
}

#[tokio::test]
async fn canceling_a_session_reaches_its_earlier_deliveries() {
    let (store, _directory) = open();
    let session = a_session(ALICE).limits(&free_to_send()).unleased().at(at(0));
    let Issued::Created { record, .. } = store.issue(session, at(0)).await.unwrap() else { panic!("not issued") };
    let mut deliveries = vec![record.delivery];
    for second in 1..4 {
        let mut resend = Resend { limits: limited_by(&free_to_send()), ..a_resend(&record, at(second)) };
        resend.delivery.leased_for = None;
        deliveries.push(resend.delivery.id);
        store.resend(resend, at(second)).await.unwrap().unwrap();
    }
    // The one before the last has been taken, and may be on its way.
    let mut claimed = store.claim_due(LEASE, 3, at(5)).await.unwrap();
    let taken = claimed.pop().unwrap();
    for given_back in claimed {
        let retry = Progress { attempted: true, due_at: Some(at(9)), ..Progress::default() };
        store.progress(&given_back.lease, retry).await.unwrap().unwrap();
    }
    store.cancel(home(), record.session.id, None, at(6)).await.unwrap().unwrap();
    for id in deliveries {
        let status = store.find_delivery(home(), id).await.unwrap().unwrap().delivery.status();
        let expected = if id == taken.record.id { DeliveryStatus::Queued } else { DeliveryStatus::Canceled };
        assert_eq!(status, expected, "{id}");
    }
}

#[tokio::test]
async fn the_code_of_a_session_is_not_canceled_as_a_message() {
    let (store, _directory) = open();
    let session = a_session(ALICE).unleased().at(at(0));
    let id = session.delivery.id;
    store.issue(session, at(0)).await.unwrap();
    assert_eq!(store.cancel_delivery(home(), id, None, at(1)).await.unwrap(), None);
    assert_eq!(store.claim_due(LEASE, 10, at(1)).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_that_a_worker_took_over_is_not_withdrawn() {
    let (store, _directory) = open();
    let record = issue(&store, ALICE, "first", 0).await;
    // The caller was so slow that its lease ran out.
    let late = at(0).plus(LEASE);
    assert_eq!(store.claim_due(LEASE, 10, late).await.unwrap().len(), 1);
    store.withdraw(a_withdrawal(&record, Before::NoSession(None)), late).await.unwrap();
    let (found, _) = store.find(home(), record.session.id).await.unwrap().unwrap();
    assert_eq!(found, record, "the worker may have sent it by now");
}

#[tokio::test]
async fn the_ids_of_purged_deliveries_do_not_pile_up() {
    let (store, _directory) = open();
    for day in 0..4_u32 {
        let now = START.plus(DAY * day);
        let message = NewDelivery { leased_for: Some(LEASE), ..a_message(ALICE, now) };
        let lease = Lease::first(home(), message.id);
        store.enqueue(message, None, now).await.unwrap();
        store.progress(&lease, an_acceptance(&format!("wamid.{day}"), now)).await.unwrap().unwrap();
    }
    let kept = async || {
        let count = |connection: &mut SqliteConnection| {
            Ok(crate::schema::provider_messages::table.count().get_result::<i64>(connection)?)
        };
        store.read(count).await.unwrap()
    };
    assert_eq!(kept().await, 4);
    let purge = |limit| store.purge_deliveries(START.plus(DAY * 3), limit);
    assert_eq!(purge(2).await.unwrap(), 2, "of the deliveries");
    assert_eq!(kept().await, 2, "not more of the ids either");
    purge(10).await.unwrap();
    assert_eq!(kept().await, 1);
}
