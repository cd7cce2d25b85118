//! The parameters of a request against the components of its template.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::graph_error::GraphError;
use crate::received::ShownButton;
use crate::template::{
    Button, Header, OTP_URL, ParameterFormat, Template, TemplateCategory, fill as fill_in, variable_names,
};

const CODE_MAX: usize = 15;
const HEADER_MAX: usize = 60;
const BODY_MAX: usize = 1_024;
const URL_MAX: usize = 2_000;
/// So many spaces in a row are too many.
const SPACES: &str = "     ";

/// A template with its parameters filled in.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) header: Option<String>,
    pub(super) body: String,
    pub(super) footer: Option<String>,
    pub(super) buttons: Vec<ShownButton>,
    pub(super) code: Option<String>,
}

/// The components of a request, by the part of the template they are for.
struct Given<'a> {
    header: &'a [Value],
    body: &'a [Value],
    buttons: BTreeMap<usize, GivenButton<'a>>,
}

struct GivenButton<'a> {
    sub_type: String,
    parameters: &'a [Value],
}

/// Whether the components are such as a request may hold, whatever its template.
pub(super) fn check_shape(components: &[Value]) -> Result<(), GraphError> {
    read(components).map(drop)
}

pub(super) fn fill(template: &Template, components: &[Value]) -> Result<Filled, GraphError> {
    let given = read(components)?;
    let content = &template.content;
    let authentication = template.category == TemplateCategory::Authentication;

    let header = match &content.header {
        Some(Header::Text(text)) => {
            let values = values("header", text, template.format, given.header)?;
            Some(hydrated("header", text, &values, HEADER_MAX)?)
        }
        Some(Header::Media(format)) => Some(media(format, given.header)?),
        None => {
            values("header", "", template.format, given.header)?;
            None
        }
    };
    let values = values("body", &content.body, template.format, given.body)?;
    if authentication && values.values().any(|code| code.chars().count() > CODE_MAX) {
        return Err(GraphError::of(131_009).details("body: the code must have at most 15 characters"));
    }
    let body = hydrated("body", &content.body, &values, BODY_MAX)?;
    let (buttons, code) = buttons(&content.buttons, &given.buttons)?;
    if code.as_ref().is_some_and(|code| code.chars().count() > CODE_MAX) {
        return Err(GraphError::of(131_009).details("buttons: the code must have at most 15 characters"));
    }
    Ok(Filled { header, body, footer: content.footer.clone(), buttons, code })
}

/// Reads the components leniently: `BODY` for `body`, `URL` for `url`, `0` for `"0"`.
fn read(components: &[Value]) -> Result<Given<'_>, GraphError> {
    let mut given = Given { header: &[], body: &[], buttons: BTreeMap::new() };
    for component in components {
        let parameters = match component.get("parameters") {
            None => &[][..],
            Some(Value::Array(parameters)) => parameters.as_slice(),
            Some(_) => {
                return Err(GraphError::invalid("Param template['components'][i]['parameters'] must be an array."));
            }
        };
        for parameter in parameters {
            check_parameter(parameter)?;
        }
        match lower(component, "type").as_deref() {
            Some("header") => given.header = parameters,
            Some("body") => given.body = parameters,
            Some("button") => {
                let sub_type = lower(component, "sub_type")
                    .ok_or_else(|| GraphError::missing("template['components'][i]['sub_type']"))?;
                let index = index(component)?;
                given.buttons.insert(index, GivenButton { sub_type, parameters });
            }
            _ => {
                let message = "Param template['components'][i]['type'] must be one of {BODY, BUTTON, HEADER}";
                return Err(GraphError::invalid(message));
            }
        }
    }
    Ok(given)
}

fn index(component: &Value) -> Result<usize, GraphError> {
    let index = match component.get("index") {
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(Value::Number(number)) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        _ => return Err(GraphError::missing("template['components'][i]['index']")),
    };
    index.filter(|index| *index < 10).ok_or_else(|| GraphError::of(131_009).details("button index is not valid"))
}

/// The shape of one parameter: its type, and something of that type.
fn check_parameter(parameter: &Value) -> Result<(), GraphError> {
    let Some(kind) = lower(parameter, "type") else {
        return Err(GraphError::missing("template['components'][i]['parameters'][j]['type']"));
    };
    let holds = |name: &str| parameter.get(name).is_some_and(Value::is_object);
    let missing = |what: &str| GraphError::of(131_008).details(format!("Parameter of type {kind} is missing {what}"));
    match kind.as_str() {
        "text" => match parameter.get("text").and_then(Value::as_str) {
            Some(text) if !text.is_empty() => check_text(text),
            _ => Err(missing("text value")),
        },
        "payload" => match parameter.get("payload").and_then(Value::as_str) {
            Some(payload) if !payload.is_empty() => Ok(()),
            _ => Err(missing("payload value")),
        },
        "coupon_code" => match parameter.get("coupon_code").and_then(Value::as_str) {
            Some(code) if (1..=20).contains(&code.chars().count()) => Ok(()),
            _ => Err(missing("coupon_code value")),
        },
        "currency" | "date_time" | "image" | "video" | "document" | "location" => {
            if holds(&kind) {
                Ok(())
            } else {
                Err(missing("its object"))
            }
        }
        _ => Err(GraphError::invalid("Param template['components'][i]['parameters'][j]['type'] is not a known type")),
    }
}

