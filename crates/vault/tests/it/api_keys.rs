use sha2::{Digest, Sha256};
use whatotp_domain::{ApiKeySecret, Mode};
use whatotp_vault::{KeyHash, key_hash};

use crate::support::hex;

#[test]
fn the_hash_is_sha_256_of_the_label_and_the_whole_key() {
    let secret = ApiKeySecret::mint(Mode::Test, &[7; 32]);
    let expected: [u8; 32] = Sha256::digest(format!("whatotp/api-key/v1{}", secret.expose())).into();
    assert_eq!(key_hash(&secret), KeyHash::from_bytes(expected));
    assert_ne!(key_hash(&secret).as_bytes()[..], Sha256::digest(secret.expose())[..]);
}

#[test]
fn a_live_and_a_test_key_of_the_same_digits_differ() {
    let [live, test] = [Mode::Live, Mode::Test].map(|mode| key_hash(&ApiKeySecret::mint(mode, &[7; 32])));
    assert_ne!(live, test);
}

#[test]
fn two_hashes_are_equal_only_when_every_byte_is() {
    let hash = key_hash(&ApiKeySecret::mint(Mode::Test, &[7; 32]));
    for at in 0..32 {
        let mut bytes = *hash.as_bytes();
        bytes[at] ^= 1;
        assert_ne!(KeyHash::from_bytes(bytes), hash, "byte {at}");
    }
    assert_eq!(KeyHash::from_bytes(*hash.as_bytes()), hash);
}

#[test]
fn the_bucket_is_the_first_eight_bytes_and_debug_shows_two() {
    let hash = KeyHash::from_bytes(std::array::from_fn(|at| u8::try_from(at + 1).unwrap()));
    assert_eq!(hash.to_bucket(), 0x0102_0304_0506_0708);
    assert_eq!(format!("{hash:?}"), "KeyHash(0102…)");
    assert_eq!(hex(hash.as_bytes()).len(), 64);
}
