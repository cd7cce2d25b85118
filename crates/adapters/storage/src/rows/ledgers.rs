use diesel::prelude::*;
use whatotp_domain::{AccountScope, LiveSession, NumberLedger, Purpose, SessionId, Timestamp};
use whatotp_vault::BlindIndex;

use super::{InColumn, Read, ScopeColumns, moment, unix_ms};
use crate::schema::number_ledgers;

/// A ledger. Its lists are short: the send caps and the limit of failures bound them.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = number_ledgers, treat_none_as_default_value = false)]
pub(crate) struct LedgerRow {
    pub(crate) account_id: String,
    pub(crate) mode: String,
    pub(crate) number: Vec<u8>,
    pub(crate) sends: String,
    pub(crate) failures: String,
    pub(crate) live: String,
    pub(crate) verified_at: Option<i64>,
}

type LiveJson = Vec<(String, String, i64)>;

impl LedgerRow {
    pub(crate) fn new(scope: AccountScope, number: &BlindIndex, ledger: &NumberLedger) -> Self {
        let ScopeColumns { account, mode } = scope.into();
        let live = |open: &LiveSession| {
            (open.purpose.as_str().to_owned(), open.session.to_string(), open.expires_at.unix_ms())
        };
        let live: LiveJson = ledger.live().iter().map(live).collect();
        Self {
            account_id: account,
            mode: mode.to_owned(),
            number: number.as_bytes().to_vec(),
            sends: times_to_text(ledger.sends()),
            failures: times_to_text(ledger.failures()),
            live: serde_json::json!(live).to_string(),
            verified_at: unix_ms(ledger.verified_at()),
        }
    }

    pub(crate) fn read(&self) -> Read<NumberLedger> {
        let live: LiveJson = serde_json::from_str(&self.live).in_column("number_ledgers.live")?;
        let live = live.iter().map(|(purpose, session, expires_at)| {
            Some(LiveSession {
                purpose: Purpose::parse(purpose)?,
                session: SessionId::parse(session).ok()?,
                expires_at: Timestamp::from_unix_ms(*expires_at),
            })
        });
        Ok(NumberLedger::from_parts(
            times(&self.sends).in_column("number_ledgers.sends")?,
            times(&self.failures).in_column("number_ledgers.failures")?,
            moment(self.verified_at),
            live.collect::<Option<_>>().in_column("number_ledgers.live")?,
        ))
    }
}

fn times_to_text(times: &[Timestamp]) -> String {
    let times: Vec<i64> = times.iter().map(|time| time.unix_ms()).collect();
    serde_json::json!(times).to_string()
}

fn times(text: &str) -> Result<Vec<Timestamp>, serde_json::Error> {
    let times: Vec<i64> = serde_json::from_str(text)?;
    Ok(times.into_iter().map(Timestamp::from_unix_ms).collect())
}
