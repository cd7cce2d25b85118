//! `WhatOTP`'s cryptography: the keyring, codes, sealed columns, blind indexes, key hashes and receipts.
//!
//! Nothing in here draws a random number or reads a clock: both are arguments. The one kind of I/O is the master key
//! file. A secret type derives neither `Debug` nor `Serialize`, and is wiped when it is dropped.
#![deny(missing_docs)]

mod api_keys;
mod audit;
mod blind_index;
mod codes;
mod console_tokens;
mod digest;
mod fingerprint;
mod frame;
mod key_file;
mod keyring;
mod kid;
mod limits;
mod master_key;
mod passwords;
mod receipts;
mod seal;
mod totp;

pub use api_keys::{KeyHash, key_hash};
pub use audit::{AuditHead, AuditKey, AuditMac, AuditPoint};
pub use blind_index::{BlindIndex, EmailIndex, MessageIndex};
pub use console_tokens::{LinkHash, LinkToken, RecoveryHash, SessionHash, SessionToken};
pub use fingerprint::{Fingerprint, IdempotencyHash};
pub use key_file::KeyFileError;
pub use keyring::Keyring;
pub use kid::Kid;
pub use master_key::{EXAMPLE_MASTER_KEY, MasterKey, MasterKeyError, MasterKeys};
pub use passwords::PasswordHash;
pub use receipts::{Jwk, Jwks, RECEIPT_LIFETIME, ReceiptClaims};
pub use seal::{OpenError, Place, Sealed};
pub use totp::TotpSecret;
