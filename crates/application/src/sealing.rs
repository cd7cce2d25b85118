use std::collections::BTreeMap;

use whatotp_domain::{AccountId, AccountScope, Metadata, Mode, PhoneNumber, Variables};
use whatotp_ports::random;
use whatotp_vault::{Place, Sealed};

use crate::{Application, Failure};

/// A row that has sealed columns: what a sealed value is bound to, so that it opens nowhere else.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub scope: AccountScope,
    pub table: &'static str,
    pub id: &'a [u8],
}

impl Row<'_> {
    const fn place(&self, column: &'static str) -> Place<'_> {
        Place { scope: Some(self.scope), table: self.table, column, row: self.id }
    }
}

pub(crate) const SESSIONS: &str = "otp_sessions";
pub(crate) const DELIVERIES: &str = "deliveries";
pub(crate) const CLAIMS: &str = "idempotency_claims";
pub(crate) const USERS: &str = "users";
pub(crate) const LINKS: &str = "console_links";
pub(crate) const TICKETS: &str = "tickets";
pub(crate) const COMMENTS: &str = "ticket_comments";

/// What is sealed for an account as a whole is sealed as the live half's.
pub(crate) const fn of_account(account: AccountId) -> AccountScope {
    AccountScope { account, mode: Mode::Live }
}

impl Application {
    pub(crate) fn seal(&self, row: Row<'_>, column: &'static str, plain: &[u8]) -> Result<Sealed, Failure> {
        Ok(self.keyring.seal(&row.place(column), plain, random(&*self.ports.entropy)?))
    }

    pub(crate) fn open(&self, row: Row<'_>, column: &'static str, sealed: &Sealed) -> Result<Vec<u8>, Failure> {
        Ok(self.keyring.open(&row.place(column), sealed)?.to_vec())
    }

    pub(crate) fn seal_number(&self, row: Row<'_>, number: &PhoneNumber) -> Result<Sealed, Failure> {
        self.seal(row, "recipient", number.to_stored().as_bytes())
    }

    pub(crate) fn open_number(&self, row: Row<'_>, sealed: &Sealed) -> Result<PhoneNumber, Failure> {
        let plain = self.open(row, "recipient", sealed)?;
        let text = std::str::from_utf8(&plain).ok();
        text.and_then(PhoneNumber::recall).ok_or(Failure::Corrupt("phone number"))
    }

    /// No metadata is no value at all, which is the usual case and costs nothing.
    pub(crate) fn seal_metadata(&self, row: Row<'_>, metadata: &Metadata) -> Result<Option<Sealed>, Failure> {
        self.seal_pairs(row, "metadata", metadata.pairs())
    }

    pub(crate) fn open_metadata(&self, row: Row<'_>, sealed: Option<&Sealed>) -> Result<Metadata, Failure> {
        let pairs = self.open_pairs(row, "metadata", sealed)?;
        Metadata::new(pairs).ok().ok_or(Failure::Corrupt("metadata"))
    }

    pub(crate) fn seal_variables(&self, row: Row<'_>, variables: &Variables) -> Result<Option<Sealed>, Failure> {
        let pairs = variables.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        self.seal_pairs(row, "variables", &pairs)
    }

    pub(crate) fn open_variables(&self, row: Row<'_>, sealed: Option<&Sealed>) -> Result<Variables, Failure> {
        let pairs = self.open_pairs(row, "variables", sealed)?;
        Variables::new(pairs).ok().ok_or(Failure::Corrupt("set of variables"))
    }

    fn seal_pairs(
        &self,
        row: Row<'_>,
        column: &'static str,
        pairs: &BTreeMap<String, String>,
    ) -> Result<Option<Sealed>, Failure> {
        if pairs.is_empty() {
            return Ok(None);
        }
        let json = serde_json::to_vec(pairs).ok().ok_or(Failure::Corrupt("set of pairs"))?;
        self.seal(row, column, &json).map(Some)
    }

    fn open_pairs(
        &self,
        row: Row<'_>,
        column: &'static str,
        sealed: Option<&Sealed>,
    ) -> Result<BTreeMap<String, String>, Failure> {
        let Some(sealed) = sealed else { return Ok(BTreeMap::new()) };
        let json = self.open(row, column, sealed)?;
        serde_json::from_slice(&json).ok().ok_or(Failure::Corrupt("set of pairs"))
    }
}
