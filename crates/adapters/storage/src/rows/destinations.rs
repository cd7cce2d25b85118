use std::collections::BTreeSet;

use diesel::prelude::*;
use whatotp_domain::{AccountId, Countries, Country, Quota, Timestamp};
use whatotp_ports::{AccountRules, Block, BlockKey, BlockKind};

use super::{InColumn, Read, moment, storable, unix_ms};
use crate::schema::{account_rules, destination_blocks};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = account_rules, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AccountRulesRow {
    account_id: String,
    countries_allowed: String,
    countries_denied: String,
    per_day: Option<i64>,
    per_month: Option<i64>,
    suspended: i32,
}

impl AccountRulesRow {
    pub(crate) fn new(account: AccountId, rules: &AccountRules) -> Self {
        let AccountRules { countries, quota, suspended } = rules;
        Self {
            account_id: account.to_string(),
            countries_allowed: written(&countries.allowed),
            countries_denied: written(&countries.denied),
            per_day: quota.per_day.map(i64::from),
            per_month: quota.per_month.map(i64::from),
            suspended: (*suspended).into(),
        }
    }

    pub(crate) fn read(self) -> Read<(AccountId, AccountRules)> {
        let countries = Countries {
            allowed: read(&self.countries_allowed).in_column("account_rules.countries_allowed")?,
            denied: read(&self.countries_denied).in_column("account_rules.countries_denied")?,
        };
        let limit = |limit: Option<i64>, name| limit.map(|limit| limit.try_into().in_column(name)).transpose();
        let quota = Quota {
            per_day: limit(self.per_day, "account_rules.per_day")?,
            per_month: limit(self.per_month, "account_rules.per_month")?,
        };
        let account = AccountId::parse(&self.account_id).in_column("account_rules.account_id")?;
        Ok((account, AccountRules { countries, quota, suspended: self.suspended != 0 }))
    }
}

fn written(countries: &BTreeSet<Country>) -> String {
    countries.iter().map(Country::as_str).collect::<Vec<_>>().join(" ")
}

fn read(text: &str) -> Option<BTreeSet<Country>> {
    text.split_ascii_whitespace().map(Country::parse).collect()
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = destination_blocks, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct BlockRow {
    account_id: String,
    kind: String,
    key: String,
    until: Option<i64>,
    reason: String,
    created_at: i64,
}

impl BlockRow {
    pub(crate) fn new(block: &Block) -> Self {
        let (account_id, kind, key) = block_columns(&block.key);
        Self {
            account_id,
            kind: kind.to_owned(),
            key,
            until: unix_ms(block.until),
            reason: storable(&block.reason),
            created_at: block.created_at.unix_ms(),
        }
    }

    pub(crate) fn read(self) -> Read<Block> {
        let account = match self.account_id.as_str() {
            "" => None,
            account => Some(AccountId::parse(account).in_column("destination_blocks.account_id")?),
        };
        let kind = BlockKind::parse(&self.kind).in_column("destination_blocks.kind")?;
        Ok(Block {
            key: BlockKey { account, kind, key: self.key },
            until: moment(self.until),
            reason: self.reason,
            created_at: Timestamp::from_unix_ms(self.created_at),
        })
    }
}

/// The columns `account_id`, `kind` and `key`.
pub(crate) fn block_columns(key: &BlockKey) -> (String, &'static str, String) {
    let account = key.account.map_or(String::new(), |account| account.to_string());
    (account, key.kind.as_str(), key.key.clone())
}
