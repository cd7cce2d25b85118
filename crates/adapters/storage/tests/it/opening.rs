use std::path::{Path, PathBuf};

use tempfile::TempDir;
use whatotp_ports::{AccountStore, DeliveryStore, IdempotencyStore, Prior, Subject};
use whatotp_storage::{Holder, OpenError, SqliteSettings, SqliteStore, is_unused, migrate};
use whatotp_testkit::START;
use whatotp_testkit::fixtures::{ALICE, LEASE, a_claim, a_message, an_account, at};

fn directory() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("whatotp.db");
    (directory, path)
}

fn serve(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&SqliteSettings { create: true, ..SqliteSettings::new(path) }, START)
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The error of something that must fail. (A store has no `Debug`.)
fn refused(opened: Result<SqliteStore, OpenError>) -> OpenError {
    opened.err().expect("it must be refused")
}

#[test]
fn a_mistyped_path_is_refused_and_nothing_is_made() {
    let (directory, path) = directory();
    for settings in [
        SqliteSettings::new(&path),
        SqliteSettings::beside(&path),
        SqliteSettings { create: true, ..SqliteSettings::beside(&path) },
    ] {
        let error = refused(SqliteStore::open(&settings, START));
        assert!(matches!(error, OpenError::NoDatabase { .. }), "{error}");
        assert!(error.to_string().contains("whatotp migrate"), "{error}");
    }
    let nowhere = directory.path().join("nowhere").join("whatotp.db");
    assert!(matches!(refused(serve(&nowhere)), OpenError::NoDirectory { .. }));
    assert!(matches!(migrate(&nowhere, false), Err(OpenError::NoDirectory { .. })));
    assert_eq!(entries(directory.path()), [""; 0]);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_directory, path) = directory();
    let text = "not a database, but somebody's notes\n".repeat(100);
    std::fs::write(&path, &text).unwrap();
    assert!(matches!(refused(serve(&path)), OpenError::Engine(_)));
    assert!(matches!(migrate(&path, false), Err(OpenError::Engine(_))));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn one_process_serves_a_database_and_a_second_learns_which() {
    let (directory, path) = directory();
    let first = serve(&path).unwrap();
    let error = refused(serve(&path));
    let OpenError::InUse { holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*holder, Holder(Some(std::process::id())));
    assert!(error.to_string().contains(&format!("in use by process {}", std::process::id())), "{error}");
    // By another name it is the same database.
    let roundabout = directory.path().join(".").join("whatotp.db");
    assert!(matches!(refused(serve(&roundabout)), OpenError::InUse { .. }));
    drop(first);
    serve(&path).unwrap();
}

#[tokio::test]
async fn a_short_command_works_beside_the_server() {
    let (_directory, path) = directory();
    let server = serve(&path).unwrap();
    let command = SqliteStore::open(&SqliteSettings::beside(&path), START).unwrap();
    command.insert_account(an_account(1)).await.unwrap();
    assert_eq!(server.list_accounts().await.unwrap(), [an_account(1)]);
    server.insert_account(an_account(2)).await.unwrap();
    assert_eq!(command.list_accounts().await.unwrap().len(), 2);
    drop(server);
    command.insert_account(an_account(3)).await.unwrap();
}

#[test]
fn a_short_command_does_not_migrate_and_says_what_to_do() {
    let (_directory, path) = directory();
    std::fs::write(&path, []).unwrap();
    let error = refused(SqliteStore::open(&SqliteSettings::beside(&path), START));
    let OpenError::PendingMigrations { names } = &error else { panic!("{error}") };
    assert_eq!(*names, migrate(&path, true).unwrap());
    assert!(error.to_string().contains("whatotp migrate"), "{error}");
}

#[test]
fn a_check_names_what_is_pending_and_changes_nothing() {
    let (directory, path) = directory();
    let pending = migrate(&path, true).unwrap();
    assert_eq!(pending.first().map(String::as_str), Some("2026-11-23-000000_first_tables"));
    assert_eq!(entries(directory.path()), [""; 0]);
    assert_eq!(migrate(&path, false).unwrap(), pending);
    assert_eq!(migrate(&path, true).unwrap(), [""; 0]);
    assert_eq!(migrate(&path, false).unwrap(), [""; 0]);
}

