use std::fmt;

use zeroize::Zeroizing;

/// The fewest characters of a password that may stand alone (NIST SP 800-63B-4 section 3.1.1.2).
const SHORTEST: usize = 15;
/// The most: enough for any sentence, and a bound on the work of hashing it.
const LONGEST: usize = 1000;

/// Why a password cannot be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is too short.
    #[error("use at least {SHORTEST} characters; a sentence makes a good password")]
    TooShort,
    /// It is too long.
    #[error("use at most {LONGEST} characters")]
    TooLong,
    /// It would be guessed early.
    #[error("this password is too easy to guess; use words that do not belong together")]
    TooCommon,
}

/// A password as somebody typed it. Wiped when dropped; `Debug` shows none of it.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// A password that is to be set. Nothing is asked of it but its length: rules about digits and capitals make people
    /// choose worse ones. Whether it is a common one is a question for a dictionary.
    pub fn choose(text: &str) -> Result<Self, PasswordError> {
        match text.chars().count() {
            ..SHORTEST => Err(PasswordError::TooShort),
            SHORTEST..=LONGEST => Ok(Self(Zeroizing::new(text.to_owned()))),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// A password that is to be checked. `None` when it is too long for anybody to have chosen it.
    #[must_use]
    pub fn typed(text: &str) -> Option<Self> {
        (text.chars().count() <= LONGEST).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The password itself, for hashing it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_length_is_asked_for() {
        for text in ["fifteen letters", &"é".repeat(15), &" ".repeat(64), &"x".repeat(1000)] {
            assert_eq!(Password::choose(text).unwrap().expose(), text);
        }
        assert_eq!(Password::choose("fourteen chars").unwrap_err(), PasswordError::TooShort);
        assert_eq!(Password::choose(&"é".repeat(14)).unwrap_err(), PasswordError::TooShort);
        assert_eq!(Password::choose(&"x".repeat(1001)).unwrap_err(), PasswordError::TooLong);
    }

    #[test]
    fn what_is_typed_may_be_short_but_not_endless() {
        assert!(Password::typed("").is_some());
        assert!(Password::typed(&"x".repeat(1001)).is_none());
        assert!(!format!("{:?}", Password::typed("hunter2")).contains("hunter2"));
    }
}
