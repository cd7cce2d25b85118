use serde::Deserialize;
use serde_json::Value;
use whatotp_domain::{DeliveryEvent, DeliveryStatus, EventKind};
use whatotp_ports::{Inbound, ProviderMessageId, Reference};

use super::envelope::{Change, moment};
use crate::cloud_api::error_body::ErrorBody;

/// What the button below a code sends when its recipient did not ask for it.
const NOT_REQUESTED: &str = "DID_NOT_REQUEST_CODE";

#[derive(Deserialize)]
struct Progress {
    id: String,
    status: String,
    #[serde(default)]
    timestamp: Value,
    #[serde(default)]
    biz_opaque_callback_data: Value,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    timestamp: Value,
    context: Option<Context>,
    button: Option<Button>,
}

#[derive(Deserialize)]
struct Context {
    id: String,
}

#[derive(Deserialize)]
struct Button {
    payload: String,
}

/// How messages fare, and what recipients answer.
pub(super) fn read(change: &Change) -> Vec<Inbound> {
    let statuses = list(&change.value, "statuses").filter_map(|status| self::status(change, status));
    let answers = list(&change.value, "messages").filter_map(|message| answer(change, message));
    let out_of_order = first_error(&change.value).map(|error| out_of_order(change, &error));
    statuses.chain(answers).chain(out_of_order).collect()
}

/// The elements of a list that may be missing.
fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn first_error(value: &Value) -> Option<ErrorBody> {
    list(value, "errors").find_map(|error| ErrorBody::deserialize(error).ok())
}

fn status(change: &Change, value: &Value) -> Option<Inbound> {
    let Ok(told) = Progress::deserialize(value) else {
        change.passed_over();
        return None;
    };
    let status = match told.status.as_str() {
        "sent" => DeliveryStatus::Sent,
        "delivered" => DeliveryStatus::Delivered,
        // A voice message that was played was read.
        "read" | "played" => DeliveryStatus::Read,
        "failed" => DeliveryStatus::Failed,
        _ => return None,
    };
    let error = if status == DeliveryStatus::Failed { first_error(value) } else { None };
    Some(Inbound::Status {
        provider_message_id: ProviderMessageId(told.id),
        reference: told.biz_opaque_callback_data.as_str().and_then(Reference::parse),
        event: DeliveryEvent {
            status,
            at: moment(&told.timestamp).unwrap_or(change.received_at),
            error: error.as_ref().map(ErrorBody::reported),
        },
    })
}

fn answer(change: &Change, message: &Value) -> Option<Inbound> {
    // Most of what people write is nothing to us, and has forms of all kinds.
    let Message { timestamp, context, button } = Message::deserialize(message).ok()?;
    let code = context?.id;
    (button?.payload == NOT_REQUESTED).then(|| Inbound::CodeNotRequested {
        provider_message_id: ProviderMessageId(code),
        at: moment(&timestamp).unwrap_or(change.received_at),
    })
}

/// An error that is about no message in particular.
fn out_of_order(change: &Change, error: &ErrorBody) -> Inbound {
    let error = error.reported();
    let detail = format!("WhatsApp reports a problem: {} ({}). {}", error.title, error.code, error.detail);
    Inbound::Notice(change.notice(EventKind::AccountUpdate, change.waba.to_string(), detail))
}
