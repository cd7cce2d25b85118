//! The numbers' ledgers: read and written by the operations on sessions, in their transactions.

use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::{NumberLedger, NumberLedgers};
use whatotp_ports::LedgerKey;

use super::statement::{change, changing, fetch, fetching, values};
use crate::failure::Failure;
use crate::rows::{LedgerRow, Places, ledger_place};
use crate::schema::number_ledgers::dsl;

fetch!(
    Find -> LedgerRow,
    "SELECT ",
    " FROM number_ledgers WHERE account_id = ?1 AND mode = ?2 AND number = ?3"
);

change!(
    Put,
    "REPLACE INTO number_ledgers (account_id, mode, number, sends, failures, live, verified_at, short_failures, in_a_row,
        reserved)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
);

/// The ledger of one number.
#[auto_type(no_type_alias)]
pub(super) fn this<'a>(account: &'a str, mode: &'a str, number: &'a [u8]) -> _ {
    dsl::account_id.eq(account).and(dsl::mode.eq(mode)).and(dsl::number.eq(number))
}

/// Both ledgers of a number. One that it has not yet is empty.
pub(super) fn load(connection: &mut SqliteConnection, places: &Places) -> Result<NumberLedgers, Failure> {
    let everybody = places.everybody.map(|key| find(connection, &key)).transpose()?.flatten();
    let account = find(connection, &places.account)?;
    Ok(NumberLedgers { account: account.unwrap_or_default(), everybody: everybody.unwrap_or_default() })
}

/// What is counted of a number in one place, if anything is.
pub(super) fn find(connection: &mut SqliteConnection, key: &LedgerKey) -> Result<Option<NumberLedger>, Failure> {
    let (account, mode) = ledger_place(key);
    let find = fetching::<Find>(values![account.as_str(), mode, key.number.as_bytes().as_slice()]);
    let row: Option<LedgerRow> = find.get_result(connection).optional()?;
    Ok(row.map(|row| row.read()).transpose()?)
}

pub(super) fn save(connection: &mut SqliteConnection, places: &Places, ledgers: &NumberLedgers) -> Result<(), Failure> {
    if let Some(everybody) = &places.everybody {
        put(connection, everybody, &ledgers.everybody)?;
    }
    put(connection, &places.account, &ledgers.account)
}

fn put(connection: &mut SqliteConnection, key: &LedgerKey, ledger: &NumberLedger) -> Result<(), Failure> {
    let row = LedgerRow::new(key, ledger);
    let values = values![
        row.account_id.as_str(),
        row.mode.as_str(),
        row.number.as_slice(),
        row.sends.as_str(),
        row.failures.as_str(),
        row.live.as_str(),
        row.verified_at,
        row.short_failures.as_str(),
        row.in_a_row,
        row.reserved.as_str(),
    ];
    changing::<Put>(values).execute(connection)?;
    Ok(())
}

/// Forgives a number its wrong codes. Returns whether there were any.
pub(super) fn forgive(connection: &mut SqliteConnection, key: &LedgerKey) -> Result<bool, Failure> {
    let Some(before) = find(connection, key)? else { return Ok(false) };
    let mut after = before.clone();
    after.guesses_mut().forgive();
    let was_any = after != before;
    if was_any {
        put(connection, key, &after)?;
    }
    Ok(was_any)
}
