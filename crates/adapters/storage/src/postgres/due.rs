//! The outbox: what is due, and whose turn it is.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use diesel::prelude::{Queryable, Selectable};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::Timestamp;
use whatotp_ports::ClaimedDelivery;

use super::statement::{Values, change, changing, columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{DeliveryRow, count};
use crate::schema::deliveries;

/// How long a delivery is left alone whose row cannot be read.
const UNREADABLE_PAUSE: Duration = Duration::from_secs(3600);

/// The account that had its turn last, and who got the smaller half. It begins anew with the process: nothing depends on
/// it but who goes first.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<Mutex<(String, bool)>>);

impl Turn {
    fn get(&self) -> String {
        self.lock().0.clone()
    }

    fn set(&self, account: String) {
        self.lock().0 = account;
    }

    /// Half of a claim, rounded up and down in turn: a worker that is busy claims one at a time, and what has been due
    /// longest would have all of them.
    fn half(&self, size: usize) -> usize {
        let mut turn = self.lock();
        turn.1 = !turn.1;
        if turn.1 { size.div_ceil(2) } else { size / 2 }
    }

    fn lock(&self) -> MutexGuard<'_, (String, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fetch!(
    /// `SKIP LOCKED`: what another worker is just taking is not ours, and not worth a wait.
    DueCodes -> DeliveryRow,
    "SELECT ",
    " FROM deliveries WHERE deliveries.due_at <= $1 AND deliveries.session_id IS NOT NULL
     ORDER BY deliveries.due_at LIMIT $2 FOR UPDATE SKIP LOCKED"
);

fetch!(
    DueMessages -> DeliveryRow,
    "SELECT ",
    " FROM deliveries WHERE deliveries.due_at <= $1 AND deliveries.session_id IS NULL
     ORDER BY deliveries.due_at LIMIT $2 FOR UPDATE SKIP LOCKED"
);

fetch!(
    /// Some accounts that have something in the outbox, from one on: a leap from account to account.
    Accounts -> AccountRow,
    "WITH RECURSIVE accounts (account_id) AS (
        (SELECT d.account_id FROM deliveries AS d WHERE d.account_id > $1 AND d.due_at IS NOT NULL
         ORDER BY d.account_id LIMIT 1)
        UNION ALL
        SELECT next.account_id FROM accounts CROSS JOIN LATERAL (
            SELECT d.account_id FROM deliveries AS d WHERE d.account_id > accounts.account_id AND d.due_at IS NOT NULL
            ORDER BY d.account_id LIMIT 1) AS next
     )
     SELECT ",
    " FROM accounts AS deliveries LIMIT $2"
);

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct AccountRow {
    account_id: String,
}

fetch!(
    /// What has been due longest in each of some accounts.
    DueOf -> DeliveryRow,
    "SELECT ",
    " FROM unnest($1) AS k (account_id) CROSS JOIN LATERAL (
        SELECT * FROM deliveries AS d WHERE d.account_id = k.account_id AND d.due_at <= $2
        ORDER BY d.due_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS deliveries"
);

change!(
    Lease,
    "UPDATE deliveries AS d SET leased = k.leased, lease_token = k.token, due_at = k.due_at
     FROM unnest($1, $2, $3, $4, $5) AS k (account_id, id, leased, token, due_at)
     WHERE d.account_id = k.account_id AND d.id = k.id"
);

