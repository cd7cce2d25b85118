//! What a request to send goes through, from its fields to the message on the phone.

mod content;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::behaviour::Planned;
use crate::clock;
use crate::config::SenderConfig;
use crate::graph_error::GraphError;
use crate::phone;
use crate::rate_limit::Rate;
use crate::received::ReceivedMessage;
use crate::state::State;
use crate::template::{Template, TemplateCategory, TemplateStatus};
use crate::wamid;

const OPAQUE_MAX: usize = 512;

/// A message that was taken.
pub(crate) struct Accepted {
    pub(crate) wamid: String,
    pub(crate) plan: Vec<Planned>,
    pub(crate) answer: Value,
}

/// Checks a request and takes its message, in one step of the state.
pub(crate) fn accept(state: &mut State, sender: &SenderConfig, body: &Value) -> Result<Accepted, GraphError> {
    let envelope = read_envelope(body)?;
    let digits = recipient(body, sender)?;
    let asked = read_template(state, sender, body, envelope.kind)?;
    limit(state, sender, &digits)?;
    let template = approved(state, sender, &asked)?;
    let content = content::fill(template, asked.components)?;
    let (category, name, language) = (template.category, template.name.clone(), template.language.clone());

    let wa_id = phone::wa_id(&digits);
    let id = wamid::outbound(&wa_id, &mut state.ids);
    let plan = state.behaviour_for(&digits).clone().plan(&mut state.random);
    let input = text(body, "to").unwrap_or_default().to_owned();
    let mut message = json!({ "id": id });
    // Meta has the status only in some answers, and does not say in which.
    if state.accepted.is_multiple_of(2) {
        message = json!({ "id": id, "message_status": "accepted" });
    }
    let answer = json!({
        "messaging_product": "whatsapp",
        "contacts": [{ "input": input, "wa_id": wa_id }],
        "messages": [message],
    });
    state.accepted += 1;
    state.remember_message(ReceivedMessage {
        wamid: id.clone(),
        phone_number_id: sender.phone_number_id.clone(),
        to: format!("+{digits}"),
        input,
        wa_id,
        template: name,
        language,
        category,
        header: content.header,
        text: content.body,
        footer: content.footer,
        buttons: content.buttons,
        code: content.code,
        biz_opaque_callback_data: envelope.opaque,
        statuses: Vec::new(),
        did_not_request: false,
        timestamp: clock::unix_seconds(),
        request: body.clone(),
    });
    Ok(Accepted { wamid: id, plan, answer })
}

struct Envelope<'a> {
    kind: &'a str,
    opaque: Option<String>,
}

fn read_envelope(body: &Value) -> Result<Envelope<'_>, GraphError> {
    if !body.is_object() {
        return Err(GraphError::not_json());
    }
    match text(body, "messaging_product") {
        Some("whatsapp") => {}
        Some(other) => {
            let message = format!("Param messaging_product must be one of {{\"WHATSAPP\"}} - got \"{other}\".");
            return Err(GraphError::invalid(&message));
        }
        None => return Err(GraphError::missing("messaging_product")),
    }
    match body.get("recipient_type").map(Value::as_str) {
        None | Some(Some("individual")) => {}
        Some(_) => return Err(GraphError::invalid("Param recipient_type must be one of {\"individual\"}")),
    }
    let opaque = match body.get("biz_opaque_callback_data") {
        None => None,
        Some(Value::String(opaque)) if opaque.chars().count() <= OPAQUE_MAX => Some(opaque.clone()),
        Some(_) => {
            let message = "Param biz_opaque_callback_data must be a string of at most 512 characters";
            return Err(GraphError::invalid(message));
        }
    };
    Ok(Envelope { kind: text(body, "type").unwrap_or("text"), opaque })
}

