//! `WhatOTP`'s cryptography: the keyring, codes, sealed columns, blind indexes, key hashes and receipts.
//!
//! Nothing in here draws a random number or reads a clock: both are arguments. The one kind of I/O is the master key
//! file. A secret type derives neither `Debug` nor `Serialize`, and is wiped when it is dropped.
#![deny(missing_docs)]

mod api_keys;
mod blind_index;
mod codes;
mod digest;
mod fingerprint;
mod frame;
mod key_file;
mod keyring;
mod kid;
mod limits;
mod master_key;
mod receipts;
mod seal;

pub use api_keys::{KeyHash, key_hash};
pub use blind_index::{BlindIndex, MessageIndex};
pub use fingerprint::{Fingerprint, IdempotencyHash};
pub use key_file::KeyFileError;
pub use keyring::Keyring;
pub use kid::Kid;
pub use master_key::{EXAMPLE_MASTER_KEY, MasterKey, MasterKeyError, MasterKeys};
pub use receipts::{Jwk, Jwks, RECEIPT_LIFETIME, ReceiptClaims};
pub use seal::{OpenError, Place, Sealed};
