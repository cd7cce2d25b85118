use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{AccountId, AccountScope, ApiKey, ApiKeyId, ApiKeySecret, IpNet, Mode, ScopeSet, Timestamp};
use whatotp_ports::random;
use whatotp_vault::{KeyHash, key_hash};

use crate::fresh::FRESH;
use crate::{Application, Failure, error_chain};

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
    Yes(Arc<ApiKey>),
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
            last_used_at: None,
        };
        let stored = self.ports.keys.insert_key(key.clone(), key_hash(&secret)).await?;
        Ok(stored.then_some((key, secret)))
    }

    /// Whether the key with this hash may be used from `ip` now. What another process has changed of it is noticed after
    /// a few seconds.
    pub async fn authenticate(&self, hash: &KeyHash, ip: IpAddr) -> Result<Authenticated, Failure> {
        let now = self.ports.clock.now();
        let known = match self.known_keys.get(hash, now) {
            Some(key) => Some(key),
            None => self.ports.keys.find_key(hash).await?.map(|key| self.known_keys.put(hash, now, key)),
        };
        Ok(match known {
            None => Authenticated::Unknown,
            Some(key) if key.is_revoked() => Authenticated::Unknown,
            Some(key) if key.is_expired(now) => Authenticated::Expired,
            Some(key) if !key.allows_ip(ip) => Authenticated::IpNotAllowed,
            Some(key) => {
                self.note_use(&key, now).await;
                Authenticated::Yes(key)
            }
        })
    }

    /// Once a minute and process, of the requests that come at the same time one does it for all.
    async fn note_use(&self, key: &ApiKey, now: Timestamp) {
        if !ApiKey::is_use_news_after(key.last_used_at, now) || !self.key_uses.is_news(key.id, now) {
            return;
        }
        if let Err(error) = self.ports.keys.note_key_use(key.id, now).await {
            tracing::warn!(key.id = %key.id, error = error_chain(&error), "the last use of a key is not written down");
        }
    }

    /// The keys of an account, or of all of them, newest first.
    pub async fn list_keys(&self, account: Option<AccountId>) -> Result<Vec<ApiKey>, Failure> {
        Ok(self.ports.keys.list_keys(account).await?)
    }

    /// Makes a key like another one, which goes on working for `overlap` and then ends: time to hand out the new one.
    /// What was to live for so long lives for as long again. `None` when there is no such key, or it is at its end.
    pub async fn rotate_key(
        &self,
        id: ApiKeyId,
        overlap: Duration,
    ) -> Result<Option<(ApiKey, ApiKeySecret, Timestamp)>, Failure> {
        let now = self.ports.clock.now();
        let keys = self.ports.keys.list_keys(None).await?;
        let Some(old) = keys.into_iter().find(|key| key.id == id) else { return Ok(None) };
        if old.is_revoked() || old.is_expired(now) {
            return Ok(None);
        }
        let secret = ApiKeySecret::mint(old.scope.mode, &random(&*self.ports.entropy)?);
        let life = old.expires_at.map(|end| end.since(old.created_at));
        let successor = ApiKey {
            id: ApiKeyId::new(now, random(&*self.ports.entropy)?),
            hint: secret.hint(),
            created_at: now,
            expires_at: life.map(|life| now.plus(life)),
            last_used_at: None,
            ..old.clone()
        };
        let ends_at = now.plus(overlap);
        let hash = key_hash(&secret);
        let replaced = self.ports.keys.replace_key(id, ends_at, successor.clone(), hash).await?;
        self.known_keys.forget();
        let ends_at = old.expires_at.map_or(ends_at, |end| end.min(ends_at));
        Ok(replaced.then_some((successor, secret, ends_at)))
    }

    /// Ends a key. `None` when there is none of this id.
    pub async fn revoke_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, Failure> {
        let revoked = self.ports.keys.revoke_key(id, self.ports.clock.now()).await?;
        self.known_keys.forget();
        Ok(revoked)
    }
}

/// So many keys are remembered; then they are forgotten, and read anew.
const KNOWN: usize = 16_384;

/// What was last read of each key, and when: every request asks for one.
#[derive(Default)]
pub(crate) struct KnownKeys(Mutex<HashMap<KeyHash, (Timestamp, Arc<ApiKey>)>>);

impl KnownKeys {
    fn get(&self, hash: &KeyHash, now: Timestamp) -> Option<Arc<ApiKey>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(at, _)| now < at.plus(FRESH)).map(|(_, key)| Arc::clone(key))
    }

    fn put(&self, hash: &KeyHash, now: Timestamp, read: ApiKey) -> Arc<ApiKey> {
        let read = Arc::new(read);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(*hash, (now, Arc::clone(&read)));
        read
    }

    /// This process has changed a key.
    fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The uses of keys that this process has written down.
#[derive(Default)]
pub(crate) struct KeyUses(Mutex<HashMap<ApiKeyId, Timestamp>>);

impl KeyUses {
    /// Whether nobody has written down a use of the key lately. Whoever asks is the one who does.
    fn is_news(&self, key: ApiKeyId, now: Timestamp) -> bool {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = ApiKey::is_use_news_after(uses.get(&key).copied(), now);
        if is_news {
            uses.insert(key, now);
        }
        is_news
    }
}
