use diesel::prelude::*;
use whatotp_domain::{AccountId, ApiKey, ApiKeyId, IpNet, Scope, ScopeSet, Timestamp};
use whatotp_ports::Account;
use whatotp_vault::KeyHash;

use super::{InColumn, Read, ScopeColumns, moment, scope, unix_ms};
use crate::schema::{accounts, api_keys};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = accounts)]
pub(crate) struct AccountRow {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created_at: i64,
}

impl AccountRow {
    pub(crate) fn new(account: &Account) -> Self {
        Self { id: account.id.to_string(), name: account.name.clone(), created_at: account.created_at.unix_ms() }
    }

    pub(crate) fn read(self) -> Read<Account> {
        Ok(Account {
            id: AccountId::parse(&self.id).in_column("accounts.id")?,
            name: self.name,
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = api_keys, treat_none_as_default_value = false)]
pub(crate) struct ApiKeyRow {
    pub(crate) id: String,
    pub(crate) account_id: String,
    pub(crate) mode: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) name: String,
    pub(crate) hint: String,
    pub(crate) scopes: String,
    pub(crate) allowed_ips: String,
    pub(crate) created_at: i64,
    pub(crate) expires_at: Option<i64>,
    pub(crate) revoked_at: Option<i64>,
    pub(crate) last_used_at: Option<i64>,
}

impl ApiKeyRow {
    pub(crate) fn new(key: &ApiKey, hash: &KeyHash) -> Self {
        let ScopeColumns { account, mode } = key.scope.into();
        let allowed_ips: Vec<String> = key.allowed_ips.iter().map(IpNet::to_string).collect();
        Self {
            id: key.id.to_string(),
            account_id: account,
            mode: mode.to_owned(),
            hash: hash.as_bytes().to_vec(),
            name: key.name.clone(),
            hint: key.hint.clone(),
            scopes: key.scopes.to_string(),
            allowed_ips: allowed_ips.join(" "),
            created_at: key.created_at.unix_ms(),
            expires_at: unix_ms(key.expires_at),
            revoked_at: unix_ms(key.revoked_at),
            last_used_at: unix_ms(key.last_used_at),
        }
    }

    pub(crate) fn read(self) -> Read<ApiKey> {
        Ok(ApiKey {
            id: ApiKeyId::parse(&self.id).in_column("api_keys.id")?,
            scope: scope(&self.account_id, &self.mode)?,
            name: self.name,
            hint: self.hint,
            scopes: scopes(&self.scopes).in_column("api_keys.scopes")?,
            allowed_ips: networks(&self.allowed_ips).in_column("api_keys.allowed_ips")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            expires_at: moment(self.expires_at),
            revoked_at: moment(self.revoked_at),
            last_used_at: moment(self.last_used_at),
        })
    }
}

fn scopes(text: &str) -> Option<ScopeSet> {
    let scopes: Vec<Scope> = text.split_ascii_whitespace().map(Scope::parse).collect::<Option<_>>()?;
    // An empty `ScopeSet::new` means every scope: a damaged row must not become a mightier key.
    (!scopes.is_empty()).then(|| ScopeSet::new(scopes))
}

fn networks(text: &str) -> Option<Vec<IpNet>> {
    text.split_ascii_whitespace().map(|network| network.parse().ok()).collect()
}
