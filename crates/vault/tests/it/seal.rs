use proptest::prelude::*;
use whatotp_domain::Mode;
use whatotp_vault::{Keyring, OpenError, Place, Sealed};

use crate::support::{kid_of, ring, scope};

const VALUE: &[u8] = b"+4915112345678";

fn here() -> Place<'static> {
    Place { scope: Some(scope(1, Mode::Live)), table: "deliveries", column: "recipient", row: b"row 1" }
}

fn sealed(ring: &Keyring) -> Sealed {
    ring.seal(&here(), VALUE, [9; 24])
}

#[test]
fn a_value_opens_only_in_its_own_place() {
    let ring = ring(&["a"]);
    let sealed = sealed(&ring);
    assert_eq!(ring.open(&here(), &sealed).unwrap().as_slice(), VALUE);
    let elsewhere = [
        Place { row: b"row 2", ..here() },
        Place { row: b"", ..here() },
        Place { column: "variables", ..here() },
        Place { table: "tickets", ..here() },
        // The same letters, cut elsewhere.
        Place { table: "deliveriesr", column: "ecipient", ..here() },
        Place { scope: None, ..here() },
        Place { scope: Some(scope(2, Mode::Live)), ..here() },
        Place { scope: Some(scope(1, Mode::Test)), ..here() },
    ];
    for place in elsewhere {
        assert_eq!(ring.open(&place, &sealed), Err(OpenError::Corrupt), "{place:?}");
    }
}

#[test]
fn a_value_of_the_installation_is_no_accounts() {
    let ring = ring(&["a"]);
    let place = Place { scope: None, ..here() };
    let sealed = ring.seal(&place, VALUE, [9; 24]);
    assert_eq!(ring.open(&place, &sealed).unwrap().as_slice(), VALUE);
    for mode in [Mode::Live, Mode::Test] {
        let theirs = Place { scope: Some(scope(1, mode)), ..here() };
        assert_eq!(ring.open(&theirs, &sealed), Err(OpenError::Corrupt));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    let ring = ring(&["a", "b"]);
    let whole = sealed(&ring);
    for bit in 0..whole.as_bytes().len() * 8 {
        let mut bytes = whole.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.open(&here(), &Sealed::from_bytes(bytes)).is_err(), "bit {bit}");
    }
}

#[test]
fn every_truncation_and_extension_is_noticed() {
    let ring = ring(&["a"]);
    let whole = sealed(&ring);
    let bytes = whole.as_bytes();
    for len in 0..bytes.len() {
        assert_eq!(ring.open(&here(), &Sealed::from_bytes(bytes[..len].to_vec())), Err(OpenError::Corrupt), "{len}");
        assert!(ring.open(&here(), &Sealed::from_bytes(bytes[len + 1..].to_vec())).is_err(), "from {len}");
    }
    assert_eq!(ring.open(&here(), &Sealed::from_bytes([bytes, &[0]].concat())), Err(OpenError::Corrupt));
}

#[test]
fn another_keys_id_on_a_value_does_not_open_it() {
    let ring = ring(&["a", "b"]);
    let mut bytes = sealed(&ring).as_bytes().to_vec();
    let other = u32::from_str_radix(kid_of("b").as_str(), 16).unwrap();
    bytes[1..5].copy_from_slice(&other.to_be_bytes());
    let relabelled = Sealed::from_bytes(bytes);
    assert_eq!(relabelled.kid(), Some(kid_of("b")));
    assert_eq!(ring.open(&here(), &relabelled), Err(OpenError::Corrupt));
}

#[test]
fn a_rotation_opens_old_values_and_seals_new_ones_with_the_new_key() {
    let (before, after) = (ring(&["a"]), ring(&["b", "a"]));
    let old = sealed(&before);
    assert_eq!(after.open(&here(), &old).unwrap().as_slice(), VALUE);
    assert_eq!(old.kid(), Some(kid_of("a")));
    assert_eq!(sealed(&after).kid(), Some(after.active_kid()));
    assert_eq!(ring(&["b"]).open(&here(), &old), Err(OpenError::UnknownKey(kid_of("a"))));
    assert_eq!(
        OpenError::UnknownKey(kid_of("a")).to_string(),
        "sealed with the master key 76296572, which is not in the key file: put that key back as a retired one"
    );
}

#[test]
fn debug_shows_the_length_only() {
    assert_eq!(format!("{:?}", sealed(&ring(&["a"]))), "Sealed(59 bytes)");
    assert_eq!(Sealed::from_bytes(Vec::new()).kid(), None);
}

proptest! {
    #[test]
    fn any_value_comes_back(value: Vec<u8>, row: Vec<u8>, nonce: [u8; 24]) {
        let ring = ring(&["a"]);
        let place = Place { row: &row, ..here() };
        let sealed = ring.seal(&place, &value, nonce);
        prop_assert_eq!(sealed.as_bytes().len(), value.len() + 45);
        let opened = ring.open(&place, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), &value[..]);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        prop_assert!(ring(&["a"]).open(&here(), &Sealed::from_bytes(bytes)).is_err());
    }
}
