//! The numbers' ledgers: read and written by the operations on sessions, in their transactions.

use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, NumberLedger};
use whatotp_vault::BlindIndex;

use crate::failure::Failure;
use crate::rows::{LedgerRow, ScopeColumns};
use crate::schema::number_ledgers::dsl;

/// The ledger of one number.
#[auto_type(no_type_alias)]
pub(super) fn this<'a>(account: &'a str, mode: &'a str, number: &'a [u8]) -> _ {
    dsl::account_id.eq(account).and(dsl::mode.eq(mode)).and(dsl::number.eq(number))
}

/// A number that has none yet has an empty one.
pub(super) fn load(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    number: &BlindIndex,
) -> Result<NumberLedger, Failure> {
    let ScopeColumns { account, mode } = scope.into();
    let row = dsl::number_ledgers
        .filter(this(&account, mode, number.as_bytes()))
        .select(LedgerRow::as_select())
        .get_result(connection)
        .optional()?;
    Ok(row.map_or_else(|| Ok(NumberLedger::default()), |row| row.read())?)
}

pub(super) fn save(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    number: &BlindIndex,
    ledger: &NumberLedger,
) -> Result<(), Failure> {
    let row = LedgerRow::new(scope, number, ledger);
    diesel::replace_into(dsl::number_ledgers).values(&row).execute(connection)?;
    Ok(())
}
