use std::fs;
use std::path::{Path, PathBuf};

use whatotp_vault::{KeyFileError, Keyring, MasterKeyError, MasterKeys};

use crate::support::key_line;

/// A directory of its own and a path in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("master.key");
    (directory, path)
}

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    set_mode(path, 0o600);
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) {}

/// 32 bytes that look drawn.
fn random() -> [u8; 32] {
    std::array::from_fn(|at| u8::try_from(at * at * 7 % 256).unwrap() ^ 0xA5)
}

#[test]
fn a_created_file_loads_as_the_same_key() {
    let (_directory, path) = place();
    let created = Keyring::new(MasterKeys::create(&path, random()).unwrap());
    let loaded = Keyring::new(MasterKeys::load(&path).unwrap());
    assert_eq!(created.active_kid(), loaded.active_kid());
    assert!(fs::read_to_string(&path).unwrap().starts_with("# The master key of WhatOTP."));
}

#[cfg(unix)]
#[test]
fn a_created_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (_directory, path) = place();
    MasterKeys::create(&path, random()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_file_that_exists_is_never_touched() {
    let (_directory, path) = place();
    write(&path, "precious");
    let refusal = MasterKeys::create(&path, random()).unwrap_err();
    assert!(matches!(refusal, KeyFileError::Exists { .. }), "{refusal}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[cfg(unix)]
#[test]
fn a_link_is_not_followed_to_write() {
    let (directory, path) = place();
    let target = directory.path().join("target");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    assert!(matches!(MasterKeys::create(&path, random()), Err(KeyFileError::Exists { .. })));
    assert!(!target.exists());
}

#[test]
fn of_two_creators_one_wins() {
    let (_directory, path) = place();
    let wins: usize = std::thread::scope(|scope| {
        let create = || scope.spawn(|| usize::from(MasterKeys::create(&path, random()).is_ok()));
        let creators: Vec<_> = (0..8).map(|_| create()).collect();
        creators.into_iter().map(|creator| creator.join().unwrap()).sum()
    });
    assert_eq!(wins, 1);
}

#[test]
fn a_broken_random_number_generator_makes_no_file() {
    let (_directory, path) = place();
    assert!(matches!(MasterKeys::create(&path, [0; 32]), Err(KeyFileError::NotRandom)));
    assert!(!path.exists());
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let (directory, _) = place();
    let path = directory.path().join("missing").join("master.key");
    let refusal = MasterKeys::create(&path, random()).unwrap_err().to_string();
    assert!(refusal.contains("cannot be written") && refusal.contains("check that its directory exists"), "{refusal}");
}

#[test]
fn a_missing_file_says_how_to_make_one() {
    let (_directory, path) = place();
    let shown = path.display();
    assert_eq!(
        MasterKeys::load(&path).unwrap_err().to_string(),
        format!(
            "there is no master key file at {shown}: correct the path, or create it with \
             `(umask 077 && openssl rand -base64 32 > {shown})`"
        )
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_get_at_is_refused() {
    let (_directory, path) = place();
    write(&path, key_line("a"));
    let shown = path.display();
    for mode in [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o700, 0o777, 0o4600] {
        set_mode(&path, mode);
        assert_eq!(
            MasterKeys::load(&path).unwrap_err().to_string(),
            format!("the master key file {shown} is open to others (mode {mode:04o}): run `chmod 600 {shown}`")
        );
    }
    for mode in [0o600, 0o400] {
        set_mode(&path, mode);
        assert!(MasterKeys::load(&path).is_ok(), "{mode:o}");
    }
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_path_and_line() {
    let (_directory, path) = place();
    write(&path, "# ours\nAAAA\n");
    assert_eq!(
        MasterKeys::load(&path).unwrap_err().to_string(),
        format!(
            "the master key file {} cannot be used: the key on line 2 has 3 bytes instead of 32: \
             make a new one with `openssl rand -base64 32`",
            path.display()
        )
    );
}

#[test]
fn raw_bytes_instead_of_base64_are_refused() {
    let (_directory, path) = place();
    write(&path, [0xFF; 32]);
    let refusal = MasterKeys::load(&path).unwrap_err();
    assert!(matches!(refusal, KeyFileError::Invalid { source: MasterKeyError::NotText, .. }), "{refusal}");
}

#[test]
fn a_huge_file_is_refused_without_reading_it_all() {
    let (_directory, path) = place();
    write(&path, "#".repeat(64 * 1024));
    assert!(matches!(MasterKeys::load(&path), Err(KeyFileError::Invalid { source: MasterKeyError::NoKey, .. })));
    write(&path, "#".repeat(64 * 1024 + 1));
    assert!(matches!(MasterKeys::load(&path), Err(KeyFileError::TooLarge { .. })));
}

#[cfg(unix)]
#[test]
fn a_directory_in_the_files_place_cannot_be_read() {
    let (directory, _) = place();
    set_mode(directory.path(), 0o600);
    let refusal = MasterKeys::load(directory.path()).unwrap_err();
    set_mode(directory.path(), 0o700);
    assert!(matches!(refusal, KeyFileError::Unreadable { .. }), "{refusal}");
}

#[test]
fn no_refusal_quotes_the_key() {
    let (_directory, path) = place();
    let key = key_line("a");
    for content in [format!("{key}\n{key}"), format!("{key}x"), format!("{key}\nAAAA")] {
        write(&path, content);
        let refusal = MasterKeys::load(&path).unwrap_err();
        assert!(!format!("{refusal} {refusal:?}").contains(&key[..8]), "{refusal}");
    }
}
