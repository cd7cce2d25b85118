//! What the use cases need from the world, as traits whose documentation is the contract.
//!
//! A method of a store is one transaction: it is named for what it means and may span tables, and nothing is open when
//! it returns. "Not found" is `Ok(None)`. The contract suite in `whatotp-testkit` checks every MUST on each engine.
#![deny(missing_docs)]

mod channel;
mod deliveries;
mod error;
mod idempotency;
mod keys;
mod rate_limiter;
mod sessions;
mod system;
mod templates;
mod wakeups;

pub use channel::{Content, MessageChannel, OutboundMessage, Polled, SendOutcome, SentMessage};
pub use deliveries::{
    CancelDelivery, ClaimedDelivery, DeliveryFilter, DeliveryKind, DeliveryRecord, DeliveryStore, Enqueued, Lease,
    NewDelivery, Progress,
};
pub use error::{Source, StoreError, StoreResult};
pub use idempotency::{Claim, IdempotencyStore, Prior, Subject};
pub use keys::{Account, AccountStore, ApiKeyStore};
pub use rate_limiter::{RateDecision, RateLimiter, RateRule, RateState};
pub use sessions::{
    Attempt, Before, CancelSession, Issued, NewSession, Resend, Resent, SessionRecord, SessionStore, Settled,
    Withdrawal,
};
pub use system::{Clock, Entropy, EntropyError, random};
pub use templates::{TemplateRef, TemplateStore};
pub use wakeups::{Subscription, Topic, Wakeups};

#[cfg(feature = "mock")]
pub use channel::MockMessageChannel;
