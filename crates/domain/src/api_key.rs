use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

pub use ipnet::IpNet;
use zeroize::Zeroizing;

use crate::{AccountScope, ApiKeyId, Mode, Timestamp};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// 62^30 is about 2^178: unguessable, so a plain hash of it can be stored.
const RANDOM_LEN: usize = 30;
const CHECKSUM_LEN: usize = 6;
/// How exactly the last use of a key is known: often enough to find the keys nobody uses.
const USE_IS_NEWS_AFTER: Duration = Duration::from_secs(60);

/// An API key as the customer holds it: `sk_live_wa1_` or `sk_test_wa1_`, 30 random base62 characters, and their
/// CRC-32 in 6 base62 characters, so that a typo is refused without a look-up.
///
/// The `wa1_` keeps secret scanners from taking it for another vendor's `sk_live_…` key, and is the format's version.
#[derive(Clone)]
pub struct ApiKeySecret {
    mode: Mode,
    text: Zeroizing<String>,
}

impl ApiKeySecret {
    /// A new key from 32 random bytes. (256 bits onto 62^30 values leaves a bias below 2^-77.)
    #[must_use]
    pub fn mint(mode: Mode, random: &[u8; 32]) -> Self {
        let body = base62_of(random, RANDOM_LEN);
        let text = format!("{}{}{}", prefix(mode), *body, *checksum(&body));
        Self { mode, text: Zeroizing::new(text) }
    }

    /// Reads a key from a request. `None` when its form or checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (mode, rest) = [Mode::Live, Mode::Test]
            .into_iter()
            .find_map(|mode| text.strip_prefix(prefix(mode)).map(|rest| (mode, rest)))?;
        if rest.len() != RANDOM_LEN + CHECKSUM_LEN || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        let (body, sum) = rest.split_at(RANDOM_LEN);
        (*checksum(body) == sum).then(|| Self { mode, text: Zeroizing::new(text.to_owned()) })
    }

    /// What the key reaches.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The whole key. Only for hashing it, and for showing it once to the person who made it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// What may be shown for recognition: `sk_test_wa1_…9f3C`.
    #[must_use]
    pub fn hint(&self) -> String {
        let tail: String = self.text.chars().skip(self.text.len() - 4).collect();
        format!("{}…{tail}", prefix(self.mode))
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKeySecret({}[REDACTED])", prefix(self.mode))
    }
}

const fn prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => "sk_live_wa1_",
        Mode::Test => "sk_test_wa1_",
    }
}

fn checksum(body: &str) -> Zeroizing<String> {
    base62_of(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECKSUM_LEN)
}

/// The last `len` base62 digits of a big-endian number, by long division.
fn base62_of(number: &[u8], len: usize) -> Zeroizing<String> {
    let mut number = Zeroizing::new(number.to_vec());
    let mut digits = Zeroizing::new(vec![b'0'; len]);
    for digit in digits.iter_mut().rev() {
        let mut rest = 0_u16;
        for byte in number.iter_mut() {
            let part = (rest << 8) | u16::from(*byte);
            *byte = u8::try_from(part / 62).unwrap_or_default();
            rest = part % 62;
        }
        *digit = BASE62.get(usize::from(rest)).copied().unwrap_or(b'0');
    }
    Zeroizing::new(digits.iter().copied().map(char::from).collect())
}

/// One thing an API key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Send, resend and cancel OTP sessions.
    OtpSend,
    /// Verify codes.
    OtpVerify,
    /// Send and cancel messages.
    MessagesSend,
    /// Read sessions, messages, templates and the sandbox inbox.
    Read,
}

impl Scope {
    /// Every scope there is.
    pub const ALL: [Self; 4] = [Self::OtpSend, Self::OtpVerify, Self::MessagesSend, Self::Read];

    /// The scope's name in the API: `otp:send`, `otp:verify`, `messages:send` or `read`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OtpSend => "otp:send",
            Self::OtpVerify => "otp:verify",
            Self::MessagesSend => "messages:send",
            Self::Read => "read",
        }
    }

    /// Reads [`Scope::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

/// The scopes of a key; written with spaces between (`otp:send read`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSet(Vec<Scope>);

impl ScopeSet {
    /// Every scope: what a key gets when nothing is asked for.
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.to_vec())
    }

    /// These scopes, each once; every scope when there are none.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() { Self::all() } else { Self(scopes) }
    }

    /// Whether `scope` is among them.
    #[must_use]
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// The scopes, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = Scope> + '_ {
        self.0.iter().copied()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.as_str()).collect();
        f.write_str(&names.join(" "))
    }
}

/// What is known of an API key once it is made: everything but the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// The data it reaches.
    pub scope: AccountScope,
    /// What its owner calls it.
    pub name: String,
    /// [`ApiKeySecret::hint`].
    pub hint: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where it may be used; from anywhere when empty.
    pub allowed_ips: Vec<IpNet>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it last let somebody in, to about a minute; uses within a minute after it are not written down.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether it has been revoked.
    #[must_use]
    pub const fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
    }

    /// Whether its time is over at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Whether a use at `now` is worth writing down, after the one that was written down last.
    #[must_use]
    pub fn is_use_news_after(last: Option<Timestamp>, now: Timestamp) -> bool {
        last.is_none_or(|last| last.plus(USE_IS_NEWS_AFTER) <= now)
    }

    /// Whether a caller at `ip` may use it.
    #[must_use]
    pub fn allows_ip(&self, ip: IpAddr) -> bool {
        self.allowed_ips.is_empty() || self.allowed_ips.iter().any(|net| net.contains(&ip))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_minted_key_is_read_back(random: [u8; 32]) {
            for mode in [Mode::Live, Mode::Test] {
                let key = ApiKeySecret::mint(mode, &random);
                prop_assert_eq!(key.expose().len(), 48);
                let read = ApiKeySecret::parse(key.expose()).unwrap();
                prop_assert_eq!(read.mode(), mode);
                let debug = format!("{read:?}");
                prop_assert!(!debug.contains(&key.expose()[12..20]));
            }
        }

        #[test]
        fn one_wrong_character_is_refused(random: [u8; 32], at in 12_usize..48, with in 0_usize..62) {
            let key = ApiKeySecret::mint(Mode::Test, &random);
            let mut text = key.expose().as_bytes().to_vec();
            prop_assume!(text[at] != BASE62[with]);
            text[at] = BASE62[with];
            prop_assert!(ApiKeySecret::parse(std::str::from_utf8(&text).unwrap()).is_none());
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,60}") {
            let _ = ApiKeySecret::parse(&text);
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for text in ["", "sk_live_", "sk_live_wa1_", "sk_test_wa2_000000000000000000000000000000000000"] {
            assert!(ApiKeySecret::parse(text).is_none());
        }
    }

    #[test]
    fn base62_is_a_plain_number_in_base_62() {
        assert_eq!(*base62_of(&[0, 61], 2), "0z");
        assert_eq!(*base62_of(&62_u32.to_be_bytes(), 6), "000010");
        assert_eq!(*base62_of(&u32::MAX.to_be_bytes(), 6), "4gfFC3");
    }

    #[test]
    fn no_scope_means_every_scope() {
        assert_eq!(ScopeSet::new([]), ScopeSet::all());
        let set = ScopeSet::new([Scope::Read, Scope::OtpSend, Scope::Read]);
        assert_eq!(set.to_string(), "otp:send read");
        assert!(!set.contains(Scope::OtpVerify));
    }
}
