use crate::{AccountId, EmailAddress, Role, Timestamp, UserId};

/// Somebody who logs in to the console: a member of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Their id.
    pub id: UserId,
    /// The account they belong to.
    pub account: AccountId,
    /// What they may do in it.
    pub role: Role,
    /// Whether they run the platform, and so see every account.
    pub operator: bool,
    /// What they are called.
    pub name: String,
    /// What they log in by.
    pub email: EmailAddress,
    /// Whether logging in takes a second factor.
    pub has_totp: bool,
    /// When they joined.
    pub created_at: Timestamp,
    /// When they logged in last.
    pub last_login_at: Option<Timestamp>,
    /// Since when they cannot log in.
    pub disabled_at: Option<Timestamp>,
}

impl User {
    /// Whether they cannot log in.
    #[must_use]
    pub const fn is_disabled(&self) -> bool {
        self.disabled_at.is_some()
    }
}
