use std::fmt;

use chacha20poly1305::XNonce;
use chacha20poly1305::aead::AeadInOut;
use whatotp_domain::AccountScope;
use zeroize::Zeroizing;

use crate::frame::frame;
use crate::{Keyring, Kid};

/// The layout of [`Sealed`] and of what its tag covers.
const VERSION: u8 = 1;

/// Where in the database a sealed value lives. It opens nowhere else: not in another row, column, table or account.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Whose data it is; `None` for what belongs to the whole installation.
    pub scope: Option<AccountScope>,
    /// The table's name.
    pub table: &'static str,
    /// The column's name.
    pub column: &'static str,
    /// What tells the row from the others of its table, such as the bytes of its id.
    pub row: &'a [u8],
}

impl Place<'_> {
    fn associated_data(&self, kid: Kid) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        // No account's id and no mode is empty, so nothing of an account opens as something of the installation.
        let account = self.scope.map(|scope| scope.account.to_bytes());
        let fields: [&[u8]; 7] = [
            &[VERSION],
            &kid.to_raw(),
            account.as_ref().map_or(&[], |bytes| &bytes[..]),
            self.scope.map_or("", |scope| scope.mode.as_str()).as_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row,
        ];
        frame(&fields, |part| bytes.extend_from_slice(part));
        bytes
    }
}

/// A value as the database holds it: a version byte, the key's id (4 bytes), a nonce (24 bytes), then the value and its
/// tag (16 bytes) under XChaCha20-Poly1305. Its length gives the value's length away.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// Takes the bytes back from the database. Whether they are whole shows when they are opened.
    #[must_use]
    pub const fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes for the database.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key it says it needs, so that a rotation finds what is left to seal again; `None` when it is malformed.
    #[must_use]
    pub fn kid(&self) -> Option<Kid> {
        self.parts().map(|parts| parts.kid)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let (version, rest) = self.0.split_first()?;
        let (kid, rest) = rest.split_first_chunk()?;
        let (nonce, ciphertext) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(Parts { kid: Kid::from_raw(*kid), nonce, ciphertext })
    }
}

struct Parts<'a> {
    kid: Kid,
    nonce: &'a [u8; 24],
    ciphertext: &'a [u8],
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The master key it was sealed with is not on the ring.
    #[error("sealed with the master key {0}, which is not in the key file: put that key back as a retired one")]
    UnknownKey(Kid),
    /// It was changed, cut short, or moved from another place.
    #[error("a sealed value was damaged or is not the one that was stored here")]
    Corrupt,
}

impl Keyring {
    /// Encrypts `plaintext` for one place with the active key.
    ///
    /// `nonce` MUST come from the system's random number generator, fresh for every call: two values under one nonce
    /// give each other away.
    ///
    /// # Panics
    /// When `plaintext` is above 256 GiB.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the cipher refuses only values above 256 GiB")]
    pub fn seal(&self, place: &Place<'_>, plaintext: &[u8], nonce: [u8; 24]) -> Sealed {
        let keys = self.active();
        // The plaintext is encrypted where it lies, in a buffer with room for the tag: no second copy of it is left.
        let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + 16));
        buffer.extend_from_slice(plaintext);
        let associated_data = place.associated_data(keys.kid);
        keys.field
            .encrypt_in_place(&XNonce::from(nonce), &associated_data, &mut *buffer)
            .expect("a value fits the cipher's limit");
        Sealed([&[VERSION], &keys.kid.to_raw()[..], &nonce[..], &buffer[..]].concat())
    }

    /// Decrypts what was sealed for the same place, with whichever key it names.
    pub fn open(&self, place: &Place<'_>, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Parts { kid, nonce, ciphertext } = sealed.parts().ok_or(OpenError::Corrupt)?;
        let keys = self.find(kid).ok_or(OpenError::UnknownKey(kid))?;
        let mut buffer = Zeroizing::new(ciphertext.to_vec());
        keys.field
            .decrypt_in_place(&XNonce::from(*nonce), &place.associated_data(kid), &mut *buffer)
            .or(Err(OpenError::Corrupt))?;
        Ok(buffer)
    }
}
