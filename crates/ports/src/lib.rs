//! What the use cases need from the world, as traits whose documentation is the contract.
//!
//! A method of a store is one transaction: it is named for what it means and may span tables, and nothing is open when
//! it returns. "Not found" is `Ok(None)`. The contract suite in `whatotp-testkit` checks every MUST on each engine.
#![deny(missing_docs)]

mod audit;
mod audit_check;
mod catalog;
mod channel;
mod deliveries;
mod destinations;
mod error;
mod events;
mod idempotency;
mod inbound;
mod keys;
mod master_keys;
mod personal_data;
mod quotas;
mod rate_limiter;
mod senders;
mod sessions;
mod system;
mod templates;
mod tickets;
mod traffic;
mod users;
mod wakeups;

pub use audit::{Appended, AuditFilter, AuditPurged, AuditRecord, AuditStore};
pub use audit_check::{AuditCheck, AuditFault};
pub use catalog::{AndroidApp, AuthenticationDraft, Catalog, CatalogError, ProviderTemplate, SenderHealth, Submitted};
pub use channel::{Content, MessageChannel, Origin, OutboundMessage, Polled, SendOutcome, SentMessage, Stopped};
pub use deliveries::{
    CancelDelivery, ClaimedDelivery, DeadLetter, DeliveryCount, DeliveryFilter, DeliveryKind, DeliveryPage,
    DeliveryRecord, DeliveryStore, Enqueued, Lease, NewDelivery, Progress, Report, Reported, Via,
};
pub use destinations::{AccountRules, Block, BlockKey, BlockKind, DestinationStore};
pub use error::{Source, StoreError, StoreResult};
pub use events::{EventFilter, EventStore, NewEvent};
pub use idempotency::{Claim, IdempotencyStore, Prior, Subject};
pub use inbound::{Inbound, Notice, ProviderMessageId, Reference, TemplateDecision};
pub use keys::{Account, AccountStore, ApiKeyStore};
pub use master_keys::{MasterKeyStore, Resealed, SealedColumn, SealedRow, SealedRowKey, SealedTable};
pub use personal_data::{Erased, Looked, PersonalDataStore, Sought, Trace, TraceTable};
pub use quotas::{Counted, QuotaStore};
pub use rate_limiter::{RateDecision, RateLimiter, RateRule, RateState};
pub use senders::{Endpoint, Sender, SenderRecord, SenderStore};
pub use sessions::{
    Attempt, Before, CancelSession, Issued, LedgerKey, NewSession, Resend, Resent, Sent, SessionRecord, SessionState,
    SessionStore, Settled, Withdrawal,
};
pub use system::{Clock, Entropy, EntropyError, random};
pub use templates::TemplateStore;
pub use tickets::{CannedReply, TicketChanged, TicketComment, TicketFilter, TicketRecord, TicketStore};
pub use traffic::{Traffic, TrafficKey, TrafficStore};
pub use users::{ConsoleSessionStore, Joined, LinkPurpose, LinkRecord, LinkStore, MemberChange, UserRecord, UserStore};
pub use wakeups::{Subscription, Topic, Wakeups};

#[cfg(feature = "mock")]
pub use channel::MockMessageChannel;