fn check_text(text: &str) -> Result<(), GraphError> {
    if text.contains(['\n', '\r', '\t']) || text.contains(SPACES) {
        let details = "Param text cannot have new-line/tab characters or more than 4 consecutive spaces";
        return Err(GraphError::of(132_018).details(details));
    }
    Ok(())
}

/// The parameters of a text by the names of its variables.
fn values(
    part: &str,
    text: &str,
    format: ParameterFormat,
    parameters: &[Value],
) -> Result<BTreeMap<String, String>, GraphError> {
    let names = variable_names(text, format).unwrap_or_default();
    if parameters.len() != names.len() {
        let (given, expected) = (parameters.len(), names.len());
        return Err(GraphError::of(132_000).details(format!(
            "{part}: number of localizable_params ({given}) does not match the expected number of params ({expected})"
        )));
    }
    let mut values = BTreeMap::new();
    for (parameter, name) in parameters.iter().zip(names.iter()) {
        let given = parameter.get("parameter_name").and_then(Value::as_str);
        let name = match (format, given) {
            (ParameterFormat::Positional, None) => name.as_str(),
            (ParameterFormat::Positional, Some(_)) => {
                return Err(GraphError::of(100).details(format!("{part}: the template has no named parameters")));
            }
            (ParameterFormat::Named, None | Some("")) => {
                return Err(GraphError::of(100).details("Parameter name is missing or empty"));
            }
            (ParameterFormat::Named, Some(given)) => given,
        };
        if !names.iter().any(|known| known == name) {
            return Err(GraphError::of(100).details(format!("{part}: the template has no parameter {name}")));
        }
        let value = localized(parameter)
            .ok_or_else(|| GraphError::of(132_012).details(format!("{part}: parameter {name} must be a text")))?;
        if values.insert(name.to_owned(), value).is_some() {
            return Err(GraphError::of(100).details(format!("{part}: parameter {name} is given twice")));
        }
    }
    Ok(values)
}

/// What a parameter puts into a text.
fn localized(parameter: &Value) -> Option<String> {
    let kind = lower(parameter, "type")?;
    let shown = match kind.as_str() {
        "text" => parameter.get("text")?,
        "currency" | "date_time" => parameter.get(kind.as_str())?.get("fallback_value")?,
        _ => return None,
    };
    shown.as_str().map(str::to_owned)
}

fn hydrated(part: &str, text: &str, values: &BTreeMap<String, String>, max: usize) -> Result<String, GraphError> {
    let filled = fill_in(text, values);
    if filled.chars().count() > max {
        return Err(
            GraphError::of(132_005).details(format!("{part}: the hydrated text is longer than {max} characters"))
        );
    }
    Ok(filled)
}

fn media(format: &str, parameters: &[Value]) -> Result<String, GraphError> {
    match parameters {
        [parameter] if lower(parameter, "type").is_some_and(|kind| kind.eq_ignore_ascii_case(format)) => {
            Ok(format!("[{}]", format.to_lowercase()))
        }
        [_] => Err(GraphError::of(132_012).details(format!("header: Format mismatch, expected {format}"))),
        _ => Err(GraphError::of(132_000).details(format!(
            "header: number of localizable_params ({}) does not match the expected number of params (1)",
            parameters.len()
        ))),
    }
}

/// The buttons as the phone shows them, and the code that one of them copies.
fn buttons(
    buttons: &[Button],
    given: &BTreeMap<usize, GivenButton<'_>>,
) -> Result<(Vec<ShownButton>, Option<String>), GraphError> {
    if let Some(index) = given.keys().find(|index| **index >= buttons.len()) {
        return Err(GraphError::of(132_018).details(format!("buttons: Button at index {index} does not exist")));
    }
    let (mut shown, mut code) = (Vec::new(), None);
    for (index, button) in buttons.iter().enumerate() {
        let given = given.get(&index);
        let expected = match button {
            Button::Url { .. } => "url",
            Button::QuickReply { .. } => "quick_reply",
            Button::PhoneNumber { .. } => "voice_call",
        };
        if given.is_some_and(|given| given.sub_type != expected) {
            let details = format!("buttons: Button at index {index} must be of type {}", button.kind());
            return Err(GraphError::of(132_018).details(details));
        }
        let target = match button {
            Button::Url { url, .. } => {
                let suffix = suffix(index, url, given)?;
                if url.starts_with(OTP_URL) {
                    code = suffix.get("1").cloned();
                    None
                } else {
                    Some(hydrated("buttons", url, &suffix, URL_MAX)?)
                }
            }
            Button::QuickReply { .. } => None,
            Button::PhoneNumber { number, .. } => Some(number.clone()),
        };
        shown.push(ShownButton { label: button.label().to_owned(), target });
    }
    Ok((shown, code))
}

fn suffix(index: usize, url: &str, given: Option<&GivenButton<'_>>) -> Result<BTreeMap<String, String>, GraphError> {
    let parameters = given.map_or(&[][..], |given| given.parameters);
    if parameters.is_empty() && url.contains("{{") {
        let details = format!("buttons: Button at index {index} of type Url requires a parameter");
        return Err(GraphError::of(131_008).details(details));
    }
    // The suffix of an address has no name, even in a template with named parameters.
    values("buttons", url, ParameterFormat::Positional, parameters)
}

fn lower(object: &Value, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_lowercase)
}
