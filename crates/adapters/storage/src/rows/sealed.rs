//! What is sealed, a page of a table at a time: the same text for every engine.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Nullable, Text};
use whatotp_domain::{
    AccountId, CommentId, DeliveryId, LinkId, SenderId, SessionId, SessionStatus, TicketId, Timestamp, UserId,
};
use whatotp_ports::{SealedColumn, SealedRow, SealedRowKey, SealedTable};
use whatotp_vault::{IdempotencyHash, Kid, Sealed};

use super::{InColumn, Read, ScopeColumns, hash, scope};

/// The key of a row as its table has it, in the order of the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyColumns {
    pub(crate) account: String,
    pub(crate) mode: &'static str,
    /// The id; of a claim nothing.
    pub(crate) id: String,
    /// The ticket of a comment; of everything else nothing.
    pub(crate) ticket: String,
    /// The key of a claim; of everything else nothing.
    pub(crate) key: Vec<u8>,
}

impl From<&SealedRowKey> for KeyColumns {
    fn from(key: &SealedRowKey) -> Self {
        let of = |scope: &whatotp_domain::AccountScope, id: String, key: Vec<u8>| {
            let ScopeColumns { account, mode } = (*scope).into();
            Self { account, mode, id, ticket: String::new(), key }
        };
        match key {
            SealedRowKey::Sender(id) => Self { id: id.to_string(), ..Self::default() },
            SealedRowKey::Session(scope, id) => of(scope, id.to_string(), Vec::new()),
            SealedRowKey::Delivery(scope, id) => of(scope, id.to_string(), Vec::new()),
            SealedRowKey::Claim(scope, key) => of(scope, String::new(), key.as_bytes().to_vec()),
            SealedRowKey::User(account, id) => {
                Self { account: account.to_string(), id: id.to_string(), ..Self::default() }
            }
            SealedRowKey::Link(account, id) => {
                Self { account: account.to_string(), id: id.to_string(), ..Self::default() }
            }
            SealedRowKey::Ticket(account, id) => {
                Self { account: account.to_string(), id: id.to_string(), ..Self::default() }
            }
            SealedRowKey::Comment(account, ticket, id) => {
                Self { account: account.to_string(), ticket: ticket.to_string(), id: id.to_string(), ..Self::default() }
            }
        }
    }
}

/// Takes the id of the last sender and a limit.
pub(crate) const SENDERS: &str = "SELECT id, access_token FROM senders WHERE id > $1 ORDER BY id LIMIT $2";

/// Takes the account and the id of the last session, and a limit.
pub(crate) const SESSIONS: &str =
    "SELECT account_id, mode, id, recipient, metadata, kid, status, expires_at FROM otp_sessions
     WHERE (account_id, id) > ($1, $2) ORDER BY account_id, id LIMIT $3";

/// Takes the account and the id of the last delivery, and a limit.
pub(crate) const DELIVERIES: &str = "SELECT account_id, mode, id, recipient, variables, metadata FROM deliveries
     WHERE (account_id, id) > ($1, $2) ORDER BY account_id, id LIMIT $3";

/// Takes the account, the mode and the key of the last claim, and a limit.
pub(crate) const CLAIMS: &str = "SELECT account_id, mode, key, answer FROM idempotency_claims
     WHERE (account_id, mode, key) > ($1, $2, $3) ORDER BY account_id, mode, key LIMIT $4";

/// Takes the account and the id of the last ticket, and a limit.
pub(crate) const TICKETS: &str = "SELECT account_id, id, subject FROM tickets
     WHERE (account_id, id) > ($1, $2) ORDER BY account_id, id LIMIT $3";

/// Takes the account, the ticket and the id of the last comment, and a limit.
pub(crate) const COMMENTS: &str = "SELECT account_id, ticket_id, id, body FROM ticket_comments
     WHERE (account_id, ticket_id, id) > ($1, $2, $3) ORDER BY account_id, ticket_id, id LIMIT $4";

#[derive(QueryableByName)]
pub(crate) struct SealedSenderRow {
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    access_token: Vec<u8>,
}

impl SealedSenderRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let key = SealedRowKey::Sender(SenderId::parse(&self.id).in_column("senders.id")?);
        Ok(SealedRow { key, values: present([(SealedColumn::AccessToken, Some(self.access_token))]), code: None })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedSessionRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    recipient: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    metadata: Option<Vec<u8>>,
    #[diesel(sql_type = Text)]
    kid: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = BigInt)]
    expires_at: i64,
}

