//! The values and rules of WhatOTP.
//!
//! Nothing in here does I/O, reads a clock or draws a random number: time and entropy are arguments. A value that
//! exists is valid, because its `parse` (or `new`) is the only door to it.
#![deny(missing_docs)]

mod api_key;
mod code;
mod delivery;
mod destination;
mod event;
mod guesses;
mod id;
mod idempotency;
mod ledger;
mod locale;
mod metadata;
mod number_ledgers;
mod phone;
mod policy;
mod quota;
mod scope;
mod sender;
mod session;
mod template;
mod timestamp;
mod traffic;
mod unicode_digits;
mod unverified_budget;

pub use api_key::{ApiKey, ApiKeySecret, IpNet, Scope, ScopeSet};
pub use code::{Code, CodeError, CodeLength};
pub use delivery::{Delivery, DeliveryError, DeliveryEvent, DeliveryStatus};
pub use destination::{Countries, Country, REFUSED_NUMBER_TYPES};
pub use event::{EventKind, LogEvent};
pub use guesses::{GuessRefused, Guesses, Reservation};
pub use id::{AccountId, ApiKeyId, DeliveryId, EventId, IdError, RequestId, SessionId, TemplateId};
pub use idempotency::IdempotencyKey;
pub use ledger::{LedgerPolicy, LiveSession, NumberLedger, SendCap, SendRefused};
pub use locale::Locale;
pub use metadata::{Metadata, MetadataError};
pub use number_ledgers::{IssueRefused, NumberLedgers, NumberLimits};
pub use phone::{NumberType, PhoneNumber, PhoneNumberError};
pub use policy::{MessageTtl, OtpPolicy, SessionTtl, Ttl};
pub use quota::{Quota, QuotaPeriod, nearly};
pub use scope::{AccountScope, Mode};
pub use sender::{SenderId, SenderQuality, WabaId};
pub use session::{Attempted, Finished, OtpSession, Purpose, SessionStatus};
pub use template::{
    MessageTemplate, OtpButton, TemplateBody, TemplateButton, TemplateCategory, TemplateError, TemplateHeader,
    TemplateStatus, Translation, VariableMismatch, Variables, VariablesError,
};
pub use timestamp::Timestamp;
pub use traffic::{Counts, Dimension, Series, slot_of};
pub use unverified_budget::{AbuseMode, AbusePolicy, Guessing, UnverifiedBudget, is_pumped};
