use std::fmt;

use whatotp_domain::{
    AccountId, DeliveryEvent, DeliveryId, EventKind, Locale, SenderQuality, TemplateCategory, TemplateStatus,
    Timestamp, WabaId,
};

/// What we give the provider with a message, to come back with every report on it. It names nobody: only the account
/// and the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Whose.
    pub account: AccountId,
    /// Which.
    pub delivery: DeliveryId,
}

impl Reference {
    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (account, delivery) = text.split_once('/')?;
        Some(Self { account: AccountId::parse(account).ok()?, delivery: DeliveryId::parse(delivery).ok()? })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.delivery)
    }
}

/// Something that the provider tells us by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// How far a message has come.
    Status {
        /// The provider's id for it. It holds the recipient's number: never log or store it.
        provider_message_id: ProviderMessageId,
        /// Our own for it, when the provider gave that back.
        reference: Option<Reference>,
        /// What happened.
        event: DeliveryEvent,
    },
    /// The recipient of a code says that they did not ask for it.
    CodeNotRequested {
        /// The provider's id for the message with the code.
        provider_message_id: ProviderMessageId,
        /// When they said so.
        at: Timestamp,
    },
    /// WhatsApp decided something about one language of a template.
    Template {
        /// Whose template.
        waba: WabaId,
        /// Its name.
        name: String,
        /// The language.
        locale: Locale,
        /// What was decided.
        decision: TemplateDecision,
        /// The news that an operator sees.
        notice: Notice,
    },
    /// Anything else an operator should see.
    Notice(Notice),
}

/// What WhatsApp decided about a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateDecision {
    /// Whether it may be sent.
    Status(TemplateStatus),
    /// What it is charged as.
    Category(TemplateCategory),
    /// What its recipients think of it.
    Quality(SenderQuality),
}

/// News for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What kind.
    pub kind: EventKind,
    /// What it is about.
    pub subject: String,
    /// What it says. No number, code or token.
    pub detail: String,
    /// When it happened.
    pub at: Timestamp,
    /// The same for every telling of the same news, and for no other.
    pub fingerprint: [u8; 32],
}

/// A provider's id for a message. It holds the recipient's number, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderMessageId(pub String);

impl fmt::Debug for ProviderMessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderMessageId([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_back_and_nothing_else_is_one() {
        let now = Timestamp::from_unix_ms(1);
        let reference = Reference { account: AccountId::new(now, [1; 10]), delivery: DeliveryId::new(now, [2; 10]) };
        assert_eq!(Reference::parse(&reference.to_string()), Some(reference));
        let swapped = format!("{}/{}", reference.delivery, reference.account);
        for text in ["", "/", "order-17", &swapped, &format!("{reference} ")] {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
