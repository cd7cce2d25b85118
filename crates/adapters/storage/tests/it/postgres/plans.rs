//! How PostgreSQL finds the rows, by its own account, when there are very many.

use std::collections::BTreeMap;

use whatotp_domain::{DeliveryStatus, LedgerPolicy};
use whatotp_ports::{
    Before, DeliveryFilter, DeliveryStore, IdempotencyStore, Issued, Lease, NewDelivery, SessionStore,
};
use whatotp_storage::postgres::PostgresStore;
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{
    ALICE, BOB, LEASE, a_claim, a_fallback, a_message, a_number, a_report, a_resend, a_session, a_withdrawal,
    an_acceptance, an_attempt, at, home, message_of, naming, other_account, sealed,
};

use super::server::{migrated, server, settings};

const HOT: [&str; 6] =
    ["otp_sessions", "deliveries", "number_ledgers", "idempotency_claims", "provider_messages", "waiting_reports"];

/// A hundred thousand rows in each hot table, of a hundred accounts.
const FILL: &str = r"
    INSERT INTO otp_sessions SELECT a, 'otp_00000000000000' || lpad(n::text, 12, '0'), 'test', 'login', 6, 'aaaaaaaa', '\x01',
        decode(md5(n::text) || md5(n::text), 'hex'), NULL, 'msg_0', 'verified', 1, 5, 1, 5, 1, 2, 1, 1
        FROM generate_series(1, 100000) AS n, LATERAL (SELECT 'acc_' || lpad((n % 100)::text, 26, '0') AS a) AS k;
    INSERT INTO deliveries (account_id, id, mode, session_id, template_id, recipient, number, status, queued_at, route,
        fallback, attempts, in_doubt, lease_token, leased, due_at, created_at, expires_at)
        SELECT a, 'msg_00000000000000' || lpad(n::text, 12, '0'), 'test', CASE WHEN n % 2 = 0 THEN 'otp_0' END,
        CASE WHEN n % 2 = 1 THEN 'tpl_0' END, '\x01', decode(md5(n::text) || md5(n::text), 'hex'), 'queued', 1, 0, 0, 0, 0,
        0, 0, CASE WHEN n % 10 = 0 THEN 9000000000000 END, 1, 2
        FROM generate_series(1, 100000) AS n, LATERAL (SELECT 'acc_' || lpad((n % 100)::text, 26, '0') AS a) AS k;
    INSERT INTO number_ledgers SELECT 'acc_' || lpad((n % 100)::text, 26, '0'), 'test',
        decode(md5(n::text) || md5(n::text), 'hex'), '[]', '[]', '[]', NULL FROM generate_series(1, 100000) AS n;
    INSERT INTO idempotency_claims SELECT 'acc_' || lpad((n % 100)::text, 26, '0'), 'test',
        decode(md5(n::text) || md5(n::text), 'hex'), decode(md5(n::text) || md5(n::text), 'hex'), 'message:x', 1,
        9000000000000 + n, NULL, NULL FROM generate_series(1, 100000) AS n;
    INSERT INTO provider_messages SELECT 20700 + n % 30, decode(md5(n::text) || md5(n::text), 'hex'),
        'acc_' || lpad((n % 100)::text, 26, '0'), 'test', 'msg_0' FROM generate_series(1, 100000) AS n;
    INSERT INTO waiting_reports SELECT decode(md5(n::text) || md5(n::text), 'hex'), 'sent', n, NULL, NULL, NULL,
        9000000000000 + n FROM generate_series(1, 100000) AS n;
    ANALYZE";

