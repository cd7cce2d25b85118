use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AuditText, EventId, Timestamp};
use whatotp_ports::{Appended, AuditFilter, AuditPurged, AuditRecord, AuditStore, StoreResult};
use whatotp_vault::{AuditHead, AuditKey, AuditMac};

use super::PostgresStore;
use crate::failure::Failure;
use crate::rows::{AuditHeadRow, AuditRow, lengthen, shorten};
use crate::schema::audit_head::dsl as heads;
use crate::schema::audit_log::dsl;

#[async_trait]
impl AuditStore for PostgresStore {
    async fn append_audit(&self, entry: AuditText, key: &AuditKey) -> StoreResult<Appended> {
        let key = key.clone();
        self.write(move |connection| {
            let (entry, key) = (entry.clone(), key.clone());
            Box::pin(async move { append(connection, entry, &key).await })
        })
        .await
    }

    async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRecord>> {
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
                let actions: Vec<&str> = filter.actions.iter().map(|action| action.as_str()).collect();
                rows = rows.filter(dsl::action.eq_any(actions));
            }
            if let Some(from) = filter.from {
                rows = rows.filter(dsl::at.ge(from.unix_ms()));
            }
            if let Some(until) = filter.until {
                rows = rows.filter(dsl::at.lt(until.unix_ms()));
            }
            Box::pin(async move { read(rows.load(connection).await?) })
        })
        .await
    }

    async fn audit_after(&self, after: i64, limit: u32) -> StoreResult<Vec<AuditRecord>> {
        self.scan(move |connection| {
            Box::pin(async move {
                let rows = dsl::audit_log.filter(dsl::seq.gt(after)).order(dsl::seq).limit(limit.into());
                read(rows.select(AuditRow::as_select()).load(connection).await?)
            })
        })
        .await
    }

    async fn audit_head(&self) -> StoreResult<Option<(AuditHead, AuditMac)>> {
        self.scan(|connection| {
            Box::pin(async move {
                let head = heads::audit_head.select(AuditHeadRow::as_select());
                let head: Option<AuditHeadRow> = head.get_result(connection).await.optional()?;
                Ok(head.map(|head| head.read()).transpose()?)
            })
        })
        .await
    }

    async fn purge_audit(&self, written_before: Timestamp, limit: u32, key: &AuditKey) -> StoreResult<AuditPurged> {
        let key = key.clone();
        self.write(move |connection| {
            let key = key.clone();
            Box::pin(async move { purge(connection, written_before, limit, &key).await })
        })
        .await
    }
}

async fn append(connection: &mut AsyncPgConnection, entry: AuditText, key: &AuditKey) -> Result<Appended, Failure> {
    let first = diesel::insert_into(heads::audit_head).values(AuditHeadRow::empty(key));
    first.on_conflict_do_nothing().execute(connection).await?;
    // Whoever has the head is alone: the others wait here, and see what the one before them has written.
    let head = heads::audit_head.select(AuditHeadRow::as_select()).for_update();
    let head: AuditHeadRow = head.get_result(connection).await?;
    let newest = dsl::audit_log.order(dsl::seq.desc()).limit(1).select((dsl::seq, dsl::mac));
    let newest = newest.get_result(connection).await.optional()?;
    let (row, head, appended) = lengthen(&head, newest, entry, key)?;
    diesel::insert_into(dsl::audit_log).values(&row).execute(connection).await?;
    diesel::update(heads::audit_head).set(&head).execute(connection).await?;
    Ok(appended)
}

async fn purge(
    connection: &mut AsyncPgConnection,
    written_before: Timestamp,
    limit: u32,
    key: &AuditKey,
) -> Result<AuditPurged, Failure> {
    let oldest = dsl::audit_log.order(dsl::seq).select(dsl::at).limit(1);
    let oldest: Option<i64> = oldest.get_result(connection).await.optional()?;
    // The usual case, for which nobody is held up.
    if oldest.is_none_or(|at| at >= written_before.unix_ms()) {
        return Ok(AuditPurged { deleted: 0, is_whole: true });
    }
    let head = heads::audit_head.select(AuditHeadRow::as_select()).for_update();
    let head: Option<AuditHeadRow> = head.get_result(connection).await.optional()?;
    let Some(head) = head else { return Ok(AuditPurged { deleted: 0, is_whole: false }) };
    let oldest = dsl::audit_log.order(dsl::seq).limit(limit.into()).select(AuditRow::as_select());
    let (shorter, purged) = shorten(&head, oldest.load(connection).await?, written_before, key)?;
    if let Some((last, head)) = shorter {
        diesel::delete(dsl::audit_log.filter(dsl::seq.le(last))).execute(connection).await?;
        diesel::update(heads::audit_head).set(&head).execute(connection).await?;
    }
    Ok(purged)
}

fn read(rows: Vec<AuditRow>) -> Result<Vec<AuditRecord>, Failure> {
    rows.into_iter().map(|row| Ok(row.read()?)).collect()
}
