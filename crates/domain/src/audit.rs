use std::fmt;

use crate::{AccountId, EventId, Timestamp, UserId};

/// Who did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Somebody who was logged in.
    User(UserId),
    /// Whoever may run commands on the machine.
    CommandLine,
    /// The program itself, by a rule.
    System,
}

impl Actor {
    /// Reads the text form back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "command line" => Some(Self::CommandLine),
            "system" => Some(Self::System),
            id => UserId::parse(id).ok().map(Self::User),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(f),
            Self::CommandLine => f.write_str("command line"),
            Self::System => f.write_str("system"),
        }
    }
}

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)+) => {
        /// What somebody did. The names are stable: they are stored, and people search for them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum AuditAction {
            $($(#[$doc])* $variant,)+
        }

        impl AuditAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// Its name: what it is done to, a dot, and what is done.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

actions! {
    /// Somebody logged in.
    UserLogin = "user.login";
    /// Somebody could not log in to an account that is there.
    UserLoginFailed = "user.login_failed";
    /// Somebody logged out.
    UserLogout = "user.logout";
    /// Somebody proved again who they are, before a change that asks for it.
    UserReauthenticated = "user.reauthenticated";
    /// Somebody made their user: the first owner, or one who was invited.
    UserRegistered = "user.registered";
    /// Somebody changed their password.
    UserPasswordChanged = "user.password_changed";
    /// Somebody's password was set anew for them.
    UserPasswordReset = "user.password_reset";
    /// A second factor was added.
    UserSecondFactorAdded = "user.second_factor_added";
    /// A second factor was removed.
    UserSecondFactorRemoved = "user.second_factor_removed";
    /// A recovery code was used instead of the second factor.
    UserRecoveryCodeUsed = "user.recovery_code_used";
    /// Somebody's failures to log in were forgotten.
    UserUnlocked = "user.unlocked";
    /// A console session was ended from elsewhere.
    UserSessionEnded = "user.session_ended";
    /// A user was made a person of the platform.
    OperatorAppointed = "operator.appointed";
    /// A user is a person of the platform no more.
    OperatorDismissed = "operator.dismissed";
    /// Somebody was invited.
    MemberInvited = "member.invited";
    /// An invitation was taken back.
    MemberInvitationRevoked = "member.invitation_revoked";
    /// Somebody accepted an invitation.
    MemberJoined = "member.joined";
    /// A member got another role.
    MemberRoleChanged = "member.role_changed";
    /// A member was kept from logging in.
    MemberDisabled = "member.disabled";
    /// A member was let in again.
    MemberEnabled = "member.enabled";
    /// A member was removed.
    MemberRemoved = "member.removed";
    /// An API key was made.
    KeyCreated = "key.created";
    /// An API key got a successor.
    KeyRotated = "key.rotated";
    /// An API key was revoked.
    KeyRevoked = "key.revoked";
    /// A template was made.
    TemplateCreated = "template.created";
    /// A template was changed.
    TemplateChanged = "template.changed";
    /// A template was deleted.
    TemplateDeleted = "template.deleted";
    /// A template was handed in for approval.
    TemplateSubmitted = "template.submitted";
    /// The templates were read from WhatsApp.
    TemplatesSynchronised = "template.synchronised";
    /// Deliveries were taken out as a file.
    DeliveriesExported = "deliveries.exported";
    /// A ticket was opened.
    TicketOpened = "ticket.opened";
    /// The customer wrote on a ticket.
    TicketCommented = "ticket.commented";
    /// The people of the platform answered.
    TicketAnswered = "ticket.answered";
    /// The people of the platform wrote a note for themselves.
    TicketNoted = "ticket.noted";
    /// A ticket was closed.
    TicketClosed = "ticket.closed";
    /// A ticket was opened again.
    TicketReopened = "ticket.reopened";
    /// A ticket got another assignee, priority or status.
    TicketTriaged = "ticket.triaged";
    /// An answer to have ready was written.
    CannedReplyCreated = "canned_reply.created";
    /// An answer to have ready was deleted.
    CannedReplyDeleted = "canned_reply.deleted";
    /// An account was made.
    AccountCreated = "account.created";
    /// An account was suspended.
    AccountSuspended = "account.suspended";
    /// An account is suspended no more.
    AccountResumed = "account.resumed";
    /// An account got other quotas or countries.
    AccountRulesChanged = "account.rules_changed";
    /// An account was told which senders to use.
    AccountSendersChanged = "account.senders_changed";
    /// A sender was added.
    SenderAdded = "sender.added";
    /// A sender was changed.
    SenderChanged = "sender.changed";
    /// A sender was removed.
    SenderRemoved = "sender.removed";
    /// A test message was sent from a sender.
    SenderTested = "sender.tested";
    /// Numbers were blocked.
    BlockAdded = "block.added";
    /// A block was lifted.
    BlockLifted = "block.lifted";
    /// A number was forgiven its wrong codes.
    NumberForgiven = "number.forgiven";
    /// What was stored about a number was erased.
    NumberErased = "number.erased";
    /// A dead letter was sent once more.
    DeadLetterReplayed = "dead_letter.replayed";
    /// A dead letter was thrown away.
    DeadLetterDiscarded = "dead_letter.discarded";
    /// What was sealed with old master keys was sealed anew.
    MasterKeysRotated = "master_keys.rotated";
    /// Somebody had the audit log checked.
    AuditVerified = "audit.verified";
}

impl AuditAction {
    /// Reads [`AuditAction::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text)
    }

    /// Whether it is the platform's own affair, even where it is about one account: its members do not see it.
    #[must_use]
    pub const fn is_internal(self) -> bool {
        matches!(
            self,
            Self::TicketNoted
                | Self::TicketTriaged
                | Self::CannedReplyCreated
                | Self::CannedReplyDeleted
                | Self::DeadLetterReplayed
                | Self::DeadLetterDiscarded
                | Self::MasterKeysRotated
                | Self::AuditVerified
        )
    }
}

impl fmt::Display for AuditAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who did what to what. It holds no personal data: ids, and numbers only masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose data it was, if it was one account's.
    pub account: Option<AccountId>,
    /// Who.
    pub actor: Actor,
    /// Did what.
    pub action: AuditAction,
    /// To what: an id.
    pub subject: String,
    /// What else is to be known of it.
    pub detail: String,
}

