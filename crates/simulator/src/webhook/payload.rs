use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::behaviour::{Behaviour, Part};
use crate::clock;
use crate::config::SenderConfig;
use crate::graph_error::GraphError;
use crate::phone::digits_of;
use crate::received::ReceivedMessage;
use crate::send::pricing_category;
use crate::state::State;
use crate::status::Status;
use crate::template::{Quality, Template, TemplateCategory};
use crate::wamid;

/// The payload of the button "I didn't request a code".
const DID_NOT_REQUEST: &str = "DID_NOT_REQUEST_CODE";
const SECONDS_A_DAY: u64 = 86_400;

/// A status, and what goes around it in a webhook.
#[derive(Debug, Clone)]
pub(crate) struct StatusEvent {
    pub(crate) waba_id: String,
    pub(crate) phone_number_id: String,
    display_phone_number: String,
    contact: Option<Value>,
    status: Value,
    unknown_fields: bool,
}

/// The event of a status that a message just got.
pub(crate) fn status_event(
    state: &State,
    message: &ReceivedMessage,
    status: Status,
    behaviour: &Behaviour,
) -> Option<StatusEvent> {
    let sender = &state.sender(&message.phone_number_id)?.config;
    let now = clock::unix_seconds();
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(message.wamid));
    fields.insert("status".to_owned(), json!(status.name()));
    fields.insert("timestamp".to_owned(), json!(now.to_string()));
    let (by_number, by_user) = ("recipient_id".to_owned(), "recipient_user_id".to_owned());
    if behaviour.has(Part::RecipientId) {
        fields.insert(by_number, json!(message.wa_id));
    } else {
        fields.insert(by_user, json!(user_id(&message.wa_id)));
    }
    if let Some(opaque) = &message.biz_opaque_callback_data {
        fields.insert("biz_opaque_callback_data".to_owned(), json!(opaque));
    }
    let category = pricing_category(message.category);
    if behaviour.has(Part::Conversation) && status == Status::Sent {
        let conversation = json!({
            "id": format!("{:032x}", digest(&message.wamid)),
            "expiration_timestamp": (now + SECONDS_A_DAY).to_string(),
            "origin": { "type": category },
        });
        fields.insert("conversation".to_owned(), conversation);
    }
    if is_billed(message, status) {
        let pricing = json!({ "billable": true, "pricing_model": "PMP", "type": "regular", "category": category });
        fields.insert("pricing".to_owned(), pricing);
    }
    if let Status::Failed { code } = status {
        fields.insert("errors".to_owned(), json!([GraphError::of(code).in_webhook()]));
    }
    let unknown_fields = behaviour.has(Part::UnknownFields);
    if unknown_fields {
        fields.insert("delivery_route".to_owned(), json!({ "kind": "orbital", "hops": [1, 2, 3] }));
    }
    Some(StatusEvent {
        waba_id: sender.waba_id.clone(),
        phone_number_id: sender.phone_number_id.clone(),
        display_phone_number: digits_of(&sender.display_phone_number),
        contact: behaviour.has(Part::Contacts).then(|| contact(&message.wa_id, behaviour)),
        status: Value::Object(fields),
        unknown_fields,
    })
}

/// Meta has the price on `sent` and on one of `delivered` and `read`: here, the first of them.
fn is_billed(message: &ReceivedMessage, status: Status) -> bool {
    let arrived = |status: Status| matches!(status, Status::Delivered | Status::Read);
    match status {
        Status::Sent => true,
        Status::Delivered | Status::Read => {
            message.statuses.iter().filter(|change| arrived(change.status)).count() == 1
        }
        Status::Failed { .. } => false,
    }
}

/// The webhook of one or more statuses from one number.
pub(crate) fn statuses(events: &[StatusEvent]) -> Value {
    let Some(first) = events.first() else {
        return Value::Null;
    };
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": metadata(&first.display_phone_number, &first.phone_number_id),
    });
    let mut contacts: Vec<Value> = events.iter().filter_map(|event| event.contact.clone()).collect();
    contacts.dedup();
    let statuses: Vec<&Value> = events.iter().map(|event| &event.status).collect();
    if let Some(value) = value.as_object_mut() {
        if !contacts.is_empty() {
            value.insert("contacts".to_owned(), json!(contacts));
        }
        value.insert("statuses".to_owned(), json!(statuses));
        if first.unknown_fields {
            value.insert("envelope_version".to_owned(), json!(7));
        }
    }
    envelope(&first.waba_id, None, "messages", &value)
}

