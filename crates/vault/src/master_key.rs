use std::collections::HashSet;
use std::fmt;

use base64ct::{Base64, Encoding};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::Kid;

/// The key our documentation shows. It is public, so it is refused.
pub const EXAMPLE_MASTER_KEY: &str = "ZXhhbXBsZS1rZXktZG8tbm90LXVzZS10aGlzLW9uZSE=";

const KEY_LEN: usize = 32;
/// 32 random bytes hold about 30 different values; fewer than 16 happens by chance once in 2^54 keys.
const FEWEST_DISTINCT_BYTES: usize = 16;

/// Why a text is not a list of master keys. Each says what to do, and none quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeyError {
    /// There are only blank lines and comments.
    #[error("it holds no key: put one base64 key of 32 random bytes in it, as `openssl rand -base64 32` prints")]
    NoKey,
    /// It is not UTF-8, as when the raw bytes of a key were written.
    #[error("it is not text: write the key as base64, as `openssl rand -base64 32` prints it")]
    NotText,
    /// A line is not padded standard base64.
    #[error("line {line} is not base64: write the key as `openssl rand -base64 32` prints it, one key a line")]
    NotBase64 {
        /// The line, counted from 1.
        line: usize,
    },
    /// A line is base64 of too few or too many bytes.
    #[error("the key on line {line} has {found} bytes instead of 32: make a new one with `openssl rand -base64 32`")]
    WrongLength {
        /// The line, counted from 1.
        line: usize,
        /// How many bytes it decodes to.
        found: usize,
    },
    /// A key that somebody typed or counted rather than drew.
    #[error("the key on line {line} is not random: make a new one with `openssl rand -base64 32`")]
    Weak {
        /// The line, counted from 1.
        line: usize,
    },
    /// [`EXAMPLE_MASTER_KEY`].
    #[error("the key on line {line} is the documentation's example: make your own with `openssl rand -base64 32`")]
    Example {
        /// The line, counted from 1.
        line: usize,
    },
    /// Two keys have the same id.
    #[error("the key on line {line} is there twice: remove one of the two lines")]
    Duplicate {
        /// The second one's line, counted from 1.
        line: usize,
    },
}

/// One 32-byte master key, from which every working key is derived. Wiped when dropped.
///
/// Boxed, because a value that moves leaves its bytes behind where it was.
pub struct MasterKey(Box<Zeroizing<[u8; KEY_LEN]>>);

impl MasterKey {
    /// Takes 32 random bytes as a key; `None` when they are visibly not random.
    #[must_use]
    pub fn from_random(random: [u8; KEY_LEN]) -> Option<Self> {
        let key = Self(Box::new(Zeroizing::new(random)));
        (!key.is_weak()).then_some(key)
    }

    /// The short public id of this key.
    #[must_use]
    pub fn kid(&self) -> Kid {
        Kid::from_raw(*self.subkey("whatotp/kid/v1"))
    }

    pub(crate) fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(Base64::encode_string(&self.0[..]))
    }

    /// The working key for one purpose: HKDF-SHA256 (RFC 5869) without salt, and `label` as the info.
    #[expect(clippy::expect_used, reason = "HKDF refuses only more than 8160 bytes, and every N here is at most 64")]
    pub(crate) fn subkey<const N: usize>(&self, label: &str) -> Zeroizing<[u8; N]> {
        let (mut extracted, hkdf) = Hkdf::<Sha256>::extract(None, &self.0[..]);
        extracted.as_mut_slice().zeroize();
        let mut key = Zeroizing::new([0; N]);
        hkdf.expand(label.as_bytes(), &mut key[..]).expect("N is within HKDF's limit");
        key
    }

    /// Whether somebody made this key up: one byte repeated, a count in even steps, a short pattern, or typed text.
    fn is_weak(&self) -> bool {
        let distinct = self.0.iter().collect::<HashSet<_>>().len();
        let mut steps = self.0.iter().zip(self.0.iter().skip(1)).map(|(a, b)| b.wrapping_sub(*a));
        let first_step = steps.next();
        distinct < FEWEST_DISTINCT_BYTES
            || steps.all(|step| Some(step) == first_step)
            // Happens to a random key once in 2^45.
            || self.0.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([REDACTED])")
    }
}

/// The master keys of an installation, newest first: the first is active, the others still verify and decrypt.
#[derive(Debug)]
pub struct MasterKeys {
    pub(crate) active: MasterKey,
    pub(crate) retired: Vec<MasterKey>,
}

impl MasterKeys {
    /// Reads one base64 key (standard alphabet, padded) a line. Blank lines and lines that begin with `#` are ignored.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let mut kids = HashSet::new();
        let mut keys = Vec::new();
        for (line, content) in (1..).zip(text.lines().map(str::trim)) {
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let key = parse_line(line, content)?;
            // Comparing ids rather than keys also catches two keys that happen to share one, once in 2^32: the second
            // could never be looked up.
            if !kids.insert(key.kid()) {
                return Err(MasterKeyError::Duplicate { line });
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let active = keys.next().ok_or(MasterKeyError::NoKey)?;
        Ok(Self { active, retired: keys.collect() })
    }
}

impl From<MasterKey> for MasterKeys {
    fn from(active: MasterKey) -> Self {
        Self { active, retired: Vec::new() }
    }
}

fn parse_line(line: usize, content: &str) -> Result<MasterKey, MasterKeyError> {
    if content == EXAMPLE_MASTER_KEY {
        return Err(MasterKeyError::Example { line });
    }
    let bytes = Base64::decode_vec(content).map(Zeroizing::new).or(Err(MasterKeyError::NotBase64 { line }))?;
    let key =
        <[u8; KEY_LEN]>::try_from(&bytes[..]).or(Err(MasterKeyError::WrongLength { line, found: bytes.len() }))?;
    MasterKey::from_random(key).ok_or(MasterKeyError::Weak { line })
}
