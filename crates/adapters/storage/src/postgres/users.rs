use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::dsl::exists;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountId, ConsoleSession, ConsoleSessionId, LinkKind, LogInTries, Role, Timestamp, UserId};
use whatotp_ports::{Joined, LinkPurpose, MemberChange, StoreResult, UserRecord, UserStore};
use whatotp_vault::{EmailIndex, LinkHash, PasswordHash, RecoveryHash, Sealed, SessionHash};

use super::PostgresStore;
use super::console_links::usable;
use crate::failure::Failure;
use crate::rows::{
    ConsoleSessionRow, LogInTriesRow, UserRow, count, count_codes, judge, recovery_codes, step as step_column,
    without_code,
};
use crate::schema::{accounts, console_links, console_sessions, log_in_tries, users};

#[async_trait]
impl UserStore for PostgresStore {
    async fn has_users(&self) -> StoreResult<bool> {
        self.read(|connection| Box::pin(async move { any_user(connection).await })).await
    }

    async fn join(
        &self,
        link: LinkHash,
        user: UserRecord,
        session: ConsoleSession,
        hash: SessionHash,
        now: Timestamp,
    ) -> StoreResult<Joined> {
        self.write(move |connection| {
            let (user, session) = (UserRow::new(&user), ConsoleSessionRow::new(&session, &hash));
            Box::pin(async move {
                let found = usable(connection, &link, now).await?;
                let Some(found) = found.filter(|link| link.purpose.kind() != LinkKind::Reset) else {
                    return Ok(Joined::LinkIsOver);
                };
                let is_first = found.purpose.kind() == LinkKind::Bootstrap;
                if is_first && (lock_bootstrap(connection).await? == 0 || any_user(connection).await?) {
                    return Ok(Joined::LinkIsOver);
                }
                let insert = diesel::insert_into(users::table).values(&user).on_conflict(users::email_index);
                if insert.do_nothing().execute(connection).await? == 0 {
                    return Ok(Joined::EmailTaken);
                }
                if is_first {
                    let links = console_links::kind.eq(LinkKind::Bootstrap.as_str());
                    diesel::delete(console_links::table.filter(links)).execute(connection).await?;
                } else {
                    let this_one = console_links::id.eq(found.id.to_string());
                    diesel::delete(console_links::table.filter(this_one)).execute(connection).await?;
                }
                diesel::insert_into(console_sessions::table).values(session).execute(connection).await?;
                Ok(Joined::Yes)
            })
        })
        .await
    }

    async fn reset_password(
        &self,
        link: LinkHash,
        password: PasswordHash,
        now: Timestamp,
    ) -> StoreResult<Option<UserRecord>> {
        self.write(move |connection| {
            let password = password.clone();
            Box::pin(async move {
                let Some(found) = usable(connection, &link, now).await? else { return Ok(None) };
                let LinkPurpose::Reset { user, .. } = found.purpose else { return Ok(None) };
                let this_one = console_links::id.eq(found.id.to_string());
                diesel::delete(console_links::table.filter(this_one)).execute(connection).await?;
                set_password(connection, user, &password, None).await?;
                find(connection, user).await
            })
        })
        .await
    }

    async fn find_user(&self, id: UserId) -> StoreResult<Option<UserRecord>> {
        self.read(move |connection| Box::pin(async move { find(connection, id).await })).await
    }

    async fn find_user_by_email(&self, email: &EmailIndex) -> StoreResult<Option<UserRecord>> {
        let email = *email;
        self.read(move |connection| {
            Box::pin(async move {
                let row = users::table.filter(users::email_index.eq(email.as_bytes().as_slice()));
                let row: Option<UserRow> = row.select(UserRow::as_select()).get_result(connection).await.optional()?;
                Ok(row.map(UserRow::read).transpose()?)
            })
        })
        .await
    }

