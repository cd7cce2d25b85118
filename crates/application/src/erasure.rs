use std::fmt;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use whatotp_domain::{AccountId, AccountScope, EventKind, Mode, PhoneNumber};
use whatotp_ports::{Erased, LedgerKey, Sought, Trace, TraceTable};
use whatotp_vault::BlindIndex;

use crate::{Application, Failure};

/// Rows of one look, and of one step.
const BATCH: u32 = 1_000;
/// How often a delivery is looked at that a worker has.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What erasing a number came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erasure {
    /// What was deleted.
    pub erased: Erased,
    /// Subjects and comments of tickets that the number was blotted out of.
    pub ticket_texts: u64,
    /// Deliveries that workers still had when the time was over: somebody has to try again.
    pub held: u64,
}

impl fmt::Display for Erasure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { erased, ticket_texts, held } = self;
        write!(f, "{} rows, {ticket_texts} texts of tickets", erased.total())?;
        if *held > 0 { write!(f, ", and {held} messages were on their way") } else { Ok(()) }
    }
}

/// The rows of one scope that are about a number.
struct Found {
    sought: Sought,
    held: u64,
}

impl Application {
    /// Deletes everything that is stored about a number, in one account or in all of them. When it returns with nothing
    /// held, nothing of before will be sent to it any more. Done twice it finds nothing.
    ///
    /// It also deletes what the number has used up of its limits, so it MUST NOT be in the hands of whoever those limits
    /// are for.
    pub async fn erase(&self, number: &PhoneNumber, account: Option<AccountId>) -> Result<Erasure, Failure> {
        self.erase_within(number, account, self.policy.lease + LOOK_AGAIN).await
    }

    /// As [`erase`](Self::erase), but waits no longer than `patience` for workers, in each half of an account.
    pub async fn erase_within(
        &self,
        number: &PhoneNumber,
        account: Option<AccountId>,
        patience: Duration,
    ) -> Result<Erasure, Failure> {
        let mut erasure = Erasure::default();
        let accounts = self.ports.accounts.list_accounts().await?;
        for known in accounts.iter().filter(|known| account.is_none_or(|only| only == known.id)) {
            for mode in [Mode::Live, Mode::Test] {
                let scope = AccountScope { account: known.id, mode };
                let one = self.erase_in(scope, self.keyring.blind_index(scope, number), patience).await?;
                erasure.erased += one.erased;
                erasure.held += one.held;
            }
            erasure.ticket_texts += self.blot_out_of_tickets(known.id, number).await?;
        }
        if account.is_none() {
            for mode in [Mode::Live, Mode::Test] {
                let key = LedgerKey::everybody(mode, self.keyring.global_index(number));
                erasure.erased.ledgers += self.ports.personal_data.erase_ledger(&key).await?;
            }
        }
        self.note_erasure(&erasure, account).await?;
        Ok(erasure)
    }

    async fn erase_in(&self, scope: AccountScope, number: BlindIndex, patience: Duration) -> Result<Erasure, Failure> {
        let mut erasure = Erasure::default();
        let until = Instant::now() + patience;
        loop {
            let found = self.find_all(scope, number).await?;
            self.stop_all(&found.sought).await?;
            erasure.held = found.held;
            // What leads to it goes first: cut off in the middle, the next try still finds the way.
            for table in [TraceTable::Claims, TraceTable::ProviderMessages] {
                let (traces, _) = self.look_through(&found.sought, table).await?;
                erasure.erased += self.erase_traces(scope, traces).await?;
            }
            let deliveries = found.sought.deliveries.iter().copied().map(Trace::Delivery).collect();
            erasure.erased += self.erase_traces(scope, deliveries).await?;
            if found.held == 0 {
                let sessions = found.sought.sessions.iter().copied().map(Trace::Session).collect();
                erasure.erased += self.erase_traces(scope, sessions).await?;
                break;
            }
            if Instant::now() >= until {
                break;
            }
            sleep(LOOK_AGAIN).await;
        }
        let key = LedgerKey::of(scope, number);
        erasure.erased.ledgers += self.ports.personal_data.erase_ledger(&key).await?;
        Ok(erasure)
    }

    /// The sessions of a number, and those of its deliveries that nobody has.
    async fn find_all(&self, scope: AccountScope, number: BlindIndex) -> Result<Found, Failure> {
        let mut sought = Sought { scope, number, sessions: Vec::new(), deliveries: Vec::new() };
        let (sessions, _) = self.look_through(&sought, TraceTable::Sessions).await?;
        let (deliveries, held) = self.look_through(&sought, TraceTable::Deliveries).await?;
        for trace in sessions.into_iter().chain(deliveries) {
            match trace {
                Trace::Session(id) => sought.sessions.push(id),
                Trace::Delivery(id) => sought.deliveries.push(id),
                Trace::Claim(_) | Trace::ProviderMessage(..) => {}
            }
        }
        Ok(Found { sought, held })
    }

    /// Cancels what may still be sent. Whoever has a delivery looks at its session before it sends.
    async fn stop_all(&self, sought: &Sought) -> Result<(), Failure> {
        let (scope, now) = (sought.scope, self.ports.clock.now());
        for session in &sought.sessions {
            self.ports.sessions.cancel(scope, *session, None, now).await?;
        }
        for delivery in &sought.deliveries {
            self.ports.deliveries.cancel_delivery(scope, *delivery, None, now).await?;
        }
        Ok(())
    }

    async fn look_through(&self, sought: &Sought, table: TraceTable) -> Result<(Vec<Trace>, u64), Failure> {
        let nothing_leads_there = sought.sessions.is_empty() && sought.deliveries.is_empty();
        if nothing_leads_there && matches!(table, TraceTable::Claims | TraceTable::ProviderMessages) {
            return Ok((Vec::new(), 0));
        }
        let (mut traces, mut held, mut after) = (Vec::new(), 0, None);
        loop {
            let now = self.ports.clock.now();
            let looked = self.ports.personal_data.look_for_traces(sought.clone(), table, after, BATCH, now).await?;
            traces.extend(looked.found);
            held += looked.held;
            after = looked.next;
            if after.is_none() {
                return Ok((traces, held));
            }
        }
    }

    async fn erase_traces(&self, scope: AccountScope, traces: Vec<Trace>) -> Result<Erased, Failure> {
        let mut erased = Erased::default();
        for some in traces.chunks(usize::try_from(BATCH).unwrap_or(usize::MAX)) {
            erased += self.ports.personal_data.erase_traces(scope, some.to_vec(), self.ports.clock.now()).await?;
        }
        Ok(erased)
    }

    /// That something was erased, and how much: nothing of what.
    async fn note_erasure(&self, erasure: &Erasure, account: Option<AccountId>) -> Result<(), Failure> {
        let (rows, texts) = (erasure.erased.total(), erasure.ticket_texts);
        let detail = format!("{rows} rows about one number were erased, and {texts} texts of tickets redacted");
        self.note_each(EventKind::Erased, account, "erasure".to_owned(), detail).await
    }
}
