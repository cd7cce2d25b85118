use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use whatotp_domain::{AccountId, Countries, Country, Quota, Timestamp};

use crate::StoreResult;

/// What an operator has set for one account.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AccountRules {
    /// Where it may write to.
    pub countries: Countries,
    /// How many live messages it may send.
    pub quota: Quota,
    /// Whether its keys may do nothing but read.
    pub suspended: bool,
}

/// In words, but for whether it is suspended.
impl fmt::Display for AccountRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let codes = |codes: &BTreeSet<Country>| codes.iter().map(Country::as_str).collect::<Vec<_>>().join(" ");
        let limit = |limit: Option<u32>| limit.map_or_else(|| "no limit".to_owned(), |limit| limit.to_string());
        let Self { countries, quota, .. } = self;
        write!(f, "allowed: {}; denied: {}; ", codes(&countries.allowed), codes(&countries.denied))?;
        write!(f, "a day: {}; a month: {}", limit(quota.per_day), limit(quota.per_month))
    }
}

/// What a block is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockKind {
    /// Every number that begins like this.
    Prefix,
    /// One number.
    Number,
    /// A country.
    Country,
}

impl BlockKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Prefix, Self::Number, Self::Country];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prefix => "prefix",
            Self::Number => "number",
            Self::Country => "country",
        }
    }

    /// Reads [`BlockKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Whom a block is about, and for whom it holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey {
    /// For which account; `None` for all.
    pub account: Option<AccountId>,
    /// What `key` is.
    pub kind: BlockKind,
    /// The beginning of numbers in E.164 (short of a whole number, so that an operator can read it), a number's blind
    /// index in hex, or the code of a country.
    pub key: String,
}

/// Numbers that get no message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which.
    pub key: BlockKey,
    /// Until when; `None` for no end.
    pub until: Option<Timestamp>,
    /// Why, for the operator.
    pub reason: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Block {
    /// Whether it holds at `now`.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Which numbers get messages.
#[async_trait]
pub trait DestinationStore: Send + Sync {
    /// Sets the rules of an account, in place of those it has. `false`, and nothing stored, when there is no such account.
    async fn set_rules(&self, account: AccountId, rules: AccountRules) -> StoreResult<bool>;

    /// Every account that rules were ever set for, with these.
    async fn list_rules(&self) -> StoreResult<Vec<(AccountId, AccountRules)>>;

    /// Stores a block, in place of the one with the same key.
    async fn put_block(&self, block: Block) -> StoreResult<()>;

    /// Ends a block at `now`. `false`, and nothing changed, when there is none in force.
    async fn end_block(&self, key: BlockKey, now: Timestamp) -> StoreResult<bool>;

    /// Every block, those that have ended included, newest first.
    async fn list_blocks(&self) -> StoreResult<Vec<Block>>;

    /// Deletes at most `limit` blocks that ended before `ended_before`. Returns how many.
    async fn purge_blocks(&self, ended_before: Timestamp, limit: u32) -> StoreResult<u64>;
}
