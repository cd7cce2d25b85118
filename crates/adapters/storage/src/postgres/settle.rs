use std::collections::HashMap;

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{Attempted, Timestamp};
use whatotp_ports::{Attempt, SessionRecord, Settled, Subject};

use super::Batched;
use super::claims::Priors;
use super::coalescer::{Operation, RowKey};
use super::ledgers::Ledgers;
use super::sends::store_claims;
use super::sessions::{self, SessionKey};
use super::statement::{columns, fetch, fetching};
use crate::failure::Failure;
use crate::rows::{Places, ScopeColumns, SessionRow};

/// A code that was given to a session, compared already.
pub(super) struct Settle {
    pub(super) attempt: Attempt,
    pub(super) now: Timestamp,
}

impl Operation for Settle {
    type Answer = Option<Settled>;

    fn rows(&self) -> Vec<RowKey> {
        let Attempt { scope, session, claim, .. } = &self.attempt;
        let rows = RowKey::number(self.places()).chain([RowKey::Session(*scope, *session)]);
        rows.chain(RowKey::claim(claim.as_ref())).collect()
    }
}

fetch!(
    /// Charges each attempt, under the conditions of [`OtpSession::attempt`](whatotp_domain::OtpSession::attempt): a
    /// session that may not be tried is not touched. No session is in the arguments twice, or one guess would be free.
    Charge -> SessionRow,
    "UPDATE otp_sessions SET attempts = otp_sessions.attempts + 1,
        status = CASE WHEN k.matched THEN 'verified'
            WHEN otp_sessions.attempts + 1 >= otp_sessions.attempts_max THEN 'locked' ELSE otp_sessions.status END,
        finished_at = CASE WHEN k.matched OR otp_sessions.attempts + 1 >= otp_sessions.attempts_max THEN k.now
            ELSE otp_sessions.finished_at END
     FROM unnest($1, $2, $3, $4, $5) AS k (account_id, id, mode, matched, now)
     WHERE otp_sessions.account_id = k.account_id AND otp_sessions.id = k.id AND otp_sessions.mode = k.mode
       AND otp_sessions.status = 'pending' AND otp_sessions.expires_at > k.now
       AND otp_sessions.attempts < otp_sessions.attempts_max
     RETURNING ",
    ""
);

#[async_trait]
impl Batched for Settle {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Option<Settled>>, Failure> {
        let mut ledgers = Ledgers::lock(connection, batch.iter().map(Self::places)).await?;
        // Under the lock, or another process may do the same work between this look and it.
        let claims = batch.iter().filter_map(|settle| settle.attempt.claim.as_ref());
        let mut priors = Priors::find(connection, claims.collect()).await?;
        let mut answers: Vec<Option<Settled>> = Vec::with_capacity(batch.len());
        for settle in batch {
            let Self { attempt, now } = settle;
            let prior = priors.of(attempt.claim.as_ref(), *now)?.map(Settled::Replay);
            let blocked = || {
                let number = ledgers.get(&settle.places());
                number.may_guess(&attempt.limits, attempt.length, *now).err().map(Settled::Blocked)
            };
            answers.push(prior.or_else(blocked));
        }
        let open: Vec<&Self> =
            batch.iter().zip(&answers).filter(|(_, answer)| answer.is_none()).map(|(settle, _)| settle).collect();
        let charged = charge(connection, &open).await?;
        let over = open.iter().map(|settle| settle.key()).filter(|key| !charged.contains_key(key)).collect();
        let over = sessions::find_all(connection, over).await?;
        let mut done = Vec::new();
        for (settle, answer) in batch.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            let key = settle.key();
            *answer = match charged.get(&key) {
                Some(record) => {
                    let attempted = settle.count(record, &mut ledgers);
                    let subject = Subject::Attempt(key.1, attempted);
                    done.extend(settle.attempt.claim.as_ref().map(|claim| (claim, subject)));
                    Some(Settled::Done(record.clone(), attempted))
                }
                None => over.get(&key).map(|record| {
                    let status = record.session.status_at(settle.now);
                    Settled::Done(record.clone(), Attempted::Finished(status))
                }),
            };
        }
        ledgers.save(connection).await?;
        store_claims(connection, done, batch.iter().map(|settle| settle.now)).await?;
        Ok(answers)
    }
}

impl Settle {
    fn key(&self) -> SessionKey {
        (self.attempt.scope, self.attempt.session)
    }

    fn places(&self) -> Places {
        let Attempt { scope, number, limits, everybody, .. } = &self.attempt;
        Places::new(*scope, *number, limits, *everybody)
    }

    /// Counts an attempt that was charged in its number's ledgers.
    fn count(&self, record: &SessionRecord, ledgers: &mut Ledgers) -> Attempted {
        let places = self.places();
        let mut number = ledgers.get(&places);
        let attempted = number.count_guess(&record.session, self.attempt.matched, &self.attempt.limits, self.now);
        ledgers.set(&places, number);
        attempted
    }
}

async fn charge(
    connection: &mut AsyncPgConnection,
    open: &[&Settle],
) -> Result<HashMap<SessionKey, SessionRecord>, Failure> {
    if open.is_empty() {
        return Ok(HashMap::new());
    }
    let mut open: Vec<_> = open.to_vec();
    open.sort_unstable_by_key(|settle| (settle.attempt.scope.account, settle.attempt.session));
    let keys: Vec<_> =
        open.iter().map(|one| (ScopeColumns::from(one.attempt.scope), one.attempt.session.to_string(), one)).collect();
    let these = columns!(
        keys,
        key => key.0.account.as_str(), key.1.as_str(), key.0.mode, key.2.attempt.matched, key.2.now.unix_ms(),
    );
    sessions::by_key(fetching::<Charge>(these).load(connection).await?)
}
