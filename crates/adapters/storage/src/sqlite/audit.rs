use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{AuditText, EventId, Timestamp};
use whatotp_ports::{Appended, AuditFilter, AuditPurged, AuditRecord, AuditStore, StoreResult};
use whatotp_vault::{AuditHead, AuditKey, AuditMac};

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::{AuditHeadRow, AuditRow, lengthen, shorten};
use crate::schema::audit_head::dsl as heads;
use crate::schema::audit_log::dsl;

#[async_trait]
impl AuditStore for SqliteStore {
    async fn append_audit(&self, entry: AuditText, key: &AuditKey) -> StoreResult<Appended> {
        let key = key.clone();
        self.write(move |connection| {
            let first = AuditHeadRow::empty(&key);
            diesel::insert_or_ignore_into(heads::audit_head).values(&first).execute(connection)?;
            let head = heads::audit_head.select(AuditHeadRow::as_select()).get_result(connection)?;
            let newest = dsl::audit_log.order(dsl::seq.desc()).limit(1).select((dsl::seq, dsl::mac));
            let newest = newest.get_result(connection).optional()?;
            let (row, head, appended) = lengthen(&head, newest, entry.clone(), &key)?;
            diesel::insert_into(dsl::audit_log).values(&row).execute(connection)?;
            diesel::update(heads::audit_head).set(&head).execute(connection)?;
            Ok(appended)
        })
        .await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRecord>> {
        let filter = filter.clone();
        self.scan(move |connection| {
            let newest_first = dsl::audit_log.order(dsl::id.desc()).limit(limit.into());
            let mut rows = newest_first.select(AuditRow::as_select()).into_boxed();
            if let Some(before) = before {
                rows = rows.filter(dsl::id.lt(before.to_string()));
            }
            if let Some(account) = filter.account {
                rows = rows.filter(dsl::account_id.eq(account.to_string()));
            }
            if !filter.actions.is_empty() {
                rows = rows.filter(dsl::action.eq_any(filter.actions.iter().map(|action| action.as_str())));
            }
            if let Some(from) = filter.from {
                rows = rows.filter(dsl::at.ge(from.unix_ms()));
            }
            if let Some(until) = filter.until {
                rows = rows.filter(dsl::at.lt(until.unix_ms()));
            }
            read(rows.load(connection)?)
        })
        .await
    }

    async fn audit_after(&self, after: i64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        self.scan(move |connection| {
            let rows = dsl::audit_log.filter(dsl::seq.gt(after)).order(dsl::seq).limit(limit.into());
            read(rows.select(AuditRow::as_select()).load(connection)?)
        })
        .await
    }

    async fn audit_head(&self) -> StoreResult<Option<(AuditHead, AuditMac)>> {
        self.scan(|connection| {
            let head = heads::audit_head.select(AuditHeadRow::as_select()).get_result(connection).optional()?;
            Ok(head.map(|head| head.read()).transpose()?)
        })
        .await
    }

    async fn purge_audit(&self, written_before: Timestamp, limit: u32, key: &AuditKey) -> StoreResult<AuditPurged> {
        let oldest = |connection: &mut SqliteConnection| {
            let oldest = diesel::dsl::min(dsl::seq);
            let oldest: Option<i64> = dsl::audit_log.select(oldest).get_result(connection)?;
            let at = dsl::audit_log.find(oldest.unwrap_or_default()).select(dsl::at);
            Ok(at.get_result::<i64>(connection).optional()?)
        };
        // The usual case, for which the writer is left in peace.
        if self.scan(oldest).await?.is_none_or(|at| at >= written_before.unix_ms()) {
            return Ok(AuditPurged { deleted: 0, is_whole: true });
        }
        let key = key.clone();
        self.write(move |connection| {
            let head = heads::audit_head.select(AuditHeadRow::as_select()).get_result(connection).optional()?;
            let Some(head) = head else { return Ok(AuditPurged { deleted: 0, is_whole: false }) };
            let oldest = dsl::audit_log.order(dsl::seq).limit(limit.into()).select(AuditRow::as_select());
            let (shorter, purged) = shorten(&head, oldest.load(connection)?, written_before, &key)?;
            if let Some((last, head)) = shorter {
                diesel::delete(dsl::audit_log.filter(dsl::seq.le(last))).execute(connection)?;
                diesel::update(heads::audit_head).set(&head).execute(connection)?;
            }
            Ok(purged)
        })
        .await
    }
}

fn read(rows: Vec<AuditRow>) -> Result<Vec<AuditRecord>, Failure> {
    rows.into_iter().map(|row| Ok(row.read()?)).collect()
}