#[test]
fn processes_that_start_together_migrate_once() {
    for _ in 0..5 {
        let (_directory, path) = directory();
        let start = std::sync::Barrier::new(4);
        let applied: Vec<Vec<String>> = std::thread::scope(|scope| {
            let migrating = || {
                start.wait();
                migrate(&path, false).unwrap()
            };
            let threads = [(); 4].map(|()| scope.spawn(migrating));
            threads.map(|thread| thread.join().unwrap()).into()
        });
        assert_eq!(applied.iter().filter(|names| !names.is_empty()).count(), 1, "{applied:?}");
        assert!(SqliteStore::open(&SqliteSettings::beside(&path), START).is_ok());
    }
}

#[tokio::test]
async fn what_a_dead_server_had_leased_is_due_when_the_next_one_starts() {
    let (_directory, path) = directory();
    let server = serve(&path).unwrap();
    server.enqueue(a_message(ALICE, START), None, START).await.unwrap();
    assert_eq!(server.claim_due(LEASE, 10, START).await.unwrap().len(), 1);
    let command = SqliteStore::open(&SqliteSettings::beside(&path), at(1)).unwrap();
    assert_eq!(command.next_due().await.unwrap(), Some(START.plus(LEASE)), "a command takes no lease away");
    drop((server, command));

    let server = SqliteStore::open(&SqliteSettings::new(&path), at(2)).unwrap();
    let claimed = server.claim_due(LEASE, 10, at(2)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert!(claimed[0].interrupted, "its worker may or may not have sent it");
}

#[tokio::test]
async fn what_a_dead_server_had_claimed_is_abandoned_when_the_next_one_starts() {
    let (_directory, path) = directory();
    let server = serve(&path).unwrap();
    let (claim, message) = (a_claim("once", START), a_message(ALICE, START));
    server.enqueue(message.clone(), Some(claim.clone()), START).await.unwrap();
    let command = SqliteStore::open(&SqliteSettings::beside(&path), at(1)).unwrap();
    assert_eq!(command.find_prior(&claim, at(1)).await.unwrap(), Some(Prior::Running), "a command abandons nothing");
    drop((server, command));

    let server = SqliteStore::open(&SqliteSettings::new(&path), at(1)).unwrap();
    let abandoned = Some(Prior::Abandoned(Subject::Message(message.id)));
    assert_eq!(server.find_prior(&claim, at(1)).await.unwrap(), abandoned);
}

#[tokio::test]
async fn any_path_will_do() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["a b.db", "100%25.db", "a?mode=memory", "a#b", "ü.db"] {
        let path = directory.path().join(name);
        let store = serve(&path).unwrap();
        store.insert_account(an_account(1)).await.unwrap();
        drop(store);
        assert!(path.metadata().unwrap().len() > 0, "{name}");
        let again = SqliteStore::open(&SqliteSettings::beside(&path), START).unwrap();
        assert_eq!(again.list_accounts().await.unwrap().len(), 1, "{name}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    let (directory, path) = directory();
    let store = serve(&path).unwrap();
    store.insert_account(an_account(1)).await.unwrap();
    let names = entries(directory.path());
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        let mode = std::fs::metadata(directory.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_database_is_unused_until_it_has_an_account() {
    let (_directory, path) = directory();
    assert!(matches!(is_unused(&path), Err(OpenError::NoDatabase { .. })));
    std::fs::write(&path, "").unwrap();
    assert!(is_unused(&path).unwrap(), "an empty file is what a start leaves that was cut off");
    migrate(&path, false).unwrap();
    assert!(is_unused(&path).unwrap());
    let store = serve(&path).unwrap();
    store.insert_account(an_account(1)).await.unwrap();
    assert!(!is_unused(&path).unwrap());
}
