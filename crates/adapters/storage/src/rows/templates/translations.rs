//! The translations of a template as the JSON in its row.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use whatotp_domain::{
    Locale, OtpButton, SenderQuality, TemplateBody, TemplateButton, TemplateHeader, TemplateStatus, Translation,
};

#[derive(Serialize, Deserialize)]
struct TranslationJson {
    locale: String,
    status: String,
    /// Older releases knew of none.
    #[serde(default)]
    quality: Option<String>,
    header: Option<HeaderJson>,
    body: String,
    footer: Option<String>,
    buttons: Vec<ButtonJson>,
    code_expires_after_seconds: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum HeaderJson {
    Text { text: String },
    Image,
    Video,
    Document,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ButtonJson {
    Otp {
        otp: String,
    },
    Url {
        label: String,
        #[serde(default)]
        url: String,
    },
    UrlWithVariable {
        label: String,
        #[serde(default)]
        url: String,
    },
    /// To the release before, everything without a value was this.
    Other {
        label: String,
        #[serde(default)]
        does: Option<DoesJson>,
    },
}

/// What a button without a value does.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DoesJson {
    Reply,
    Ring { number: String },
}

pub(super) fn to_json<'a>(translations: impl Iterator<Item = &'a Translation>) -> String {
    let translations: Vec<TranslationJson> = translations.map(TranslationJson::new).collect();
    serde_json::json!(translations).to_string()
}

/// `None` when it is anything but what [`to_json`] writes.
pub(super) fn from_json(json: &str) -> Option<Vec<Translation>> {
    let translations: Vec<TranslationJson> = serde_json::from_str(json).ok()?;
    translations.into_iter().map(TranslationJson::read).collect()
}

impl TranslationJson {
    fn new(translation: &Translation) -> Self {
        Self {
            locale: translation.locale.as_str().to_owned(),
            status: translation.status.as_str().to_owned(),
            quality: Some(translation.quality.as_str().to_owned()),
            header: translation.header.as_ref().map(HeaderJson::new),
            body: translation.body.as_str().to_owned(),
            footer: translation.footer.clone(),
            buttons: translation.buttons.iter().map(ButtonJson::new).collect(),
            code_expires_after_seconds: translation.code_expires_after.map(|life| life.as_secs()),
        }
    }

    fn read(self) -> Option<Translation> {
        Some(Translation {
            locale: Locale::parse(&self.locale)?,
            status: TemplateStatus::parse(&self.status)?,
            quality: match self.quality {
                Some(quality) => SenderQuality::parse(&quality)?,
                None => SenderQuality::Unknown,
            },
            header: match self.header {
                Some(header) => Some(header.read()?),
                None => None,
            },
            body: TemplateBody::parse(&self.body).ok()?,
            footer: self.footer,
            buttons: self.buttons.into_iter().map(ButtonJson::read).collect::<Option<_>>()?,
            code_expires_after: self.code_expires_after_seconds.map(Duration::from_secs),
        })
    }
}

impl HeaderJson {
    fn new(header: &TemplateHeader) -> Self {
        match header {
            TemplateHeader::Text(text) => Self::Text { text: text.as_str().to_owned() },
            TemplateHeader::Image => Self::Image,
            TemplateHeader::Video => Self::Video,
            TemplateHeader::Document => Self::Document,
        }
    }

    fn read(self) -> Option<TemplateHeader> {
        Some(match self {
            Self::Text { text } => TemplateHeader::Text(TemplateBody::parse(&text).ok()?),
            Self::Image => TemplateHeader::Image,
            Self::Video => TemplateHeader::Video,
            Self::Document => TemplateHeader::Document,
        })
    }
}

impl ButtonJson {
    fn new(button: &TemplateButton) -> Self {
        match button.clone() {
            TemplateButton::Otp(otp) => Self::Otp { otp: otp.as_str().to_owned() },
            TemplateButton::Url { label, url } => Self::Url { label, url },
            TemplateButton::UrlWithVariable { label, url } => Self::UrlWithVariable { label, url },
            TemplateButton::QuickReply { label } => Self::Other { label, does: Some(DoesJson::Reply) },
            TemplateButton::Phone { label, number } => Self::Other { label, does: Some(DoesJson::Ring { number }) },
            TemplateButton::Other { label } => Self::Other { label, does: None },
        }
    }

    fn read(self) -> Option<TemplateButton> {
        Some(match self {
            Self::Otp { otp } => TemplateButton::Otp(OtpButton::parse(&otp)?),
            Self::Url { label, url } => TemplateButton::Url { label, url },
            Self::UrlWithVariable { label, url } => TemplateButton::UrlWithVariable { label, url },
            Self::Other { label, does: Some(DoesJson::Reply) } => TemplateButton::QuickReply { label },
            Self::Other { label, does: Some(DoesJson::Ring { number }) } => TemplateButton::Phone { label, number },
            Self::Other { label, does: None } => TemplateButton::Other { label },
        })
    }
}
