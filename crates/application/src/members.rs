use whatotp_domain::{
    AccountId, Actor, AuditAction, AuditEntry, EmailAddress, Invitation, LinkId, LinkKind, Role, User, UserId,
};
use whatotp_ports::{LinkPurpose, LinkRecord, MemberChange, random};
use whatotp_vault::LinkToken;

use crate::sealing::{LINKS, Row, of_account};
use crate::users::read_email;
use crate::{Application, Failure};

/// What became of a change to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChanged {
    /// It is done; this is the member as they were found before.
    Done(Box<User>),
    /// The account has no such member.
    NotFound,
    /// They are the last owner who can log in.
    LastOwner,
    /// Only an owner makes, changes or removes an owner.
    OwnersOnly,
}

/// What is to change about a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeMember {
    /// What they may do.
    Role(Role),
    /// Whether they can log in.
    Disabled(bool),
    /// Whether they are one at all.
    Remove,
}

/// Why somebody is not invited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInvited {
    /// Only an owner invites an owner.
    OwnersOnly,
    /// The account has [`Invitation::MAX_PENDING`] that nobody has accepted yet.
    TooMany,
}

impl Application {
    /// Changes a member of the account of `by`, who may manage members.
    pub async fn change_member(&self, by: &User, id: UserId, change: ChangeMember) -> Result<MemberChanged, Failure> {
        let Some(member) = self.find_user(id).await?.filter(|member| member.account == by.account) else {
            return Ok(MemberChanged::NotFound);
        };
        let becomes = if let ChangeMember::Role(role) = change { role } else { member.role };
        if !by.role.may_manage(member.role) || !by.role.may_manage(becomes) {
            return Ok(MemberChanged::OwnersOnly);
        }
        self.apply(member, change, Actor::User(by.id)).await
    }

    /// Keeps somebody from logging in, or lets them in again, on the word of whoever runs the machine or the platform.
    pub async fn set_disabled(&self, user: User, disabled: bool, actor: Actor) -> Result<MemberChanged, Failure> {
        self.apply(user, ChangeMember::Disabled(disabled), actor).await
    }

    async fn apply(&self, member: User, change: ChangeMember, actor: Actor) -> Result<MemberChanged, Failure> {
        let (users, account, id) = (&self.ports.users, member.account, member.id);
        let (changed, action, detail) = match change {
            ChangeMember::Role(role) => {
                let detail = format!("{} to {}", member.role.as_str(), role.as_str());
                (users.set_role(account, id, role).await?, AuditAction::MemberRoleChanged, detail)
            }
            ChangeMember::Disabled(disabled) => {
                let since = disabled.then(|| self.ports.clock.now());
                let action = if disabled { AuditAction::MemberDisabled } else { AuditAction::MemberEnabled };
                (users.set_disabled(account, id, since).await?, action, String::new())
            }
            ChangeMember::Remove => {
                (users.remove_user(account, id).await?, AuditAction::MemberRemoved, member.role.as_str().to_owned())
            }
        };
        match changed {
            MemberChange::NotFound => return Ok(MemberChanged::NotFound),
            MemberChange::LastOwner => return Ok(MemberChanged::LastOwner),
            MemberChange::Done => {}
        }
        self.audit_member(account, actor, action, id, detail).await?;
        Ok(MemberChanged::Done(Box::new(member)))
    }

    /// Says whether somebody runs the platform, on the word of whoever runs the machine.
    pub async fn set_operator(&self, user: &User, operator: bool) -> Result<(), Failure> {
        self.ports.users.set_operator(user.id, operator).await?;
        let action = if operator { AuditAction::OperatorAppointed } else { AuditAction::OperatorDismissed };
        self.audit_member(user.account, Actor::CommandLine, action, user.id, String::new()).await
    }

    /// Forgets the failures to log in with an address, whether somebody has it or not. `false` when there were none.
    pub async fn forget_failed_log_ins(&self, email: &EmailAddress) -> Result<bool, Failure> {
        let forgotten = self.ports.users.forget_log_ins(&self.keyring.email_index(email)).await?;
        if let Some(user) = self.find_user_by_email(email).await? {
            let action = AuditAction::UserUnlocked;
            self.audit_member(user.account, Actor::CommandLine, action, user.id, String::new()).await?;
        }
        Ok(forgotten)
    }

