use std::{fmt, iter};

use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use ed25519_dalek::SigningKey;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use whatotp_domain::AccountScope;
use zeroize::Zeroizing;

use crate::frame::frame;
use crate::{Kid, MasterKey, MasterKeys};

const OTP: &str = "whatotp/otp/v1";
const PHONE_INDEX: &str = "whatotp/phone-index/v1";
const FIELD: &str = "whatotp/field/v1";
const IDEMPOTENCY: &str = "whatotp/idempotency/v1";
const LIMIT: &str = "whatotp/limit/v1";
const RECEIPT: &str = "whatotp/receipt/v1";
const CSRF: &str = "whatotp/csrf/v1";
const AUDIT: &str = "whatotp/audit/v1";

/// HMAC-SHA256 under one key, ready to be asked. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// The derived key fills HMAC's block, so that it needs no padding and keying cannot fail.
    fn derive(master: &MasterKey, label: &str) -> Self {
        let key: Zeroizing<[u8; 64]> = master.subkey(label);
        Self(Hmac::new((&*key).into()))
    }

    /// The MAC of `label`, then of each field after its length. Labels are fixed words, none the beginning of another.
    pub(crate) fn tag(&self, label: &str, fields: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        mac.update(label.as_bytes());
        frame(fields, |part| mac.update(part));
        mac.finalize().into_bytes().into()
    }

    /// [`MacKey::tag`] with the account and the mode as the first fields.
    pub(crate) fn scoped_tag(&self, label: &str, scope: AccountScope, fields: &[&[u8]]) -> [u8; 32] {
        let account = scope.account.to_bytes();
        let all: Vec<&[u8]> =
            [&account[..], scope.mode.as_str().as_bytes()].into_iter().chain(fields.iter().copied()).collect();
        self.tag(label, &all)
    }
}

/// Every working key of one master key.
pub(crate) struct KeySet {
    pub(crate) kid: Kid,
    pub(crate) otp: MacKey,
    pub(crate) phone_index: MacKey,
    pub(crate) field: XChaCha20Poly1305,
    pub(crate) idempotency: MacKey,
    pub(crate) limit: MacKey,
    pub(crate) csrf: MacKey,
    pub(crate) receipt: SigningKey,
    pub(crate) audit: MacKey,
}

impl KeySet {
    fn derive(master: &MasterKey) -> Self {
        Self {
            kid: master.kid(),
            otp: MacKey::derive(master, OTP),
            phone_index: MacKey::derive(master, PHONE_INDEX),
            field: XChaCha20Poly1305::new((&*master.subkey::<32>(FIELD)).into()),
            idempotency: MacKey::derive(master, IDEMPOTENCY),
            limit: MacKey::derive(master, LIMIT),
            csrf: MacKey::derive(master, CSRF),
            receipt: SigningKey::from_bytes(&master.subkey(RECEIPT)),
            audit: MacKey::derive(master, AUDIT),
        }
    }
}

/// The working keys of an installation. The master keys themselves are wiped once these are derived.
///
/// The first (active) master key makes what is new: codes, sealed values, receipts. Each of them names its key by a
/// [`Kid`], so older keys go on serving what they made.
///
/// What is *looked up* by its MAC names no key: blind indexes and idempotency records. Those take one master key for the
/// life of a database, which remembers its id (ADR 0011): see [`Keyring::index_by`]. On a database that is bound to none
/// yet it is the last one of the file.
pub struct Keyring {
    active: KeySet,
    retired: Vec<KeySet>,
    /// Which of them looks up, counted from the active one.
    index: usize,
}

impl Keyring {
    /// Derives every working key.
    #[must_use]
    pub fn new(masters: MasterKeys) -> Self {
        let MasterKeys { active, retired } = masters;
        let index = retired.len();
        Self { active: KeySet::derive(&active), retired: retired.iter().map(KeySet::derive).collect(), index }
    }

    /// Looks up with this key from now on: the one that the database is bound to. `false`, and nothing changed, when it
    /// is not on the ring.
    #[must_use]
    pub fn index_by(&mut self, kid: Kid) -> bool {
        let found = self.kids().position(|known| known == kid);
        self.index = found.unwrap_or(self.index);
        found.is_some()
    }

    /// The key that makes what is new.
    #[must_use]
    pub const fn active_kid(&self) -> Kid {
        self.active.kid
    }

    /// The key of blind indexes and idempotency records. Constant for the life of a database.
    #[must_use]
    pub fn index_kid(&self) -> Kid {
        self.indexing().kid
    }

    /// Every key there is, the active one first.
    pub fn kids(&self) -> impl Iterator<Item = Kid> + '_ {
        self.key_sets().map(|keys| keys.kid)
    }

    pub(crate) const fn active(&self) -> &KeySet {
        &self.active
    }

    pub(crate) fn indexing(&self) -> &KeySet {
        self.key_sets().nth(self.index).unwrap_or(&self.active)
    }

    pub(crate) fn find(&self, kid: Kid) -> Option<&KeySet> {
        self.key_sets().find(|keys| keys.kid == kid)
    }

    pub(crate) fn key_sets(&self) -> impl Iterator<Item = &KeySet> + '_ {
        iter::once(&self.active).chain(&self.retired)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kids()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use sha2::Digest;
    use zeroize::ZeroizeOnDrop;

    use super::*;

    fn master(seed: &str) -> MasterKey {
        MasterKey::from_random(Sha256::digest(seed).into()).unwrap()
    }

    #[test]
    fn no_two_working_keys_are_equal() {
        let labels = ["whatotp/kid/v1", OTP, PHONE_INDEX, FIELD, IDEMPOTENCY, LIMIT, RECEIPT, AUDIT, CSRF];
        let masters: Vec<MasterKey> = ["a", "b", "c"].into_iter().map(master).collect();
        let keys: HashSet<[u8; 32]> =
            masters.iter().flat_map(|master| labels.map(|label| *master.subkey(label))).collect();
        assert_eq!(keys.len(), masters.len() * labels.len());
        // Nor do the two halves of a MAC key repeat, or the beginning of one stand in another.
        let halves: HashSet<Vec<u8>> = masters
            .iter()
            .flat_map(|master| labels.map(|label| master.subkey::<64>(label)))
            .flat_map(|key| key.chunks(32).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .collect();
        assert_eq!(halves.len(), 2 * masters.len() * labels.len());
        assert_eq!(masters.iter().map(MasterKey::kid).collect::<HashSet<_>>().len(), masters.len());
    }

    #[test]
    fn every_key_is_wiped_when_it_is_dropped() {
        fn wiped<T: ZeroizeOnDrop>() {}
        wiped::<Zeroizing<[u8; 32]>>();
        // An `Hmac` is nothing but states of its hash, and leaves the wiping to them.
        wiped::<Sha256>();
        wiped::<XChaCha20Poly1305>();
        wiped::<SigningKey>();
    }

    #[test]
    fn debug_shows_ids_and_no_key() {
        let key = master("a");
        let (kid, secret) = (key.kid(), key.to_base64());
        assert_eq!(format!("{key:?}"), "MasterKey([REDACTED])");
        let keys = MasterKeys::from(key);
        assert!(!format!("{keys:?}").contains(secret.as_str()));
        assert_eq!(format!("{:?}", Keyring::new(keys)), format!("[Kid({kid})]"));
    }
}
