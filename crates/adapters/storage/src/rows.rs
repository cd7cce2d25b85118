//! The rows, for every engine alike, and their way to and from the ports' records.

mod audit;
mod claims;
mod deliveries;
mod destinations;
mod events;
mod keys;
mod ledgers;
mod quotas;
mod reports;
pub(crate) mod sealed;
mod senders;
mod sessions;
mod templates;
mod tickets;
pub(crate) mod traces;
mod traffic;
mod users;

pub(crate) use audit::{AuditHeadRow, AuditRow, lengthen, shorten};
pub(crate) use claims::ClaimRow;
pub(crate) use deliveries::{
    After, CountRow, DeadLetterRow, DeliveryRow, GIVEN_UP, IdRange, StepRow, TargetRow, WayRow,
};
pub(crate) use destinations::{AccountRulesRow, BlockRow, block_columns};
pub(crate) use events::EventRow;
pub(crate) use keys::{AccountRow, ApiKeyRow};
pub(crate) use ledgers::{LedgerRow, Places, place as ledger_place};
pub(crate) use quotas::UsageRow;
pub(crate) use reports::{ProviderMessageRow, WaitingReportRow};
pub(crate) use senders::{AccountSenderRow, SenderRow, quality};
pub(crate) use sessions::{SessionRow, SessionStateRow};
pub(crate) use templates::TemplateRow;
pub(crate) use tickets::{CannedReplyRow, CommentRow, TicketRow};
pub(crate) use traffic::TrafficRow;
pub(crate) use users::{
    ConsoleSessionRow, LinkRow, LogInTriesRow, UserRow, count_codes, judge, recovery_codes, step, without_code,
};

use whatotp_domain::{AccountId, AccountScope, DeliveryError, Mode, SenderId, Timestamp};

/// A stored value that is not what this program writes. It says where, never what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} holds a value that this program does not write")]
pub(crate) struct Unreadable(pub(crate) &'static str);

type Read<T> = Result<T, Unreadable>;

/// How many rows, as the ports say it.
pub(crate) fn count(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX)
}

/// Puts the column's name to a value that could not be read.
trait InColumn<T> {
    fn in_column(self, name: &'static str) -> Read<T>;
}

impl<T> InColumn<T> for Option<T> {
    fn in_column(self, name: &'static str) -> Read<T> {
        self.ok_or(Unreadable(name))
    }
}

impl<T, E> InColumn<T> for Result<T, E> {
    fn in_column(self, name: &'static str) -> Read<T> {
        self.or(Err(Unreadable(name)))
    }
}

/// A scope as the columns `account_id` and `mode` hold it.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumns {
    pub(crate) account: String,
    pub(crate) mode: &'static str,
}

impl From<AccountScope> for ScopeColumns {
    fn from(scope: AccountScope) -> Self {
        Self { account: scope.account.to_string(), mode: scope.mode.as_str() }
    }
}

pub(crate) fn scope(account_id: &str, mode: &str) -> Read<AccountScope> {
    Ok(AccountScope {
        account: AccountId::parse(account_id).in_column("account_id")?,
        mode: Mode::parse(mode).in_column("mode")?,
    })
}

fn sender(id: Option<&str>) -> Read<Option<SenderId>> {
    id.map(|id| SenderId::parse(id).in_column("sender_id")).transpose()
}

/// The columns `error_code`, `error_title` and `error_detail`: all of them are there, or none is.
type ErrorColumns = (Option<i64>, Option<String>, Option<String>);

fn error(columns: ErrorColumns) -> Read<Option<DeliveryError>> {
    let (Some(code), Some(title), Some(detail)) = columns else { return Ok(None) };
    Ok(Some(DeliveryError { code: code.try_into().in_column("error_code")?, title, detail }))
}

fn error_columns(error: Option<&DeliveryError>) -> ErrorColumns {
    let code = error.map(|error| error.code.into());
    (code, error.map(|error| storable(&error.title)), error.map(|error| storable(&error.detail)))
}

/// Text that came from outside. PostgreSQL stores none with a NUL in it, and a report must not be lost for one.
fn storable(text: &str) -> String {
    text.replace('\0', "\u{FFFD}")
}

pub(crate) fn hash(bytes: &[u8], column: &'static str) -> Read<[u8; 32]> {
    bytes.try_into().in_column(column)
}

fn moment(unix_ms: Option<i64>) -> Option<Timestamp> {
    unix_ms.map(Timestamp::from_unix_ms)
}

fn unix_ms(moment: Option<Timestamp>) -> Option<i64> {
    moment.map(Timestamp::unix_ms)
}
