use diesel::prelude::*;
use whatotp_domain::{LiveSession, NumberLedgers, NumberLimits, SessionStatus, Timestamp};
use whatotp_ports::{Before, SessionRecord, Withdrawal};

use super::issue::save_sends;
use super::{dsl, load, this};
use crate::failure::Failure;
use crate::rows::{Places, ScopeColumns, SessionRow};
use crate::sqlite::update::update;
use crate::sqlite::{deliveries, idempotency, ledgers};

pub(super) fn withdraw(
    connection: &mut SqliteConnection,
    withdrawal: &Withdrawal,
    now: Timestamp,
) -> Result<(), Failure> {
    let Withdrawal { scope, session, delivery, before, limits, everybody, claim } = withdrawal;
    let Some(record) = load(connection, *scope, *session)? else { return Ok(()) };
    let Some(sent) = deliveries::row(connection, *scope, *delivery)? else { return Ok(()) };
    let unchanged = record.session.status_at(now) == SessionStatus::Pending
        && record.delivery == *delivery
        && (record.session.sends == 1) == matches!(before, Before::NoSession(_));
    // A worker that took it over when the caller's lease ran out may have sent it.
    if !unchanged || !sent.is_untouched() {
        return Ok(());
    }
    let places = Places::new(*scope, record.number, limits, *everybody);
    let mut number = ledgers::load(connection, &places)?;
    match before {
        Before::NoSession(previous) => {
            delete(connection, &record)?;
            number.release(*session);
            restore(connection, (&record, previous.as_ref()), &mut number, limits, now)?;
        }
        Before::Delivery { latest, resend_available_at } => {
            let mut record = record.clone();
            record.session.sends = record.session.sends.saturating_sub(1);
            record.session.resend_available_at = *resend_available_at;
            record.delivery = *latest;
            save_sends(connection, &record)?;
        }
    }
    // A message is counted when it is stored, which is when it was queued.
    if let Some(counted_at) = sent.way.queued_at {
        number.refund_send(Timestamp::from_unix_ms(counted_at));
    }
    ledgers::save(connection, &places, &number)?;
    deliveries::delete(connection, *scope, *delivery)?;
    idempotency::forget(connection, claim.as_ref())
}

fn delete(connection: &mut SqliteConnection, record: &SessionRecord) -> Result<(), Failure> {
    let ScopeColumns { account, mode } = record.session.scope.into();
    let id = record.session.id.to_string();
    diesel::delete(dsl::otp_sessions.filter(this(&account, mode, &id))).execute(connection)?;
    Ok(())
}

/// Opens the session again whose place the withdrawn one took, unless its time is over.
fn restore(
    connection: &mut SqliteConnection,
    (withdrawn, previous): (&SessionRecord, Option<&LiveSession>),
    number: &mut NumberLedgers,
    limits: &NumberLimits,
    now: Timestamp,
) -> Result<(), Failure> {
    let previous = previous.filter(|live| live.expires_at > now);
    let was_live = number.account.restore_live(withdrawn.session.id, previous.cloned());
    let Some(previous) = previous.filter(|_| was_live) else { return Ok(()) };
    let Some(mut record) = load(connection, withdrawn.session.scope, previous.session)? else { return Ok(()) };
    let superseded = record.session.status == SessionStatus::Superseded;
    if !superseded || !number.reinstate(&mut record.session, limits, now) {
        return Ok(());
    }
    let row = SessionRow::new(&record);
    let pending =
        (dsl::status.eq(&row.status), dsl::finished_at.eq(row.finished_at), dsl::attempts_max.eq(row.attempts_max));
    update(dsl::otp_sessions, this(&row.account_id, &row.mode, &row.id), pending).execute(connection)?;
    Ok(())
}
