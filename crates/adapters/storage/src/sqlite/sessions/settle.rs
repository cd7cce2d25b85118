use diesel::dsl::case_when;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use whatotp_domain::{Attempted, SessionStatus, Timestamp};
use whatotp_ports::{Attempt, SessionRecord, Settled, Subject};

use super::{dsl, load, pending};
use crate::failure::Failure;
use crate::rows::{Places, ScopeColumns, SessionRow};
use crate::sqlite::update::update;
use crate::sqlite::{idempotency, ledgers};

pub(super) fn settle(
    connection: &mut SqliteConnection,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Option<Settled>, Failure> {
    if let Some(prior) = idempotency::prior(connection, attempt.claim.as_ref(), now)? {
        return Ok(Some(Settled::Replay(prior)));
    }
    let places = Places::new(attempt.scope, attempt.number, &attempt.limits, attempt.everybody);
    let mut number = ledgers::load(connection, &places)?;
    if let Err(refused) = number.may_guess(&attempt.limits, attempt.length, now) {
        return Ok(Some(Settled::Blocked(refused)));
    }
    let Some(record) = charge(connection, attempt, now)? else {
        let record = load(connection, attempt.scope, attempt.session)?;
        return Ok(record.map(|record| {
            let status = record.session.status_at(now);
            Settled::Done(record, Attempted::Finished(status))
        }));
    };
    let attempted = number.count_guess(&record.session, attempt.matched, &attempt.limits, now);
    ledgers::save(connection, &places, &number)?;
    idempotency::store(connection, attempt.claim.as_ref(), &Subject::Attempt(attempt.session, attempted))?;
    Ok(Some(Settled::Done(record, attempted)))
}

/// Charges the attempt in one statement, whose conditions are those of
/// [`OtpSession::attempt`](whatotp_domain::OtpSession::attempt): a session that may not be tried is not touched.
fn charge(
    connection: &mut SqliteConnection,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Option<SessionRecord>, Failure> {
    let ScopeColumns { account, mode } = attempt.scope.into();
    let id = attempt.session.to_string();
    let open = pending(&account, mode, &id, now.unix_ms()).and(dsl::attempts.lt(dsl::attempts_max));
    let attempts = dsl::attempts + 1;
    let row = if attempt.matched {
        let verified = (
            dsl::attempts.eq(attempts),
            dsl::status.eq(SessionStatus::Verified.as_str()),
            dsl::finished_at.eq(now.unix_ms()),
        );
        update(dsl::otp_sessions, open, verified).returning(SessionRow::as_returning()).get_result(connection)
    } else {
        let last = attempts.ge(dsl::attempts_max);
        let (locked, now) =
            (SessionStatus::Locked.as_str().into_sql::<Text>(), now.unix_ms().into_sql::<Nullable<BigInt>>());
        let wrong = (
            dsl::attempts.eq(attempts),
            dsl::status.eq(case_when(last, locked).otherwise(dsl::status)),
            dsl::finished_at.eq(case_when(last, now).otherwise(dsl::finished_at)),
        );
        update(dsl::otp_sessions, open, wrong).returning(SessionRow::as_returning()).get_result(connection)
    };
    Ok(row.optional()?.map(SessionRow::read).transpose()?)
}
