use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{ConsoleSession, ConsoleSessionId, Timestamp, UserId};
use whatotp_ports::{ConsoleSessionStore, StoreResult, UserRecord};
use whatotp_vault::SessionHash;

use super::SqliteStore;
use super::users::this;
use crate::rows::{ConsoleSessionRow, UserRow, count};
use crate::schema::console_sessions::dsl;
use crate::schema::users;

#[async_trait]
impl ConsoleSessionStore for SqliteStore {
    async fn begin_console_session(&self, session: ConsoleSession, hash: SessionHash) -> StoreResult<bool> {
        self.write(move |connection| {
            let user = this(session.user).filter(users::disabled_at.is_null());
            let logged_in = users::last_login_at.eq(session.created_at.unix_ms());
            if diesel::update(user).set(logged_in).execute(connection)? == 0 {
                return Ok(false);
            }
            let row = ConsoleSessionRow::new(&session, &hash);
            diesel::insert_into(dsl::console_sessions).values(row).execute(connection)?;
            Ok(true)
        })
        .await
    }

    async fn find_console_session(&self, hash: &SessionHash) -> StoreResult<Option<(ConsoleSession, UserRecord)>> {
        let hash = *hash;
        self.read(move |connection| {
            let row = dsl::console_sessions
                .inner_join(users::table.on(users::id.eq(dsl::user_id)))
                .filter(dsl::hash.eq(hash.as_bytes().as_slice()))
                .select((ConsoleSessionRow::as_select(), UserRow::as_select()));
            let row: Option<(ConsoleSessionRow, UserRow)> = row.get_result(connection).optional()?;
            Ok(row
                .map(|(session, user)| Ok::<_, crate::rows::Unreadable>((session.read()?, user.read()?)))
                .transpose()?)
        })
        .await
    }

    async fn touch_console_session(&self, id: ConsoleSessionId, at: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            let earlier = dsl::console_sessions.filter(dsl::id.eq(id.to_string()));
            diesel::update(earlier.filter(dsl::last_seen_at.lt(at.unix_ms())))
                .set(dsl::last_seen_at.eq(at.unix_ms()))
                .execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn renew_console_session(
        &self,
        id: ConsoleSessionId,
        old: SessionHash,
        new: SessionHash,
        authenticated_at: Option<Timestamp>,
    ) -> StoreResult<bool> {
        self.write(move |connection| {
            let this = dsl::console_sessions.filter(dsl::id.eq(id.to_string()));
            let renewed = diesel::update(this.clone().filter(dsl::hash.eq(old.as_bytes().as_slice())))
                .set(dsl::hash.eq(new.as_bytes().as_slice()))
                .execute(connection)?;
            if let Some(at) = authenticated_at.filter(|_| renewed > 0) {
                diesel::update(this).set(dsl::authenticated_at.eq(at.unix_ms())).execute(connection)?;
            }
            Ok(renewed > 0)
        })
        .await
    }

    async fn list_console_sessions(&self, user: UserId) -> StoreResult<Vec<ConsoleSession>> {
        self.scan(move |connection| {
            let rows = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
            let rows = rows.order((dsl::created_at.desc(), dsl::id.desc())).select(ConsoleSessionRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn end_console_session(&self, user: UserId, id: ConsoleSessionId) -> StoreResult<bool> {
        self.write(move |connection| {
            let theirs = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
            Ok(diesel::delete(theirs.filter(dsl::id.eq(id.to_string()))).execute(connection)? > 0)
        })
        .await
    }

    async fn end_console_sessions(&self, user: UserId) -> StoreResult<u64> {
        self.write(move |connection| {
            let theirs = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
            Ok(count(diesel::delete(theirs).execute(connection)?))
        })
        .await
    }

    async fn purge_console_sessions(
        &self,
        seen_before: Timestamp,
        made_before: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        self.write(move |connection| {
            let over = dsl::last_seen_at.le(seen_before.unix_ms()).or(dsl::created_at.le(made_before.unix_ms()));
            let over: Vec<String> =
                dsl::console_sessions.filter(over).limit(limit.into()).select(dsl::id).load(connection)?;
            Ok(count(diesel::delete(dsl::console_sessions.filter(dsl::id.eq_any(over))).execute(connection)?))
        })
        .await
    }
}
