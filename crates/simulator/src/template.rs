//! Message templates: what Meta stores, and how it answers with it.

mod authentication;
mod create;
mod seed;
mod variables;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub(crate) use authentication::{body_text as authentication_body, footer_text as authentication_footer, languages};
pub(crate) use create::{Draft, read_draft, read_upsert};
pub(crate) use seed::templates as seed;
pub(crate) use variables::{fill, names as variable_names};

/// What Meta says a template is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TemplateStatus {
    Approved,
    Pending,
    Rejected,
    Paused,
    Disabled,
    InAppeal,
    PendingDeletion,
    Deleted,
    LimitExceeded,
    Archived,
}

/// How the recipients of a template or of a number took its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Quality {
    Green,
    Yellow,
    Red,
    Unknown,
}

/// What a message is for, and is billed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TemplateCategory {
    Authentication,
    Utility,
    Marketing,
}

/// How parameters find their place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ParameterFormat {
    Positional,
    Named,
}

#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) id: u64,
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: TemplateCategory,
    pub(crate) status: TemplateStatus,
    pub(crate) quality: Quality,
    pub(crate) rejected_reason: String,
    /// When it was changed while it was approved, in seconds since 1970.
    pub(crate) edits: Vec<u64>,
    pub(crate) format: ParameterFormat,
    pub(crate) ttl_seconds: Option<i64>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) header: Option<Header>,
    pub(crate) body: String,
    /// Only authentication templates have it.
    pub(crate) security_recommendation: Option<bool>,
    pub(crate) footer: Option<String>,
    pub(crate) code_expiration_minutes: Option<u8>,
    pub(crate) buttons: Vec<Button>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Header {
    Text(String),
    /// `IMAGE`, `VIDEO`, `DOCUMENT` or `LOCATION`.
    Media(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Button {
    /// Also the button of an authentication template, which Meta stores as an address.
    Url {
        label: String,
        url: String,
    },
    QuickReply {
        label: String,
    },
    PhoneNumber {
        label: String,
        number: String,
    },
}

impl Button {
    pub(crate) fn label(&self) -> &str {
        match self {
            Self::Url { label, .. } | Self::QuickReply { label } | Self::PhoneNumber { label, .. } => label,
        }
    }

    /// As Meta's error messages call it.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Url { .. } => "Url",
            Self::QuickReply { .. } => "QuickReply",
            Self::PhoneNumber { .. } => "PhoneNumber",
        }
    }

    fn stored(&self) -> Value {
        match self {
            Self::Url { label, url } => json!({ "type": "URL", "text": label, "url": url }),
            Self::QuickReply { label } => json!({ "type": "QUICK_REPLY", "text": label }),
            Self::PhoneNumber { label, number } => {
                json!({ "type": "PHONE_NUMBER", "text": label, "phone_number": number })
            }
        }
    }
}

impl Content {
    fn components(&self) -> Value {
        let mut components = Vec::new();
        match &self.header {
            Some(Header::Text(text)) => components.push(json!({ "type": "HEADER", "format": "TEXT", "text": text })),
            Some(Header::Media(format)) => components.push(json!({ "type": "HEADER", "format": format })),
            None => {}
        }
        let mut body = json!({ "type": "BODY", "text": self.body });
        if let Some(recommendation) = self.security_recommendation {
            insert(&mut body, "add_security_recommendation", json!(recommendation));
        }
        components.push(body);
        if let Some(text) = &self.footer {
            let mut footer = json!({ "type": "FOOTER", "text": text });
            if let Some(minutes) = self.code_expiration_minutes {
                insert(&mut footer, "code_expiration_minutes", json!(minutes));
            }
            components.push(footer);
        }
        if !self.buttons.is_empty() {
            let buttons: Vec<Value> = self.buttons.iter().map(Button::stored).collect();
            components.push(json!({ "type": "BUTTONS", "buttons": buttons }));
        }
        Value::Array(components)
    }
}

fn insert(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// What a list holds when no fields are asked for.
const DEFAULT_FIELDS: [&str; 7] = ["name", "parameter_format", "components", "language", "status", "category", "id"];

impl Template {
    /// As the API reads it, with these fields or the default ones. The id is always there.
    pub(crate) fn read(&self, fields: Option<&str>) -> Value {
        let asked: Vec<&str> = match fields {
            Some(fields) => fields.split(',').map(str::trim).chain(["id"]).collect(),
            None => DEFAULT_FIELDS.to_vec(),
        };
        let read = asked.into_iter().filter_map(|field| Some((field.to_owned(), self.field(field)?)));
        Value::Object(read.collect::<Map<String, Value>>())
    }

    fn field(&self, field: &str) -> Option<Value> {
        Some(match field {
            "id" => json!(self.id.to_string()),
            "name" => json!(self.name),
            "language" => json!(self.language),
            "status" => json!(self.status),
            "category" => json!(self.category),
            "components" => self.content.components(),
            "parameter_format" => json!(self.format),
            "quality_score" => json!({ "score": self.quality }),
            "rejected_reason" => json!(self.rejected_reason),
            "message_send_ttl_seconds" => json!(self.ttl_seconds?),
            "health_status" => json!({
                "can_send_message": if self.status == TemplateStatus::Approved { "AVAILABLE" } else { "BLOCKED" },
                "entities": [{ "entity_type": "MESSAGE_TEMPLATE", "id": self.id.to_string() }],
            }),
            _ => return None,
        })
    }

    /// As the webhooks write it: `en-US`.
    pub(crate) fn language_in_webhooks(&self) -> String {
        self.language.replace('_', "-")
    }
}

/// Where the button of an authentication template leads.
pub(crate) const OTP_URL: &str = "https://www.whatsapp.com/otp/code/?otp_type=";

pub(crate) fn otp_url(otp_type: &str) -> String {
    format!("{OTP_URL}{otp_type}&code=otp{{{{1}}}}")
}

impl TemplateStatus {
    /// The event of the webhook that tells of it.
    pub(crate) const fn event(self) -> &'static str {
        match self {
            Self::Approved => "APPROVED",
            Self::Pending => "PENDING",
            Self::Rejected => "REJECTED",
            Self::Paused => "PAUSED",
            Self::Disabled => "DISABLED",
            Self::InAppeal => "IN_APPEAL",
            Self::PendingDeletion => "PENDING_DELETION",
            Self::Deleted => "DELETED",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::Archived => "ARCHIVED",
        }
    }
}
