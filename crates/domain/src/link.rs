use std::time::Duration;

use crate::{AccountId, EmailAddress, LinkId, Role, Timestamp, UserId};

/// What a one-time link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    /// Makes the first user, while there is none.
    Bootstrap,
    /// Makes a member of an account.
    Invitation,
    /// Sets the password of somebody who has forgotten it.
    Reset,
}

impl LinkKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Bootstrap, Self::Invitation, Self::Reset];

    /// `bootstrap`, `invitation` or `reset`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    /// Reads [`LinkKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// How long it can be used.
    #[must_use]
    pub const fn lifetime(self) -> Duration {
        match self {
            Self::Bootstrap | Self::Reset => Duration::from_secs(3600),
            Self::Invitation => Duration::from_secs(7 * 86_400),
        }
    }
}

/// Somebody who was asked to become a member, and has not answered yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: LinkId,
    /// Of which account.
    pub account: AccountId,
    /// As what.
    pub role: Role,
    /// Who was asked.
    pub email: EmailAddress,
    /// By whom.
    pub invited_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// Until when the link can be used.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// So many invitations of an account at most can be accepted at a time.
    pub const MAX_PENDING: usize = 50;
}
