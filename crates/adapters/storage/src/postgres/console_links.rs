use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::dsl::exists;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountId, LinkId, LinkKind, Timestamp};
use whatotp_ports::{LinkPurpose, LinkRecord, LinkStore, StoreResult};
use whatotp_vault::LinkHash;

use super::PostgresStore;
use crate::failure::Failure;
use crate::rows::{LinkRow, count};
use crate::schema::console_links::dsl;
use crate::schema::users;

#[async_trait]
impl LinkStore for PostgresStore {
    async fn put_link(&self, link: LinkRecord) -> StoreResult<bool> {
        self.write(move |connection| {
            let (row, purpose) = (LinkRow::new(&link), link.purpose.clone());
            Box::pin(async move {
                let kind = dsl::kind.eq(purpose.kind().as_str());
                match purpose {
                    LinkPurpose::Bootstrap => {
                        if diesel::select(exists(users::table.select(users::id))).get_result(connection).await? {
                            return Ok(false);
                        }
                        diesel::delete(dsl::console_links.filter(kind)).execute(connection).await?;
                    }
                    LinkPurpose::Reset { user, .. } => {
                        let theirs = dsl::console_links.filter(kind).filter(dsl::user_id.eq(user.to_string()));
                        diesel::delete(theirs).execute(connection).await?;
                    }
                    LinkPurpose::Invitation { .. } => {}
                }
                diesel::insert_into(dsl::console_links).values(row).execute(connection).await?;
                Ok(true)
            })
        })
        .await
    }

    async fn find_link(&self, hash: &LinkHash) -> StoreResult<Option<LinkRecord>> {
        let hash = *hash;
        self.read(move |connection| {
            Box::pin(async move {
                let row = dsl::console_links.filter(dsl::hash.eq(hash.as_bytes().to_vec()));
                let row: Option<LinkRow> = row.select(LinkRow::as_select()).get_result(connection).await.optional()?;
                Ok(row.map(LinkRow::read).transpose()?)
            })
        })
        .await
    }

    async fn has_bootstrap_link(&self) -> StoreResult<bool> {
        self.read(|connection| {
            Box::pin(async move {
                let links = dsl::console_links.filter(dsl::kind.eq(LinkKind::Bootstrap.as_str()));
                Ok(diesel::select(exists(links)).get_result(connection).await?)
            })
        })
        .await
    }

    async fn list_invitations(&self, account: AccountId) -> StoreResult<Vec<LinkRecord>> {
        self.scan(move |connection| {
            Box::pin(async move {
                let rows = dsl::console_links
                    .filter(dsl::account_id.eq(account.to_string()))
                    .filter(dsl::kind.eq(LinkKind::Invitation.as_str()))
                    .order(dsl::id.desc())
                    .select(LinkRow::as_select());
                let rows: Vec<LinkRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
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
            Box::pin(async move {
                let renewed = (dsl::hash.eq(hash.as_bytes().to_vec()), dsl::expires_at.eq(expires_at.unix_ms()));
                if diesel::update(invitation(account, id)).set(renewed).execute(connection).await? == 0 {
                    return Ok(None);
                }
                find(connection, &hash).await
            })
        })
        .await
    }

    async fn withdraw_invitation(&self, account: AccountId, id: LinkId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move { Ok(diesel::delete(invitation(account, id)).execute(connection).await? > 0) })
        })
        .await
    }

    async fn purge_links(&self, before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = dsl::console_links
                    .filter(dsl::expires_at.le(before.unix_ms()))
                    .filter(dsl::kind.ne(LinkKind::Bootstrap.as_str()))
                    .limit(limit.into())
                    .select(dsl::id)
                    .for_update()
                    .skip_locked();
                let old: Vec<String> = old.load(connection).await?;
                let old = dsl::console_links.filter(dsl::id.eq_any(old));
                Ok(count(diesel::delete(old).execute(connection).await?))
            })
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

/// The link of this token. Until the transaction ends nobody else uses it.
async fn find(connection: &mut AsyncPgConnection, hash: &LinkHash) -> Result<Option<LinkRecord>, Failure> {
    let row = dsl::console_links.filter(dsl::hash.eq(hash.as_bytes().to_vec()));
    let row: Option<LinkRow> = row.select(LinkRow::as_select()).for_update().get_result(connection).await.optional()?;
    Ok(row.map(LinkRow::read).transpose()?)
}

/// The link of this token, if it can be used at `now`. Until the transaction ends nobody else uses it.
pub(super) async fn usable(
    connection: &mut AsyncPgConnection,
    hash: &LinkHash,
    now: Timestamp,
) -> Result<Option<LinkRecord>, Failure> {
    Ok(find(connection, hash).await?.filter(|link| now < link.expires_at))
}