/// Leases what is due.
///
/// As long as there is less of it than asked for, it is all of it. Otherwise one half goes to what has been due longest,
/// codes before messages; the other half to accounts that have nothing in the first, in turn, a share each. So what
/// keeps an account waiting is the number of accounts before it, and not that of their messages: with a million of
/// somebody else's in front of it, a message goes out with the next claim or one of the next few.
pub(super) async fn claim(
    connection: &mut AsyncPgConnection,
    turn: &Turn,
    lease_for: Duration,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<ClaimedDelivery>, Failure> {
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut due: Vec<DeliveryRow> = Vec::new();
    if limit > 0 {
        due = fetching::<DueCodes>(vec![now.unix_ms().into(), i64::from(limit).into()]).load(connection).await?;
    }
    if due.len() < size {
        let rest = i64::from(limit).saturating_sub_unsigned(count(due.len()));
        due.extend(
            fetching::<DueMessages>(vec![now.unix_ms().into(), rest.into()]).load::<DeliveryRow>(connection).await?,
        );
    }
    if limit > 0 && due.len() >= size {
        due = shared_out(connection, turn, due, size, now).await?;
    }
    due.sort_by_key(|row| row.due_at);
    lease(connection, due, lease_for, now).await
}

/// Gives half of what is to be claimed to those who have nothing in the other half.
async fn shared_out(
    connection: &mut AsyncPgConnection,
    turn: &Turn,
    mut due: Vec<DeliveryRow>,
    size: usize,
    now: Timestamp,
) -> Result<Vec<DeliveryRow>, Failure> {
    let rest = due.split_off(turn.half(size));
    if rest.is_empty() {
        return Ok(due);
    }
    let served: HashSet<&str> = due.iter().map(|row| row.account_id.as_str()).collect();
    let accounts = next_accounts(connection, turn, &served, rest.len()).await?;
    let mut others: Vec<DeliveryRow> = Vec::new();
    if !accounts.is_empty() {
        let share = i64::try_from(rest.len().div_ceil(accounts.len())).unwrap_or(i64::MAX);
        let of_each =
            vec![Values::Texts(accounts.iter().map(String::as_str).collect()), now.unix_ms().into(), share.into()];
        others = fetching::<DueOf>(of_each).load(connection).await?;
    }
    let missing = rest.len().saturating_sub(others.len());
    let taken: HashSet<(String, String)> = others.iter().map(|row| (row.account_id.clone(), row.id.clone())).collect();
    others.truncate(rest.len());
    due.extend(others);
    // Whatever of the rest finds no room stays due: that it was locked is forgotten with the commit.
    let rest = rest.into_iter().filter(|row| !taken.contains(&(row.account_id.clone(), row.id.clone())));
    due.extend(rest.take(missing));
    Ok(due)
}

/// The accounts whose turn is next, without those that are served already.
async fn next_accounts(
    connection: &mut AsyncPgConnection,
    turn: &Turn,
    served: &HashSet<&str>,
    wanted: usize,
) -> Result<Vec<String>, Failure> {
    let from = turn.get();
    let many = i64::try_from(wanted.saturating_add(served.len())).unwrap_or(i64::MAX);
    let mut accounts: Vec<String> = Vec::new();
    // From the last one on to the end, and then from the beginning.
    for start in [from.as_str(), ""] {
        let leap = fetching::<Accounts>(vec![start.into(), many.into()]);
        for row in leap.load::<AccountRow>(connection).await? {
            if accounts.len() < wanted
                && !served.contains(row.account_id.as_str())
                && !accounts.contains(&row.account_id)
            {
                accounts.push(row.account_id);
            }
        }
        if from.is_empty() {
            break;
        }
    }
    if let Some(last) = accounts.last() {
        turn.set(last.clone());
    }
    Ok(accounts)
}

async fn lease(
    connection: &mut AsyncPgConnection,
    due: Vec<DeliveryRow>,
    lease_for: Duration,
    now: Timestamp,
) -> Result<Vec<ClaimedDelivery>, Failure> {
    if due.is_empty() {
        return Ok(Vec::new());
    }
    let (mut claimed, mut leases) = (Vec::new(), Vec::new());
    for row in due {
        let (account, id, token) = (row.account_id.clone(), row.id.clone(), row.next_token());
        match row.read_claimed() {
            Ok(delivery) => {
                claimed.push(delivery);
                leases.push((account, id, 1, token, now.plus(lease_for).unix_ms()));
            }
            // One row that cannot be read must not keep all the others from being sent.
            Err(unreadable) => {
                tracing::error!(error = %unreadable, "a delivery that is due cannot be read; it is left for an hour");
                leases.push((account, id, 0, token, now.plus(UNREADABLE_PAUSE).unix_ms()));
            }
        }
    }
    let leases = columns!(leases, one => one.0.as_str(), one.1.as_str(), one.2, one.3, one.4);
    changing::<Lease>(leases).execute(connection).await?;
    Ok(claimed)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = deliveries)]
struct DueRow {
    due_at: Option<i64>,
}

fetch!(
    NextCode -> DueRow,
    "SELECT ",
    " FROM deliveries WHERE deliveries.due_at IS NOT NULL AND deliveries.session_id IS NOT NULL
     ORDER BY deliveries.due_at LIMIT 1"
);

fetch!(
    NextMessage -> DueRow,
    "SELECT ",
    " FROM deliveries WHERE deliveries.due_at IS NOT NULL AND deliveries.session_id IS NULL
     ORDER BY deliveries.due_at LIMIT 1"
);

/// When the next delivery is due.
pub(super) async fn next(connection: &mut AsyncPgConnection) -> Result<Option<Timestamp>, Failure> {
    let mut next: Vec<DueRow> = fetching::<NextCode>(Vec::new()).load(connection).await?;
    next.extend(fetching::<NextMessage>(Vec::new()).load::<DueRow>(connection).await?);
    Ok(next.iter().filter_map(|row| row.due_at).min().map(Timestamp::from_unix_ms))
}
