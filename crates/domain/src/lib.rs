//! The values and rules of WhatOTP.
//!
//! Nothing in here does I/O, reads a clock or draws a random number: time and entropy are arguments. A value that
//! exists is valid, because its `parse` (or `new`) is the only door to it.
#![deny(missing_docs)]

mod api_key;
mod asked;
mod audit;
mod code;
mod console_session;
mod delivery;
mod destination;
mod email;
mod event;
mod guesses;
mod id;
mod idempotency;
mod ledger;
mod link;
mod locale;
mod log_in_tries;
mod metadata;
mod number_ledgers;
mod password;
mod phone;
mod policy;
mod quota;
mod role;
mod scope;
mod sender;
mod session;
mod statistics;
mod template;
mod ticket;
mod timestamp;
mod traffic;
mod unicode_digits;
mod unverified_budget;
mod user;

pub use api_key::{ApiKey, ApiKeySecret, IpNet, Scope, ScopeSet};
pub use asked::Asked;
pub use audit::{Actor, AuditAction, AuditEntry, AuditText};
pub use code::{Code, CodeError, CodeLength};
pub use console_session::ConsoleSession;
pub use delivery::{Delivery, DeliveryError, DeliveryEvent, DeliveryStatus};
pub use destination::{Countries, Country, REFUSED_NUMBER_TYPES};
pub use email::EmailAddress;
pub use event::{EventKind, LogEvent};
pub use guesses::{GuessRefused, Guesses, Reservation};
pub use id::{
    AccountId, ApiKeyId, CannedReplyId, CommentId, ConsoleSessionId, DeliveryId, EventId, IdError, LinkId, RequestId,
    SessionId, TemplateId, TicketId, UserId,
};
pub use idempotency::IdempotencyKey;
pub use ledger::{LedgerPolicy, LiveSession, NumberLedger, SendCap, SendRefused};
pub use link::{Invitation, LinkKind};
pub use locale::Locale;
pub use log_in_tries::LogInTries;
pub use metadata::{Metadata, MetadataError};
pub use number_ledgers::{IssueRefused, NumberLedgers, NumberLimits};
pub use password::{Password, PasswordError};
pub use phone::{NumberType, PhoneNumber, PhoneNumberError};
pub use policy::{MessageTtl, OtpPolicy, SessionTtl, Ttl};
pub use quota::{Quota, QuotaPeriod, nearly};
pub use role::{Permission, Role};
pub use scope::{AccountScope, Mode};
pub use sender::{SenderId, SenderQuality, WabaId};
pub use session::{Attempted, Finished, OtpSession, Purpose, SessionStatus};
pub use statistics::{CodeFacts, DeliveryFacts, Figures, GroupBy, GroupKey, Percentiles, Tally};
pub use template::{
    MessageTemplate, OtpButton, TemplateBody, TemplateButton, TemplateCategory, TemplateError, TemplateHeader,
    TemplateStatus, Translation, VariableMismatch, Variables, VariablesError, template_footer,
};
pub use ticket::{Ticket, TicketChange, TicketLink, TicketPriority, TicketSide, TicketStatus};
pub use timestamp::Timestamp;
pub use traffic::{Counts, Dimension, Series, slot_of};
pub use unverified_budget::{AbuseMode, AbusePolicy, Guessing, UnverifiedBudget, is_pumped};
pub use user::User;
