use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{AccountId, CannedReplyId, TicketChange, TicketId, Timestamp};
use whatotp_ports::{CannedReply, StoreResult, TicketChanged, TicketComment, TicketFilter, TicketRecord, TicketStore};

use super::SqliteStore;
use crate::rows::{CannedReplyRow, CommentRow, TicketRow};
use crate::schema::canned_replies::dsl as replies;
use crate::schema::ticket_comments::dsl as comments;
use crate::schema::tickets::dsl;

#[async_trait]
impl TicketStore for SqliteStore {
    async fn insert_ticket(&self, ticket: TicketRecord, first: TicketComment) -> StoreResult<()> {
        self.write(move |connection| {
            let comment = CommentRow::new(ticket.ticket.account, ticket.ticket.id, &first);
            diesel::insert_into(dsl::tickets).values(&TicketRow::new(&ticket)).execute(connection)?;
            diesel::insert_into(comments::ticket_comments).values(&comment).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn find_ticket(&self, account: Option<AccountId>, id: TicketId) -> StoreResult<Option<TicketRecord>> {
        self.scan(move |connection| {
            let these = dsl::tickets.filter(dsl::id.eq(id.to_string()));
            let mut this = these.select(TicketRow::as_select()).into_boxed();
            if let Some(account) = account {
                this = this.filter(dsl::account_id.eq(account.to_string()));
            }
            Ok(this.get_result(connection).optional()?.map(TicketRow::read).transpose()?)
        })
        .await
    }

    async fn list_comments(&self, account: AccountId, id: TicketId) -> StoreResult<Vec<TicketComment>> {
        self.scan(move |connection| {
            let these = comments::ticket_comments.filter(comments::account_id.eq(account.to_string()));
            let these = these.filter(comments::ticket_id.eq(id.to_string())).order(comments::id);
            let rows = these.select(CommentRow::as_select()).load(connection)?;
            rows.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn list_tickets(&self, filter: &TicketFilter) -> StoreResult<Vec<TicketRecord>> {
        let filter = filter.clone();
        self.scan(move |connection| {
            let newest_first = dsl::tickets.order(dsl::id.desc()).limit(filter.limit.into());
            let mut rows = newest_first.select(TicketRow::as_select()).into_boxed();
            if let Some(account) = filter.account {
                rows = rows.filter(dsl::account_id.eq(account.to_string()));
            }
            if let Some(status) = filter.status {
                rows = rows.filter(dsl::status.eq(status.as_str()));
            }
            if let Some(priority) = filter.priority {
                rows = rows.filter(dsl::priority.eq(priority.as_str()));
            }
            rows = match filter.assignee {
                None => rows,
                Some(None) => rows.filter(dsl::assignee.is_null()),
                Some(Some(user)) => rows.filter(dsl::assignee.eq(user.to_string())),
            };
            if let Some(before) = filter.before {
                rows = rows.filter(dsl::id.lt(before.to_string()));
            }
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn change_ticket(
        &self,
        account: AccountId,
        id: TicketId,
        change: TicketChange,
        comment: Option<TicketComment>,
        now: Timestamp,
    ) -> StoreResult<Option<TicketChanged>> {
        self.write(move |connection| {
            let this = dsl::tickets.find((account.to_string(), id.to_string()));
            let Some(row) = this.clone().select(TicketRow::as_select()).get_result(connection).optional()? else {
                return Ok(None);
            };
            let TicketRecord { ticket: before, subject } = row.read()?;
            if comment.is_some() && !before.takes_comments() {
                return Ok(Some(TicketChanged::Full));
            }
            let after = Box::new(TicketRecord { ticket: before.after(change, now), subject });
            diesel::update(this).set(&TicketRow::new(&after)).execute(connection)?;
            if let Some(comment) = &comment {
                let row = CommentRow::new(account, id, comment);
                diesel::insert_into(comments::ticket_comments).values(&row).execute(connection)?;
            }
            Ok(Some(TicketChanged::Done { before, after }))
        })
        .await
    }

    async fn purge_tickets(&self, closed_before: Timestamp, limit: u32) -> StoreResult<u64> {
        let (end, limit) = (closed_before.unix_ms(), i64::from(limit));
        let look = move |connection: &mut SqliteConnection| {
            let old = dsl::tickets.filter(dsl::closed_at.lt(end)).order(dsl::closed_at).limit(limit);
            Ok(old.select((dsl::account_id, dsl::id)).load::<(String, String)>(connection)?)
        };
        let old = self.scan(look).await?;
        if old.is_empty() {
            return Ok(0);
        }
        self.write(move |connection| {
            let mut deleted = 0;
            for (account, id) in &old {
                // It may have been opened again since.
                let this = dsl::tickets.find((account, id)).filter(dsl::closed_at.lt(end));
                if diesel::delete(this).execute(connection)? > 0 {
                    let its = comments::ticket_comments.filter(comments::account_id.eq(account));
                    diesel::delete(its.filter(comments::ticket_id.eq(id))).execute(connection)?;
                    deleted += 1;
                }
            }
            Ok(deleted)
        })
        .await
    }

    async fn insert_canned_reply(&self, reply: CannedReply) -> StoreResult<()> {
        self.write(move |connection| {
            let row = CannedReplyRow::new(&reply);
            diesel::insert_into(replies::canned_replies).values(&row).execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn list_canned_replies(&self) -> StoreResult<Vec<CannedReply>> {
        self.scan(|connection| {
            let rows = replies::canned_replies.order(replies::id.desc()).select(CannedReplyRow::as_select());
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }

    async fn delete_canned_reply(&self, id: CannedReplyId) -> StoreResult<bool> {
        self.write(move |connection| {
            let this = replies::canned_replies.find(id.to_string());
            Ok(diesel::delete(this).execute(connection)? > 0)
        })
        .await
    }
}
