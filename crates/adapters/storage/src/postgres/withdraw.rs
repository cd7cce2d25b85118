use diesel::ExpressionMethods;
use diesel::prelude::QueryDsl;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{LiveSession, NumberLedgers, NumberLimits, SessionStatus, Timestamp};
use whatotp_ports::{Before, SessionRecord, Withdrawal};

use super::ledgers::Ledgers;
use super::{claims, deliveries, sessions};
use crate::failure::Failure;
use crate::rows::{Places, ScopeColumns, SessionRow};
use crate::schema::otp_sessions::dsl;

pub(super) async fn withdraw(
    connection: &mut AsyncPgConnection,
    withdrawal: &Withdrawal,
    now: Timestamp,
) -> Result<(), Failure> {
    let Withdrawal { scope, session, delivery, before, limits, everybody, claim } = withdrawal;
    let key = (*scope, *session);
    // A session's number never changes; the ledger has to be locked before the session.
    let Some(record) = sessions::find(connection, key).await? else { return Ok(()) };
    let places = Places::new(*scope, record.number, limits, *everybody);
    let mut ledgers = Ledgers::lock(connection, [places].into_iter()).await?;
    let Some(record) = sessions::lock(connection, vec![key]).await?.remove(&key) else { return Ok(()) };
    let Some(sent) = deliveries::lock_row(connection, *scope, *delivery).await? else { return Ok(()) };
    let unchanged = record.session.status_at(now) == SessionStatus::Pending
        && record.delivery == *delivery
        && (record.session.sends == 1) == matches!(before, Before::NoSession(_));
    // A worker that took it over when the caller's lease ran out may have sent it.
    if !unchanged || !sent.is_untouched() {
        return Ok(());
    }
    let mut number = ledgers.get(&places);
    match before {
        Before::NoSession(previous) => {
            delete(connection, &record).await?;
            number.release(*session);
            restore(connection, (&record, previous.as_ref()), &mut number, limits, now).await?;
        }
        Before::Delivery { latest, resend_available_at } => {
            let mut record = record.clone();
            record.session.sends = record.session.sends.saturating_sub(1);
            record.session.resend_available_at = *resend_available_at;
            record.delivery = *latest;
            sessions::save_sends(connection, &[record]).await?;
        }
    }
    // A message is counted when it is stored, which is when it was queued.
    if let Some(counted_at) = sent.way.queued_at {
        number.refund_send(Timestamp::from_unix_ms(counted_at));
    }
    ledgers.set(&places, number);
    ledgers.save(connection).await?;
    deliveries::delete(connection, *scope, *delivery).await?;
    claims::forget(connection, claim.as_ref()).await
}

async fn delete(connection: &mut AsyncPgConnection, record: &SessionRecord) -> Result<(), Failure> {
    let ScopeColumns { account, .. } = record.session.scope.into();
    let id = record.session.id.to_string();
    let this = dsl::otp_sessions.filter(dsl::account_id.eq(&account)).filter(dsl::id.eq(&id));
    diesel::delete(this).execute(connection).await?;
    Ok(())
}

/// Opens the session again whose place the withdrawn one took, unless its time is over.
async fn restore(
    connection: &mut AsyncPgConnection,
    (withdrawn, previous): (&SessionRecord, Option<&LiveSession>),
    number: &mut NumberLedgers,
    limits: &NumberLimits,
    now: Timestamp,
) -> Result<(), Failure> {
    let previous = previous.filter(|live| live.expires_at > now);
    let was_live = number.account.restore_live(withdrawn.session.id, previous.cloned());
    let Some(previous) = previous.filter(|_| was_live) else { return Ok(()) };
    let key = (withdrawn.session.scope, previous.session);
    let Some(mut record) = sessions::lock(connection, vec![key]).await?.remove(&key) else { return Ok(()) };
    let superseded = record.session.status == SessionStatus::Superseded;
    if !superseded || !number.reinstate(&mut record.session, limits, now) {
        return Ok(());
    }
    let row = SessionRow::new(&record);
    diesel::update(dsl::otp_sessions)
        .filter(dsl::account_id.eq(&row.account_id))
        .filter(dsl::id.eq(&row.id))
        .set((
            dsl::status.eq(&row.status),
            dsl::finished_at.eq(row.finished_at),
            dsl::attempts_max.eq(row.attempts_max),
        ))
        .execute(connection)
        .await?;
    Ok(())
}
