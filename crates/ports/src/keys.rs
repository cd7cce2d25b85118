use async_trait::async_trait;
use whatotp_domain::{AccountId, ApiKey, ApiKeyId, Timestamp};
use whatotp_vault::{KeyHash, Kid};

use crate::StoreResult;

/// A customer of the installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What the operator calls it.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The accounts.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new account.
    async fn insert_account(&self, account: Account) -> StoreResult<()>;

    /// Every account, oldest first.
    async fn list_accounts(&self) -> StoreResult<Vec<Account>>;

    /// Binds the installation to the master key `kid`, if it is bound to none yet. Returns the one it is bound to: with
    /// another one nothing that is stored can be found or read.
    async fn bind_master_key(&self, kid: Kid) -> StoreResult<Kid>;
}

/// The API keys. The keys themselves are never stored, only their hashes.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Stores a new key under its hash. `false`, and nothing stored, when there is no such account.
    async fn insert_key(&self, key: ApiKey, hash: KeyHash) -> StoreResult<bool>;

    /// The key with this hash, revoked and expired ones included.
    async fn find_key(&self, hash: &KeyHash) -> StoreResult<Option<ApiKey>>;

    /// Every key of an account (of every account when none is named), newest first.
    async fn list_keys(&self, account: Option<AccountId>) -> StoreResult<Vec<ApiKey>>;

    /// Stores `successor` under its hash and lets the key `old` end at `old_ends_at`, or at its own end if that is
    /// earlier, in one step. `false`, and nothing stored, when there is no key `old`, or it is revoked.
    async fn replace_key(
        &self,
        old: ApiKeyId,
        old_ends_at: Timestamp,
        successor: ApiKey,
        hash: KeyHash,
    ) -> StoreResult<bool>;

    /// Notes that a key was used at `at`, unless a later use is known.
    async fn note_key_use(&self, id: ApiKeyId, at: Timestamp) -> StoreResult<()>;

    /// Revokes a key at `now`. Returns the key as it then is; a second revocation changes nothing.
    async fn revoke_key(&self, id: ApiKeyId, now: Timestamp) -> StoreResult<Option<ApiKey>>;
}
