use whatotp_domain::{
    AccountId, Actor, AuditAction, AuditEntry, ConsoleSession, ConsoleSessionId, Timestamp, User, UserId,
};
use whatotp_ports::random;
use whatotp_vault::SessionToken;

use crate::{Application, Failure, error_chain};

/// The longest description of a browser that is kept.
const LONGEST_USER_AGENT: usize = 200;

/// Somebody who is logged in, with the token of their session: handed out this once.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    /// Who.
    pub user: User,
    /// Their session.
    pub session: ConsoleSession,
    /// What opens it.
    pub token: SessionToken,
}

impl Application {
    /// Whose token this is, if their session is not over and they may log in. Notes the use, once a minute.
    pub async fn whose_session(&self, token: &SessionToken) -> Result<Option<(User, ConsoleSession)>, Failure> {
        let now = self.ports.clock.now();
        let Some((session, record)) = self.ports.console_sessions.find_console_session(&token.hash()).await? else {
            return Ok(None);
        };
        if session.is_over(now) || record.disabled_at.is_some() {
            return Ok(None);
        }
        let session = if session.is_use_news(now) { self.note_seen(session, now).await } else { session };
        Ok(Some((self.open_user(&record)?, session)))
    }

    /// That it cannot be written down is no reason to turn somebody away.
    async fn note_seen(&self, session: ConsoleSession, now: Timestamp) -> ConsoleSession {
        if let Err(error) = self.ports.console_sessions.touch_console_session(session.id, now).await {
            tracing::warn!(error = error_chain(&error), "the last use of a console session is not written down");
            return session;
        }
        ConsoleSession { last_seen_at: now, ..session }
    }

    /// Ends the session of whoever is logged in.
    pub async fn log_out(&self, session: &ConsoleSession) -> Result<(), Failure> {
        self.ports.console_sessions.end_console_session(session.user, session.id).await?;
        let actor = Actor::User(session.user);
        self.audit_member(session.account, actor, AuditAction::UserLogout, session.user, session.id.to_string()).await
    }

    /// A new token in the place of the old one, which is dead from then on. `None` when that is dead already.
    pub async fn refresh_session(
        &self,
        user: User,
        session: ConsoleSession,
        old: &SessionToken,
    ) -> Result<Option<LoggedIn>, Failure> {
        self.renew(user, session, old, None).await
    }

    pub(crate) async fn renew(
        &self,
        user: User,
        session: ConsoleSession,
        old: &SessionToken,
        authenticated_at: Option<Timestamp>,
    ) -> Result<Option<LoggedIn>, Failure> {
        let token = SessionToken::mint(&random(&*self.ports.entropy)?);
        let sessions = &self.ports.console_sessions;
        let renewed = sessions.renew_console_session(session.id, old.hash(), token.hash(), authenticated_at).await?;
        let authenticated_at = authenticated_at.unwrap_or(session.authenticated_at);
        let session = ConsoleSession { authenticated_at, ..session };
        Ok(renewed.then_some(LoggedIn { user, session, token }))
    }

    /// The sessions of a user that are not over, newest first.
    pub async fn list_sessions(&self, user: UserId) -> Result<Vec<ConsoleSession>, Failure> {
        let now = self.ports.clock.now();
        let mut sessions = self.ports.console_sessions.list_console_sessions(user).await?;
        sessions.retain(|session| !session.is_over(now));
        Ok(sessions)
    }

    /// Ends a session of one's own on another device. `false` when there is none of this id.
    pub async fn end_session(&self, user: &User, id: ConsoleSessionId) -> Result<bool, Failure> {
        let ended = self.ports.console_sessions.end_console_session(user.id, id).await?;
        if ended {
            let actor = Actor::User(user.id);
            self.audit_member(user.account, actor, AuditAction::UserSessionEnded, user.id, id.to_string()).await?;
        }
        Ok(ended)
    }

    /// A session for somebody who has just shown who they are, and its token. It is not stored yet.
    pub(crate) fn new_session(
        &self,
        account: AccountId,
        user: UserId,
        user_agent: &str,
    ) -> Result<(ConsoleSession, SessionToken), Failure> {
        let now = self.ports.clock.now();
        let session = ConsoleSession {
            id: ConsoleSessionId::new(now, random(&*self.ports.entropy)?),
            user,
            account,
            user_agent: user_agent.chars().filter(|c| !c.is_control()).take(LONGEST_USER_AGENT).collect(),
            created_at: now,
            authenticated_at: now,
            last_seen_at: now,
        };
        Ok((session, SessionToken::mint(&random(&*self.ports.entropy)?)))
    }

    /// Writes down what somebody did to a user.
    pub(crate) async fn audit_member(
        &self,
        account: AccountId,
        actor: Actor,
        action: AuditAction,
        user: UserId,
        detail: String,
    ) -> Result<(), Failure> {
        self.audit(AuditEntry { account: Some(account), actor, action, subject: user.to_string(), detail }).await
    }
}
