use async_trait::async_trait;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use whatotp_domain::Timestamp;
use whatotp_ports::{Claim, IdempotencyStore, Prior, StoreResult, Subject};
use whatotp_vault::Sealed;

use super::SqliteStore;
use super::update::update;
use crate::failure::Failure;
use crate::rows::{ClaimRow, ScopeColumns};
use crate::schema::idempotency_claims::dsl;

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn find_prior(&self, claim: &Claim, now: Timestamp) -> StoreResult<Option<Prior>> {
        let claim = claim.clone();
        self.read(move |connection| prior(connection, Some(&claim), now)).await
    }

    async fn keep_answer(&self, claim: &Claim, status: u16, body: Sealed) -> StoreResult<()> {
        let claim = claim.clone();
        self.write(move |connection| keep_answer(connection, &claim, status, &body)).await
    }

    async fn purge_claims(&self, now: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_expired_claims(now, limit).await
    }
}

/// One claim.
#[auto_type(no_type_alias)]
pub(super) fn this<'a>(account: &'a str, mode: &'a str, key: &'a [u8]) -> _ {
    dsl::account_id.eq(account).and(dsl::mode.eq(mode)).and(dsl::key.eq(key))
}

fn row(connection: &mut SqliteConnection, claim: &Claim) -> Result<Option<ClaimRow>, Failure> {
    let ScopeColumns { account, mode } = claim.scope.into();
    let row = dsl::idempotency_claims.filter(this(&account, mode, claim.key.as_bytes()));
    Ok(row.select(ClaimRow::as_select()).get_result(connection).optional()?)
}

/// What is there under the caller's key, if the caller gave one.
pub(super) fn prior(
    connection: &mut SqliteConnection,
    claim: Option<&Claim>,
    now: Timestamp,
) -> Result<Option<Prior>, Failure> {
    let Some(claim) = claim else { return Ok(None) };
    let row = row(connection, claim)?;
    Ok(row.map_or(Ok(None), |row| row.prior(claim, now))?)
}

/// Stores that the work was done under the caller's claim. The caller has seen that there is no [`prior`] one, so what
/// this replaces is a claim whose time is over.
pub(super) fn store(
    connection: &mut SqliteConnection,
    claim: Option<&Claim>,
    subject: &Subject,
) -> Result<(), Failure> {
    if let Some(claim) = claim {
        replace(connection, &ClaimRow::working(claim, subject))?;
    }
    Ok(())
}

/// Undoes [`store`]: the work was undone.
pub(super) fn forget(connection: &mut SqliteConnection, claim: Option<&Claim>) -> Result<(), Failure> {
    let Some(claim) = claim else { return Ok(()) };
    let ScopeColumns { account, mode } = claim.scope.into();
    let mine = dsl::idempotency_claims
        .filter(this(&account, mode, claim.key.as_bytes()))
        .filter(dsl::fingerprint.eq(claim.fingerprint.as_bytes().as_slice()));
    diesel::delete(mine).execute(connection)?;
    Ok(())
}

fn keep_answer(connection: &mut SqliteConnection, claim: &Claim, status: u16, body: &Sealed) -> Result<(), Failure> {
    let answered = ClaimRow::answered(claim, status, body);
    // No request outlives its lease by much, so a claim whose time ends before the lease of this one is over by now.
    let there = row(connection, claim)?.filter(|there| there.expires_at > answered.lease_until);
    let Some(there) = there else { return replace(connection, &answered) };
    if there.answer.is_none() && there.fingerprint == answered.fingerprint {
        let (answer_status, answer) = (answered.answer_status, answered.answer);
        replace(connection, &ClaimRow { answer_status, answer, ..there })?;
    }
    Ok(())
}

/// Whoever held a claim without an answer has died: to repeat the request need not wait for the lease to run out.
pub(super) fn lapse_leases(connection: &mut SqliteConnection, now: Timestamp) -> QueryResult<()> {
    let held = dsl::answer.is_null().and(dsl::lease_until.gt(now.unix_ms()));
    update(dsl::idempotency_claims, held, dsl::lease_until.eq(now.unix_ms())).execute(connection)?;
    Ok(())
}

fn replace(connection: &mut SqliteConnection, row: &ClaimRow) -> Result<(), Failure> {
    diesel::replace_into(dsl::idempotency_claims).values(row).execute(connection)?;
    Ok(())
}
