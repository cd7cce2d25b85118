use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{
    AccountScope, Code, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, Locale, MessageTemplate, PhoneNumber,
    Timestamp, Variables,
};

/// What a message says.
#[derive(Debug)]
pub enum Content {
    /// A one-time code, in the channel's authentication template.
    Code {
        /// The code.
        code: Code,
        /// The language asked for.
        locale: Option<Locale>,
    },
    /// A template of the customer's.
    Template {
        /// The template.
        template: MessageTemplate,
        /// The language asked for.
        locale: Option<Locale>,
        /// What goes into its placeholders; checked against them.
        variables: Variables,
    },
}

/// A message that is to be sent now.
#[derive(Debug)]
pub struct OutboundMessage {
    /// Whose it is.
    pub scope: AccountScope,
    /// Its id, which the channel hands to the provider as a reference of ours.
    pub delivery: DeliveryId,
    /// To whom.
    pub to: PhoneNumber,
    /// What.
    pub content: Content,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// What came of giving a message to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider has it.
    Accepted {
        /// The provider's id for it.
        provider_message_id: String,
        /// When to [`MessageChannel::poll`]; `None` when the provider reports by itself.
        poll_at: Option<Timestamp>,
    },
    /// The provider will never deliver this message to this recipient. It was not sent.
    Refused(DeliveryError),
    /// The provider refused it before processing, for now. It was not sent.
    Retry {
        /// The shortest wait before the next try.
        after: Duration,
        /// What the provider said.
        error: DeliveryError,
    },
    /// The provider, or our access to it, is out of order. It was not sent.
    Unavailable(DeliveryError),
    /// It left, and no answer came: it may or may not have been sent.
    Unknown {
        /// What is known of the failure.
        error: DeliveryError,
        /// When to [`MessageChannel::poll`]; `None` when the provider reports by itself.
        poll_at: Option<Timestamp>,
    },
}

/// A message that was given to the provider.
#[derive(Debug, Clone)]
pub struct SentMessage {
    /// Its id.
    pub delivery: DeliveryId,
    /// To whom.
    pub to: PhoneNumber,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// When it was given to the provider (for the last time).
    pub handed_over_at: Timestamp,
}

/// What a provider that has to be asked knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Polled {
    /// Everything that happened so far; what is known already does no harm.
    pub events: Vec<DeliveryEvent>,
    /// When to ask again; `None` when nothing more will come.
    pub poll_at: Option<Timestamp>,
}

/// A way to reach people.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait MessageChannel: Send + Sync {
    /// Gives one message to the provider and waits for its first answer.
    ///
    /// MUST answer within 10 seconds. MUST NOT try again by itself: no provider here has idempotency keys, so whether
    /// a second try is safe is the caller's to decide, from the outcome. MUST NOT answer [`SendOutcome::Refused`],
    /// [`SendOutcome::Retry`] or [`SendOutcome::Unavailable`] when the message may have left. MUST NOT log the content.
    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome;

    /// Asks for the progress of a message: when its outcome named a `poll_at`, and when a worker died over it. A channel
    /// whose provider reports by itself (webhooks) answers [`Polled::default`].
    async fn poll(&self, sent: &SentMessage, now: Timestamp) -> Polled;
}