/// The message that pressing "I didn't request a code" sends.
pub(crate) fn did_not_request(state: &mut State, sender: &SenderConfig, message: &ReceivedMessage) -> Value {
    let behaviour = state.behaviour_for(&message.to).clone();
    let id = wamid::inbound(&message.wa_id, &mut state.ids);
    let display = digits_of(&sender.display_phone_number);
    let mut inbound = json!({
        "context": { "from": display, "id": message.wamid },
        "id": id,
        "timestamp": clock::unix_seconds().to_string(),
        "type": "button",
        "button": { "payload": DID_NOT_REQUEST, "text": "I didn't request a code" },
    });
    if let Some(inbound) = inbound.as_object_mut() {
        if behaviour.has(Part::RecipientId) {
            inbound.insert("from".to_owned(), json!(message.wa_id));
        } else {
            inbound.insert("from_user_id".to_owned(), json!(user_id(&message.wa_id)));
        }
    }
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": metadata(&display, &sender.phone_number_id),
        "messages": [inbound],
    });
    if let Some(value) = value.as_object_mut().filter(|_| behaviour.has(Part::Contacts)) {
        value.insert("contacts".to_owned(), json!([contact(&message.wa_id, &behaviour)]));
    }
    envelope(&sender.waba_id, None, "messages", &value)
}

/// A template got another status.
pub(crate) fn template_status(template: &Template, event: &str, reason: Option<&str>) -> Value {
    let mut value = about(template);
    value.insert("event".to_owned(), json!(event));
    value.insert("reason".to_owned(), json!(reason));
    if event == "PAUSED" {
        let description = "Your WhatsApp message template has been paused because it had low quality.";
        value.insert("other_info".to_owned(), json!({ "title": "FIRST_PAUSE", "description": description }));
    }
    if event == "DISABLED" {
        value.insert("disable_info".to_owned(), json!({ "disable_date": clock::unix_seconds() }));
    }
    template_envelope(template, "message_template_status_update", value)
}

pub(crate) fn template_quality(template: &Template, previous: Quality) -> Value {
    let mut value = about(template);
    value.insert("previous_quality_score".to_owned(), json!(previous));
    value.insert("new_quality_score".to_owned(), json!(template.quality));
    template_envelope(template, "message_template_quality_update", value)
}

pub(crate) fn template_category(template: &Template, previous: TemplateCategory) -> Value {
    let mut value = about(template);
    value.insert("previous_category".to_owned(), json!(previous));
    value.insert("new_category".to_owned(), json!(template.category));
    template_envelope(template, "template_category_update", value)
}

pub(crate) fn phone_quality(sender: &SenderConfig, event: &str, current_limit: &str) -> Value {
    let display = digits_of(&sender.display_phone_number);
    let value = json!({ "display_phone_number": display, "event": event, "current_limit": current_limit });
    envelope(&sender.waba_id, Some(clock::unix_seconds()), "phone_number_quality_update", &value)
}

pub(crate) fn account_update(sender: &SenderConfig, event: &str) -> Value {
    let value = json!({ "phone_number": digits_of(&sender.display_phone_number), "event": event });
    envelope(&sender.waba_id, Some(clock::unix_seconds()), "account_update", &value)
}

/// The id is a number here, and a string where the API reads it; the language has a hyphen here, and an underscore there.
fn about(template: &Template) -> Map<String, Value> {
    Map::from_iter([
        ("message_template_id".to_owned(), json!(template.id)),
        ("message_template_name".to_owned(), json!(template.name)),
        ("message_template_language".to_owned(), json!(template.language_in_webhooks())),
    ])
}

fn template_envelope(template: &Template, field: &str, value: Map<String, Value>) -> Value {
    envelope(&template.waba_id, Some(clock::unix_seconds()), field, &Value::Object(value))
}

fn envelope(waba_id: &str, time: Option<u64>, field: &str, value: &Value) -> Value {
    let changes = json!([{ "value": value, "field": field }]);
    let entry = match time {
        Some(time) => json!({ "id": waba_id, "time": time, "changes": changes }),
        None => json!({ "id": waba_id, "changes": changes }),
    };
    json!({ "object": "whatsapp_business_account", "entry": [entry] })
}

fn metadata(display_phone_number: &str, phone_number_id: &str) -> Value {
    json!({ "display_phone_number": display_phone_number, "phone_number_id": phone_number_id })
}

fn contact(wa_id: &str, behaviour: &Behaviour) -> Value {
    let profile = json!({ "name": "Zoë Simulated" });
    if behaviour.has(Part::RecipientId) {
        json!({ "profile": profile, "wa_id": wa_id, "user_id": user_id(wa_id) })
    } else {
        json!({ "profile": profile, "user_id": user_id(wa_id) })
    }
}

/// The user id of whoever has this number, which does not tell the number.
fn user_id(wa_id: &str) -> String {
    format!("US.{}", digest(wa_id) % 100_000_000_000_000_000_000)
}

fn digest(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte))
}
