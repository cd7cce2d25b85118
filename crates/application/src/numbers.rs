use whatotp_domain::{
    AccountId, AccountScope, CodeLength, EventKind, GuessRefused, LedgerPolicy, Mode, NumberLedger, PhoneNumber,
    SendRefused,
};
use whatotp_ports::LedgerKey;

use crate::{Application, Failure};

/// What is counted of a number in one place, and what follows from it now.
#[derive(Debug)]
pub struct NumberCount {
    /// In which account; `None` over all of them.
    pub account: Option<AccountId>,
    /// In which mode.
    pub mode: Mode,
    /// What is counted.
    pub ledger: NumberLedger,
    /// The limits there.
    pub limits: LedgerPolicy,
    /// Why it gets no message, if it gets none.
    pub send_refused: Option<SendRefused>,
    /// Why no code is compared, if none is.
    pub guess_refused: Option<GuessRefused>,
}

/// What support and operators do about a number.
impl Application {
    /// What is counted of a number in an account and over all of them, in each mode that it was used in.
    pub async fn number_counts(&self, number: &PhoneNumber, account: AccountId) -> Result<Vec<NumberCount>, Failure> {
        let now = self.ports.clock.now();
        let mut counts = Vec::new();
        for mode in [Mode::Live, Mode::Test] {
            let scope = AccountScope { account, mode };
            let limits = self.policy.limits_of(scope, number);
            let account = (self.in_account(scope, number), Some(limits.account));
            for (key, limits) in [account, (self.over_all(mode, number), limits.everybody)] {
                let (Some(ledger), Some(limits)) = (self.ports.sessions.find_ledger(&key).await?, limits) else {
                    continue;
                };
                counts.push(NumberCount {
                    account: key.account,
                    mode,
                    send_refused: ledger.may_send(&limits, now).err(),
                    guess_refused: ledger.guesses().may_guess(&limits, CodeLength::DEFAULT, now).err(),
                    ledger,
                    limits,
                });
            }
        }
        Ok(counts)
    }

    /// Forgives a number its wrong codes: in an account, or in all of them and over all of them. Returns in how many places
    /// there were any; each is written down.
    pub async fn unblock_number(&self, number: &PhoneNumber, account: Option<AccountId>) -> Result<u32, Failure> {
        let accounts = match account {
            Some(account) => vec![account],
            None => self.ports.accounts.list_accounts().await?.into_iter().map(|account| account.id).collect(),
        };
        let mut forgiven = 0;
        for mode in [Mode::Live, Mode::Test] {
            let keys = accounts.iter().map(|account| self.in_account(AccountScope { account: *account, mode }, number));
            let over_all = account.is_none().then(|| self.over_all(mode, number));
            for key in keys.chain(over_all) {
                if self.ports.sessions.forgive(&key).await? {
                    self.note_unblocked(&key).await?;
                    forgiven += 1;
                }
            }
        }
        Ok(forgiven)
    }

    async fn note_unblocked(&self, key: &LedgerKey) -> Result<(), Failure> {
        // The number itself is in no log.
        let subject = format!("number {} ({})", key.number.tag(), key.mode);
        let detail = match key.account {
            Some(_) => "its wrong codes are forgiven: it can be verified again",
            None => "its wrong codes over all accounts are forgiven: it can be verified again",
        };
        self.note_each(EventKind::NumberUnblocked, key.account, subject, detail.to_owned()).await
    }

    fn in_account(&self, scope: AccountScope, number: &PhoneNumber) -> LedgerKey {
        LedgerKey::of(scope, self.keyring.blind_index(scope, number))
    }

    fn over_all(&self, mode: Mode, number: &PhoneNumber) -> LedgerKey {
        LedgerKey::everybody(mode, self.keyring.global_index(number))
    }
}
