use std::fmt::Write as _;

use diesel::prelude::*;
use whatotp_domain::{
    AccountId, ConsoleSession, ConsoleSessionId, LinkId, LinkKind, LogInTries, Role, Timestamp, UserId,
};
use whatotp_ports::{LinkPurpose, LinkRecord, MemberChange, UserRecord};
use whatotp_vault::{EmailIndex, LinkHash, PasswordHash, RecoveryHash, Sealed, SessionHash};

use super::{InColumn, Read, hash, moment, unix_ms};
use crate::schema::{console_links, console_sessions, log_in_tries, users};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(crate) struct UserRow {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) role: String,
    operator: i32,
    pub(crate) email_index: Vec<u8>,
    email: Vec<u8>,
    name: Vec<u8>,
    password: String,
    totp: Option<Vec<u8>>,
    totp_pending: Option<Vec<u8>>,
    totp_step: i64,
    pub(crate) recovery_codes: String,
    created_at: i64,
    last_login_at: Option<i64>,
    pub(crate) disabled_at: Option<i64>,
}

impl UserRow {
    pub(crate) fn new(user: &UserRecord) -> Self {
        let bytes = |sealed: &Sealed| sealed.as_bytes().to_vec();
        Self {
            id: user.id.to_string(),
            account_id: user.account.to_string(),
            role: user.role.as_str().to_owned(),
            operator: user.operator.into(),
            email_index: user.email_index.as_bytes().to_vec(),
            email: bytes(&user.email),
            name: bytes(&user.name),
            password: user.password.as_str().to_owned(),
            totp: user.totp.as_ref().map(bytes),
            totp_pending: user.totp_pending.as_ref().map(bytes),
            totp_step: 0,
            recovery_codes: String::new(),
            created_at: user.created_at.unix_ms(),
            last_login_at: unix_ms(user.last_login_at),
            disabled_at: unix_ms(user.disabled_at),
        }
    }

    pub(crate) fn read(self) -> Read<UserRecord> {
        Ok(UserRecord {
            id: UserId::parse(&self.id).in_column("users.id")?,
            account: AccountId::parse(&self.account_id).in_column("users.account_id")?,
            role: role(&self.role)?,
            operator: self.operator != 0,
            email_index: EmailIndex::from_bytes(hash(&self.email_index, "users.email_index")?),
            email: Sealed::from_bytes(self.email),
            name: Sealed::from_bytes(self.name),
            password: PasswordHash::from_stored(self.password),
            totp: self.totp.map(Sealed::from_bytes),
            totp_pending: self.totp_pending.map(Sealed::from_bytes),
            created_at: Timestamp::from_unix_ms(self.created_at),
            last_login_at: moment(self.last_login_at),
            disabled_at: moment(self.disabled_at),
        })
    }

    /// Whether this is an owner who can log in.
    pub(crate) fn is_working_owner(&self) -> bool {
        self.role == Role::Owner.as_str() && self.disabled_at.is_none()
    }
}

/// Whether one of these members, who are all of an account, may be changed: not the last owner who can log in when the
/// change `ends` that.
pub(crate) fn judge(members: &[UserRow], id: UserId, ends: bool) -> MemberChange {
    let id = id.to_string();
    let Some(this) = members.iter().find(|member| member.id == id) else { return MemberChange::NotFound };
    let is_needed = this.is_working_owner() && !members.iter().any(|one| one.id != id && one.is_working_owner());
    if ends && is_needed { MemberChange::LastOwner } else { MemberChange::Done }
}

fn role(text: &str) -> Read<Role> {
    Role::parse(text).in_column("role")
}

/// A step of the second factor as its column has it.
pub(crate) fn step(step: u64) -> i64 {
    i64::try_from(step).unwrap_or(i64::MAX)
}

/// Recovery codes as their column has them.
pub(crate) fn recovery_codes(codes: &[RecoveryHash]) -> String {
    codes.iter().map(hex).collect::<Vec<_>>().join(" ")
}

/// What is left of these recovery codes without this one; `None` when it is not among them.
pub(crate) fn without_code(codes: &str, used: &RecoveryHash) -> Option<String> {
    let used = hex(used);
    let left: Vec<&str> = codes.split_whitespace().filter(|code| *code != used).collect();
    (left.len() < count_codes(codes)).then(|| left.join(" "))
}

pub(crate) fn count_codes(codes: &str) -> usize {
    codes.split_whitespace().count()
}

