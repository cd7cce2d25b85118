use std::collections::BTreeMap;

/// Up to ten pairs of text that a caller attaches to a session or message and gets back unchanged.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata(BTreeMap<String, String>);

/// Why a set of pairs is not [`Metadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// More than [`Metadata::MAX_PAIRS`].
    #[error("use at most {} pairs", Metadata::MAX_PAIRS)]
    TooManyPairs,
    /// An empty key, or one over [`Metadata::MAX_KEY`] characters.
    #[error("each key must have 1 to {} characters", Metadata::MAX_KEY)]
    KeyLength,
    /// A value over [`Metadata::MAX_VALUE`] characters.
    #[error("each value must have at most {} characters", Metadata::MAX_VALUE)]
    ValueLength,
    /// A control character in a key or value.
    #[error("remove the control characters")]
    ControlCharacter,
}

impl Metadata {
    /// How many pairs.
    pub const MAX_PAIRS: usize = 10;
    /// Characters in a key.
    pub const MAX_KEY: usize = 40;
    /// Characters in a value.
    pub const MAX_VALUE: usize = 256;

    /// Checks the pairs.
    pub fn new(pairs: BTreeMap<String, String>) -> Result<Self, MetadataError> {
        if pairs.len() > Self::MAX_PAIRS {
            return Err(MetadataError::TooManyPairs);
        }
        for (key, value) in &pairs {
            if key.is_empty() || key.chars().count() > Self::MAX_KEY {
                return Err(MetadataError::KeyLength);
            }
            if value.chars().count() > Self::MAX_VALUE {
                return Err(MetadataError::ValueLength);
            }
            if key.chars().chain(value.chars()).any(char::is_control) {
                return Err(MetadataError::ControlCharacter);
            }
        }
        Ok(Self(pairs))
    }

    /// The pairs, sorted by key.
    #[must_use]
    pub const fn pairs(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

/// Metadata is the customer's, and may name a person: logs get only how much of it there is.
impl std::fmt::Debug for Metadata {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Metadata({} pairs)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &str, value: &str) -> Result<Metadata, MetadataError> {
        Metadata::new([(key.to_owned(), value.to_owned())].into())
    }

    #[test]
    fn the_bounds_are_exact() {
        assert!(check(&"ä".repeat(40), &"ä".repeat(256)).is_ok());
        assert_eq!(check(&"k".repeat(41), ""), Err(MetadataError::KeyLength));
        assert_eq!(check("", "v"), Err(MetadataError::KeyLength));
        assert_eq!(check("k", &"v".repeat(257)), Err(MetadataError::ValueLength));
        assert_eq!(check("k", "a\u{0}b"), Err(MetadataError::ControlCharacter));
        let pairs = |count: usize| (0..count).map(|n| (n.to_string(), String::new())).collect();
        assert!(Metadata::new(pairs(10)).is_ok());
        assert_eq!(Metadata::new(pairs(11)), Err(MetadataError::TooManyPairs));
    }
}
