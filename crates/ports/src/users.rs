use async_trait::async_trait;
use whatotp_domain::{
    AccountId, ConsoleSession, ConsoleSessionId, LinkId, LinkKind, LogInTries, Role, Timestamp, UserId,
};
use whatotp_vault::{EmailIndex, LinkHash, PasswordHash, RecoveryHash, Sealed, SessionHash};

use crate::StoreResult;

/// A user as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// Their id.
    pub id: UserId,
    /// The account they belong to.
    pub account: AccountId,
    /// What they may do in it.
    pub role: Role,
    /// Whether they run the platform.
    pub operator: bool,
    /// What they are found by when they log in. No two users have the same.
    pub email_index: EmailIndex,
    /// The address, sealed.
    pub email: Sealed,
    /// What they are called, sealed.
    pub name: Sealed,
    /// Their password.
    pub password: PasswordHash,
    /// What their second factor is checked with, sealed; `None` when they have none.
    pub totp: Option<Sealed>,
    /// What it will be once they have shown that their app has it, sealed.
    pub totp_pending: Option<Sealed>,
    /// When they joined.
    pub created_at: Timestamp,
    /// When they logged in last.
    pub last_login_at: Option<Timestamp>,
    /// Since when they cannot log in.
    pub disabled_at: Option<Timestamp>,
}

/// A one-time link as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRecord {
    /// Its id.
    pub id: LinkId,
    /// Of its token.
    pub hash: LinkHash,
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// What a one-time link is good for, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkPurpose {
    /// To make the first user.
    Bootstrap,
    /// To make a member.
    Invitation {
        /// Of which account.
        account: AccountId,
        /// As what.
        role: Role,
        /// Who was asked, sealed.
        email: Sealed,
        /// By whom.
        invited_by: UserId,
    },
    /// To set a password.
    Reset {
        /// Whose account.
        account: AccountId,
        /// Whose.
        user: UserId,
    },
}

impl LinkPurpose {
    /// Which kind of link it is.
    #[must_use]
    pub const fn kind(&self) -> LinkKind {
        match self {
            Self::Bootstrap => LinkKind::Bootstrap,
            Self::Invitation { .. } => LinkKind::Invitation,
            Self::Reset { .. } => LinkKind::Reset,
        }
    }
}

/// What became of somebody who followed a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// They are a user now, and logged in.
    Yes,
    /// The link has been used or withdrawn, or its time is over; or there is a user already, and it was for the first.
    LinkIsOver,
    /// Somebody else has the address. The link can still be used.
    EmailTaken,
}

/// What became of a change to a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberChange {
    /// It is done.
    Done,
    /// The account has no such member.
    NotFound,
    /// They are the last owner who can log in. Nothing was changed.
    LastOwner,
}

/// The users, their second factors and the tries to log in.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Whether there is any user at all.
    async fn has_users(&self) -> StoreResult<bool>;

    /// Uses up the link and stores the user, and the session under its hash, in one step. MUST store nothing unless the
    /// link is there, is no reset, and can still be used at `now`; with a bootstrap link, unless there is no user: then
    /// every bootstrap link is used up. Of any number of concurrent calls with one link at most one returns
    /// [`Joined::Yes`], and no two users ever have one e-mail address.
    async fn join(
        &self,
        link: LinkHash,
        user: UserRecord,
        session: ConsoleSession,
        hash: SessionHash,
        now: Timestamp,
    ) -> StoreResult<Joined>;

    /// Uses up a reset link and sets its user's password, and ends their sessions, in one step. Returns who it was;
    /// `None`, and nothing changed, when the link cannot be used at `now`.
    async fn reset_password(
        &self,
        link: LinkHash,
        password: PasswordHash,
        now: Timestamp,
    ) -> StoreResult<Option<UserRecord>>;

    /// The user of this id.
    async fn find_user(&self, id: UserId) -> StoreResult<Option<UserRecord>>;

    /// The user of this address.
    async fn find_user_by_email(&self, email: &EmailIndex) -> StoreResult<Option<UserRecord>>;

    /// Every user of an account (of every account when none is named), oldest first.
    async fn list_users(&self, account: Option<AccountId>) -> StoreResult<Vec<UserRecord>>;

    /// Sets a password, and ends every session of theirs but `keep`, in one step.
    async fn set_password(&self, id: UserId, password: PasswordHash, keep: Option<ConsoleSessionId>)
    -> StoreResult<()>;

    /// Puts a new hash of the same password in the place of `old`. MUST leave another one alone.
    async fn rehash_password(&self, id: UserId, old: PasswordHash, new: PasswordHash) -> StoreResult<()>;

    /// Gives a member another role. MUST NOT take the last owner who can log in from an account, however many of these
    /// calls and of the two below run at once.
    async fn set_role(&self, account: AccountId, id: UserId, role: Role) -> StoreResult<MemberChange>;

    /// Keeps a member from logging in, and ends their sessions; `None` lets them in again.
    async fn set_disabled(
        &self,
        account: AccountId,
        id: UserId,
        disabled_at: Option<Timestamp>,
    ) -> StoreResult<MemberChange>;

    /// Removes a member with everything that is theirs: sessions, recovery codes, links.
    async fn remove_user(&self, account: AccountId, id: UserId) -> StoreResult<MemberChange>;

    /// Says whether somebody runs the platform. `false` when there is no such user.
    async fn set_operator(&self, id: UserId, operator: bool) -> StoreResult<bool>;

    /// Charges one try to log in with this address, as [`LogInTries::charge`] has it, in one atomic step. Returns when
    /// the next one may be made if this one may not.
    async fn charge_log_in(&self, email: &EmailIndex, now: Timestamp) -> StoreResult<Option<Timestamp>>;

    /// Takes one try back.
    async fn refund_log_in(&self, email: &EmailIndex) -> StoreResult<()>;

    /// Forgets every try. `false` when there was none.
    async fn forget_log_ins(&self, email: &EmailIndex) -> StoreResult<bool>;

    /// The tries with this address.
    async fn log_in_tries(&self, email: &EmailIndex) -> StoreResult<LogInTries>;

    /// Deletes at most `limit` rows of tries whose last one was at or before `before`. Returns how many.
    async fn purge_log_ins(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;

    /// Keeps a second factor that is still to be shown to work. One that works goes on working.
    async fn offer_totp(&self, id: UserId, secret: Sealed) -> StoreResult<()>;

    /// Makes the pending secret the one that counts, with `step` used up, and stores these recovery codes in place of
    /// all others; ends every session of theirs but `keep`. `false`, and nothing changed, when `secret` is not (any more)
    /// the pending one.
    async fn confirm_totp(
        &self,
        id: UserId,
        secret: Sealed,
        step: u64,
        codes: Vec<RecoveryHash>,
        keep: ConsoleSessionId,
    ) -> StoreResult<bool>;

    /// Uses up a step of the second factor. MUST return `true` at most once for a step, and never for one before it.
    async fn use_totp_step(&self, id: UserId, step: u64) -> StoreResult<bool>;

    /// Uses up a recovery code. MUST return `true` at most once for a code.
    async fn use_recovery_code(&self, id: UserId, code: &RecoveryHash) -> StoreResult<bool>;

    /// How many recovery codes are left.
    async fn count_recovery_codes(&self, id: UserId) -> StoreResult<u64>;

    /// Takes the second factor away, with its recovery codes and what is pending. `false` when there was none.
    async fn remove_totp(&self, id: UserId) -> StoreResult<bool>;
}