fn hex(code: &RecoveryHash) -> String {
    code.as_bytes().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = console_sessions)]
pub(crate) struct ConsoleSessionRow {
    id: String,
    account_id: String,
    pub(crate) user_id: String,
    hash: Vec<u8>,
    user_agent: String,
    created_at: i64,
    authenticated_at: i64,
    last_seen_at: i64,
}

impl ConsoleSessionRow {
    pub(crate) fn new(session: &ConsoleSession, hash: &SessionHash) -> Self {
        Self {
            id: session.id.to_string(),
            account_id: session.account.to_string(),
            user_id: session.user.to_string(),
            hash: hash.as_bytes().to_vec(),
            user_agent: session.user_agent.clone(),
            created_at: session.created_at.unix_ms(),
            authenticated_at: session.authenticated_at.unix_ms(),
            last_seen_at: session.last_seen_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<ConsoleSession> {
        Ok(ConsoleSession {
            id: ConsoleSessionId::parse(&self.id).in_column("console_sessions.id")?,
            user: UserId::parse(&self.user_id).in_column("console_sessions.user_id")?,
            account: AccountId::parse(&self.account_id).in_column("console_sessions.account_id")?,
            user_agent: self.user_agent,
            created_at: Timestamp::from_unix_ms(self.created_at),
            authenticated_at: Timestamp::from_unix_ms(self.authenticated_at),
            last_seen_at: Timestamp::from_unix_ms(self.last_seen_at),
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = console_links, treat_none_as_default_value = false)]
pub(crate) struct LinkRow {
    pub(crate) id: String,
    account_id: String,
    kind: String,
    hash: Vec<u8>,
    user_id: Option<String>,
    role: Option<String>,
    email: Option<Vec<u8>>,
    created_at: i64,
    expires_at: i64,
}

impl LinkRow {
    pub(crate) fn new(link: &LinkRecord) -> Self {
        let (account, user, role, email) = match &link.purpose {
            LinkPurpose::Bootstrap => (None, None, None, None),
            LinkPurpose::Invitation { account, role, email, invited_by } => {
                (Some(account), Some(invited_by), Some(role), Some(email))
            }
            LinkPurpose::Reset { account, user } => (Some(account), Some(user), None, None),
        };
        Self {
            id: link.id.to_string(),
            account_id: account.map(ToString::to_string).unwrap_or_default(),
            kind: link.purpose.kind().as_str().to_owned(),
            hash: link.hash.as_bytes().to_vec(),
            user_id: user.map(ToString::to_string),
            role: role.map(|role| role.as_str().to_owned()),
            email: email.map(|email| email.as_bytes().to_vec()),
            created_at: link.created_at.unix_ms(),
            expires_at: link.expires_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<LinkRecord> {
        let account = || AccountId::parse(&self.account_id).in_column("console_links.account_id");
        let user = || self.user_id.as_deref().and_then(|id| UserId::parse(id).ok()).in_column("console_links.user_id");
        let purpose = match LinkKind::parse(&self.kind).in_column("console_links.kind")? {
            LinkKind::Bootstrap => LinkPurpose::Bootstrap,
            LinkKind::Invitation => LinkPurpose::Invitation {
                account: account()?,
                role: role(self.role.as_deref().unwrap_or_default())?,
                email: Sealed::from_bytes(self.email.clone().in_column("console_links.email")?),
                invited_by: user()?,
            },
            LinkKind::Reset => LinkPurpose::Reset { account: account()?, user: user()? },
        };
        Ok(LinkRecord {
            id: LinkId::parse(&self.id).in_column("console_links.id")?,
            hash: LinkHash::from_bytes(hash(&self.hash, "console_links.hash")?),
            purpose,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: Timestamp::from_unix_ms(self.expires_at),
        })
    }
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = log_in_tries)]
pub(crate) struct LogInTriesRow {
    email: Vec<u8>,
    failures: i64,
    last_at: i64,
}

impl LogInTriesRow {
    pub(crate) fn new(email: &EmailIndex, tries: LogInTries) -> Self {
        let email = email.as_bytes().to_vec();
        Self { email, failures: tries.failures.into(), last_at: tries.last_at.unix_ms() }
    }

    pub(crate) fn read(&self) -> Read<LogInTries> {
        let failures = self.failures.try_into().in_column("log_in_tries.failures")?;
        Ok(LogInTries { failures, last_at: Timestamp::from_unix_ms(self.last_at) })
    }
}
