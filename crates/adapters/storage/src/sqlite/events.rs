use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{EventId, LogEvent, Timestamp};
use whatotp_ports::{EventFilter, EventStore, NewEvent, StoreResult};

use super::SqliteStore;
use crate::rows::EventRow;
use crate::schema::events::dsl;

#[async_trait]
impl EventStore for SqliteStore {
    async fn append_event(&self, new: NewEvent) -> StoreResult<bool> {
        self.write(move |connection| {
            let stored = diesel::insert_into(dsl::events)
                .values(&EventRow::new(&new))
                .on_conflict(dsl::fingerprint)
                .do_nothing()
                .execute(connection)?;
            Ok(stored > 0)
        })
        .await
    }

    async fn list_events(&self, before: Option<EventId>, limit: u32) -> StoreResult<Vec<LogEvent>> {
        self.scan(move |connection| {
            let newest_first = dsl::events.order(dsl::id.desc()).limit(limit.into());
            let mut rows = newest_first.select(EventRow::as_select()).into_boxed();
            if let Some(before) = before {
                rows = rows.filter(dsl::id.lt(before.to_string()));
            }
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn find_events(
        &self,
        filter: &EventFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> StoreResult<Vec<LogEvent>> {
        let filter = filter.clone();
        self.scan(move |connection| {
            let newest_first = dsl::events.order(dsl::id.desc()).limit(limit.into());
            let mut rows = newest_first.select(EventRow::as_select()).into_boxed();
            if let Some(before) = before {
                rows = rows.filter(dsl::id.lt(before.to_string()));
            }
            if let Some(account) = filter.account {
                rows = rows.filter(dsl::account_id.eq(account.to_string()));
            }
            if let Some(kind) = filter.kind {
                rows = rows.filter(dsl::kind.eq(kind.as_str()));
            }
            if let Some(from) = filter.from {
                rows = rows.filter(dsl::at.ge(from.unix_ms()));
            }
            if let Some(until) = filter.until {
                rows = rows.filter(dsl::at.lt(until.unix_ms()));
            }
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn purge_events(&self, created_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.purge_old_events(created_before, limit).await
    }
}
