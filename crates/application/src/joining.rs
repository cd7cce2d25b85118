use whatotp_domain::{
    AccountId, Actor, AuditAction, EmailAddress, LinkId, LinkKind, Password, PasswordError, Role, User, UserId,
};
use whatotp_ports::{Joined, LinkPurpose, LinkRecord, UserRecord, random};
use whatotp_vault::LinkToken;

use crate::sealing::{LINKS, Row, USERS, of_account};
use crate::users::read_email;
use crate::{Application, Failure, LoggedIn};

/// Somebody who follows a one-time link.
#[derive(Debug)]
pub struct FollowLink {
    /// What the link carries.
    pub token: LinkToken,
    /// What they are called; not for a reset.
    pub name: Option<String>,
    /// What they log in by; only the first user says so, all others were invited under theirs.
    pub email: Option<EmailAddress>,
    /// What they choose.
    pub password: Password,
    /// Their browser, in its own words.
    pub user_agent: String,
}

/// What became of them.
#[derive(Debug)]
pub enum LinkFollowed {
    /// They are a user now, and logged in.
    Joined(Box<LoggedIn>),
    /// Their password is set. They log in with it, and with their second factor if they have one.
    PasswordSet,
    /// The link has been used or withdrawn, or its time is over.
    LinkIsOver,
    /// Somebody has the address.
    EmailTaken,
    /// It is not the address that was invited.
    OtherEmail,
    /// This kind of link asks for that as well.
    Missing(&'static str),
    /// The password is no good.
    Refused(PasswordError),
}

impl Application {
    /// Makes the link by which the first user joins. `None` when there is a user already. One made before is dead.
    pub async fn bootstrap_link(&self) -> Result<Option<LinkToken>, Failure> {
        let (link, token) = self.new_link(|_| Ok(LinkPurpose::Bootstrap))?;
        Ok(self.ports.links.put_link(link).await?.then_some(token))
    }

    /// The same at the first start of an installation, and never again by itself.
    pub async fn first_bootstrap_link(&self) -> Result<Option<LinkToken>, Failure> {
        if self.ports.links.has_bootstrap_link().await? { Ok(None) } else { self.bootstrap_link().await }
    }

    /// Makes the link by which somebody sets a new password. Ones made before are dead.
    pub async fn reset_link(&self, user: &User, actor: Actor) -> Result<LinkToken, Failure> {
        let purpose = LinkPurpose::Reset { account: user.account, user: user.id };
        let (link, token) = self.new_link(|_| Ok(purpose))?;
        self.ports.links.put_link(link).await?;
        let detail = "a link was made".to_owned();
        self.audit_member(user.account, actor, AuditAction::UserPasswordReset, user.id, detail).await?;
        Ok(token)
    }

    /// Follows a link: makes the first user or a member, or sets a password. It can be done once.
    pub async fn follow_link(&self, follow: FollowLink) -> Result<LinkFollowed, Failure> {
        let now = self.ports.clock.now();
        let link = self.ports.links.find_link(&follow.token.hash()).await?;
        let Some(link) = link.filter(|link| now < link.expires_at) else { return Ok(LinkFollowed::LinkIsOver) };
        let (account, role, email) = match &link.purpose {
            LinkPurpose::Reset { user, .. } => return self.set_forgotten_password(*user, follow).await,
            LinkPurpose::Bootstrap => {
                let Some(email) = follow.email.clone() else { return Ok(LinkFollowed::Missing("email")) };
                (self.default_account().await?, Role::Owner, email)
            }
            LinkPurpose::Invitation { account, role, email, .. } => {
                let id = link.id.to_bytes();
                let row = Row { scope: of_account(*account), table: LINKS, id: &id };
                let invited = read_email(&self.open(row, "email", email)?)?;
                if follow.email.as_ref().is_some_and(|given| given.folded() != invited.folded()) {
                    return Ok(LinkFollowed::OtherEmail);
                }
                (*account, *role, invited)
            }
        };
        self.join(follow, link.purpose.kind(), account, role, email).await
    }

    async fn join(
        &self,
        follow: FollowLink,
        kind: LinkKind,
        account: AccountId,
        role: Role,
        email: EmailAddress,
    ) -> Result<LinkFollowed, Failure> {
        let now = self.ports.clock.now();
        let Some(name) = follow.name else { return Ok(LinkFollowed::Missing("name")) };
        let password = match self.hash_password(follow.password, &email, &name).await? {
            Ok(hash) => hash,
            Err(error) => return Ok(LinkFollowed::Refused(error)),
        };
        let id = UserId::new(now, random(&*self.ports.entropy)?);
        let id_bytes = id.to_bytes();
        let row = Row { scope: of_account(account), table: USERS, id: &id_bytes };
        let record = UserRecord {
            id,
            account,
            role,
            operator: kind == LinkKind::Bootstrap,
            email_index: self.keyring.email_index(&email),
            email: self.seal(row, "email", email.as_str().as_bytes())?,
            name: self.seal(row, "name", name.as_bytes())?,
            password,
            totp: None,
            totp_pending: None,
            created_at: now,
            last_login_at: Some(now),
            disabled_at: None,
        };
        let user = self.open_user(&record)?;
        let (session, token) = self.new_session(account, id, &follow.user_agent)?;
        let (hash, link) = (token.hash(), follow.token.hash());
        match self.ports.users.join(link, record, session.clone(), hash, now).await? {
            Joined::LinkIsOver => return Ok(LinkFollowed::LinkIsOver),
            Joined::EmailTaken => return Ok(LinkFollowed::EmailTaken),
            Joined::Yes => {}
        }
        let action = if kind == LinkKind::Bootstrap { AuditAction::UserRegistered } else { AuditAction::MemberJoined };
        self.audit_member(account, Actor::User(id), action, id, role.as_str().to_owned()).await?;
        Ok(LinkFollowed::Joined(Box::new(LoggedIn { user, session, token })))
    }

    async fn set_forgotten_password(&self, user: UserId, follow: FollowLink) -> Result<LinkFollowed, Failure> {
        let now = self.ports.clock.now();
        let Some(user) = self.find_user(user).await? else { return Ok(LinkFollowed::LinkIsOver) };
        let hash = match self.hash_password(follow.password, &user.email, &user.name).await? {
            Ok(hash) => hash,
            Err(error) => return Ok(LinkFollowed::Refused(error)),
        };
        let Some(record) = self.ports.users.reset_password(follow.token.hash(), hash, now).await? else {
            return Ok(LinkFollowed::LinkIsOver);
        };
        self.ports.users.forget_log_ins(&record.email_index).await?;
        let (actor, detail) = (Actor::User(user.id), "the link was used".to_owned());
        self.audit_member(user.account, actor, AuditAction::UserPasswordReset, user.id, detail).await?;
        Ok(LinkFollowed::PasswordSet)
    }

    /// A link, and its token. It is not stored yet.
    pub(crate) fn new_link(
        &self,
        purpose: impl FnOnce(LinkId) -> Result<LinkPurpose, Failure>,
    ) -> Result<(LinkRecord, LinkToken), Failure> {
        let now = self.ports.clock.now();
        let token = LinkToken::mint(&random(&*self.ports.entropy)?);
        let id = LinkId::new(now, random(&*self.ports.entropy)?);
        let purpose = purpose(id)?;
        let expires_at = now.plus(purpose.kind().lifetime());
        Ok((LinkRecord { id, hash: token.hash(), purpose, created_at: now, expires_at }, token))
    }
}
