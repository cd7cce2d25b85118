use whatotp_domain::{Actor, AuditAction, ConsoleSession, EmailAddress, Password, PasswordError, Timestamp, User};
use whatotp_ports::UserRecord;
use whatotp_vault::{EmailIndex, PasswordHash, SessionToken};

use crate::{Application, Failure, LoggedIn, error_chain};

/// Somebody who wants to log in.
#[derive(Debug)]
pub struct LogIn {
    /// Who they say they are.
    pub email: EmailAddress,
    /// What they typed.
    pub password: Password,
    /// A code of their second factor, or a recovery code.
    pub code: Option<String>,
    /// Their browser, in its own words.
    pub user_agent: String,
}

/// Whether they are let in.
#[derive(Debug)]
pub enum LogInAnswer<T> {
    /// They are.
    Yes(T),
    /// Something of it is wrong. What, nobody is told.
    Wrong,
    /// The password is right, and they have a second factor.
    CodeRequired,
    /// There were too many failures: not before this moment.
    Wait(Timestamp),
}

/// What became of a password that was to be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordChanged {
    /// It is changed, and the other sessions are over.
    Yes,
    /// The present one is wrong.
    Wrong,
    /// There were too many failures: not before this moment.
    Wait(Timestamp),
    /// The new one is no good.
    Refused(PasswordError),
}

/// What somebody is to show.
#[derive(Clone, Copy)]
enum Asks<'a> {
    /// The password.
    Password,
    /// The password, and a code if they have a second factor.
    Both(Option<&'a str>),
}

impl Application {
    /// Logs somebody in. It takes as long, and says the same, whether nobody has the address or the password is wrong.
    pub async fn log_in(&self, attempt: LogIn) -> Result<LogInAnswer<LoggedIn>, Failure> {
        let index = self.keyring.email_index(&attempt.email);
        if let Some(until) = self.ports.users.charge_log_in(&index, self.ports.clock.now()).await? {
            return Ok(LogInAnswer::Wait(until));
        }
        let record = self.ports.users.find_user_by_email(&index).await?;
        let record = match self.prove(record, &index, attempt.password, Asks::Both(attempt.code.as_deref())).await? {
            LogInAnswer::Yes(record) => record,
            LogInAnswer::Wrong => return Ok(LogInAnswer::Wrong),
            LogInAnswer::CodeRequired => return Ok(LogInAnswer::CodeRequired),
            LogInAnswer::Wait(until) => return Ok(LogInAnswer::Wait(until)),
        };
        let (session, token) = self.new_session(record.account, record.id, &attempt.user_agent)?;
        if !self.ports.console_sessions.begin_console_session(session.clone(), token.hash()).await? {
            return Ok(LogInAnswer::Wrong);
        }
        let user = User { last_login_at: Some(session.created_at), ..self.open_user(&record)? };
        let (actor, detail) = (Actor::User(user.id), session.id.to_string());
        self.audit_member(user.account, actor, AuditAction::UserLogin, user.id, detail).await?;
        Ok(LogInAnswer::Yes(LoggedIn { user, session, token }))
    }

    /// Has somebody who is logged in show once more who they are. Their session gets a new token.
    pub async fn reauthenticate(
        &self,
        user: User,
        session: ConsoleSession,
        token: &SessionToken,
        password: Password,
        code: Option<&str>,
    ) -> Result<LogInAnswer<LoggedIn>, Failure> {
        Ok(match self.prove_again(&user, password, Asks::Both(code)).await? {
            LogInAnswer::Yes(record) => {
                let now = self.ports.clock.now();
                let (account, id, detail) = (user.account, user.id, session.id.to_string());
                let Some(renewed) = self.renew(user, session, token, Some(now)).await? else {
                    return Ok(LogInAnswer::Wrong);
                };
                let action = AuditAction::UserReauthenticated;
                self.audit_member(account, Actor::User(record.id), action, id, detail).await?;
                LogInAnswer::Yes(renewed)
            }
            LogInAnswer::Wrong => LogInAnswer::Wrong,
            LogInAnswer::CodeRequired => LogInAnswer::CodeRequired,
            LogInAnswer::Wait(until) => LogInAnswer::Wait(until),
        })
    }

    /// Changes the password of somebody who knows the present one, and ends their other sessions.
    pub async fn change_password(
        &self,
        user: &User,
        session: &ConsoleSession,
        present: Password,
        new: Password,
    ) -> Result<PasswordChanged, Failure> {
        match self.prove_again(user, present, Asks::Password).await? {
            LogInAnswer::Yes(_) => {}
            LogInAnswer::Wrong | LogInAnswer::CodeRequired => return Ok(PasswordChanged::Wrong),
            LogInAnswer::Wait(until) => return Ok(PasswordChanged::Wait(until)),
        }
        let hash = match self.hash_password(new, &user.email, &user.name).await? {
            Ok(hash) => hash,
            Err(error) => return Ok(PasswordChanged::Refused(error)),
        };
        self.ports.users.set_password(user.id, hash, Some(session.id)).await?;
        let actor = Actor::User(user.id);
        self.audit_member(user.account, actor, AuditAction::UserPasswordChanged, user.id, String::new()).await?;
        Ok(PasswordChanged::Yes)
    }

    async fn prove_again(
        &self,
        user: &User,
        password: Password,
        asks: Asks<'_>,
    ) -> Result<LogInAnswer<UserRecord>, Failure> {
        let index = self.keyring.email_index(&user.email);
        if let Some(until) = self.ports.users.charge_log_in(&index, self.ports.clock.now()).await? {
            return Ok(LogInAnswer::Wait(until));
        }
        let record = self.ports.users.find_user(user.id).await?;
        self.prove(record, &index, password, asks).await
    }

    /// Whether this is who they say they are. The try has been charged.
    async fn prove(
        &self,
        record: Option<UserRecord>,
        index: &EmailIndex,
        password: Password,
        asks: Asks<'_>,
    ) -> Result<LogInAnswer<UserRecord>, Failure> {
        let hash = record.as_ref().map_or_else(PasswordHash::nobodys, |record| record.password.clone());
        let (matches, rehashed) = self.check_password(hash, password).await?;
        let Some(record) = record else { return Ok(LogInAnswer::Wrong) };
        if !matches || record.disabled_at.is_some() {
            self.audit_failure(&record, "password");
            return Ok(LogInAnswer::Wrong);
        }
        if let (Asks::Both(code), true) = (asks, record.totp.is_some()) {
            let Some(code) = code else {
                // Neither right nor wrong: the form asks for the code next.
                self.ports.users.refund_log_in(index).await?;
                return Ok(LogInAnswer::CodeRequired);
            };
            if !self.check_code(&record, code).await? {
                self.audit_failure(&record, "second factor");
                return Ok(LogInAnswer::Wrong);
            }
        }
        self.ports.users.forget_log_ins(index).await?;
        if let Some(rehashed) = rehashed {
            self.ports.users.rehash_password(record.id, record.password.clone(), rehashed).await?;
        }
        Ok(LogInAnswer::Yes(record))
    }

    /// Beside the answer, which would otherwise take longer for an address that somebody has.
    fn audit_failure(&self, record: &UserRecord, what: &'static str) {
        let (app, account, id) = (self.clone(), record.account, record.id);
        tokio::spawn(async move {
            let action = AuditAction::UserLoginFailed;
            let audited = app.audit_member(account, Actor::System, action, id, what.to_owned()).await;
            if let Err(error) = audited {
                tracing::error!(error = error_chain(&error), "a failed log-in is not in the audit log");
            }
        });
    }
}
