use whatotp_domain::Mode;

use crate::support::{ring, scope};

const ROUTE: &str = "POST /v1/otp/send";

#[test]
fn a_fingerprint_is_of_the_account_the_mode_the_route_and_every_byte() {
    let ring = ring(&["a"]);
    let here = scope(1, Mode::Live);
    let prints = [
        ring.fingerprint(here, ROUTE, b"{}"),
        ring.fingerprint(here, ROUTE, b"{} "),
        ring.fingerprint(here, "POST /v1/otp/send{", b"}"),
        ring.fingerprint(scope(1, Mode::Test), ROUTE, b"{}"),
        ring.fingerprint(scope(2, Mode::Live), ROUTE, b"{}"),
    ];
    assert_eq!(prints.iter().collect::<std::collections::HashSet<_>>().len(), prints.len());
    assert_eq!(prints[0], ring.fingerprint(here, ROUTE, b"{}"));
}

#[test]
fn an_idempotency_key_means_other_things_elsewhere() {
    let ring = ring(&["a"]);
    let here = scope(1, Mode::Live);
    let hashes = [
        ring.idempotency_key_hash(here, ROUTE, "order-42"),
        ring.idempotency_key_hash(here, ROUTE, "order-43"),
        ring.idempotency_key_hash(here, "POST /v1/messages/send", "order-42"),
        ring.idempotency_key_hash(scope(1, Mode::Test), ROUTE, "order-42"),
        ring.idempotency_key_hash(scope(2, Mode::Live), ROUTE, "order-42"),
    ];
    assert_eq!(hashes.iter().collect::<std::collections::HashSet<_>>().len(), hashes.len());
    assert_ne!(hashes[0].as_bytes(), ring.fingerprint(here, ROUTE, b"order-42").as_bytes());
}

#[test]
fn a_new_key_on_top_forgets_no_request() {
    let (before, after) = (ring(&["a"]), ring(&["c", "b", "a"]));
    let here = scope(1, Mode::Live);
    assert_eq!(before.fingerprint(here, ROUTE, b"{}"), after.fingerprint(here, ROUTE, b"{}"));
    assert_eq!(
        before.idempotency_key_hash(here, ROUTE, "order-42"),
        after.idempotency_key_hash(here, ROUTE, "order-42")
    );
    assert_eq!(before.event_fingerprint(&["a"]), after.event_fingerprint(&["a"]), "nor is news told twice");
}

#[test]
fn an_event_is_told_apart_by_every_part() {
    let ring = ring(&["a"]);
    let parts: [&[&str]; 6] =
        [&[], &[""], &["paused", "en"], &["en", "paused"], &["pause", "den"], &["paused", "en", ""]];
    let prints: std::collections::HashSet<_> = parts.iter().map(|parts| ring.event_fingerprint(parts)).collect();
    assert_eq!(prints.len(), parts.len());
    assert_eq!(ring.event_fingerprint(parts[2]), ring.event_fingerprint(&["paused", "en"]));
}
