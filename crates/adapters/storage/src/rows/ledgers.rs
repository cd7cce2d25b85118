use diesel::prelude::*;
use whatotp_domain::{
    AccountId, AccountScope, Guesses, LiveSession, Mode, NumberLedger, NumberLimits, Purpose, Reservation, SessionId,
    Timestamp,
};
use whatotp_ports::LedgerKey;
use whatotp_vault::BlindIndex;

use super::{InColumn, Read, hash, moment, unix_ms};
use crate::schema::number_ledgers;

/// Where a number's two ledgers stand. The one over all accounts is left alone where nothing is counted in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Places {
    pub(crate) account: LedgerKey,
    pub(crate) everybody: Option<LedgerKey>,
}

impl Places {
    pub(crate) fn new(scope: AccountScope, number: BlindIndex, limits: &NumberLimits, everybody: BlindIndex) -> Self {
        let everybody = limits.everybody.is_some().then(|| LedgerKey::everybody(scope.mode, everybody));
        Self { account: LedgerKey::of(scope, number), everybody }
    }

    pub(crate) fn keys(self) -> impl Iterator<Item = LedgerKey> {
        self.everybody.into_iter().chain([self.account])
    }
}

/// A ledger. Its lists are short: the send caps and the limit of failures bound them.
#[derive(Queryable, Selectable)]
#[diesel(table_name = number_ledgers)]
pub(crate) struct LedgerRow {
    pub(crate) account_id: String,
    pub(crate) mode: String,
    pub(crate) number: Vec<u8>,
    pub(crate) sends: String,
    pub(crate) failures: String,
    pub(crate) live: String,
    pub(crate) verified_at: Option<i64>,
    pub(crate) short_failures: String,
    pub(crate) in_a_row: i64,
    pub(crate) reserved: String,
}

type LiveJson = Vec<(String, String, i64)>;

type ReservedJson = Vec<(String, u8, bool, i64)>;

/// The column `account_id` of the ledgers over all accounts. No account has it, and it comes before all of theirs.
const EVERYBODY: &str = "";

/// As the columns `account_id` and `mode` hold a ledger's place.
pub(crate) fn place(key: &LedgerKey) -> (String, &'static str) {
    (key.account.map_or_else(|| EVERYBODY.to_owned(), |account| account.to_string()), key.mode.as_str())
}

impl LedgerRow {
    pub(crate) fn new(key: &LedgerKey, ledger: &NumberLedger) -> Self {
        let (account_id, mode) = place(key);
        let guesses = ledger.guesses();
        let live = |open: &LiveSession| {
            (open.purpose.as_str().to_owned(), open.session.to_string(), open.expires_at.unix_ms())
        };
        let live: LiveJson = ledger.live().iter().map(live).collect();
        let reserved =
            |held: &Reservation| (held.session.to_string(), held.guesses, held.is_short, held.expires_at.unix_ms());
        let reserved: ReservedJson = guesses.reserved().iter().map(reserved).collect();
        Self {
            account_id,
            mode: mode.to_owned(),
            number: key.number.as_bytes().to_vec(),
            sends: times_to_text(ledger.sends()),
            failures: times_to_text(guesses.failures()),
            live: serde_json::json!(live).to_string(),
            verified_at: unix_ms(ledger.verified_at()),
            short_failures: times_to_text(guesses.short_failures()),
            in_a_row: guesses.in_a_row().into(),
            reserved: serde_json::json!(reserved).to_string(),
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
        let guesses = Guesses::from_parts(
            times(&self.failures).in_column("number_ledgers.failures")?,
            times(&self.short_failures).in_column("number_ledgers.short_failures")?,
            self.in_a_row.try_into().in_column("number_ledgers.in_a_row")?,
            self.reserved().in_column("number_ledgers.reserved")?,
        );
        Ok(NumberLedger::from_parts(
            times(&self.sends).in_column("number_ledgers.sends")?,
            moment(self.verified_at),
            live.collect::<Option<_>>().in_column("number_ledgers.live")?,
            guesses,
        ))
    }

    fn reserved(&self) -> Option<Vec<Reservation>> {
        let held: ReservedJson = serde_json::from_str(&self.reserved).ok()?;
        let held = held.into_iter().map(|(session, guesses, is_short, expires_at)| {
            let (session, expires_at) = (SessionId::parse(&session).ok()?, Timestamp::from_unix_ms(expires_at));
            Some(Reservation { session, guesses, is_short, expires_at })
        });
        held.collect()
    }

    /// Whose it is.
    pub(crate) fn key(&self) -> Read<LedgerKey> {
        let account = (self.account_id != EVERYBODY).then(|| AccountId::parse(&self.account_id));
        Ok(LedgerKey {
            account: account.transpose().in_column("number_ledgers.account_id")?,
            mode: Mode::parse(&self.mode).in_column("number_ledgers.mode")?,
            number: BlindIndex::from_bytes(hash(&self.number, "number_ledgers.number")?),
        })
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
