/// What a caller sends in `Idempotency-Key`: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Longest key, in characters.
    pub const MAX_LEN: usize = 255;

    /// Reads the header's value; `None` when it is empty, too long, or holds anything but visible ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    /// The key as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_exact() {
        assert!(IdempotencyKey::parse(&"k".repeat(255)).is_some());
        for refused in [String::new(), "k".repeat(256), "a b".into(), "ä".into(), "a\tb".into(), "\u{7f}".into()] {
            assert!(IdempotencyKey::parse(&refused).is_none(), "{refused:?}");
        }
    }
}
