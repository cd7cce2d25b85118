use std::time::Duration;

use super::{TemplateBody, TemplateError, TemplateStatus};
use crate::{Locale, SenderQuality};

/// A template in one language. WhatsApp decides on each language by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Translation {
    /// The language.
    pub locale: Locale,
    /// Whether it may be sent.
    pub status: TemplateStatus,
    /// What WhatsApp thinks of it, from the reports and blocks of its recipients.
    pub quality: SenderQuality,
    /// What stands above the text.
    pub header: Option<TemplateHeader>,
    /// The text.
    pub body: TemplateBody,
    /// What stands below the text.
    pub footer: Option<String>,
    /// The buttons, in WhatsApp's order: a button's index is its place in here.
    pub buttons: Vec<TemplateButton>,
    /// How long a code lives according to the message. Only authentication templates say so.
    pub code_expires_after: Option<Duration>,
}

/// What stands above a template's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateHeader {
    /// A line of text with at most one placeholder.
    Text(TemplateBody),
    /// A picture, which every message brings.
    Image,
    /// A film, which every message brings.
    Video,
    /// A file, which every message brings.
    Document,
}

/// A button below a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateButton {
    /// Copies the code, or hands it to an app.
    Otp(OtpButton),
    /// Opens a web page whose address is fixed.
    Url {
        /// What it says.
        label: String,
        /// Where it leads. Empty when an older release read the template and it was not synchronised since.
        url: String,
    },
    /// Opens a web page whose address ends in a value that every message brings.
    UrlWithVariable {
        /// What it says.
        label: String,
        /// Where it leads, up to where the value stands. Empty when an older release read the template.
        url: String,
    },
    /// Answers for the recipient.
    QuickReply {
        /// What it says, and what the recipient is taken to have said.
        label: String,
    },
    /// Rings the business.
    Phone {
        /// What it says.
        label: String,
        /// The business's own number, as it was handed in.
        number: String,
    },
    /// Does something else that needs no value.
    Other {
        /// What it says.
        label: String,
    },
}

/// What the button of an authentication template does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpButton {
    /// Copies the code.
    CopyCode,
    /// Hands the code to an Android app at a tap; copies it where that is impossible.
    OneTap,
    /// Hands the code to an Android app without a tap; falls back to one-tap, then to copying.
    ZeroTap,
}

impl OtpButton {
    /// Meta's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CopyCode => "COPY_CODE",
            Self::OneTap => "ONE_TAP",
            Self::ZeroTap => "ZERO_TAP",
        }
    }

    /// Reads [`OtpButton::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::CopyCode, Self::OneTap, Self::ZeroTap].into_iter().find(|button| button.as_str() == text)
    }
}

impl Translation {
    /// An approved text without header, footer and buttons.
    #[must_use]
    pub fn of_body(locale: Locale, body: TemplateBody) -> Self {
        let (status, quality) = (TemplateStatus::Approved, SenderQuality::Unknown);
        let (header, footer, buttons, code_expires_after) = (None, None, Vec::new(), None);
        Self { locale, status, quality, header, body, footer, buttons, code_expires_after }
    }

    /// Whether it may be sent.
    #[must_use]
    pub fn is_approved(&self) -> bool {
        self.status == TemplateStatus::Approved
    }

    /// What has to be filled in. A header's number is called `header_1`, a header's medium `header_image`,
    /// `header_video` or `header_document` (a link), and the end of a button's address `button_0`, by its index.
    #[must_use]
    pub fn placeholders(&self) -> Vec<String> {
        let header = self.header.as_ref().and_then(TemplateHeader::variable);
        let buttons = self.buttons.iter().enumerate().filter(|(_, button)| button.has_variable());
        let mut all: Vec<String> = Vec::new();
        let names = header.into_iter().chain(self.body.placeholders().iter().cloned());
        for name in names.chain(buttons.map(|(index, _)| Self::button_variable(index))) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// The name of the value that ends a button's address.
    #[must_use]
    pub fn button_variable(index: usize) -> String {
        format!("button_{index}")
    }

    pub(super) fn check_placeholders(&self) -> Result<(), TemplateError> {
        match &self.header {
            Some(TemplateHeader::Text(text)) if text.placeholders().len() > 1 => Err(TemplateError::HeaderPlaceholders),
            _ => Ok(()),
        }
    }
}

impl TemplateHeader {
    /// The name of the value that it needs.
    #[must_use]
    pub fn variable(&self) -> Option<String> {
        match self {
            Self::Text(text) => {
                let name = text.placeholders().first()?;
                let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
                Some(if numbered { format!("header_{name}") } else { name.clone() })
            }
            Self::Image => Some("header_image".to_owned()),
            Self::Video => Some("header_video".to_owned()),
            Self::Document => Some("header_document".to_owned()),
        }
    }
}

impl TemplateButton {
    /// Whether every message has to bring a value for it. The one of a code's button is the code itself.
    #[must_use]
    pub const fn has_variable(&self) -> bool {
        matches!(self, Self::UrlWithVariable { .. })
    }
}