    /// Invites somebody into the account of `by`, who may manage members. The token is returned this once and stored
    /// nowhere.
    pub async fn invite(
        &self,
        by: &User,
        email: &EmailAddress,
        role: Role,
    ) -> Result<Result<(Invitation, LinkToken), NotInvited>, Failure> {
        if !by.role.may_manage(role) {
            return Ok(Err(NotInvited::OwnersOnly));
        }
        self.invite_into(by.account, by.id, email, role).await
    }

    /// Invites somebody into any account, on the word of `by`, who runs the platform.
    pub async fn invite_into(
        &self,
        account: AccountId,
        by: UserId,
        email: &EmailAddress,
        role: Role,
    ) -> Result<Result<(Invitation, LinkToken), NotInvited>, Failure> {
        let now = self.ports.clock.now();
        let pending = self.list_invitations(account).await?;
        if pending.iter().filter(|one| now < one.expires_at).count() >= Invitation::MAX_PENDING {
            return Ok(Err(NotInvited::TooMany));
        }
        let (link, token) = self.new_link(|id| {
            let id = id.to_bytes();
            let row = Row { scope: of_account(account), table: LINKS, id: &id };
            let email = self.seal(row, "email", email.as_str().as_bytes())?;
            Ok(LinkPurpose::Invitation { account, role, email, invited_by: by })
        })?;
        self.ports.links.put_link(link.clone()).await?;
        self.audit_link((account, by), AuditAction::MemberInvited, link.id, role.as_str()).await?;
        let invitation = self.open_invitation(link)?.ok_or(Failure::Corrupt("invitation"))?;
        Ok(Ok((invitation, token)))
    }

    /// The invitations of an account, newest first, those whose time is over included.
    pub async fn list_invitations(&self, account: AccountId) -> Result<Vec<Invitation>, Failure> {
        let links = self.ports.links.list_invitations(account).await?;
        links.into_iter().filter_map(|link| self.open_invitation(link).transpose()).collect()
    }

    /// Makes a new link for an invitation, which can be used as long as the first one could. That one is dead. `None` when
    /// the account has no such invitation, or only an owner may renew it.
    pub async fn renew_invitation(&self, by: &User, id: LinkId) -> Result<Option<(Invitation, LinkToken)>, Failure> {
        let Some(found) = self.find_invitation(by.account, id).await?.filter(|one| by.role.may_manage(one.role)) else {
            return Ok(None);
        };
        let token = LinkToken::mint(&random(&*self.ports.entropy)?);
        let ends = self.ports.clock.now().plus(LinkKind::Invitation.lifetime());
        let Some(link) = self.ports.links.renew_invitation(by.account, id, token.hash(), ends).await? else {
            return Ok(None);
        };
        self.audit_link(
            (by.account, by.id),
            AuditAction::MemberInvited,
            id,
            &format!("{}, once more", found.role.as_str()),
        )
        .await?;
        Ok(self.open_invitation(link)?.map(|invitation| (invitation, token)))
    }

    /// Takes an invitation back. `false` when the account has no such one.
    pub async fn withdraw_invitation(&self, by: &User, id: LinkId) -> Result<bool, Failure> {
        let withdrawn = self.ports.links.withdraw_invitation(by.account, id).await?;
        if withdrawn {
            self.audit_link((by.account, by.id), AuditAction::MemberInvitationRevoked, id, "").await?;
        }
        Ok(withdrawn)
    }

    async fn find_invitation(&self, account: AccountId, id: LinkId) -> Result<Option<Invitation>, Failure> {
        Ok(self.list_invitations(account).await?.into_iter().find(|invitation| invitation.id == id))
    }

    /// `None` when it is a link of another kind.
    fn open_invitation(&self, link: LinkRecord) -> Result<Option<Invitation>, Failure> {
        let LinkPurpose::Invitation { account, role, email, invited_by } = link.purpose else { return Ok(None) };
        let id = link.id.to_bytes();
        let row = Row { scope: of_account(account), table: LINKS, id: &id };
        let email = read_email(&self.open(row, "email", &email)?)?;
        let (created_at, expires_at) = (link.created_at, link.expires_at);
        Ok(Some(Invitation { id: link.id, account, role, email, invited_by, created_at, expires_at }))
    }

    async fn audit_link(
        &self,
        (account, by): (AccountId, UserId),
        action: AuditAction,
        link: LinkId,
        detail: &str,
    ) -> Result<(), Failure> {
        let (account, subject) = (Some(account), link.to_string());
        self.audit(AuditEntry { account, actor: Actor::User(by), action, subject, detail: detail.to_owned() }).await
    }
}