/// Who is logged in to the console.
#[async_trait]
pub trait ConsoleSessionStore: Send + Sync {
    /// Stores a session under the hash of its token, and notes that its user has logged in. `false`, and nothing stored,
    /// when there is no such user, or they cannot log in.
    async fn begin_console_session(&self, session: ConsoleSession, hash: SessionHash) -> StoreResult<bool>;

    /// The session of this token and its user, whatever the time.
    async fn find_console_session(&self, hash: &SessionHash) -> StoreResult<Option<(ConsoleSession, UserRecord)>>;

    /// Notes that a session was used at `at`, unless a later use is known.
    async fn touch_console_session(&self, id: ConsoleSessionId, at: Timestamp) -> StoreResult<()>;

    /// Gives a session another token; with `authenticated_at` its user has just typed the password. `false`, and nothing
    /// changed, when its token is not `old` (any more).
    async fn renew_console_session(
        &self,
        id: ConsoleSessionId,
        old: SessionHash,
        new: SessionHash,
        authenticated_at: Option<Timestamp>,
    ) -> StoreResult<bool>;

    /// The sessions of a user, newest first.
    async fn list_console_sessions(&self, user: UserId) -> StoreResult<Vec<ConsoleSession>>;

    /// Ends a session of a user. `false` when they have none of this id.
    async fn end_console_session(&self, user: UserId, id: ConsoleSessionId) -> StoreResult<bool>;

    /// Ends every session of a user. Returns how many.
    async fn end_console_sessions(&self, user: UserId) -> StoreResult<u64>;

    /// Deletes at most `limit` sessions that were last seen at or before the first moment, or made at or before the
    /// second. Returns how many.
    async fn purge_console_sessions(
        &self,
        seen_before: Timestamp,
        made_before: Timestamp,
        limit: u32,
    ) -> StoreResult<u64>;
}

/// The one-time links. Their tokens are never stored, only their hashes.
#[async_trait]
pub trait LinkStore: Send + Sync {
    /// Stores a link. A reset takes the place of the user's earlier ones, a bootstrap of all earlier ones. `false`, and
    /// nothing stored, for a bootstrap while there is a user.
    async fn put_link(&self, link: LinkRecord) -> StoreResult<bool>;

    /// The link of this token, whatever the time.
    async fn find_link(&self, hash: &LinkHash) -> StoreResult<Option<LinkRecord>>;

    /// Whether a bootstrap link has been made, whatever the time.
    async fn has_bootstrap_link(&self) -> StoreResult<bool>;

    /// The invitations of an account, newest first, those whose time is over included.
    async fn list_invitations(&self, account: AccountId) -> StoreResult<Vec<LinkRecord>>;

    /// Gives an invitation another token and another end. Returns it as it then is; `None`, and nothing changed, when
    /// the account has none of this id.
    async fn renew_invitation(
        &self,
        account: AccountId,
        id: LinkId,
        hash: LinkHash,
        expires_at: Timestamp,
    ) -> StoreResult<Option<LinkRecord>>;

    /// Takes an invitation back. `false` when the account has none of this id.
    async fn withdraw_invitation(&self, account: AccountId, id: LinkId) -> StoreResult<bool>;

    /// Deletes at most `limit` invitations and resets that ended at or before `before`. Returns how many.
    async fn purge_links(&self, before: Timestamp, limit: u32) -> StoreResult<u64>;
}
