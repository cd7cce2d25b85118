use whatotp_domain::{AccountId, EmailAddress, User, UserId};
use whatotp_ports::UserRecord;

use crate::sealing::{Row, USERS, of_account};
use crate::{Application, Failure};

impl Application {
    /// The user of this id.
    pub async fn find_user(&self, id: UserId) -> Result<Option<User>, Failure> {
        self.ports.users.find_user(id).await?.map(|record| self.open_user(&record)).transpose()
    }

    /// The user of this address.
    pub async fn find_user_by_email(&self, email: &EmailAddress) -> Result<Option<User>, Failure> {
        let found = self.ports.users.find_user_by_email(&self.keyring.email_index(email)).await?;
        found.map(|record| self.open_user(&record)).transpose()
    }

    /// Every user of an account (of every account when none is named), oldest first.
    pub async fn list_users(&self, account: Option<AccountId>) -> Result<Vec<User>, Failure> {
        self.ports.users.list_users(account).await?.iter().map(|record| self.open_user(record)).collect()
    }

    /// A stored user as people see them.
    pub(crate) fn open_user(&self, record: &UserRecord) -> Result<User, Failure> {
        let id = record.id.to_bytes();
        let row = Row { scope: of_account(record.account), table: USERS, id: &id };
        let name = String::from_utf8(self.open(row, "name", &record.name)?);
        let email = self.open(row, "email", &record.email)?;
        Ok(User {
            id: record.id,
            account: record.account,
            role: record.role,
            operator: record.operator,
            name: name.ok().ok_or(Failure::Corrupt("name"))?,
            email: read_email(&email)?,
            has_totp: record.totp.is_some(),
            created_at: record.created_at,
            last_login_at: record.last_login_at,
            disabled_at: record.disabled_at,
        })
    }
}

pub(crate) fn read_email(plain: &[u8]) -> Result<EmailAddress, Failure> {
    let text = std::str::from_utf8(plain).ok();
    text.and_then(EmailAddress::parse).ok_or(Failure::Corrupt("e-mail address"))
}
