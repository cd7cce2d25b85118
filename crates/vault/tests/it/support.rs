use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};
use whatotp_domain::{AccountId, AccountScope, CodeLength, Mode, PhoneNumber, SessionId, Timestamp};
use whatotp_vault::{Keyring, Kid, MasterKeys};

/// 2026-11-23T10:00:00Z.
pub(crate) const NOW: Timestamp = Timestamp::from_unix_ms(1_795_428_000_000);

/// One line of a key file. The key is as good as random, and the same for the same seed.
pub(crate) fn key_line(seed: &str) -> String {
    Base64::encode_string(&Sha256::digest(seed))
}

/// A ring of keys, the active one first.
pub(crate) fn ring(seeds: &[&str]) -> Keyring {
    let text: Vec<String> = seeds.iter().map(|seed| key_line(seed)).collect();
    Keyring::new(MasterKeys::parse(&text.join("\n")).unwrap())
}

pub(crate) fn kid_of(seed: &str) -> Kid {
    ring(&[seed]).active_kid()
}

pub(crate) fn scope(account: u8, mode: Mode) -> AccountScope {
    AccountScope { account: AccountId::new(NOW, [account; 10]), mode }
}

pub(crate) fn session(number: u64) -> SessionId {
    let mut random = [2; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    SessionId::new(NOW, random)
}

pub(crate) fn length(digits: u8) -> CodeLength {
    CodeLength::new(digits).unwrap()
}

pub(crate) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
