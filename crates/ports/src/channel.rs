use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{
    AccountScope, Code, DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, Locale, MessageTemplate, PhoneNumber,
    Timestamp, Variables,
};

use crate::{ProviderMessageId, Reference, Sender};

/// What a message says.
#[derive(Debug)]
pub enum Content {
    /// A one-time code, in the channel's authentication template.
    Code {
        /// The code.
        code: Code,
        /// The language: from a sender one that its template has, otherwise the one asked for.
        locale: Option<Locale>,
    },
    /// A template of the customer's.
    Template {
        /// The template.
        template: Box<MessageTemplate>,
        /// The language: from a sender one that the template is approved in, otherwise the one asked for.
        locale: Option<Locale>,
        /// What goes into its placeholders; checked against them.
        variables: Variables,
    },
}

/// Who sends a message.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The sender.
    pub sender: Arc<Sender>,
    /// Its authentication template.
    pub otp_template: String,
}

/// What stopped working, and stays so until somebody does something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Nothing: it should come back by itself.
    Nothing,
    /// The sender, or our access to it.
    Sender,
    /// The template, in the language that was sent.
    Template,
}

/// A message that is to be sent now.
#[derive(Debug)]
pub struct OutboundMessage {
    /// Whose it is.
    pub scope: AccountScope,
    /// Its id.
    pub delivery: DeliveryId,
    /// Who sends it; `None` when the account has no sender.
    pub origin: Option<Origin>,
    /// To whom.
    pub to: PhoneNumber,
    /// What.
    pub content: Content,
    /// Which try this is, from 1.
    pub attempt: u32,
}

impl OutboundMessage {
    /// What the provider gets as a reference of ours.
    #[must_use]
    pub const fn reference(&self) -> Reference {
        Reference { account: self.scope.account, delivery: self.delivery }
    }
}

/// What came of giving a message to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// The provider has it.
    Accepted {
        /// The provider's id for it.
        provider_message_id: ProviderMessageId,
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
    Unavailable {
        /// What the provider said.
        error: DeliveryError,
        /// What has stopped.
        stopped: Stopped,
    },
    /// The message is not what the provider takes, and never will be: the fault is ours, or the template's. It was not
    /// sent.
    Invalid(DeliveryError),
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
    /// Whether it sends nothing for an account that has no sender.
    fn needs_sender(&self) -> bool;

    /// Gives one message to the provider and waits for its first answer.
    ///
    /// MUST answer within 10 seconds. MUST NOT try again by itself: no provider here has idempotency keys, so whether
    /// a second try is safe is the caller's to decide, from the outcome. MUST answer
    /// [`SendOutcome::Unknown`], and nothing that says "not sent", when the message may have left. MUST NOT log the
    /// content.
    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome;

    /// Asks for the progress of a message: when its outcome named a `poll_at`, and when a worker died over it. A channel
    /// whose provider reports by itself (webhooks) answers [`Polled::default`].
    async fn poll(&self, sent: &SentMessage, now: Timestamp) -> Polled;
}
