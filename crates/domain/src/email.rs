use std::fmt;

/// The longest path of RFC 5321, without its brackets.
const LONGEST: usize = 254;
const LONGEST_LOCAL: usize = 64;

/// An e-mail address, as somebody typed it. Personal data: `Debug` shows none of it.
///
/// It is a name to log in by, and nothing is sent to it, so all that is asked of it is the form.
#[derive(Clone, PartialEq, Eq)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Reads an address: visible ASCII, one `@` with something on both sides of it. `None` when it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, domain) = text.split_once('@')?;
        let fits = text.len() <= LONGEST && (1..=LONGEST_LOCAL).contains(&local.len());
        let labels = domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        let visible = local.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"(),:;<>[\\]".contains(&byte));
        (fits && labels && visible).then(|| Self(text.to_owned()))
    }

    /// As it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What it is known by: `Ada@Example.org` and `ada@example.org` are one person's.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_something_on_both_sides() {
        for text in ["ada@example.org", "a.b+c@x", "A_d'a@sub.example-1.org"] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), text);
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for text in ["", "@", "ada", "ada@", "@x", "a da@x.org", "ada@x..org", "a@b@c", "ada@x.org\n", "ä@x.org", &long]
        {
            assert_eq!(EmailAddress::parse(text), None, "{text}");
        }
    }

    #[test]
    fn case_does_not_make_another_address_and_debug_shows_nothing() {
        let address = EmailAddress::parse("Ada@Example.ORG").unwrap();
        assert_eq!(address.folded(), "ada@example.org");
        assert!(!format!("{address:?}").contains("xample"));
    }
}
