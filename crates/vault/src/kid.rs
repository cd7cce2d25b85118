use std::fmt;

const RAW_LEN: usize = 4;
const TEXT_LEN: usize = 2 * RAW_LEN;

/// The short public id of a master key: 8 lower-case hex characters.
///
/// It is written next to everything that key made, so that a reader years later knows which key to take. It is derived
/// from the key by its own HKDF label and says nothing about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kid([u8; TEXT_LEN]);

impl Kid {
    pub(crate) fn from_raw(raw: [u8; RAW_LEN]) -> Self {
        let mut text = [b'0'; TEXT_LEN];
        for (slot, digit) in text.iter_mut().zip(raw.iter().flat_map(|byte| [byte >> 4, byte & 15])) {
            *slot = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        Self(text)
    }

    /// The four bytes a sealed value carries.
    pub(crate) fn to_raw(self) -> [u8; RAW_LEN] {
        // A `Kid` is always 8 hex digits, so the fall-back is never taken.
        u32::from_str_radix(self.as_str(), 16).unwrap_or_default().to_be_bytes()
    }

    /// Reads the text form; `None` when it is not 8 lower-case hex characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = <[u8; TEXT_LEN]>::try_from(text.as_bytes()).ok()?;
        bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(bytes))
    }

    /// The 8 hex characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Kid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kid({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_forms_are_lossless(raw: [u8; 4]) {
            let kid = Kid::from_raw(raw);
            prop_assert_eq!(kid.to_raw(), raw);
            prop_assert_eq!(kid.to_string(), format!("{:08x}", u32::from_be_bytes(raw)));
            prop_assert_eq!(Kid::parse(kid.as_str()), Some(kid));
        }
    }

    #[test]
    fn only_eight_lower_case_hex_characters_are_a_kid() {
        assert!(Kid::parse("0123abcd").is_some());
        for text in ["", "0123abc", "0123abcde", "0123ABCD", "+123abcd", "0123abcg", "0123abé"] {
            assert_eq!(Kid::parse(text), None, "{text}");
        }
    }
}
