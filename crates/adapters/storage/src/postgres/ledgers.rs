//! The numbers' ledgers: locked, changed and written back by the operations on sessions, in their transactions.

use std::collections::HashMap;

use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{NumberLedger, NumberLedgers};
use whatotp_ports::LedgerKey;

use super::statement::{change, changing, columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{LedgerRow, Places, ledger_place};
use crate::schema::number_ledgers::dsl;

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
     SET sends = k.sends, failures = k.failures, live = k.live, verified_at = k.verified_at,
        short_failures = k.short_failures, in_a_row = k.in_a_row, reserved = k.reserved
     FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) AS k (account_id, mode, number, sends, failures, live,
        verified_at, short_failures, in_a_row, reserved)
     WHERE l.account_id = k.account_id AND l.mode = k.mode AND l.number = k.number"
);

change!(
    Insert,
    "INSERT INTO number_ledgers (account_id, mode, number, sends, failures, live, verified_at, short_failures, in_a_row,
        reserved)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
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

/// In the order of the table's key, in which whoever needs several of its rows takes them.
fn sort(keys: &mut [LedgerKey]) {
    // Those over all accounts come first, as '' does.
    keys.sort_unstable_by_key(|key| (key.account, key.mode.as_str(), *key.number.as_bytes()));
}

impl Ledgers {
    /// Locks both ledgers of each number.
    pub(super) async fn lock(
        connection: &mut AsyncPgConnection,
        places: impl Iterator<Item = Places> + Send,
    ) -> Result<Self, Failure> {
        let mut keys: Vec<LedgerKey> = places.flat_map(Places::keys).collect();
        sort(&mut keys);
        keys.dedup();
        let mut there = HashMap::new();
        if !keys.is_empty() {
            let keys: Vec<_> = keys.iter().map(|key| (ledger_place(key), key.number.as_bytes().as_slice())).collect();
            let lock = fetching::<Lock>(columns!(keys, key => key.0.0.as_str(), key.0.1, key.1));
            for row in lock.load::<LedgerRow>(connection).await? {
                there.insert(row.key()?, row.read()?);
            }
        }
        Ok(Self { there, changed: HashMap::new() })
    }

    /// As they are now: with what was changed since they were locked.
    pub(super) fn get(&self, places: &Places) -> NumberLedgers {
        let one = |key| self.changed.get(key).or_else(|| self.there.get(key)).cloned().unwrap_or_default();
        let everybody = places.everybody.as_ref().map(one).unwrap_or_default();
        NumberLedgers { account: one(&places.account), everybody }
    }

    pub(super) fn set(&mut self, places: &Places, ledgers: NumberLedgers) {
        self.changed.insert(places.account, ledgers.account);
        if let Some(everybody) = places.everybody {
            self.changed.insert(everybody, ledgers.everybody);
        }
    }

    /// Writes back what was changed.
    pub(super) async fn save(self, connection: &mut AsyncPgConnection) -> Result<(), Failure> {
        let mut keys: Vec<LedgerKey> = self.changed.keys().copied().collect();
        sort(&mut keys);
        let (old, new): (Vec<_>, Vec<_>) = keys.into_iter().partition(|key| self.there.contains_key(key));
        let row = |key: &LedgerKey| self.changed.get(key).map(|ledger| LedgerRow::new(key, ledger));
        let (old, new): (Vec<_>, Vec<_>) = (old.iter().filter_map(row).collect(), new.iter().filter_map(row).collect());
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
        row.failures.as_str(), row.live.as_str(), row.verified_at, row.short_failures.as_str(), row.in_a_row,
        row.reserved.as_str(),
    )
}

/// What is counted of a number, if anything is.
pub(super) async fn find(connection: &mut AsyncPgConnection, key: &LedgerKey) -> Result<Option<NumberLedger>, Failure> {
    let (account, mode) = ledger_place(key);
    let row: Option<LedgerRow> = dsl::number_ledgers
        .filter(dsl::account_id.eq(&account))
        .filter(dsl::mode.eq(mode))
        .filter(dsl::number.eq(key.number.as_bytes().as_slice()))
        .select(LedgerRow::as_select())
        .get_result(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.read()).transpose()?)
}

/// Forgives a number its wrong codes. Returns whether there were any.
pub(super) async fn forgive(connection: &mut AsyncPgConnection, key: &LedgerKey) -> Result<bool, Failure> {
    let places = Places { account: *key, everybody: None };
    let mut ledgers = Ledgers::lock(connection, [places].into_iter()).await?;
    let before = ledgers.get(&places);
    let mut after = before.clone();
    after.account.guesses_mut().forgive();
    let was_any = after != before;
    if was_any {
        ledgers.set(&places, after);
        ledgers.save(connection).await?;
    }
    Ok(was_any)
}
