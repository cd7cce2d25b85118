//! The numbers' ledgers: locked, changed and written back by the operations on sessions, in their transactions.

use std::collections::HashMap;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, NumberLedger};
use whatotp_vault::BlindIndex;

use super::statement::{change, changing, columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{self, LedgerRow, ScopeColumns};

/// Whose number it is, and its blind index.
pub(super) type LedgerKey = (AccountScope, [u8; 32]);

fetch!(
    /// In the order of their key, so that two transactions never wait for each other.
    Lock -> LedgerRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, mode, number)
     JOIN number_ledgers ON number_ledgers.account_id = k.account_id
      AND number_ledgers.mode = k.mode AND number_ledgers.number = k.number
     ORDER BY number_ledgers.account_id, number_ledgers.mode, number_ledgers.number
     FOR UPDATE OF number_ledgers"
);

change!(
    Update,
    "UPDATE number_ledgers AS l
     SET sends = k.sends, failures = k.failures, live = k.live, verified_at = k.verified_at
     FROM unnest($1, $2, $3, $4, $5, $6, $7) AS k (account_id, mode, number, sends, failures, live, verified_at)
     WHERE l.account_id = k.account_id AND l.mode = k.mode AND l.number = k.number"
);

change!(
    Insert,
    "INSERT INTO number_ledgers (account_id, mode, number, sends, failures, live, verified_at)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (account_id, mode, number) DO NOTHING"
);

/// The ledgers of some numbers. Until the transaction ends, nobody else changes them.
///
/// A number that has none yet has an empty one, which nobody can lock. To store it finds out whether somebody else was
/// faster, and then all is done once more. That is rare, and saves the many who are new a round trip.
pub(super) struct Ledgers {
    there: HashMap<LedgerKey, NumberLedger>,
    changed: HashMap<LedgerKey, NumberLedger>,
}

pub(super) const fn key(scope: AccountScope, number: &BlindIndex) -> LedgerKey {
    (scope, *number.as_bytes())
}

impl Ledgers {
    pub(super) async fn lock(connection: &mut AsyncPgConnection, mut keys: Vec<LedgerKey>) -> Result<Self, Failure> {
        keys.sort_unstable_by_key(|(scope, number)| (scope.account, scope.mode.as_str(), *number));
        keys.dedup();
        let mut there = HashMap::new();
        if !keys.is_empty() {
            let keys: Vec<(ScopeColumns, [u8; 32])> =
                keys.into_iter().map(|(scope, number)| (scope.into(), number)).collect();
            let lock = fetching::<Lock>(columns!(keys, key => key.0.account.as_str(), key.0.mode, key.1.as_slice()));
            for row in lock.load::<LedgerRow>(connection).await? {
                let number = rows::hash(&row.number, "number_ledgers.number")?;
                there.insert((rows::scope(&row.account_id, &row.mode)?, number), row.read()?);
            }
        }
        Ok(Self { there, changed: HashMap::new() })
    }

    /// As it is now: with what was changed since it was locked.
    pub(super) fn get(&self, key: &LedgerKey) -> NumberLedger {
        self.changed.get(key).or_else(|| self.there.get(key)).cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, key: LedgerKey, ledger: NumberLedger) {
        self.changed.insert(key, ledger);
    }

    /// Writes back what was changed.
    pub(super) async fn save(self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        let mut changed: Vec<_> = self.changed.into_iter().collect();
        changed.sort_unstable_by_key(|((scope, number), _)| (scope.account, scope.mode.as_str(), *number));
        let row = |((scope, number), ledger): (LedgerKey, NumberLedger)| {
            LedgerRow::new(scope, &BlindIndex::from_bytes(number), &ledger)
        };
        let (old, new): (Vec<_>, Vec<_>) = changed.into_iter().partition(|(key, _)| self.there.contains_key(key));
        let (old, new): (Vec<_>, Vec<_>) = (old.into_iter().map(row).collect(), new.into_iter().map(row).collect());
        if !old.is_empty() {
            changing::<Update>(arguments(&old)).execute(connection).await?;
        }
        if !new.is_empty() && changing::<Insert>(arguments(&new)).execute(connection).await? < new.len() {
            return Err(Failure::Raced);
        }
        Ok(())
    }
}

fn arguments(rows: &[LedgerRow]) -> Vec<super::statement::Values<'_>> {
    columns!(
        rows,
        row => row.account_id.as_str(), row.mode.as_str(), row.number.as_slice(), row.sends.as_str(),
        row.failures.as_str(), row.live.as_str(), row.verified_at,
    )
}
