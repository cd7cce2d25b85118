use std::net::IpAddr;

use whatotp_domain::{AccountId, AccountScope, ApiKey, ApiKeyId, ApiKeySecret, IpNet, Mode, ScopeSet, Timestamp};
use whatotp_ports::random;
use whatotp_vault::{KeyHash, key_hash};

use crate::{Application, Failure};

/// An API key that is to be made.
#[derive(Debug)]
pub struct NewKey {
    /// Whose.
    pub account: AccountId,
    /// What it reaches.
    pub mode: Mode,
    /// What its owner calls it.
    pub name: String,
    /// What it may do.
    pub scopes: ScopeSet,
    /// From where; from anywhere when empty.
    pub allowed_ips: Vec<IpNet>,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// Whether a key opens the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authenticated {
    /// It does.
    Yes(Box<ApiKey>),
    /// There is no such key, or it is revoked.
    Unknown,
    /// Its time is over.
    Expired,
    /// It may not be used from there.
    IpNotAllowed,
}

impl Application {
    /// Makes an API key. The secret is returned this once and stored nowhere. `None` when there is no such account.
    pub async fn create_key(&self, new: NewKey) -> Result<Option<(ApiKey, ApiKeySecret)>, Failure> {
        let now = self.ports.clock.now();
        let secret = ApiKeySecret::mint(new.mode, &random(&*self.ports.entropy)?);
        let key = ApiKey {
            id: ApiKeyId::new(now, random(&*self.ports.entropy)?),
            scope: AccountScope { account: new.account, mode: new.mode },
            name: new.name,
            hint: secret.hint(),
            scopes: new.scopes,
            allowed_ips: new.allowed_ips,
            created_at: now,
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let stored = self.ports.keys.insert_key(key.clone(), key_hash(&secret)).await?;
        Ok(stored.then_some((key, secret)))
    }

    /// Whether the key with this hash may be used from `ip` now.
    pub async fn authenticate(&self, hash: &KeyHash, ip: IpAddr) -> Result<Authenticated, Failure> {
        let now = self.ports.clock.now();
        Ok(match self.ports.keys.find_key(hash).await? {
            None => Authenticated::Unknown,
            Some(key) if key.is_revoked() => Authenticated::Unknown,
            Some(key) if key.is_expired(now) => Authenticated::Expired,
            Some(key) if !key.allows_ip(ip) => Authenticated::IpNotAllowed,
            Some(key) => Authenticated::Yes(Box::new(key)),
        })
    }

    /// The keys of an account, or of all of them, newest first.
    pub async fn list_keys(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, Failure> {
        Ok(self.ports.keys.list_keys(account).await?)
    }

    /// Ends a key. `None` when there is none of this id.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Failure> {
        Ok(self.ports.keys.revoke_key(id, self.ports.clock.now()).await?)
    }
}
