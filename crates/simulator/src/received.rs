use serde::Serialize;
use serde_json::Value;

use crate::status::Status;
use crate::template::TemplateCategory;

/// A message that was accepted, as its phone shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedMessage {
    pub wamid: String,
    pub phone_number_id: String,
    /// The number that the message went to, with a `+`.
    pub to: String,
    /// The number as the request had it.
    pub input: String,
    /// The number as WhatsApp knows it, which may be another.
    pub wa_id: String,
    pub template: String,
    pub language: String,
    pub category: TemplateCategory,
    pub header: Option<String>,
    /// With WhatsApp's own marks: `*bold*`.
    pub text: String,
    pub footer: Option<String>,
    pub buttons: Vec<ShownButton>,
    /// What the copy button copies.
    pub code: Option<String>,
    pub biz_opaque_callback_data: Option<String>,
    /// In the order in which they happened, whether their webhooks arrived or not.
    pub statuses: Vec<StatusChange>,
    /// Whether the recipient pressed "I didn't request a code".
    pub did_not_request: bool,
    /// Unix seconds.
    pub timestamp: u64,
    /// The request's body as it was received.
    pub request: Value,
}

/// A button below a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownButton {
    pub label: String,
    /// Where it leads, or the number it calls. The button of a code has the code instead.
    pub target: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StatusChange {
    #[serde(flatten)]
    pub status: Status,
    /// Unix seconds.
    pub timestamp: u64,
}

/// A request to send a message, whatever became of it.
#[derive(Debug, Clone, Serialize)]
pub struct ReceivedRequest {
    pub path: String,
    /// The body, or what it said if it was not JSON.
    pub body: Value,
    /// Unix seconds.
    pub timestamp: u64,
}
