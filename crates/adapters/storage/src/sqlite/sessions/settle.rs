use diesel::prelude::*;
use whatotp_domain::{Attempted, Timestamp};
use whatotp_ports::{Attempt, SessionRecord, Settled, Subject};

use super::load;
use crate::failure::Failure;
use crate::rows::{Places, ScopeColumns, SessionRow};
use crate::sqlite::statement::{fetch, fetching, values};
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

fetch!(
    /// Charges a right code.
    Consume -> SessionRow,
    "UPDATE otp_sessions SET attempts = attempts + 1, status = 'verified', finished_at = ?4
     WHERE account_id = ?1 AND id = ?2 AND mode = ?3 AND status = 'pending' AND expires_at > ?4
       AND attempts < attempts_max
     RETURNING ",
    ""
);

fetch!(
    /// Charges a wrong one; the last attempt locks the session.
    Miss -> SessionRow,
    "UPDATE otp_sessions SET attempts = attempts + 1,
        status = CASE WHEN attempts + 1 >= attempts_max THEN 'locked' ELSE status END,
        finished_at = CASE WHEN attempts + 1 >= attempts_max THEN ?4 ELSE finished_at END
     WHERE account_id = ?1 AND id = ?2 AND mode = ?3 AND status = 'pending' AND expires_at > ?4
       AND attempts < attempts_max
     RETURNING ",
    ""
);

/// Charges the attempt in one statement, whose conditions are those of
/// [`OtpSession::attempt`](whatotp_domain::OtpSession::attempt): a session that may not be tried is not touched.
fn charge(
    connection: &mut SqliteConnection,
    attempt: &Attempt,
    now: Timestamp,
) -> Result<Option<SessionRecord>, Failure> {
    let ScopeColumns { account, mode } = attempt.scope.into();
    let id = attempt.session.to_string();
    let values = values![account.as_str(), id.as_str(), mode, now.unix_ms()];
    let row: QueryResult<SessionRow> = if attempt.matched {
        fetching::<Consume>(values).get_result(connection)
    } else {
        fetching::<Miss>(values).get_result(connection)
    };
    Ok(row.optional()?.map(SessionRow::read).transpose()?)
}
