use std::fmt;

use crate::AccountId;

/// Whether an API key reaches real people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Messages go to WhatsApp.
    Live,
    /// Messages land in the sandbox inbox and reach nobody.
    Test,
}

impl Mode {
    /// `live` or `test`, as in the API and in key prefixes.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// Reads [`Mode::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "live" => Some(Self::Live),
            "test" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose data a caller may touch: one account, and of it either the live or the test half.
///
/// Every store operation on customer data takes one, so that no query can forget to name the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountScope {
    /// The account.
    pub account: AccountId,
    /// Which half of its data.
    pub mode: Mode,
}
