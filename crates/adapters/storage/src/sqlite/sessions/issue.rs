use diesel::prelude::*;
use whatotp_domain::{AccountScope, IssueRefused, LiveSession, SessionStatus, Timestamp};
use whatotp_ports::{Issued, NewSession, Resend, Resent, SessionRecord, Subject};

use super::{dsl, end, load, this};
use crate::failure::Failure;
use crate::rows::{After, Places, ScopeColumns, SessionRow};
use crate::sqlite::statement::{change, changing, values};
use crate::sqlite::update::update;
use crate::sqlite::{deliveries, idempotency, ledgers};

pub(super) fn issue(connection: &mut SqliteConnection, new: &NewSession, now: Timestamp) -> Result<Issued, Failure> {
    if let Some(prior) = idempotency::prior(connection, new.claim.as_ref(), now)? {
        return Ok(Issued::Replay(prior));
    }
    let mut record = SessionRecord { delivery: new.delivery.id, ..new.record.clone() };
    let (scope, id) = (record.session.scope, record.session.id);
    let places = Places::new(scope, record.number, &new.limits, new.everybody);
    let mut number = ledgers::load(connection, &places)?;
    let replaced = match number.issue(&mut record.session, &new.limits, now) {
        Ok(replaced) => replaced,
        Err(IssueRefused::Send(refused)) => return Ok(Issued::Refused(refused)),
        Err(IssueRefused::Guess(refused)) => return Ok(Issued::NoGuesses(refused)),
    };
    let superseded = supersede(connection, scope, replaced, now)?;
    insert(connection, &SessionRow::new(&record))?;
    deliveries::insert(connection, &new.delivery, After::Nothing, now)?;
    ledgers::save(connection, &places, &number)?;
    idempotency::store(connection, new.claim.as_ref(), &Subject::Session(id))?;
    Ok(Issued::Created { record: Box::new(record), superseded })
}

change!(
    Insert,
    "INSERT INTO otp_sessions (account_id, id, mode, purpose, code_length, kid, recipient, number, metadata, delivery_id,
        client_ip, status, attempts, attempts_max, sends, sends_max, created_at, expires_at, resend_available_at,
        finished_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)"
);

fn insert(connection: &mut SqliteConnection, row: &SessionRow) -> Result<(), Failure> {
    let values = values![
        row.account_id.as_str(),
        row.id.as_str(),
        row.mode.as_str(),
        row.purpose.as_str(),
        row.code_length,
        row.kid.as_str(),
        row.recipient.as_slice(),
        row.number.as_slice(),
        row.metadata.as_deref(),
        row.delivery_id.as_str(),
        row.client_ip.as_deref(),
        row.status.as_str(),
        row.attempts,
        row.attempts_max,
        row.sends,
        row.sends_max,
        row.created_at,
        row.expires_at,
        row.resend_available_at,
        row.finished_at,
    ];
    changing::<Insert>(values).execute(connection)?;
    Ok(())
}

/// Ends the session whose place a new one has taken, if it is still pending.
fn supersede(
    connection: &mut SqliteConnection,
    scope: AccountScope,
    replaced: Option<LiveSession>,
    now: Timestamp,
) -> Result<Option<LiveSession>, Failure> {
    let Some(replaced) = replaced else { return Ok(None) };
    // The ledger is not told when a session is verified, locked or canceled.
    let was_pending = end(connection, scope, replaced.session, SessionStatus::Superseded, now)?;
    Ok(Some(replaced).filter(|_| was_pending))
}

pub(super) fn resend(
    connection: &mut SqliteConnection,
    resend: &Resend,
    now: Timestamp,
) -> Result<Option<Resent>, Failure> {
    if let Some(prior) = idempotency::prior(connection, resend.claim.as_ref(), now)? {
        return Ok(Some(Resent::Replay(prior)));
    }
    let Some(mut record) = load(connection, resend.scope, resend.session)? else { return Ok(None) };
    let status = record.session.status_at(now);
    if status != SessionStatus::Pending {
        return Ok(Some(Resent::Finished(status)));
    }
    if record.session.sends_remaining() == 0 {
        return Ok(Some(Resent::NoSendsLeft));
    }
    let places = Places::new(resend.scope, record.number, &resend.limits, resend.everybody);
    let mut number = ledgers::load(connection, &places)?;
    if let Err(refused) = number.send_again(&mut record.session, &resend.limits, now) {
        return Ok(Some(Resent::Refused(refused)));
    }
    deliveries::insert(connection, &resend.delivery, After::Sent(record.delivery), now)?;
    record.delivery = resend.delivery.id;
    save_sends(connection, &record)?;
    ledgers::save(connection, &places, &number)?;
    idempotency::store(connection, resend.claim.as_ref(), &Subject::Session(resend.session))?;
    Ok(Some(Resent::Stored(record)))
}

/// Stores what a message, sent or withdrawn, changes in a session.
pub(super) fn save_sends(connection: &mut SqliteConnection, record: &SessionRecord) -> Result<(), Failure> {
    let session = &record.session;
    let (ScopeColumns { account, mode }, id) = (session.scope.into(), session.id.to_string());
    let sends = (
        dsl::sends.eq(i32::from(session.sends)),
        dsl::resend_available_at.eq(session.resend_available_at.unix_ms()),
        dsl::delivery_id.eq(record.delivery.to_string()),
    );
    update(dsl::otp_sessions, this(&account, mode, &id), sends).execute(connection)?;
    Ok(())
}
