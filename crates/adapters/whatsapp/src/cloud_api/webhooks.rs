//! What Meta tells us by itself: how messages fare, what it decided about templates, and what recipients answer.

mod envelope;
mod messages;
mod notices;
mod signature;
mod templates;

use serde_json::Value;
use whatotp_domain::Timestamp;
use whatotp_ports::Inbound;

use envelope::{Change, Webhook};
pub use signature::WebhookSecrets;

/// A body that is no webhook of Meta's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a webhook of the WhatsApp Business Platform")]
pub struct NotAWebhook;

/// Everything of interest in the body of a webhook. It must be authentic: see [`WebhookSecrets::is_authentic`].
///
/// What is unknown is passed over, as Meta asks, and what cannot be read as well, with a line in the log, so that it
/// loses nothing beside it. What has no readable time happened at `received_at`.
pub fn parse(body: &[u8], received_at: Timestamp) -> Result<Vec<Inbound>, NotAWebhook> {
    let webhook: Webhook = serde_json::from_slice(body).or(Err(NotAWebhook))?;
    Ok(webhook.changes(received_at).flat_map(|change| read(&change)).collect())
}

fn read(change: &Change) -> Vec<Inbound> {
    match change.field.as_str() {
        "messages" => messages::read(change),
        "message_template_status_update" => one(change, templates::status(change)),
        "template_category_update" => one(change, templates::category(change)),
        "message_template_quality_update" => one(change, templates::quality(change)),
        "phone_number_quality_update" => one(change, notices::phone_number_quality(change)),
        "business_capability_update" => one(change, notices::business_capability(change)),
        "account_update" => one(change, notices::account(change)),
        "account_alerts" => one(change, notices::alert(change)),
        "security" => one(change, notices::security(change)),
        _ => Vec::new(),
    }
}

fn one(change: &Change, read: Option<Inbound>) -> Vec<Inbound> {
    if read.is_none() {
        change.passed_over();
    }
    read.into_iter().collect()
}

/// A text of Meta's that may be missing, empty, a number, or `NONE`.
fn said(value: &Value, name: &str) -> Option<String> {
    let text = match value.get(name)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let text = super::redaction::redacted(&text);
    (!text.is_empty() && text != "NONE").then_some(text)
}

#[cfg(test)]
mod tests;
