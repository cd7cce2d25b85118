use whatotp_domain::{AccountId, ApiKeySecret, Mode, ScopeSet};
use whatotp_ports::{Account, StoreError, random};

use crate::{Application, Failure, NewKey};

/// How often a store that has its hands full is asked before it is taken for one that does not answer.
const CHECKS: u32 = 4;

/// What the first start made.
#[derive(Debug)]
pub struct FirstRun {
    /// The default account.
    pub account: AccountId,
    /// A test key of it, shown this once.
    pub key: ApiKeySecret,
}

impl Application {
    /// Whether the store answers. One that has its hands full is asked again: were a process taken out of service because
    /// it is busy, the others would be busier still, and go next.
    pub async fn check(&self) -> Result<(), Failure> {
        for _ in 1..CHECKS {
            match self.ports.deliveries.next_due().await {
                Err(StoreError::Overloaded) => {}
                answer => return Ok(answer.map(drop)?),
            }
        }
        Ok(self.ports.deliveries.next_due().await.map(drop)?)
    }

    /// Makes the default account, with its sample templates and a test key, when there is no account at all.
    pub async fn set_up(&self) -> Result<Option<FirstRun>, Failure> {
        if self.ports.accounts.list_accounts().await?.is_empty() {
            let account = self.create_account("default").await?;
            let new = NewKey {
                account,
                mode: Mode::Test,
                name: "quick start".to_owned(),
                scopes: ScopeSet::all(),
                allowed_ips: Vec::new(),
                expires_at: None,
            };
            let made = self.create_key(new).await?;
            return Ok(made.map(|(_, key)| FirstRun { account, key }));
        }
        Ok(None)
    }

    /// The account that a command means when it names none: the oldest one, made now if there is none.
    pub async fn default_account(&self) -> Result<AccountId, Failure> {
        match self.ports.accounts.list_accounts().await?.first() {
            Some(account) => Ok(account.id),
            None => self.create_account("default").await,
        }
    }

    /// Every account, oldest first.
    pub async fn list_accounts(&self) -> Result<Vec<Account>, Failure> {
        Ok(self.ports.accounts.list_accounts().await?)
    }

    /// Makes an account, with its sample templates.
    pub async fn create_account(&self, name: &str) -> Result<AccountId, Failure> {
        let now = self.ports.clock.now();
        let id = AccountId::new(now, random(&*self.ports.entropy)?);
        self.ports.accounts.insert_account(Account { id, name: name.to_owned(), created_at: now }).await?;
        self.add_sample_templates(id).await?;
        Ok(id)
    }
}
