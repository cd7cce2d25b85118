//! Idempotency: what was done under a caller's key, and what the caller was told.

use std::collections::HashMap;

use async_trait::async_trait;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountScope, Timestamp};
use whatotp_ports::{Claim, IdempotencyStore, Prior, StoreResult, Subject};
use whatotp_vault::Sealed;

use super::coalescer::{Operation, RowKey};
use super::statement::{Values, change, changing, columns, fetch, fetching};
use super::{Batched, PostgresStore};
use crate::failure::Failure;
use crate::rows::{self, ClaimRow, ScopeColumns};

fetch!(
    Find -> ClaimRow,
    "SELECT ",
    " FROM unnest($1, $2, $3) AS k (account_id, mode, key)
     JOIN idempotency_claims ON idempotency_claims.account_id = k.account_id
      AND idempotency_claims.mode = k.mode AND idempotency_claims.key = k.key"
);

change!(
    /// What it replaces is a claim whose time is over; any other is left as it is.
    Store,
    "INSERT INTO idempotency_claims AS c (account_id, mode, key, fingerprint, subject, lease_until, expires_at)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)
     ON CONFLICT (account_id, mode, key) DO UPDATE
     SET fingerprint = excluded.fingerprint, subject = excluded.subject, lease_until = excluded.lease_until,
         expires_at = excluded.expires_at, answer_status = NULL, answer = NULL
     WHERE c.expires_at <= $8"
);

change!(
    Forget,
    "DELETE FROM idempotency_claims AS c USING unnest($1, $2, $3, $4) AS k (account_id, mode, key, fingerprint)
     WHERE c.account_id = k.account_id AND c.mode = k.mode AND c.key = k.key AND c.fingerprint = k.fingerprint"
);

change!(
    /// No request outlives its lease by much, so a claim whose time ends before the lease of this one is over by now,
    /// and is replaced. Another keeps what it is, and gets the answer if it is of the same request and has none.
    Answer,
    "INSERT INTO idempotency_claims AS c
        (account_id, mode, key, fingerprint, lease_until, expires_at, answer_status, answer)
     SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (account_id, mode, key) DO UPDATE
     SET fingerprint = excluded.fingerprint,
         subject = CASE WHEN c.expires_at > excluded.lease_until THEN c.subject END,
         lease_until = CASE WHEN c.expires_at > excluded.lease_until THEN c.lease_until ELSE excluded.lease_until END,
         expires_at = CASE WHEN c.expires_at > excluded.lease_until THEN c.expires_at ELSE excluded.expires_at END,
         answer_status = excluded.answer_status, answer = excluded.answer
     WHERE c.expires_at <= excluded.lease_until OR (c.answer IS NULL AND c.fingerprint = excluded.fingerprint)"
);

#[async_trait]
impl IdempotencyStore for PostgresStore {
    async fn find_prior(&self, claim: &Claim, now: Timestamp) -> StoreResult<Option<Prior>> {
        let claim = claim.clone();
        self.read(move |connection| {
            let claim = claim.clone();
            Box::pin(async move { prior(connection, Some(&claim), now).await })
        })
        .await
    }

    async fn keep_answer(&self, claim: &Claim, status: u16, body: Sealed) -> StoreResult<()> {
        self.answers.call(KeepAnswer { claim: claim.clone(), status, body }).await
    }

    async fn purge_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_expired_claims(now, limit).await
    }
}

/// What was found under the keys of a batch.
pub(super) struct Priors(HashMap<(AccountScope, [u8; 32]), ClaimRow>);

