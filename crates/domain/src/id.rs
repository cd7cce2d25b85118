use std::fmt;
use std::str::FromStr;

use crate::Timestamp;

/// Crockford's base32 in lower case: no `i`, `l`, `o`, `u`.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 128 bits in base32.
const BODY_LEN: usize = 26;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}_ and 26 characters")]
pub struct IdError {
    prefix: &'static str,
}

/// A `UUIDv7` (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits, so that ids sort by age.
fn uuid_v7(now: Timestamp, random: [u8; 10]) -> u128 {
    let mut tail = [0_u8; 16];
    tail[6..].copy_from_slice(&random);
    let millis = u128::from(now.unix_ms().unsigned_abs()) & ((1 << 48) - 1);
    let random = u128::from_be_bytes(tail);
    let version_and_variant_cleared = random & !(0xF000_u128 << 64) & !(0b11_u128 << 62);
    (millis << 80) | version_and_variant_cleared | (0x7000_u128 << 64) | (0b10_u128 << 62)
}

fn encode(value: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0_u8; BODY_LEN];
    let mut rest = value;
    for slot in text.iter_mut().rev() {
        let digit = usize::try_from(rest & 31).or(Err(fmt::Error))?;
        *slot = *ALPHABET.get(digit).ok_or(fmt::Error)?;
        rest >>= 5;
    }
    f.write_str(std::str::from_utf8(&text).or(Err(fmt::Error))?)
}

fn decode(text: &str) -> Option<u128> {
    // 26 characters hold 130 bits: the first one may only carry three.
    if text.len() != BODY_LEN || !text.starts_with(|first: char| ('0'..='7').contains(&first)) {
        return None;
    }
    text.bytes().try_fold(0_u128, |value, byte| {
        let digit = ALPHABET.iter().position(|candidate| *candidate == byte)?;
        Some((value << 5) | u128::try_from(digit).ok()?)
    })
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        ///
        /// Written as its prefix, `_`, and 26 characters of lower-case Crockford base32 over a `UUIDv7`.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// What the text form begins with, before the `_`.
            pub const PREFIX: &'static str = $prefix;

            /// A new id for `now`, made unique by `random`.
            #[must_use]
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// The smallest id that could have been made at `moment`: everything older sorts before it.
            #[must_use]
            pub fn earliest_at(moment: Timestamp) -> Self {
                Self::new(moment, [0; 10])
            }

            /// Reads the text form.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(decode)
                    .map(Self)
                    .ok_or(IdError { prefix: $prefix })
            }

            /// The 16 bytes of the `UUIDv7`.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!($prefix, "_"))?;
                encode(self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }
    )*};
}

ids! {
    /// An account: one customer of the installation, whose data no other account can see.
    AccountId = "acc";
    /// The public id of an API key; the key itself is an [`ApiKeySecret`](crate::ApiKeySecret).
    ApiKeyId = "key";
    /// An OTP session: one code for one number and purpose.
    SessionId = "otp";
    /// A delivery: one message that is sent, or tried, to one number. A message's public id is its delivery's id.
    DeliveryId = "msg";
    /// A message template.
    TemplateId = "tpl";
    /// Something that happened and that an operator may want to know.
    EventId = "evt";
    /// Somebody who logs in to the console.
    UserId = "usr";
    /// Somebody who is logged in to the console, on one device; the session's token is another thing, and secret.
    ConsoleSessionId = "ses";
    /// A one-time link: an invitation, say. Its token is another thing, and secret.
    LinkId = "lnk";
    /// A ticket: a question to the people of the platform.
    TicketId = "tkt";
    /// One comment on a ticket.
    CommentId = "cmt";
    /// An answer that the people of the platform keep ready.
    CannedReplyId = "rpl";
    /// One HTTP request, as shown in `X-Request-Id` and in the logs.
    RequestId = "req";
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_text_form_is_lossless(ms in 0_i64..1 << 47, random: [u8; 10]) {
            let id = SessionId::new(Timestamp::from_unix_ms(ms), random);
            prop_assert_eq!(id.to_string().len(), 30);
            prop_assert_eq!(SessionId::parse(&id.to_string()), Ok(id));
        }

        #[test]
        fn ids_sort_by_age_in_both_forms(a in 0_i64..1 << 47, b in 0_i64..1 << 47, x: [u8; 10], y: [u8; 10]) {
            prop_assume!(a < b);
            let (older, newer) = (SessionId::new(Timestamp::from_unix_ms(a), x), SessionId::new(Timestamp::from_unix_ms(b), y));
            prop_assert!(older < newer);
            prop_assert!(older.to_string() < newer.to_string());
            prop_assert!(older < SessionId::earliest_at(Timestamp::from_unix_ms(b)));
        }

        #[test]
        fn any_text_is_refused_or_round_trips(text in ".{0,40}") {
            if let Ok(id) = SessionId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn it_is_a_version_7_uuid() {
        let id = SessionId::new(Timestamp::from_unix_ms(0x0192_3456_789A), [0xFF; 10]);
        let bytes = id.to_bytes();
        assert_eq!(bytes[..6], [0x01, 0x92, 0x34, 0x56, 0x78, 0x9A]);
        assert_eq!(bytes[6] >> 4, 7);
        assert_eq!(bytes[8] >> 6, 0b10);
    }

    #[test]
    fn another_kind_or_a_malformed_id_is_refused() {
        let session = SessionId::new(Timestamp::from_unix_ms(1), [7; 10]).to_string();
        assert!(DeliveryId::parse(&session).is_err());
        assert!(SessionId::parse(&session.to_uppercase()).is_err());
        assert!(SessionId::parse("otp_8zzzzzzzzzzzzzzzzzzzzzzzzz").is_err());
        assert!(SessionId::parse("").is_err());
    }
}
