use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use whatotp_domain::{AccountId, AccountScope, Country, PhoneNumber, Timestamp};
use whatotp_ports::{AccountRules, Block, BlockKey, BlockKind};

use crate::{Application, Failure};

/// A prefix that blocked itself does not do so again for so long: an operator who lifts the block has looked at it.
const LOOKED_AT: Duration = Duration::from_secs(12 * 3600);

/// What operators, and the protection against pumping, have decided about destinations.
#[derive(Default)]
pub(crate) struct Destinations {
    rules: HashMap<AccountId, AccountRules>,
    blocks: HashMap<BlockKey, Block>,
}

impl Destinations {
    /// The rules of an account.
    pub(crate) fn rules(&self, account: AccountId) -> AccountRules {
        self.rules.get(&account).cloned().unwrap_or_default()
    }

    /// The block that keeps messages of `account` from this number now. `index` is what its blocks go by.
    fn block_of(&self, account: AccountId, number: &PhoneNumber, index: &str, now: Timestamp) -> Option<&Block> {
        let e164 = number.as_e164();
        let prefixes = (2..=e164.len()).filter_map(|length| e164.get(..length));
        let country = number.country();
        let keys = prefixes
            .map(|prefix| (BlockKind::Prefix, prefix))
            .chain([(BlockKind::Number, index), (BlockKind::Country, country.as_str())]);
        let mut blocks = keys.flat_map(|(kind, key)| {
            [None, Some(account)].into_iter().filter_map(move |account| {
                self.blocks.get(&BlockKey { account, kind, key: key.to_owned() }).filter(|block| block.is_in_force(now))
            })
        });
        blocks.next()
    }
}

/// What an operator blocks or lifts.
#[derive(Debug, Clone)]
pub enum Blocked {
    /// Every number that begins like this, such as `+4915112`.
    Prefix(String),
    /// One number.
    Number(PhoneNumber),
    /// A country.
    Country(Country),
}

/// What it is called in the audit log: never a whole number.
impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(prefix) => write!(f, "prefix {prefix}"),
            Self::Number(number) => write!(f, "number {number}"),
            Self::Country(country) => write!(f, "country {country}"),
        }
    }
}

/// Who may be written to: what operators set, and what every send asks.
impl Application {
    /// The rules of every account that has some.
    pub async fn list_rules(&self) -> Result<Vec<(AccountId, AccountRules)>, Failure> {
        Ok(self.ports.destinations.list_rules().await?)
    }

    /// Sets the rules of an account. `false` when there is no such account.
    pub async fn set_rules(&self, account: AccountId, rules: AccountRules) -> Result<bool, Failure> {
        let set = self.ports.destinations.set_rules(account, rules).await?;
        self.destinations.forget();
        Ok(set)
    }

    /// Whether an account's keys may do nothing but read. A change takes a few seconds to be noticed everywhere.
    pub async fn is_suspended(&self, account: AccountId) -> Result<bool, Failure> {
        Ok(self.destinations().await?.rules(account).suspended)
    }

    /// Every block, newest first, those that have ended lately included.
    pub async fn list_blocks(&self) -> Result<Vec<Block>, Failure> {
        Ok(self.ports.destinations.list_blocks().await?)
    }

    /// Blocks numbers for an account, or for all; for a while, or until somebody lifts it.
    pub async fn block(
        &self,
        account: Option<AccountId>,
        what: &Blocked,
        lasts: Option<Duration>,
        reason: String,
    ) -> Result<(), Failure> {
        let now = self.ports.clock.now();
        let until = lasts.map(|lasts| now.plus(lasts));
        let block = Block { key: self.block_key(account, what), until, reason, created_at: now };
        self.ports.destinations.put_block(block).await?;
        self.destinations.forget();
        Ok(())
    }

    /// Lifts a block. `false` when there is none in force.
    pub async fn lift(&self, account: Option<AccountId>, what: &Blocked) -> Result<bool, Failure> {
        let lifted = self.ports.destinations.end_block(self.block_key(account, what), self.ports.clock.now()).await?;
        self.destinations.forget();
        Ok(lifted)
    }

    /// Lifts a block of the list. `false` when it is not in force.
    pub async fn lift_block(&self, key: BlockKey) -> Result<bool, Failure> {
        let lifted = self.ports.destinations.end_block(key, self.ports.clock.now()).await?;
        self.destinations.forget();
        Ok(lifted)
    }

    fn block_key(&self, account: Option<AccountId>, what: &Blocked) -> BlockKey {
        let (kind, key) = match what {
            Blocked::Prefix(prefix) => (BlockKind::Prefix, prefix.clone()),
            Blocked::Number(number) => (BlockKind::Number, self.keyring.global_index(number).to_hex()),
            Blocked::Country(country) => (BlockKind::Country, country.to_string()),
        };
        BlockKey { account, kind, key }
    }

    /// What is known about destinations; at most a few seconds old.
    pub(crate) async fn destinations(&self) -> Result<Arc<Destinations>, Failure> {
        let now = self.ports.clock.now();
        if let Some(read) = self.destinations.get(now) {
            return Ok(read);
        }
        let rules = self.ports.destinations.list_rules().await?.into_iter().collect();
        let blocks = self.ports.destinations.list_blocks().await?.into_iter();
        let blocks = blocks.map(|block| (block.key.clone(), block)).collect();
        Ok(self.destinations.put(now, Destinations { rules, blocks }))
    }

    /// The block that keeps an account's messages from this number now.
    pub(crate) fn block_of(&self, known: &Destinations, account: AccountId, number: &PhoneNumber) -> Option<Block> {
        // The usual case, and every message comes by.
        if known.blocks.is_empty() {
            return None;
        }
        let index = self.keyring.global_index(number).to_hex();
        known.block_of(account, number, &index, self.ports.clock.now()).cloned()
    }

    /// Blocks a prefix that is being pumped, unless that was done lately and somebody has lifted it. Returns until when.
    pub(crate) async fn block_pumped(
        &self,
        known: &Destinations,
        scope: AccountScope,
        number: &PhoneNumber,
    ) -> Result<Option<Timestamp>, Failure> {
        let (now, what) = (self.ports.clock.now(), Blocked::Prefix(number.prefix().to_owned()));
        let key = self.block_key(Some(scope.account), &what);
        if known.blocks.get(&key).is_some_and(|block| now < block.created_at.plus(LOOKED_AT)) {
            return Ok(None);
        }
        let reason = "many codes were sent and few came back".to_owned();
        self.block(Some(scope.account), &what, Some(LOOKED_AT), reason).await?;
        Ok(Some(now.plus(LOOKED_AT)))
    }
}
