use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use whatotp_domain::{AccountId, ConsoleSession, ConsoleSessionId, LinkKind, LogInTries, Role, Timestamp, UserId};
use whatotp_ports::{Joined, LinkPurpose, MemberChange, StoreResult, UserRecord, UserStore};
use whatotp_vault::{EmailIndex, LinkHash, PasswordHash, RecoveryHash, Sealed, SessionHash};

use super::SqliteStore;
use super::console_links::usable;
use crate::failure::Failure;
use crate::rows::{
    ConsoleSessionRow, LogInTriesRow, UserRow, count, count_codes, judge, recovery_codes, step as step_column,
    without_code,
};
use crate::schema::{console_links, console_sessions, log_in_tries, users};

#[async_trait]
impl UserStore for SqliteStore {
    async fn has_users(&self) -> StoreResult<bool> {
        self.read(any_user).await
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
            let found = usable(connection, &link, now)?;
            let Some(found) = found.filter(|link| link.purpose.kind() != LinkKind::Reset) else {
                return Ok(Joined::LinkIsOver);
            };
            let is_first = found.purpose.kind() == LinkKind::Bootstrap;
            if is_first && any_user(connection)? {
                return Ok(Joined::LinkIsOver);
            }
            let row = UserRow::new(&user);
            if diesel::insert_or_ignore_into(users::table).values(&row).execute(connection)? == 0 {
                return Ok(Joined::EmailTaken);
            }
            if is_first {
                let links = console_links::kind.eq(LinkKind::Bootstrap.as_str());
                diesel::delete(console_links::table.filter(links)).execute(connection)?;
            } else {
                let this_one = console_links::id.eq(found.id.to_string());
                diesel::delete(console_links::table.filter(this_one)).execute(connection)?;
            }
            let session = ConsoleSessionRow::new(&session, &hash);
            diesel::insert_into(console_sessions::table).values(session).execute(connection)?;
            Ok(Joined::Yes)
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
            let Some(found) = usable(connection, &link, now)? else { return Ok(None) };
            let LinkPurpose::Reset { user, .. } = found.purpose else { return Ok(None) };
            let this_one = console_links::id.eq(found.id.to_string());
            diesel::delete(console_links::table.filter(this_one)).execute(connection)?;
            set_password(connection, user, &password, None)?;
            find(connection, user)
        })
        .await
    }

    async fn find_user(&self, id: UserId) -> StoreResult<Option<UserRecord>> {
        self.read(move |connection| find(connection, id)).await
    }

    async fn find_user_by_email(&self, email: &EmailIndex) -> StoreResult<Option<UserRecord>> {
        let email = *email;
        self.read(move |connection| {
            let row = users::table.filter(users::email_index.eq(email.as_bytes().as_slice()));
            one(row.select(UserRow::as_select()).get_result(connection))
        })
        .await
    }

    async fn list_users(&self, account: Option<AccountId>) -> StoreResult<Vec<UserRecord>> {
        self.scan(move |connection| {
            let mut rows = users::table.order((users::created_at, users::id)).select(UserRow::as_select()).into_boxed();
            if let Some(account) = account {
                rows = rows.filter(users::account_id.eq(account.to_string()));
            }
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn set_password(
        &self,
        id: UserId,
        password: PasswordHash,
        keep: Option<ConsoleSessionId>,
    ) -> StoreResult<()> {
        self.write(move |connection| set_password(connection, id, &password, keep)).await
    }

    async fn rehash_password(&self, id: UserId, old: PasswordHash, new: PasswordHash) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::update(this(id).filter(users::password.eq(old.as_str())))
                .set(users::password.eq(new.as_str()))
                .execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn set_role(&self, account: AccountId, id: UserId, role: Role) -> StoreResult<MemberChange> {
        self.write(move |connection| {
            let change = allowed(connection, account, id, role != Role::Owner)?;
            if change == MemberChange::Done {
                diesel::update(this(id)).set(users::role.eq(role.as_str())).execute(connection)?;
            }
            Ok(change)
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
            let change = allowed(connection, account, id, disabled_at.is_some())?;
            if change == MemberChange::Done {
                let disabled_at = disabled_at.map(Timestamp::unix_ms);
                diesel::update(this(id)).set(users::disabled_at.eq(disabled_at)).execute(connection)?;
                if disabled_at.is_some() {
                    end_sessions(connection, id, None)?;
                }
            }
            Ok(change)
        })
        .await
    }

    async fn remove_user(&self, account: AccountId, id: UserId) -> StoreResult<MemberChange> {
        self.write(move |connection| {
            let change = allowed(connection, account, id, true)?;
            if change == MemberChange::Done {
                diesel::delete(this(id)).execute(connection)?;
                end_sessions(connection, id, None)?;
                let links = console_links::user_id.eq(id.to_string());
                diesel::delete(console_links::table.filter(links)).execute(connection)?;
            }
            Ok(change)
        })
        .await
    }

    async fn set_operator(&self, id: UserId, operator: bool) -> StoreResult<bool> {
        self.write(move |connection| {
            let operator = users::operator.eq(i32::from(operator));
            Ok(diesel::update(this(id)).set(operator).execute(connection)? > 0)
        })
        .await
    }

    async fn charge_log_in(&self, email: &EmailIndex, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        let email = *email;
        self.write(move |connection| match tries(connection, &email)?.charge(now) {
            Err(until) => Ok(Some(until)),
            Ok(charged) => {
                let row = LogInTriesRow::new(&email, charged);
                diesel::replace_into(log_in_tries::table).values(row).execute(connection)?;
                Ok(None)
            }
        })
        .await
    }

    async fn refund_log_in(&self, email: &EmailIndex) -> StoreResult<()> {
        let email = *email;
        self.write(move |connection| {
            let row = LogInTriesRow::new(&email, tries(connection, &email)?.refund());
            diesel::update(tries_of(&email)).set(row).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn forget_log_ins(&self, email: &EmailIndex) -> StoreResult<bool> {
        let email = *email;
        self.write(move |connection| Ok(diesel::delete(tries_of(&email)).execute(connection)? > 0)).await
    }

    async fn log_in_tries(&self, email: &EmailIndex) -> StoreResult<LogInTries> {
        let email = *email;
        self.read(move |connection| tries(connection, &email)).await
    }

    async fn purge_log_ins(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let old = log_in_tries::table.filter(log_in_tries::last_at.le(before.unix_ms()));
            let old: Vec<Vec<u8>> = old.limit(limit.into()).select(log_in_tries::email).load(connection)?;
            let old = log_in_tries::table.filter(log_in_tries::email.eq_any(old));
            Ok(count(diesel::delete(old).execute(connection)?))
        })
        .await
    }

    async fn offer_totp(&self, id: UserId, secret: Sealed) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::update(this(id)).set(users::totp_pending.eq(secret.as_bytes())).execute(connection)?;
            Ok(())
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
            let pending = this(id).filter(users::totp_pending.eq(secret.as_bytes()));
            let confirmed = diesel::update(pending)
                .set((
                    users::totp.eq(Some(secret.as_bytes())),
                    users::totp_pending.eq(None::<Vec<u8>>),
                    users::totp_step.eq(step_column(step)),
                    users::recovery_codes.eq(recovery_codes(&codes)),
                ))
                .execute(connection)?;
            if confirmed > 0 {
                end_sessions(connection, id, Some(keep))?;
            }
            Ok(confirmed > 0)
        })
        .await
    }

    async fn use_totp_step(&self, id: UserId, step: u64) -> StoreResult<bool> {
        self.write(move |connection| {
            let unused = this(id).filter(users::totp_step.lt(step_column(step)));
            Ok(diesel::update(unused).set(users::totp_step.eq(step_column(step))).execute(connection)? > 0)
        })
        .await
    }

    async fn use_recovery_code(&self, id: UserId, code: &RecoveryHash) -> StoreResult<bool> {
        let code = *code;
        self.write(move |connection| {
            let Some(left) = codes(connection, id)?.and_then(|codes| without_code(&codes, &code)) else {
                return Ok(false);
            };
            diesel::update(this(id)).set(users::recovery_codes.eq(left)).execute(connection)?;
            Ok(true)
        })
        .await
    }

    async fn count_recovery_codes(&self, id: UserId) -> StoreResult<u64> {
        self.read(move |connection| Ok(count(codes(connection, id)?.map_or(0, |codes| count_codes(&codes))))).await
    }

    async fn remove_totp(&self, id: UserId) -> StoreResult<bool> {
        self.write(move |connection| {
            let had: Option<Option<Vec<u8>>> = this(id).select(users::totp).get_result(connection).optional()?;
            let none = None::<Vec<u8>>;
            diesel::update(this(id))
                .set((users::totp.eq(none.clone()), users::totp_pending.eq(none), users::recovery_codes.eq("")))
                .execute(connection)?;
            Ok(had.flatten().is_some())
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

fn any_user(connection: &mut SqliteConnection) -> Result<bool, Failure> {
    Ok(diesel::select(exists(users::table.select(users::id))).get_result(connection)?)
}

fn find(connection: &mut SqliteConnection, id: UserId) -> Result<Option<UserRecord>, Failure> {
    one(this(id).select(UserRow::as_select()).get_result(connection))
}

fn one(row: QueryResult<UserRow>) -> Result<Option<UserRecord>, Failure> {
    Ok(row.optional()?.map(UserRow::read).transpose()?)
}

fn tries(connection: &mut SqliteConnection, email: &EmailIndex) -> Result<LogInTries, Failure> {
    let row = tries_of(email).select(LogInTriesRow::as_select()).get_result(connection).optional()?;
    Ok(row.map(|row| row.read()).transpose()?.unwrap_or_default())
}

fn codes(connection: &mut SqliteConnection, id: UserId) -> Result<Option<String>, Failure> {
    Ok(this(id).select(users::recovery_codes).get_result(connection).optional()?)
}

fn set_password(
    connection: &mut SqliteConnection,
    id: UserId,
    password: &PasswordHash,
    keep: Option<ConsoleSessionId>,
) -> Result<(), Failure> {
    diesel::update(this(id)).set(users::password.eq(password.as_str())).execute(connection)?;
    end_sessions(connection, id, keep)
}

fn end_sessions(
    connection: &mut SqliteConnection,
    user: UserId,
    keep: Option<ConsoleSessionId>,
) -> Result<(), Failure> {
    let keep = keep.map(|id| id.to_string()).unwrap_or_default();
    let theirs = console_sessions::table.filter(console_sessions::user_id.eq(user.to_string()));
    diesel::delete(theirs.filter(console_sessions::id.ne(keep))).execute(connection)?;
    Ok(())
}

/// Whether a member may be changed: one who is there, and not the last owner who can log in when the change `ends` that.
fn allowed(
    connection: &mut SqliteConnection,
    account: AccountId,
    id: UserId,
    ends: bool,
) -> Result<MemberChange, Failure> {
    let members = users::table.filter(users::account_id.eq(account.to_string()));
    let members: Vec<UserRow> = members.select(UserRow::as_select()).load(connection)?;
    Ok(judge(&members, id, ends))
}
