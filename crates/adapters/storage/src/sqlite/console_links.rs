use async_trait::async_trait;
use diesel::dsl::exists;
use diesel::prelude::*;
use whatotp_domain::{AccountId, LinkId, LinkKind, Timestamp};
use whatotp_ports::{LinkPurpose, LinkRecord, LinkStore, StoreResult};
use whatotp_vault::LinkHash;

use super::SqliteStore;
use crate::failure::Failure;
use crate::rows::{LinkRow, count};
use crate::schema::console_links::dsl;
use crate::schema::users;

#[async_trait]
impl LinkStore for SqliteStore {
    async fn put_link(&self, link: LinkRecord) -> StoreResult<bool> {
        self.write(move |connection| {
            let kind = dsl::kind.eq(link.purpose.kind().as_str());
            match &link.purpose {
                LinkPurpose::Bootstrap => {
                    if diesel::select(exists(users::table.select(users::id))).get_result(connection)? {
                        return Ok(false);
                    }
                    diesel::delete(dsl::console_links.filter(kind)).execute(connection)?;
                }
                LinkPurpose::Reset { user, .. } => {
                    let theirs = dsl::console_links.filter(kind).filter(dsl::user_id.eq(user.to_string()));
                    diesel::delete(theirs).execute(connection)?;
                }
                LinkPurpose::Invitation { .. } => {}
            }
            diesel::insert_into(dsl::console_links).values(LinkRow::new(&link)).execute(connection)?;
            Ok(true)
        })
        .await
    }

    async fn find_link(&self, hash: &LinkHash) -> StoreResult<Option<LinkRecord>> {
        let hash = *hash;
        self.read(move |connection| find(connection, &hash)).await
    }

    async fn has_bootstrap_link(&self) -> StoreResult<bool> {
        self.read(|connection| {
            let links = dsl::console_links.filter(dsl::kind.eq(LinkKind::Bootstrap.as_str()));
            Ok(diesel::select(exists(links)).get_result(connection)?)
        })
        .await
    }

    async fn list_invitations(&self, account: AccountId) -> StoreResult<Vec<LinkRecord>> {
        self.scan(move |connection| {
            let rows = dsl::console_links
                .filter(dsl::account_id.eq(account.to_string()))
                .filter(dsl::kind.eq(LinkKind::Invitation.as_str()))
                .order(dsl::id.desc())
                .select(LinkRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn renew_invitation(
        &self,
        account: AccountId,
        id: LinkId,
        hash: LinkHash,
        expires_at: Timestamp,
    ) -> StoreResult<Option<LinkRecord>> {
        self.write(move |connection| {
            let renewed = (dsl::hash.eq(hash.as_bytes().to_vec()), dsl::expires_at.eq(expires_at.unix_ms()));
            if diesel::update(invitation(account, id)).set(renewed).execute(connection)? == 0 {
                return Ok(None);
            }
            find(connection, &hash)
        })
        .await
    }

    async fn withdraw_invitation(&self, account: AccountId, id: LinkId) -> StoreResult<bool> {
        self.write(move |connection| Ok(diesel::delete(invitation(account, id)).execute(connection)? > 0)).await
    }

    async fn purge_links(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let old = dsl::console_links
                .filter(dsl::expires_at.le(before.unix_ms()))
                .filter(dsl::kind.ne(LinkKind::Bootstrap.as_str()))
                .limit(limit.into());
            let old: Vec<String> = old.select(dsl::id).load(connection)?;
            Ok(count(diesel::delete(dsl::console_links.filter(dsl::id.eq_any(old))).execute(connection)?))
        })
        .await
    }
}

#[diesel::dsl::auto_type(no_type_alias)]
fn invitation(account: AccountId, id: LinkId) -> _ {
    let (account, id): (String, String) = (account.to_string(), id.to_string());
    let kind: &'static str = LinkKind::Invitation.as_str();
    dsl::console_links.filter(dsl::id.eq(id)).filter(dsl::account_id.eq(account)).filter(dsl::kind.eq(kind))
}

fn find(connection: &mut SqliteConnection, hash: &LinkHash) -> Result<Option<LinkRecord>, Failure> {
    let row = dsl::console_links.filter(dsl::hash.eq(hash.as_bytes().as_slice()));
    let row = row.select(LinkRow::as_select()).get_result(connection).optional()?;
    Ok(row.map(LinkRow::read).transpose()?)
}

/// The link of this token, if it can be used at `now`.
pub(super) fn usable(
    connection: &mut SqliteConnection,
    hash: &LinkHash,
    now: Timestamp,
) -> Result<Option<LinkRecord>, Failure> {
    Ok(find(connection, hash)?.filter(|link| now < link.expires_at))
}
