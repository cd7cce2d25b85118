use crate::{AccountId, EventId, Timestamp};

/// What an operator may want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// WhatsApp approved a template, or took a pause back.
    TemplateApproved,
    /// WhatsApp refused a template.
    TemplateRejected,
    /// WhatsApp stopped a template for a while, because recipients complained.
    TemplatePaused,
    /// WhatsApp stopped a template for good.
    TemplateDisabled,
    /// WhatsApp put a template into another category, at another price.
    TemplateRecategorised,
    /// What recipients think of a template has changed.
    TemplateQuality,
    /// What recipients think of a sender has changed, or how much it may send.
    SenderQuality,
    /// Nothing can be sent from a sender until somebody has done something.
    SenderStopped,
    /// WhatsApp has something to say about the business account.
    AccountUpdate,
    /// A recipient says that they did not ask for a code.
    CodeNotRequested,
    /// A code was not delivered, and the next sender tried.
    FellBack,
    /// An operator forgave a number its wrong codes.
    NumberUnblocked,
    /// What was stored about one number was erased.
    Erased,
    /// An account has sent four fifths of the messages it may send in a day or a month.
    QuotaNear,
    /// An account has sent all the messages it may send in a day or a month.
    QuotaReached,
    /// More codes than usual were sent and never came back.
    UnverifiedBudget,
    /// Numbers that differ in their last digits only get many codes that never come back.
    PrefixPumped,
    /// Most codes that an account's users type are wrong.
    GuessingSuspected,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::TemplateApproved,
        Self::TemplateRejected,
        Self::TemplatePaused,
        Self::TemplateDisabled,
        Self::TemplateRecategorised,
        Self::TemplateQuality,
        Self::SenderQuality,
        Self::SenderStopped,
        Self::AccountUpdate,
        Self::CodeNotRequested,
        Self::FellBack,
        Self::NumberUnblocked,
        Self::Erased,
        Self::QuotaNear,
        Self::QuotaReached,
        Self::UnverifiedBudget,
        Self::PrefixPumped,
        Self::GuessingSuspected,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TemplateApproved => "template_approved",
            Self::TemplateRejected => "template_rejected",
            Self::TemplatePaused => "template_paused",
            Self::TemplateDisabled => "template_disabled",
            Self::TemplateRecategorised => "template_recategorised",
            Self::TemplateQuality => "template_quality",
            Self::SenderQuality => "sender_quality",
            Self::SenderStopped => "sender_stopped",
            Self::AccountUpdate => "account_update",
            Self::CodeNotRequested => "code_not_requested",
            Self::FellBack => "fell_back",
            Self::NumberUnblocked => "number_unblocked",
            Self::Erased => "erased",
            Self::QuotaNear => "quota_near",
            Self::QuotaReached => "quota_reached",
            Self::UnverifiedBudget => "unverified_budget",
            Self::PrefixPumped => "prefix_pumped",
            Self::GuessingSuspected => "guessing_suspected",
        }
    }

    /// Reads [`EventKind::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether a person should do something about it.
    #[must_use]
    pub const fn needs_attention(self) -> bool {
        matches!(
            self,
            Self::TemplateRejected
                | Self::TemplatePaused
                | Self::TemplateDisabled
                | Self::TemplateRecategorised
                | Self::SenderStopped
                | Self::AccountUpdate
                | Self::QuotaReached
                | Self::PrefixPumped
                | Self::GuessingSuspected
        )
    }
}

/// Something that happened. It holds no number, code or token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvent {
    /// Its id.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: EventKind,
    /// Whose, if it is about one account.
    pub account: Option<AccountId>,
    /// What it is about: a sender's id, a template's name and language, a session's id.
    pub subject: String,
    /// What is known of it.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::parse(kind.as_str()), Some(kind));
        }
    }
}
