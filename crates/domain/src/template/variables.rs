use std::collections::BTreeMap;
use std::fmt;

use super::body::MAX_CHARACTERS;

/// The longest name of a placeholder or variable.
pub(super) const MAX_NAME_BYTES: usize = 64;

/// Why something cannot be a template's variables. No message repeats what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VariablesError {
    /// A name is empty, longer than 64 bytes, or holds control characters.
    #[error("name each variable like its placeholder, in 1 to 64 bytes")]
    Name,
    /// A name is given twice.
    #[error("give each variable once")]
    Duplicate,
    /// A value is empty or blank: WhatsApp refuses the message.
    #[error("give each variable a value that is not blank")]
    Blank,
    /// A value has more than 1024 characters.
    #[error("shorten each variable's value to at most 1024 characters")]
    TooLong,
    /// A value holds what WhatsApp refuses: a newline, tab, control character, or four spaces in a row.
    #[error("write each variable's value on one line, without tabs, control characters or four spaces in a row")]
    Whitespace,
}

/// What happens when the variables are not the template's placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("send exactly the variables that the template's placeholders name")]
pub struct VariableMismatch {
    /// Placeholders without a variable, in the template's order.
    pub missing: Vec<String>,
    /// Variables without a placeholder, sorted.
    pub unexpected: Vec<String>,
}

/// The values for a template's placeholders, by name (`first_name`) or position (`1`).
///
/// `Debug` shows the names only: the values are about people.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Takes pairs of name and value.
    pub fn new<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Result<Self, VariablesError>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut variables = BTreeMap::new();
        for (name, value) in pairs {
            let (name, value) = (name.into(), value.into());
            if name.is_empty() || name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
                return Err(VariablesError::Name);
            }
            check_value(&value)?;
            if variables.insert(name, value).is_some() {
                return Err(VariablesError::Duplicate);
            }
        }
        Ok(Self(variables))
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Names and values, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether they name exactly these placeholders.
    pub fn check(&self, placeholders: &[String]) -> Result<(), VariableMismatch> {
        let known = |name: &str| placeholders.iter().any(|placeholder| placeholder == name);
        let missing: Vec<_> = placeholders.iter().filter(|name| self.get(name).is_none()).cloned().collect();
        let unexpected: Vec<_> = self.names().filter(|name| !known(name)).map(str::to_owned).collect();
        if missing.is_empty() && unexpected.is_empty() { Ok(()) } else { Err(VariableMismatch { missing, unexpected }) }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// Meta: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces". Four are refused here too, to
// stay clear of the edge.
fn check_value(value: &str) -> Result<(), VariablesError> {
    if value.trim().is_empty() {
        Err(VariablesError::Blank)
    } else if value.chars().count() > MAX_CHARACTERS {
        Err(VariablesError::TooLong)
    } else if value.contains(is_control_or_line_break) || value.contains("    ") {
        Err(VariablesError::Whitespace)
    } else {
        Ok(())
    }
}

/// Unicode's own line and paragraph separators are no control characters, but break lines all the same.
fn is_control_or_line_break(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.names().map(|name| (name, format_args!("[REDACTED]")))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, value: &str) -> VariablesError {
        Variables::new([(name, value)]).unwrap_err()
    }

    #[test]
    fn a_value_that_meta_refuses_is_refused_here() {
        for value in ["two\nlines", "a\rb", "a\ttab", "four    spaces", "nul\0", "\u{85}next", "line\u{2028}separator"]
        {
            assert_eq!(refused("1", value), VariablesError::Whitespace, "{value:?}");
        }
        for value in ["", " ", "\n"] {
            assert_eq!(refused("1", value), VariablesError::Blank, "{value:?}");
        }
        assert_eq!(refused("1", &"é".repeat(1025)), VariablesError::TooLong);
        assert!(Variables::new([("1", "é".repeat(1024)), ("2", "three   spaces".into())]).is_ok());
    }

    #[test]
    fn a_name_is_short_and_given_once() {
        assert_eq!(refused("", "x"), VariablesError::Name);
        assert_eq!(refused(&"a".repeat(65), "x"), VariablesError::Name);
        assert_eq!(refused("a\nb", "x"), VariablesError::Name);
        assert_eq!(Variables::new([("1", "x"), ("1", "x")]), Err(VariablesError::Duplicate));
    }

    #[test]
    fn its_debug_form_shows_names_only() {
        let variables = Variables::new([("first_name", "Ada"), ("order", "A-1")]).unwrap();
        assert_eq!(format!("{variables:?}"), r#"{"first_name": [REDACTED], "order": [REDACTED]}"#);
        assert_eq!(variables.iter().collect::<Vec<_>>(), [("first_name", "Ada"), ("order", "A-1")]);
    }
}
