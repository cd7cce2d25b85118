//! What somebody does to the audit log who can write to the database but has no key.

use std::future::Future;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use whatotp_domain::AuditAction;
use whatotp_ports::{Appended, AuditCheck, AuditFault, AuditPurged, AuditStore};
use whatotp_storage::{SqliteSettings, SqliteStore};
use whatotp_testkit::fixtures::{an_audit_entry, at};
use whatotp_testkit::{START, test_keyring};

/// What is found first.
enum Found {
    Entry(i64),
    Missing(i64),
    Head,
}

use Found::{Entry, Head, Missing};

/// Of five entries. In the words of both engines.
const CASES: [(&str, &str, Found); 20] = [
    ("a detail is changed", "UPDATE audit_log SET detail = 'x' WHERE seq = 3", Entry(3)),
    ("a subject is changed", "UPDATE audit_log SET subject = '' WHERE seq = 1", Entry(1)),
    ("an action is changed", "UPDATE audit_log SET action = 'key.stolen' WHERE seq = 5", Entry(5)),
    ("an actor is changed", "UPDATE audit_log SET actor = 'system' WHERE seq = 2", Entry(2)),
    ("an account is taken away", "UPDATE audit_log SET account_id = NULL WHERE seq = 3", Entry(3)),
    ("a moment is changed", "UPDATE audit_log SET at = at + 1 WHERE seq = 4", Entry(4)),
    ("an id is changed", "UPDATE audit_log SET id = 'nothing' WHERE seq = 4", Entry(4)),
    ("a MAC is copied", "UPDATE audit_log SET mac = (SELECT mac FROM audit_log WHERE seq = 2) WHERE seq = 3", Entry(3)),
    (
        "words move from one column to the next",
        "UPDATE audit_log SET subject = subject || 'by', detail = ' hand' WHERE seq = 3",
        Entry(3),
    ),
    ("one is deleted", "DELETE FROM audit_log WHERE seq = 3", Missing(3)),
    (
        "one is deleted and the others move up",
        "DELETE FROM audit_log WHERE seq = 3; UPDATE audit_log SET seq = 3 WHERE seq = 4;
         UPDATE audit_log SET seq = 4 WHERE seq = 5",
        Entry(3),
    ),
    (
        "two are swapped",
        "UPDATE audit_log SET seq = 100 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 3;
         UPDATE audit_log SET seq = 3 WHERE seq = 100",
        Entry(2),
    ),
    (
        "one is put in between",
        "UPDATE audit_log SET seq = 6 WHERE seq = 5; UPDATE audit_log SET seq = 5 WHERE seq = 4;
         INSERT INTO audit_log SELECT 4, id, at, account_id, actor, action, subject, detail, mac FROM audit_log
            WHERE seq = 3",
        Entry(4),
    ),
    (
        "one is put at the end",
        "INSERT INTO audit_log SELECT 6, id, at, account_id, actor, action, subject, detail, mac FROM audit_log
            WHERE seq = 5",
        Entry(6),
    ),
    ("the newest is deleted", "DELETE FROM audit_log WHERE seq = 5", Missing(5)),
    (
        "the newest is deleted and the head moved back",
        "DELETE FROM audit_log WHERE seq = 5;
         UPDATE audit_head SET seq = 4, mac = (SELECT mac FROM audit_log WHERE seq = 4)",
        Head,
    ),
    ("the oldest is deleted", "DELETE FROM audit_log WHERE seq = 1", Missing(1)),
    (
        "the oldest is deleted as if its time were over",
        "UPDATE audit_head SET anchor_seq = 1, anchor_mac = (SELECT mac FROM audit_log WHERE seq = 1);
         DELETE FROM audit_log WHERE seq = 1",
        Head,
    ),
    ("all are deleted", "DELETE FROM audit_log", Missing(1)),
    ("the head is deleted", "DELETE FROM audit_head", Head),
];

/// Goes through the cases, each on a new store, which `open` returns with the means to tamper with it.
pub(crate) async fn all_tampering_is_found<S, G, T, F>(open: impl Fn() -> F)
where
    S: AuditStore,
    T: Fn(&str),
    F: Future<Output = (S, T, G)>,
{
    let key = test_keyring().audit_key();
    for (case, sql, found) in CASES {
        let (store, tamper, _guard) = open().await;
        for second in 0..5 {
            let entry = an_audit_entry(AuditAction::KeyCreated, at(second));
            assert!(matches!(store.append_audit(entry, &key).await.unwrap(), Appended::Whole(_)));
        }
        tamper(sql);
        assert_found(&store, &found, case).await;
        // Nor does it heal: not by what is written later, and not by a purge.
        let purged = store.purge_audit(START, 10, &key).await.unwrap();
        assert_eq!(purged.deleted, 0, "{case}");
        for second in 10..12 {
            let entry = an_audit_entry(AuditAction::KeyRevoked, at(second));
            store.append_audit(entry, &key).await.unwrap();
        }
        let check = AuditCheck::of(&store, &key).await.unwrap();
        assert!(matches!(check, AuditCheck::Broken { .. }), "{case}, and then more: {check:?}");
    }
}

async fn assert_found(store: &impl AuditStore, found: &Found, case: &str) {
    let check = AuditCheck::of(store, &test_keyring().audit_key()).await.unwrap();
    let AuditCheck::Broken { first, .. } = check else { panic!("{case}: {check:?}") };
    let is_it = match (found, &first) {
        (Entry(expected), AuditFault::Entry { seq, .. }) | (Missing(expected), AuditFault::Missing { seq }) => {
            expected == seq
        }
        (Head, AuditFault::Head) => true,
        _ => false,
    };
    assert!(is_it, "{case}: {first:?}");
}

/// What was tampered with is not deleted as old: that would hide it.
pub(crate) async fn what_was_tampered_with_is_not_purged(store: impl AuditStore, tamper: impl Fn(&str)) {
    let key = test_keyring().audit_key();
    for second in 0..5 {
        store.append_audit(an_audit_entry(AuditAction::KeyCreated, at(second)), &key).await.unwrap();
    }
    tamper("UPDATE audit_log SET at = 0");
    let purged = store.purge_audit(START, 10, &key).await.unwrap();
    assert_eq!(purged, AuditPurged { deleted: 0, is_whole: false });
    assert_eq!(store.audit_after(0, 10).await.unwrap().len(), 5);
    tamper("DELETE FROM audit_head");
    let purged = store.purge_audit(START, 10, &key).await.unwrap();
    assert_eq!(purged, AuditPurged { deleted: 0, is_whole: false });
}

fn sqlite() -> (SqliteStore, impl Fn(&str), tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tampering.db");
    let store = SqliteStore::open(&SqliteSettings { create: true, ..SqliteSettings::new(&path) }, START).unwrap();
    let tamper = move |sql: &str| {
        SqliteConnection::establish(path.to_str().unwrap()).unwrap().batch_execute(sql).unwrap();
    };
    (store, tamper, directory)
}

#[tokio::test]
async fn all_tampering_with_sqlite_is_found() {
    all_tampering_is_found(|| std::future::ready(sqlite())).await;
}

#[tokio::test]
async fn what_was_tampered_with_in_sqlite_is_not_purged() {
    let (store, tamper, _guard) = sqlite();
    what_was_tampered_with_is_not_purged(store, tamper).await;
}
