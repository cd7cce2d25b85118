use std::fs::{self, Permissions};
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{files_in, run, server};

const LISTEN: (&str, &str) = ("WHATOTP_LISTEN", "127.0.0.1:0");

/// Both ways to start refuse, with one line that says all of this; nothing is made or changed.
fn assert_refused(directory: &Path, variables: &[(&str, &str)], said: &[&str]) {
    let before = contents(directory);
    for arguments in [&[][..], &["serve"]] {
        let variables: Vec<_> = [LISTEN].iter().chain(variables).copied().collect();
        let refused = run(directory, &variables, arguments);
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert_eq!(refused.stdout, "", "{refused:?}");
        let [line] = refused.stderr.lines().collect::<Vec<_>>()[..] else { panic!("one line: {refused:?}") };
        assert!(line.starts_with("whatotp: "), "{line}");
        for part in said {
            assert!(line.contains(part), "{part:?} in {line}");
        }
        assert!(line.len() < 400, "{line}");
        assert_eq!(contents(directory), before, "{variables:?}");
    }
}

/// Every file with a digest of what is in it. SQLite's own side files come and go with who reads the database.
fn contents(directory: &Path) -> Vec<(PathBuf, u64)> {
    let is_side_file = |path: &PathBuf| {
        let name = path.to_string_lossy();
        name.ends_with("-shm") || name.ends_with("-wal") || name.ends_with(".lock")
    };
    let digest = BuildHasherDefault::<DefaultHasher>::default();
    let files = files_in(directory).into_iter().filter(|path| !is_side_file(path));
    files.map(|path| (path.clone(), digest.hash_one(fs::read(&path).unwrap_or_default()))).collect()
}

/// A directory in which a server has been and gone.
fn used() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut server = server(directory.path()).start();
    server.terminate();
    server.wait();
    directory
}

#[test]
fn a_world_readable_master_key() {
    let directory = used();
    let key = directory.path().join("data/master.key");
    for mode in [0o644, 0o640, 0o604, 0o660] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        assert_refused(directory.path(), &[], &["data/master.key", "open to others", "chmod 600"]);
    }
}

#[test]
fn a_master_key_that_is_none() {
    let directory = used();
    let key = directory.path().join("data/master.key");
    for text in ["", "secret", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="] {
        fs::write(&key, text).unwrap();
        assert_refused(directory.path(), &[], &["data/master.key"]);
    }
}

#[test]
fn a_missing_database_beside_a_master_key() {
    let directory = used();
    fs::remove_file(directory.path().join("data/whatotp.db")).unwrap();
    assert_refused(directory.path(), &[], &["data/master.key", "no database at data/whatotp.db", "whatotp migrate"]);
    let mistyped = [("WHATOTP_DATABASE_URL", "sqlite:data/whatopt.db")];
    assert_refused(directory.path(), &mistyped, &["no database at data/whatopt.db"]);
}

#[test]
fn what_is_asked_of_stored_data_makes_no_database() {
    for command in [
        &["erase", "+4915112345678", "--yes"][..],
        &["rotate-keys"],
        &["numbers", "show", "+4915112345678"],
        &["blocks", "list"],
        &["accounts", "list"],
        &["keys", "list"],
        &["events"],
    ] {
        let directory = tempfile::tempdir().unwrap();
        let ran = run(directory.path(), &[], command);
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("there is no database"), "{command:?}: {ran:?}");
        assert_eq!(contents(directory.path()), [], "{command:?}");
    }
}

#[test]
fn a_missing_master_key_beside_a_database() {
    let directory = used();
    fs::remove_file(directory.path().join("data/master.key")).unwrap();
    assert_refused(directory.path(), &[], &["data/whatotp.db", "no master key at data/master.key", "backup"]);
}

#[test]
fn the_master_key_of_another_database() {
    let (directory, other) = (used(), used());
    let foreign = [("WHATOTP_MASTER_KEY_FILE", other.path().join("data/master.key").display().to_string())];
    let foreign = foreign.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_refused(directory.path(), &foreign, &["belongs to the master key", "master_key_file", "backup"]);
}

#[test]
fn a_file_that_is_no_database() {
    let directory = used();
    fs::write(directory.path().join("data/whatotp.db"), "this is a text of some length, and no database at all")
        .unwrap();
    assert_refused(directory.path(), &[], &["SQLite cannot use the database"]);
}

#[test]
fn a_database_url_that_this_version_does_not_know() {
    let directory = tempfile::tempdir().unwrap();
    for url in ["mysql://db/whatotp", "data/whatotp.db", "sqlite:", ""] {
        assert_refused(directory.path(), &[("WHATOTP_DATABASE_URL", url)], &["database_url", "sqlite:PATH"]);
    }
    assert_eq!(files_in(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_directory_that_is_not_there() {
    let directory = tempfile::tempdir().unwrap();
    let database = [("WHATOTP_DATABASE_URL", "sqlite:somewhere/whatotp.db")];
    assert_refused(directory.path(), &database, &["no directory somewhere"]);
    let master_key = [("WHATOTP_MASTER_KEY_FILE", "somewhere/master.key"), ("WHATOTP_DATABASE_URL", "sqlite:here.db")];
    assert_refused(directory.path(), &master_key, &["no directory somewhere"]);
    assert_eq!(files_in(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_variable_or_value_that_is_none_of_ours() {
    let directory = tempfile::tempdir().unwrap();
    for (name, value, said) in [
        ("WHATOTP_LIMITS__PRODUKT_PER_MINUTE", "7", "WHATOTP_LIMITS__PRODUKT_PER_MINUTE is not a setting"),
        ("WHATOTP_LIMITS__PRODUCT_PER_MINUTE", "many", "limits.product_per_minute"),
        ("WHATOTP_LISTEN", "localhost", "listen"),
        ("WHATOTP_LOG__LEVEL", "info,whatotp=loud", "log.level"),
        ("WHATOTP_TRUSTED_PROXIES", "10.0.0.0/8,nobody", "trusted_proxies"),
        ("WHATOTP_DATABASE_URL_FILE", "not/there", "WHATOTP_DATABASE_URL_FILE"),
    ] {
        assert_refused(directory.path(), &[(name, value)], &[said]);
    }
    assert_eq!(files_in(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_configuration_file_that_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("whatotp.toml");
    let arguments = ["--config", "whatotp.toml", "serve"];
    for (text, said) in [(None, "cannot be read"), (Some("listen ="), "cannot be read"), (Some("lisen = 1"), "lisen")] {
        if let Some(text) = text {
            fs::write(&path, text).unwrap();
        }
        let refused = run(directory.path(), &[], &arguments);
        assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
        assert!(refused.stderr.contains("whatotp.toml") && refused.stderr.contains(said), "{}", refused.stderr);
    }
}

#[test]
fn a_port_that_is_in_use() {
    let directory = used();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_refused(directory.path(), &[("WHATOTP_LISTEN", &address)], &[&address, "in use", "listen"]);
}

#[test]
fn a_second_process_on_the_same_file() {
    let directory = tempfile::tempdir().unwrap();
    let first = server(directory.path()).start();
    let holder = format!("process {}", first.id());
    assert_refused(directory.path(), &[], &["in use by", &holder]);
    // Another name for the same file does not help.
    std::os::unix::fs::symlink("data", directory.path().join("also")).unwrap();
    let also = [("WHATOTP_DATABASE_URL", "sqlite:also/whatotp.db")];
    assert_refused(directory.path(), &also, &["in use by", &holder]);
}