/// An entry as it is stored, and as its MAC is made. It is text, so that an entry somebody has tampered with can be
/// told about too, whatever is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditText {
    /// The id of the entry, `evt_…`.
    pub id: String,
    /// When it was written.
    pub at: Timestamp,
    /// [`AuditEntry::account`].
    pub account: Option<String>,
    /// [`AuditEntry::actor`].
    pub actor: String,
    /// [`AuditEntry::action`].
    pub action: String,
    /// [`AuditEntry::subject`].
    pub subject: String,
    /// [`AuditEntry::detail`].
    pub detail: String,
}

impl AuditText {
    /// What is stored of an entry.
    #[must_use]
    pub fn new(id: EventId, at: Timestamp, entry: &AuditEntry) -> Self {
        Self {
            id: id.to_string(),
            at,
            account: entry.account.map(|account| account.to_string()),
            actor: entry.actor.to_string(),
            action: entry.action.to_string(),
            subject: entry.subject.clone(),
            detail: entry.detail.clone(),
        }
    }

    /// The id of the entry; `None` when it is none.
    #[must_use]
    pub fn event_id(&self) -> Option<EventId> {
        EventId::parse(&self.id).ok()
    }

    /// The entry; `None` when this is none that the program wrote.
    #[must_use]
    pub fn entry(&self) -> Option<AuditEntry> {
        let account = self.account.as_deref().map(AccountId::parse).transpose().ok()?;
        Some(AuditEntry {
            account,
            actor: Actor::parse(&self.actor)?,
            action: AuditAction::parse(&self.action)?,
            subject: self.subject.clone(),
            detail: self.detail.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_action_has_a_name_of_its_own() {
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::parse(action.as_str()), Some(*action));
            let (what, done) = action.as_str().split_once('.').unwrap();
            assert!(!what.is_empty() && !done.is_empty() && !done.contains('.'), "{action}");
        }
        let names: HashSet<_> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), AuditAction::ALL.len());
        assert_eq!(AuditAction::parse("key.CREATED"), None);
    }

    #[test]
    fn every_actor_is_read_back() {
        let user = UserId::new(Timestamp::from_unix_ms(1), [7; 10]);
        for actor in [Actor::User(user), Actor::CommandLine, Actor::System] {
            assert_eq!(Actor::parse(&actor.to_string()), Some(actor));
        }
        assert_eq!(Actor::parse("root"), None);
    }

    #[test]
    fn an_entry_is_read_back_and_nothing_else_is_taken_for_one() {
        let at = Timestamp::from_unix_ms(5);
        let entry = AuditEntry {
            account: Some(AccountId::new(at, [1; 10])),
            actor: Actor::System,
            action: AuditAction::KeyRevoked,
            subject: "key_1".to_owned(),
            detail: String::new(),
        };
        let text = AuditText::new(EventId::new(at, [2; 10]), at, &entry);
        assert_eq!(text.entry(), Some(entry.clone()));
        assert_eq!(text.event_id(), Some(EventId::new(at, [2; 10])));
        let nobodys = AuditEntry { account: None, ..entry };
        assert_eq!(AuditText { account: None, ..text.clone() }.entry(), Some(nobodys));
        assert_eq!(AuditText { account: Some(String::new()), ..text.clone() }.entry(), None);
        assert_eq!(AuditText { actor: "somebody".to_owned(), ..text.clone() }.entry(), None);
        assert_eq!(AuditText { action: "key.stolen".to_owned(), ..text }.entry(), None);
    }
}