/// Everything that is asked for while codes are sent and verified, and while old rows are forgotten.
async fn use_everything(store: &PostgresStore) {
    let claim = a_claim("plans", START);
    let issued = store.issue(a_session(ALICE).claim(&claim).at(START), START).await.unwrap();
    let Issued::Created { record, .. } = issued else { panic!("{issued:?}") };
    let id = record.session.id;
    store.settle_attempt(an_attempt(&record, false), at(1)).await.unwrap();
    store.find(home(), id).await.unwrap();
    store.find_prior(&claim, at(1)).await.unwrap();
    store.keep_answer(&claim, 200, sealed("body")).await.unwrap();
    store.fall_back(home(), id, record.delivery, a_fallback(&record, at(2)), at(2)).await.unwrap();
    store.resend(a_resend(&record, at(40)), at(40)).await.unwrap();
    let lease = Lease::first(home(), record.delivery);
    store.progress(&lease, an_acceptance("wamid.1", at(2))).await.unwrap();
    let status = DeliveryStatus::Delivered;
    let nameless = a_report("wamid.1", status, at(3));
    store.record_reports(vec![nameless, a_report("wamid.2", status, at(3))], at(3)).await.unwrap();
    store.record_reports(vec![naming(record.delivery, &a_report("wamid.3", status, at(3)))], at(3)).await.unwrap();
    store.find_by_message(&message_of("wamid.1")).await.unwrap();
    store.cancel(home(), id, None, at(41)).await.unwrap();
    for purpose in ["one", "two"] {
        let new = a_session(&a_number(7)).limits(&LedgerPolicy::unlimited()).purpose(purpose).at(at(1));
        store.issue(new, at(1)).await.unwrap();
    }
    let replacing = a_session(&a_number(7)).limits(&LedgerPolicy::unlimited()).purpose("one").at(at(2));
    let Issued::Created { record, superseded } = store.issue(replacing, at(2)).await.unwrap() else { panic!() };
    assert!(superseded.is_some());
    store.withdraw(a_withdrawal(&record, Before::NoSession(superseded)), at(3)).await.unwrap();
    store.fail(home(), record.session.id, at(3)).await.unwrap();
    for (n, scope) in [home(), home(), home(), other_account()].into_iter().enumerate() {
        let message = NewDelivery { scope, ..a_message(BOB, at(n.try_into().unwrap())) };
        store.enqueue(message.clone(), None, at(1)).await.unwrap();
        store.find_delivery(scope, message.id).await.unwrap();
        if n == 0 {
            store.cancel_delivery(scope, message.id, None, at(1)).await.unwrap();
        }
    }
    // As many as are asked for, so that they are shared out.
    assert_eq!(store.claim_due(LEASE, 2, at(9)).await.unwrap().len(), 2);
    store.next_due().await.unwrap();
    let filter = DeliveryFilter { limit: 20, ..DeliveryFilter::default() };
    store.list_deliveries(home(), &filter).await.unwrap();
    store.search_deliveries(home(), &filter, 1000).await.unwrap();
    store.count_deliveries(home(), (START, at(60)), None, 1000).await.unwrap();
    store.session_states(home(), vec![id, record.session.id]).await.unwrap();
    let dead = store.list_dead_letters(None, 100).await.unwrap();
    assert!(!store.discard_dead_letter(home(), record.delivery, at(60)).await.unwrap(), "{dead:?}");
    store.purge_sessions(START, 1000).await.unwrap();
    store.purge_deliveries(START, 1000).await.unwrap();
    store.purge_ledgers(&LedgerPolicy::default(), at(1), 1000).await.unwrap();
    store.purge_claims(at(1), 1000).await.unwrap();
    store.purge_reports(at(1), 1000).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_finds_its_rows_by_an_index() {
    let database = migrated().await;
    server().psql(
        "postgres",
        &format!(
            "ALTER DATABASE {database} SET session_preload_libraries = 'auto_explain';
             ALTER DATABASE {database} SET auto_explain.log_min_duration = 0;
             ALTER DATABASE {database} SET auto_explain.log_level = 'log'"
        ),
    );
    let store = PostgresStore::open(&settings(&database)).await.unwrap();
    server().psql(&database, &format!("SET auto_explain.log_min_duration = -1; {FILL}"));
    let begin = server().log().len();
    use_everything(&store).await;
    let log = server().log()[begin..].to_owned();
    let plans = plans(&log);
    assert!(plans.len() > 45, "only {} statements: {:#?}", plans.len(), plans.keys());
    for (statement, plan) in &plans {
        for table in HOT {
            let lines: Vec<&str> = plan.lines().collect();
            for (at, line) in lines.iter().enumerate() {
                let scans = line.contains(&format!(" on {table} ")) || line.contains(&format!(" on {table}  "));
                if !scans || line.contains("Insert on") || line.contains("Update on") || line.contains("Delete on") {
                    continue;
                }
                assert!(!line.contains("Seq Scan"), "{statement}\n{plan}");
                // A walk through an index is as bad as one through the table, unless something ends it early.
                let is_bound = lines[at..].iter().skip(1).take(2).any(|line| line.contains("Index Cond"));
                let ends_early = plan.contains("Limit");
                assert!(is_bound || ends_early, "{statement}\n{plan}");
            }
        }
    }
    if std::env::var_os("SHOW_PLANS").is_some() {
        for (statement, plan) in plans {
            println!("{statement}\n{plan}\n");
        }
    }
}

/// The plan of each statement in the log.
fn plans(log: &str) -> BTreeMap<String, String> {
    let mut plans = BTreeMap::new();
    for entry in log.split("LOG:  duration: ").skip(1) {
        let Some((_, rest)) = entry.split_once("Query Text: ") else { continue };
        let lines: Vec<&str> =
            rest.lines().take_while(|line| line.starts_with('\t') || !line.contains(" UTC ")).collect();
        let plan = lines.iter().position(|line| line.contains("(cost=")).unwrap_or(lines.len());
        plans.insert(lines[..plan].join("\n"), lines[plan..].join("\n"));
    }
    plans
}