    async fn list_users(&self, account: Option<AccountId>) -> StoreResult<Vec<UserRecord>> {
        self.scan(move |connection| {
            Box::pin(async move {
                let rows = users::table.order((users::created_at, users::id)).select(UserRow::as_select());
                let mut rows = rows.into_boxed();
                if let Some(account) = account {
                    rows = rows.filter(users::account_id.eq(account.to_string()));
                }
                let rows: Vec<UserRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn set_password(
        &self,
        id: UserId,
        password: PasswordHash,
        keep: Option<ConsoleSessionId>,
    ) -> StoreResult<()> {
        self.write(move |connection| {
            let password = password.clone();
            Box::pin(async move { set_password(connection, id, &password, keep).await })
        })
        .await
    }

    async fn rehash_password(&self, id: UserId, old: PasswordHash, new: PasswordHash) -> StoreResult<()> {
        self.write(move |connection| {
            let (old, new) = (old.clone(), new.clone());
            Box::pin(async move {
                diesel::update(this(id).filter(users::password.eq(old.as_str())))
                    .set(users::password.eq(new.as_str()))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn set_role(&self, account: AccountId, id: UserId, role: Role) -> StoreResult<MemberChange> {
        self.write(move |connection| {
            Box::pin(async move {
                let change = allowed(connection, account, id, role != Role::Owner).await?;
                if change == MemberChange::Done {
                    diesel::update(this(id)).set(users::role.eq(role.as_str())).execute(connection).await?;
                }
                Ok(change)
            })
        })
        .await
    }

    async fn set_disabled(
        &self,
        account: AccountId,
        id: UserId,
        disabled_at: Option<Timestamp>,
    ) -> StoreResult<MemberChange> {
        self.write(move |connection| {
            Box::pin(async move {
                let change = allowed(connection, account, id, disabled_at.is_some()).await?;
                if change == MemberChange::Done {
                    let disabled_at = disabled_at.map(Timestamp::unix_ms);
                    diesel::update(this(id)).set(users::disabled_at.eq(disabled_at)).execute(connection).await?;
                    if disabled_at.is_some() {
                        end_sessions(connection, id, None).await?;
                    }
                }
                Ok(change)
            })
        })
        .await
    }

    async fn remove_user(&self, account: AccountId, id: UserId) -> StoreResult<MemberChange> {
        self.write(move |connection| {
            Box::pin(async move {
                let change = allowed(connection, account, id, true).await?;
                if change == MemberChange::Done {
                    diesel::delete(this(id)).execute(connection).await?;
                    end_sessions(connection, id, None).await?;
                    let links = console_links::user_id.eq(id.to_string());
                    diesel::delete(console_links::table.filter(links)).execute(connection).await?;
                }
                Ok(change)
            })
        })
        .await
    }

    async fn set_operator(&self, id: UserId, operator: bool) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let operator = users::operator.eq(i32::from(operator));
                Ok(diesel::update(this(id)).set(operator).execute(connection).await? > 0)
            })
        })
        .await
    }

    async fn charge_log_in(&self, email: &EmailIndex, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        let email = *email;
        self.write(move |connection| {
            Box::pin(async move {
                // So that there is a row to wait for.
                diesel::insert_into(log_in_tries::table)
                    .values(LogInTriesRow::new(&email, LogInTries::default()))
                    .on_conflict(log_in_tries::email)
                    .do_nothing()
                    .execute(connection)
                    .await?;
                match locked_tries(connection, &email).await?.charge(now) {
                    Err(until) => Ok(Some(until)),
                    Ok(charged) => {
                        let row = LogInTriesRow::new(&email, charged);
                        diesel::update(tries_of(&email)).set(row).execute(connection).await?;
                        Ok(None)
                    }
                }
            })
        })
        .await
    }

    async fn refund_log_in(&self, email: &EmailIndex) -> StoreResult<()> {
        let email = *email;
        self.write(move |connection| {
            Box::pin(async move {
                let row = LogInTriesRow::new(&email, locked_tries(connection, &email).await?.refund());
                diesel::update(tries_of(&email)).set(row).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn forget_log_ins(&self, email: &EmailIndex) -> StoreResult<bool> {
        let email = *email;
        self.write(move |connection| {
            Box::pin(async move { Ok(diesel::delete(tries_of(&email)).execute(connection).await? > 0) })
        })
        .await
    }

    async fn log_in_tries(&self, email: &EmailIndex) -> StoreResult<LogInTries> {
        let email = *email;
        self.read(move |connection| {
            Box::pin(async move {
                let row = tries_of(&email).select(LogInTriesRow::as_select());
                let row: Option<LogInTriesRow> = row.get_result(connection).await.optional()?;
                Ok(row.map(|row| row.read()).transpose()?.unwrap_or_default())
            })
        })
        .await
    }

    async fn purge_log_ins(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = log_in_tries::table
                    .filter(log_in_tries::last_at.le(before.unix_ms()))
                    .limit(limit.into())
                    .select(log_in_tries::email)
                    .for_update()
                    .skip_locked();
                let old: Vec<Vec<u8>> = old.load(connection).await?;
                let old = log_in_tries::table.filter(log_in_tries::email.eq_any(old));
                Ok(count(diesel::delete(old).execute(connection).await?))
            })
        })
        .await
    }

    async fn offer_totp(&self, id: UserId, secret: Sealed) -> StoreResult<()> {
        self.write(move |connection| {
            let pending = users::totp_pending.eq(Some(secret.as_bytes().to_vec()));
            Box::pin(async move {
                diesel::update(this(id)).set(pending).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn confirm_totp(
        &self,
        id: UserId,
        secret: Sealed,
        step: u64,
        codes: Vec<RecoveryHash>,
        keep: ConsoleSessionId,
    ) -> StoreResult<bool> {
        self.write(move |connection| {
            let (secret, codes) = (secret.as_bytes().to_vec(), recovery_codes(&codes));
            Box::pin(async move {
                let pending = this(id).filter(users::totp_pending.eq(secret.clone()));
                let confirmed = diesel::update(pending)
                    .set((
                        users::totp.eq(Some(secret)),
                        users::totp_pending.eq(None::<Vec<u8>>),
                        users::totp_step.eq(step_column(step)),
                        users::recovery_codes.eq(codes),
                    ))
                    .execute(connection)
                    .await?;
                if confirmed > 0 {
                    end_sessions(connection, id, Some(keep)).await?;
                }
                Ok(confirmed > 0)
            })
        })
        .await
    }

    async fn use_totp_step(&self, id: UserId, step: u64) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let unused = this(id).filter(users::totp_step.lt(step_column(step)));
                Ok(diesel::update(unused).set(users::totp_step.eq(step_column(step))).execute(connection).await? > 0)
            })
        })
        .await
    }

    async fn use_recovery_code(&self, id: UserId, code: &RecoveryHash) -> StoreResult<bool> {
        let code = *code;
        self.write(move |connection| {
            Box::pin(async move {
                let codes = this(id).select(users::recovery_codes).for_update();
                let codes: Option<String> = codes.get_result(connection).await.optional()?;
                let Some(left) = codes.and_then(|codes| without_code(&codes, &code)) else { return Ok(false) };
                diesel::update(this(id)).set(users::recovery_codes.eq(left)).execute(connection).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn count_recovery_codes(&self, id: UserId) -> StoreResult<u64> {
        self.read(move |connection| {
            Box::pin(async move {
                let codes: Option<String> =
                    this(id).select(users::recovery_codes).get_result(connection).await.optional()?;
                Ok(count(codes.map_or(0, |codes| count_codes(&codes))))
            })
        })
        .await
    }

    async fn remove_totp(&self, id: UserId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let had: Option<Option<Vec<u8>>> =
                    this(id).select(users::totp).for_update().get_result(connection).await.optional()?;
                let none = None::<Vec<u8>>;
                diesel::update(this(id))
                    .set((users::totp.eq(none.clone()), users::totp_pending.eq(none), users::recovery_codes.eq("")))
                    .execute(connection)
                    .await?;
                Ok(had.flatten().is_some())
            })
        })
        .await
    }
}

/// One user, by id.
#[diesel::dsl::auto_type(no_type_alias)]
pub(super) fn this(id: UserId) -> _ {
    let id: String = id.to_string();
    users::table.filter(users::id.eq(id))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn tries_of(email: &EmailIndex) -> _ {
    let email: Vec<u8> = email.as_bytes().to_vec();
    log_in_tries::table.filter(log_in_tries::email.eq(email))
}

async fn any_user(connection: &mut AsyncPgConnection) -> Result<bool, Failure> {
    Ok(diesel::select(exists(users::table.select(users::id))).get_result(connection).await?)
}

/// Whoever makes the first user waits here for all others who do. How many links there are for it.
async fn lock_bootstrap(connection: &mut AsyncPgConnection) -> Result<usize, Failure> {
    let links = console_links::table.filter(console_links::kind.eq(LinkKind::Bootstrap.as_str()));
    let links: Vec<String> =
        links.order(console_links::id).select(console_links::id).for_update().load(connection).await?;
    Ok(links.len())
}

async fn find(connection: &mut AsyncPgConnection, id: UserId) -> Result<Option<UserRecord>, Failure> {
    let row: Option<UserRow> = this(id).select(UserRow::as_select()).get_result(connection).await.optional()?;
    Ok(row.map(UserRow::read).transpose()?)
}

async fn locked_tries(connection: &mut AsyncPgConnection, email: &EmailIndex) -> Result<LogInTries, Failure> {
    let row = tries_of(email).select(LogInTriesRow::as_select()).for_update();
    let row: Option<LogInTriesRow> = row.get_result(connection).await.optional()?;
    Ok(row.map(|row| row.read()).transpose()?.unwrap_or_default())
}

async fn set_password(
    connection: &mut AsyncPgConnection,
    id: UserId,
    password: &PasswordHash,
    keep: Option<ConsoleSessionId>,
) -> Result<(), Failure> {
    diesel::update(this(id)).set(users::password.eq(password.as_str().to_owned())).execute(connection).await?;
    end_sessions(connection, id, keep).await
}

async fn end_sessions(
    connection: &mut AsyncPgConnection,
    user: UserId,
    keep: Option<ConsoleSessionId>,
) -> Result<(), Failure> {
    let keep = keep.map(|id| id.to_string()).unwrap_or_default();
    let theirs = console_sessions::table.filter(console_sessions::user_id.eq(user.to_string()));
    diesel::delete(theirs.filter(console_sessions::id.ne(keep))).execute(connection).await?;
    Ok(())
}

/// Whether a member may be changed: one who is there, and not the last owner who can log in when the change `ends` that.
/// Until the transaction ends nobody else changes a member of the account.
async fn allowed(
    connection: &mut AsyncPgConnection,
    account: AccountId,
    id: UserId,
    ends: bool,
) -> Result<MemberChange, Failure> {
    let account = account.to_string();
    let lock = accounts::table.filter(accounts::id.eq(&account)).select(accounts::id).for_no_key_update();
    let _: Option<String> = lock.get_result(connection).await.optional()?;
    let members = users::table.filter(users::account_id.eq(&account)).select(UserRow::as_select());
    let members: Vec<UserRow> = members.load(connection).await?;
    Ok(judge(&members, id, ends))
}
