use async_trait::async_trait;
use diesel::prelude::{JoinOnDsl, OptionalExtension, QueryDsl, SelectableHelper};
use diesel::{BoolExpressionMethods, ExpressionMethods};
use diesel_async::RunQueryDsl;
use whatotp_domain::{ConsoleSession, ConsoleSessionId, Timestamp, UserId};
use whatotp_ports::{ConsoleSessionStore, StoreResult, UserRecord};
use whatotp_vault::SessionHash;

use super::PostgresStore;
use super::users::this;
use crate::failure::Failure;
use crate::rows::{ConsoleSessionRow, UserRow, count};
use crate::schema::console_sessions::dsl;
use crate::schema::users;

#[async_trait]
impl ConsoleSessionStore for PostgresStore {
    async fn begin_console_session(&self, session: ConsoleSession, hash: SessionHash) -> StoreResult<bool> {
        self.write(move |connection| {
            let (row, user, at) = (ConsoleSessionRow::new(&session, &hash), session.user, session.created_at);
            Box::pin(async move {
                let user = this(user).filter(users::disabled_at.is_null());
                let logged_in = users::last_login_at.eq(at.unix_ms());
                if diesel::update(user).set(logged_in).execute(connection).await? == 0 {
                    return Ok(false);
                }
                diesel::insert_into(dsl::console_sessions).values(row).execute(connection).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn find_console_session(&self, hash: &SessionHash) -> StoreResult<Option<(ConsoleSession, UserRecord)>> {
        let hash = *hash;
        self.read(move |connection| {
            Box::pin(async move {
                let row = dsl::console_sessions
                    .inner_join(users::table.on(users::id.eq(dsl::user_id)))
                    .filter(dsl::hash.eq(hash.as_bytes().to_vec()))
                    .select((ConsoleSessionRow::as_select(), UserRow::as_select()));
                let row: Option<(ConsoleSessionRow, UserRow)> = row.get_result(connection).await.optional()?;
                let Some((session, user)) = row else { return Ok(None) };
                Ok::<_, Failure>(Some((session.read()?, user.read()?)))
            })
        })
        .await
    }

    async fn touch_console_session(&self, id: ConsoleSessionId, at: Timestamp) -> StoreResult<()> {
        self.write(move |connection| {
            Box::pin(async move {
                let earlier = dsl::console_sessions.filter(dsl::id.eq(id.to_string()));
                diesel::update(earlier.filter(dsl::last_seen_at.lt(at.unix_ms())))
                    .set(dsl::last_seen_at.eq(at.unix_ms()))
                    .execute(connection)
                    .await?;
                Ok(())
            })
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
            Box::pin(async move {
                let this = dsl::console_sessions.filter(dsl::id.eq(id.to_string()));
                let renewed = diesel::update(this.clone().filter(dsl::hash.eq(old.as_bytes().to_vec())))
                    .set(dsl::hash.eq(new.as_bytes().to_vec()))
                    .execute(connection)
                    .await?;
                if let Some(at) = authenticated_at.filter(|_| renewed > 0) {
                    diesel::update(this).set(dsl::authenticated_at.eq(at.unix_ms())).execute(connection).await?;
                }
                Ok(renewed > 0)
            })
        })
        .await
    }

    async fn list_console_sessions(&self, user: UserId) -> StoreResult<Vec<ConsoleSession>> {
        self.scan(move |connection| {
            Box::pin(async move {
                let rows = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
                let rows = rows.order((dsl::created_at.desc(), dsl::id.desc())).select(ConsoleSessionRow::as_select());
                let rows: Vec<ConsoleSessionRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn end_console_session(&self, user: UserId, id: ConsoleSessionId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let theirs = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
                Ok(diesel::delete(theirs.filter(dsl::id.eq(id.to_string()))).execute(connection).await? > 0)
            })
        })
        .await
    }

    async fn end_console_sessions(&self, user: UserId) -> StoreResult<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                let theirs = dsl::console_sessions.filter(dsl::user_id.eq(user.to_string()));
                Ok(count(diesel::delete(theirs).execute(connection).await?))
            })
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
            Box::pin(async move {
                let over = dsl::last_seen_at.le(seen_before.unix_ms()).or(dsl::created_at.le(made_before.unix_ms()));
                let over = dsl::console_sessions.filter(over).limit(limit.into()).select(dsl::id);
                let over: Vec<String> = over.for_update().skip_locked().load(connection).await?;
                let over = dsl::console_sessions.filter(dsl::id.eq_any(over));
                Ok(count(diesel::delete(over).execute(connection).await?))
            })
        })
        .await
    }
}
