use whatotp_domain::{AccountScope, Mode, SessionId};
use whatotp_vault::{Keyring, Kid};

use crate::support::{kid_of, length, ring, scope, session};

fn code(ring: &Keyring, kid: Kid, scope: AccountScope, session: SessionId, purpose: &str, digits: u8) -> String {
    ring.derive_code(&kid, scope, session, purpose, length(digits)).unwrap().expose().to_owned()
}

/// Of 200 sessions, how many have the same code when it is derived in two ways. Unrelated 8-digit codes agree once in
/// 10^8, so even one would be a sign.
fn agreements(one: impl Fn(SessionId) -> String, other: impl Fn(SessionId) -> String) -> usize {
    (0..200).map(session).filter(|session| one(*session) == other(*session)).count()
}

#[test]
fn a_code_is_bound_to_everything_it_is_for() {
    let ring = ring(&["a", "b"]);
    let (a, b) = (kid_of("a"), kid_of("b"));
    let (live, test, other) = (scope(1, Mode::Live), scope(1, Mode::Test), scope(2, Mode::Live));
    let usual = |session| code(&ring, a, live, session, "login", 8);
    assert_eq!(agreements(usual, usual), 200);
    assert_eq!(agreements(usual, |session| code(&ring, b, live, session, "login", 8)), 0, "key");
    assert_eq!(agreements(usual, |session| code(&ring, a, test, session, "login", 8)), 0, "mode");
    assert_eq!(agreements(usual, |session| code(&ring, a, other, session, "login", 8)), 0, "account");
    assert_eq!(agreements(usual, |session| code(&ring, a, live, session, "logi", 8)), 0, "purpose");
    assert_eq!(agreements(usual, |session| code(&ring, a, live, session, "", 8)), 0, "no purpose");
    let distinct: std::collections::HashSet<String> = (0..200).map(session).map(usual).collect();
    assert_eq!(distinct.len(), 200, "session");
}

#[test]
fn a_short_code_is_no_part_of_a_long_one() {
    let ring = ring(&["a"]);
    let (kid, scope) = (kid_of("a"), scope(1, Mode::Live));
    let tail = |session| code(&ring, kid, scope, session, "login", 8)[2..].to_owned();
    assert_eq!(agreements(|session| code(&ring, kid, scope, session, "login", 6), tail), 0);
}

#[test]
fn every_length_has_its_number_of_digits_and_keeps_leading_zeros() {
    let ring = ring(&["a"]);
    for digits in 4..=8 {
        let codes: Vec<String> =
            (0..200).map(|at| code(&ring, kid_of("a"), scope(1, Mode::Live), session(at), "login", digits)).collect();
        assert!(codes.iter().all(|code| code.len() == usize::from(digits)));
        assert!(codes.iter().all(|code| code.bytes().all(|byte| byte.is_ascii_digit())));
        assert!(codes.iter().any(|code| code.starts_with('0')));
    }
}

#[test]
fn a_retired_key_still_derives_the_codes_it_made() {
    let (before, after) = (ring(&["a"]), ring(&["b", "a"]));
    let kid = before.active_kid();
    assert_ne!(after.active_kid(), kid);
    let scope = scope(1, Mode::Live);
    assert_eq!(code(&before, kid, scope, session(1), "login", 6), code(&after, kid, scope, session(1), "login", 6));
}

#[test]
fn a_key_that_is_not_on_the_ring_derives_nothing() {
    let ring = ring(&["a", "b"]);
    assert!(ring.derive_code(&kid_of("c"), scope(1, Mode::Live), session(1), "login", length(6)).is_none());
    assert_eq!(ring.kids().collect::<Vec<_>>(), [kid_of("a"), kid_of("b")]);
    assert_eq!(ring.index_kid(), kid_of("b"));
}
