use diesel::ExpressionMethods;
use diesel::prelude::QueryDsl;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{LiveSession, NumberLedger, SessionStatus, Timestamp};
use whatotp_ports::{Before, SessionRecord, Withdrawal};

use super::ledgers::{self, Ledgers};
use super::{claims, deliveries, sessions};
use crate::failure::Failure;
use crate::rows::ScopeColumns;
use crate::schema::otp_sessions::dsl;

pub(super) async fn withdraw(
    connection: &mut AsyncPgConnection,
    withdrawal: &Withdrawal,
    now: Timestamp,
) -> Result<(), Failure> {
    let Withdrawal { scope, session, delivery, before, claim } = withdrawal;
    let key = (*scope, *session);
    // A session's number never changes; the ledger has to be locked before the session.
    let Some(record) = sessions::find(connection, key).await? else { return Ok(()) };
    let ledger_key = ledgers::key(*scope, &record.number);
    let mut ledgers = Ledgers::lock(connection, vec![ledger_key]).await?;
    let Some(record) = sessions::lock(connection, vec![key]).await?.remove(&key) else { return Ok(()) };
    let Some(sent) = deliveries::lock_row(connection, *scope, *delivery).await? else { return Ok(()) };
    let unchanged = record.session.status_at(now) == SessionStatus::Pending
        && record.delivery == *delivery
        && (record.session.sends == 1) == matches!(before, Before::NoSession(_));
    // A worker that took it over when the caller's lease ran out may have sent it.
    if !unchanged || !sent.is_untouched() {
        return Ok(());
    }
    let mut ledger = ledgers.get(&ledger_key);
    match before {
        Before::NoSession(previous) => {
            delete(connection, &record).await?;
            restore(connection, &record, previous.as_ref(), &mut ledger, now).await?;
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
        ledger.refund_send(Timestamp::from_unix_ms(counted_at));
    }
    ledgers.set(ledger_key, ledger);
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
    withdrawn: &SessionRecord,
    previous: Option<&LiveSession>,
    ledger: &mut NumberLedger,
    now: Timestamp,
) -> Result<(), Failure> {
    let previous = previous.filter(|live| live.expires_at > now);
    let was_live = ledger.restore_live(withdrawn.session.id, previous.cloned());
    let Some(previous) = previous.filter(|_| was_live) else { return Ok(()) };
    let ScopeColumns { account, mode } = withdrawn.session.scope.into();
    let id = previous.session.to_string();
    diesel::update(dsl::otp_sessions)
        .filter(dsl::account_id.eq(&account))
        .filter(dsl::id.eq(&id))
        .filter(dsl::mode.eq(mode))
        .filter(dsl::status.eq(SessionStatus::Superseded.as_str()))
        .set((dsl::status.eq(SessionStatus::Pending.as_str()), dsl::finished_at.eq(None::<i64>)))
        .execute(connection)
        .await?;
    Ok(())
}