impl Priors {
    pub(super) async fn find(connection: &mut AsyncPgConnection, claims: Vec<&Claim>) -> Result<Self, Failure> {
        let mut found = HashMap::new();
        if !claims.is_empty() {
            let claims: Vec<_> =
                claims.into_iter().map(|claim| (ScopeColumns::from(claim.scope), claim.key.as_bytes())).collect();
            let find = fetching::<Find>(columns!(claims, key => key.0.account.as_str(), key.0.mode, key.1.as_slice()));
            for row in find.load::<ClaimRow>(connection).await? {
                let key = rows::hash(&row.key, "idempotency_claims.key")?;
                found.insert((rows::scope(&row.account_id, &row.mode)?, key), row);
            }
        }
        Ok(Self(found))
    }

    /// What is there under the caller's key, if the caller gave one.
    pub(super) fn of(&mut self, claim: Option<&Claim>, now: Timestamp) -> Result<Option<Prior>, Failure> {
        let row = claim.and_then(|claim| Some((claim, self.0.remove(&(claim.scope, *claim.key.as_bytes()))?)));
        Ok(row.map_or(Ok(None), |(claim, row)| row.prior(claim, now))?)
    }
}

/// What is there under one caller's key, if the caller gave one.
pub(super) async fn prior(
    connection: &mut AsyncPgConnection,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<Option<Prior>, Failure> {
    Priors::find(connection, claim.into_iter().collect()).await?.of(claim, now)
}

/// Stores that the work was done under the callers' claims. They have seen that there is no prior one. When there is by
/// now, because another process was faster, all is done once more, and finds it.
pub(super) async fn store(
    connection: &mut AsyncPgConnection,
    done: Vec<(&Claim, Subject)>,
    now: Timestamp,
) -> Result<(), Failure> {
    if done.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<_> = done.into_iter().map(|(claim, subject)| ClaimRow::working(claim, &subject)).collect();
    rows.sort_unstable_by(|one, other| key_of(one).cmp(&key_of(other)));
    let mut arguments = columns!(
        rows,
        row => row.account_id.as_str(), row.mode.as_str(), row.key.as_slice(), row.fingerprint.as_slice(),
        row.subject.as_deref(), row.lease_until, row.expires_at,
    );
    arguments.push(Values::BigInt(now.unix_ms()));
    let stored = changing::<Store>(arguments).execute(connection).await?;
    if stored < rows.len() { Err(Failure::Raced) } else { Ok(()) }
}

/// Undoes [`store`]: the work was undone.
pub(super) async fn forget(connection: &mut AsyncPgConnection, claim: Option<&Claim>) -> Result<(), Failure> {
    let Some(claim) = claim else { return Ok(()) };
    let claims = [(ScopeColumns::from(claim.scope), claim)];
    let this = columns!(
        claims,
        claim => claim.0.account.as_str(), claim.0.mode, claim.1.key.as_bytes().as_slice(),
        claim.1.fingerprint.as_bytes().as_slice(),
    );
    changing::<Forget>(this).execute(connection).await?;
    Ok(())
}

fn key_of(row: &ClaimRow) -> (&str, &str, &[u8]) {
    (&row.account_id, &row.mode, &row.key)
}

/// An answer to be kept.
pub(super) struct KeepAnswer {
    claim: Claim,
    status: u16,
    body: Sealed,
}

impl Operation for KeepAnswer {
    type Answer = ();

    fn rows(&self) -> Vec<RowKey> {
        RowKey::claim(Some(&self.claim)).into_iter().collect()
    }
}

#[async_trait]
impl Batched for KeepAnswer {
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<()>, Failure> {
        let mut rows: Vec<_> =
            batch.iter().map(|keep| ClaimRow::answered(&keep.claim, keep.status, &keep.body)).collect();
        rows.sort_unstable_by(|one, other| key_of(one).cmp(&key_of(other)));
        let arguments = columns!(
            rows,
            row => row.account_id.as_str(), row.mode.as_str(), row.key.as_slice(), row.fingerprint.as_slice(),
            row.lease_until, row.expires_at, row.answer_status, row.answer.as_deref(),
        );
        changing::<Answer>(arguments).execute(connection).await?;
        Ok(batch.iter().map(|_| ()).collect())
    }
}