impl SealedSessionRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let id = SessionId::parse(&self.id).in_column("otp_sessions.id")?;
        let kid = Kid::parse(&self.kid).in_column("otp_sessions.kid")?;
        let pending = self.status == SessionStatus::Pending.as_str();
        Ok(SealedRow {
            key: SealedRowKey::Session(scope(&self.account_id, &self.mode)?, id),
            values: present([(SealedColumn::Recipient, Some(self.recipient)), (SealedColumn::Metadata, self.metadata)]),
            code: pending.then(|| (kid, Timestamp::from_unix_ms(self.expires_at))),
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedDeliveryRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    recipient: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    variables: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    metadata: Option<Vec<u8>>,
}

impl SealedDeliveryRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let id = DeliveryId::parse(&self.id).in_column("deliveries.id")?;
        Ok(SealedRow {
            key: SealedRowKey::Delivery(scope(&self.account_id, &self.mode)?, id),
            values: present([
                (SealedColumn::Recipient, Some(self.recipient)),
                (SealedColumn::Variables, self.variables),
                (SealedColumn::Metadata, self.metadata),
            ]),
            code: None,
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedClaimRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    mode: String,
    #[diesel(sql_type = Binary)]
    key: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    answer: Option<Vec<u8>>,
}

impl SealedClaimRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let key = IdempotencyHash::from_bytes(hash(&self.key, "idempotency_claims.key")?);
        let key = SealedRowKey::Claim(scope(&self.account_id, &self.mode)?, key);
        Ok(SealedRow { key, values: present([(SealedColumn::Answer, self.answer)]), code: None })
    }
}

/// Takes the id of the last user and a limit.
pub(crate) const USERS: &str =
    "SELECT account_id, id, email, name, totp, totp_pending FROM users WHERE id > $1 ORDER BY id LIMIT $2";

/// Takes the id of the last link and a limit.
pub(crate) const LINKS: &str = "SELECT account_id, id, email FROM console_links
     WHERE id > $1 AND kind = 'invitation' ORDER BY id LIMIT $2";

#[derive(QueryableByName)]
pub(crate) struct SealedUserRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    email: Vec<u8>,
    #[diesel(sql_type = Binary)]
    name: Vec<u8>,
    #[diesel(sql_type = Nullable<Binary>)]
    totp: Option<Vec<u8>>,
    #[diesel(sql_type = Nullable<Binary>)]
    totp_pending: Option<Vec<u8>>,
}

impl SealedUserRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let account = AccountId::parse(&self.account_id).in_column("users.account_id")?;
        Ok(SealedRow {
            key: SealedRowKey::User(account, UserId::parse(&self.id).in_column("users.id")?),
            values: present([
                (SealedColumn::Email, Some(self.email)),
                (SealedColumn::Name, Some(self.name)),
                (SealedColumn::Totp, self.totp),
                (SealedColumn::TotpPending, self.totp_pending),
            ]),
            code: None,
        })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedLinkRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Nullable<Binary>)]
    email: Option<Vec<u8>>,
}

impl SealedLinkRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let account = AccountId::parse(&self.account_id).in_column("console_links.account_id")?;
        let key = SealedRowKey::Link(account, LinkId::parse(&self.id).in_column("console_links.id")?);
        Ok(SealedRow { key, values: present([(SealedColumn::Email, self.email)]), code: None })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedTicketRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    subject: Vec<u8>,
}

impl SealedTicketRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let account = AccountId::parse(&self.account_id).in_column("tickets.account_id")?;
        let key = SealedRowKey::Ticket(account, TicketId::parse(&self.id).in_column("tickets.id")?);
        Ok(SealedRow { key, values: present([(SealedColumn::Subject, Some(self.subject))]), code: None })
    }
}

#[derive(QueryableByName)]
pub(crate) struct SealedCommentRow {
    #[diesel(sql_type = Text)]
    account_id: String,
    #[diesel(sql_type = Text)]
    ticket_id: String,
    #[diesel(sql_type = Text)]
    id: String,
    #[diesel(sql_type = Binary)]
    body: Vec<u8>,
}

impl SealedCommentRow {
    pub(crate) fn read(self) -> Read<SealedRow> {
        let account = AccountId::parse(&self.account_id).in_column("ticket_comments.account_id")?;
        let ticket = TicketId::parse(&self.ticket_id).in_column("ticket_comments.ticket_id")?;
        let key = SealedRowKey::Comment(account, ticket, CommentId::parse(&self.id).in_column("ticket_comments.id")?);
        Ok(SealedRow { key, values: present([(SealedColumn::Body, Some(self.body))]), code: None })
    }
}

fn present<const N: usize>(values: [(SealedColumn, Option<Vec<u8>>); N]) -> Vec<(SealedColumn, Sealed)> {
    values.into_iter().filter_map(|(column, value)| Some((column, Sealed::from_bytes(value?)))).collect()
}

/// The name of a sealed column. `None` when the table has no such column.
pub(crate) const fn column(table: SealedTable, column: SealedColumn) -> Option<&'static str> {
    match (table, column) {
        (SealedTable::Senders, SealedColumn::AccessToken) => Some("access_token"),
        (SealedTable::Sessions | SealedTable::Deliveries, SealedColumn::Recipient) => Some("recipient"),
        (SealedTable::Sessions | SealedTable::Deliveries, SealedColumn::Metadata) => Some("metadata"),
        (SealedTable::Deliveries, SealedColumn::Variables) => Some("variables"),
        (SealedTable::Claims, SealedColumn::Answer) => Some("answer"),
        (SealedTable::Tickets, SealedColumn::Subject) => Some("subject"),
        (SealedTable::Comments, SealedColumn::Body) => Some("body"),
        (SealedTable::Users | SealedTable::Links, SealedColumn::Email) => Some("email"),
        (SealedTable::Users, SealedColumn::Name) => Some("name"),
        (SealedTable::Users, SealedColumn::Totp) => Some("totp"),
        (SealedTable::Users, SealedColumn::TotpPending) => Some("totp_pending"),
        _ => None,
    }
}
