use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use whatotp_domain::{AccountId, CannedReplyId, TicketChange, TicketId, Timestamp};
use whatotp_ports::{CannedReply, StoreResult, TicketChanged, TicketComment, TicketFilter, TicketRecord, TicketStore};

use super::PostgresStore;
use super::statement::{change, changing};
use crate::failure::Failure;
use crate::rows::{CannedReplyRow, CommentRow, TicketRow, count};
use crate::schema::canned_replies::dsl as replies;
use crate::schema::ticket_comments::dsl as comments;
use crate::schema::tickets::dsl;

change!(
    OldTickets,
    "WITH old AS (
        SELECT account_id, id FROM tickets WHERE closed_at < $1 ORDER BY closed_at LIMIT $2 FOR UPDATE SKIP LOCKED),
     theirs AS (
        DELETE FROM ticket_comments AS c USING old WHERE c.account_id = old.account_id AND c.ticket_id = old.id)
     DELETE FROM tickets AS t USING old WHERE t.account_id = old.account_id AND t.id = old.id"
);

#[async_trait]
impl TicketStore for PostgresStore {
    async fn insert_ticket(&self, ticket: TicketRecord, first: TicketComment) -> StoreResult<()> {
        self.write(move |connection| {
            let comment = CommentRow::new(ticket.ticket.account, ticket.ticket.id, &first);
            let row = TicketRow::new(&ticket);
            Box::pin(async move {
                diesel::insert_into(dsl::tickets).values(&row).execute(connection).await?;
                diesel::insert_into(comments::ticket_comments).values(&comment).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn find_ticket(&self, account: Option<AccountId>, id: TicketId) -> StoreResult<Option<TicketRecord>> {
        self.read(move |connection| {
            let these = dsl::tickets.filter(dsl::id.eq(id.to_string()));
            let mut this = these.select(TicketRow::as_select()).into_boxed();
            if let Some(account) = account {
                this = this.filter(dsl::account_id.eq(account.to_string()));
            }
            Box::pin(async move {
                let row: Option<TicketRow> = this.get_result(connection).await.optional()?;
                Ok(row.map(TicketRow::read).transpose()?)
            })
        })
        .await
    }

    async fn list_comments(&self, account: AccountId, id: TicketId) -> StoreResult<Vec<TicketComment>> {
        self.scan(move |connection| {
            let these = comments::ticket_comments.filter(comments::account_id.eq(account.to_string()));
            let these = these.filter(comments::ticket_id.eq(id.to_string())).order(comments::id);
            Box::pin(async move {
                let rows: Vec<CommentRow> = these.select(CommentRow::as_select()).load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn list_tickets(&self, filter: &TicketFilter) -> StoreResult<Vec<TicketRecord>> {
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
            Box::pin(async move {
                let rows: Vec<TicketRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
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
            let row = comment.as_ref().map(|comment| CommentRow::new(account, id, comment));
            Box::pin(async move { change_one(connection, (account, id), change, row, now).await })
        })
        .await
    }

    async fn purge_tickets(&self, closed_before: Timestamp, limit: u32) -> StoreResult<u64> {
        self.write(move |connection| {
            let arguments = vec![closed_before.unix_ms().into(), i64::from(limit).into()];
            Box::pin(async move {
                let deleted = changing::<OldTickets>(arguments).execute(connection).await?;
                Ok(count(deleted))
            })
        })
        .await
    }

    async fn insert_canned_reply(&self, reply: CannedReply) -> StoreResult<()> {
        self.write(move |connection| {
            let row = CannedReplyRow::new(&reply);
            Box::pin(async move {
                diesel::insert_into(replies::canned_replies).values(&row).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn list_canned_replies(&self) -> StoreResult<Vec<CannedReply>> {
        self.scan(|connection| {
            Box::pin(async move {
                let rows = replies::canned_replies.order(replies::id.desc()).select(CannedReplyRow::as_select());
                let rows: Vec<CannedReplyRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }

    async fn delete_canned_reply(&self, id: CannedReplyId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let this = replies::canned_replies.find(id.to_string());
                Ok(diesel::delete(this).execute(connection).await? > 0)
            })
        })
        .await
    }
}

async fn change_one(
    connection: &mut AsyncPgConnection,
    (account, id): (AccountId, TicketId),
    change: TicketChange,
    comment: Option<CommentRow>,
    now: Timestamp,
) -> Result<Option<TicketChanged>, Failure> {
    let this = dsl::tickets.find((account.to_string(), id.to_string()));
    // Whoever changes it has it alone; the others see what became of it.
    let row = this.clone().select(TicketRow::as_select()).for_update();
    let row: Option<TicketRow> = row.get_result(connection).await.optional()?;
    let Some(row) = row else { return Ok(None) };
    let TicketRecord { ticket: before, subject } = row.read()?;
    if comment.is_some() && !before.takes_comments() {
        return Ok(Some(TicketChanged::Full));
    }
    let after = Box::new(TicketRecord { ticket: before.after(change, now), subject });
    diesel::update(this).set(&TicketRow::new(&after)).execute(connection).await?;
    if let Some(comment) = &comment {
        diesel::insert_into(comments::ticket_comments).values(comment).execute(connection).await?;
    }
    Ok(Some(TicketChanged::Done { before, after }))
}