fn recipient(body: &Value, sender: &SenderConfig) -> Result<String, GraphError> {
    let Some(to) = body.get("to") else {
        return Err(match body.get("recipient") {
            // A user id instead of a number; not for authentication templates, and not for this simulator.
            Some(_) => GraphError::of(131_062),
            None => GraphError::missing("to"),
        });
    };
    let to = to.as_str().ok_or_else(|| GraphError::invalid("Param to must be a string"))?;
    let digits = phone::recipient(to, &sender.display_phone_number).ok_or_else(|| {
        GraphError::of(131_009).details("Recipient phone number is not a valid WhatsApp phone number")
    })?;
    if digits == phone::digits_of(&sender.display_phone_number) {
        return Err(GraphError::of(131_021));
    }
    Ok(digits)
}

struct Asked<'a> {
    name: &'a str,
    language: &'a str,
    components: &'a [Value],
}

fn read_template<'a>(
    state: &State,
    sender: &SenderConfig,
    body: &'a Value,
    kind: &str,
) -> Result<Asked<'a>, GraphError> {
    match kind {
        "template" => {}
        // No window is ever open here. At Meta a recipient who writes opens one, be it with a button below a message.
        "text" => {
            let written = body.get("text").ok_or_else(|| GraphError::missing("text"))?;
            text(written, "body").ok_or_else(|| GraphError::missing("text['body']"))?;
            return Err(GraphError::of(131_047));
        }
        _ => return Err(GraphError::of(131_051)),
    }
    let template = body.get("template").filter(|template| template.is_object());
    let template = template.ok_or_else(|| GraphError::missing("template"))?;
    let name = text(template, "name").ok_or_else(|| GraphError::missing("template['name']"))?;
    let language = template.get("language").ok_or_else(|| GraphError::missing("template['language']"))?;
    if language.get("policy").is_some_and(|policy| policy != "deterministic") {
        return Err(GraphError::invalid("Param template['language']['policy'] must be one of {\"deterministic\"}"));
    }
    let language = text(language, "code").ok_or_else(|| GraphError::missing("template['language']['code']"))?;
    let components = match template.get("components") {
        None => &[],
        Some(Value::Array(components)) => components.as_slice(),
        Some(_) => return Err(GraphError::invalid("Param template['components'] must be an array.")),
    };
    let asked = Asked { name, language, components };
    if state.template(&sender.waba_id, name, language).is_none() {
        // Whether the parameters have the right shape is seen before whether the template exists.
        content::check_shape(components)?;
    }
    Ok(asked)
}

fn limit(state: &mut State, sender: &SenderConfig, digits: &str) -> Result<(), GraphError> {
    let (limits, now) = (state.limits, Instant::now());
    if let Some(per_second) = limits.messages_per_second {
        let rate = Rate::per_second(per_second);
        if !state.throughput.admit(sender.phone_number_id.clone(), rate, now) {
            return Err(GraphError::of(130_429));
        }
    }
    if let Some(pair) = limits.pair {
        let key = (sender.phone_number_id.clone(), digits.to_owned());
        if !state.pairs.admit(key, Rate::from(pair), now) {
            return Err(GraphError::of(131_056));
        }
    }
    Ok(())
}

fn approved<'a>(state: &'a State, sender: &SenderConfig, asked: &Asked<'_>) -> Result<&'a Template, GraphError> {
    let Asked { name, language, .. } = asked;
    let missing = || GraphError::of(132_001).details(format!("template name ({name}) does not exist in {language}"));
    let template = state.template(&sender.waba_id, name, language).ok_or_else(missing)?;
    match template.status {
        TemplateStatus::Approved => Ok(template),
        TemplateStatus::Paused => Err(GraphError::of(132_015)),
        TemplateStatus::Disabled => Err(GraphError::of(132_016)),
        _ => Err(missing()),
    }
}

/// What the webhooks bill a message as.
pub(crate) const fn pricing_category(category: TemplateCategory) -> &'static str {
    match category {
        TemplateCategory::Authentication => "authentication",
        TemplateCategory::Utility => "utility",
        TemplateCategory::Marketing => "marketing",
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}
