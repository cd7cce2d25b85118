//! Whether a new template is well formed. What its text says, Meta judges later, in the review.

use std::collections::BTreeSet;

use serde_json::Value;

use super::authentication::{body_text, footer_text};
use super::{Button, Content, Header, ParameterFormat, TemplateCategory, otp_url, variable_names};
use crate::graph_error::GraphError;

/// The format of a template, or of a part of it, is wrong.
const FORMAT: u32 = 2_388_042;

const NAME_MAX: usize = 512;
const HEADER_MAX: usize = 60;
const BODY_MAX: usize = 1_024;
const FOOTER_MAX: usize = 60;
const LABEL_MAX: usize = 25;
const URL_MAX: usize = 2_000;
const BUTTONS_MAX: usize = 10;
const APPS_MAX: usize = 5;
const PACKAGE_MAX: usize = 224;
const SIGNATURE_HASH: usize = 11;

/// A template that may be created.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) language: String,
    pub(crate) category: TemplateCategory,
    pub(crate) format: ParameterFormat,
    pub(crate) ttl_seconds: Option<i64>,
    pub(crate) content: Content,
}

/// Reads the body of a creation. Up to v20 an app could stand in the button itself.
pub(crate) fn read_draft(body: &Value, major_version: u32) -> Result<Draft, GraphError> {
    let language = text(body, "language").ok_or_else(|| GraphError::missing("language"))?.to_owned();
    read(body, language, major_version)
}

/// Reads a creation in many languages, which exists for authentication templates only and has no labels of its own.
pub(crate) fn read_upsert(body: &Value, major_version: u32) -> Result<Vec<Draft>, GraphError> {
    let languages = body.get("languages").and_then(Value::as_array).ok_or_else(|| GraphError::missing("languages"))?;
    let languages: BTreeSet<&str> = languages
        .iter()
        .map(|language| language.as_str().ok_or_else(|| wrong("languages must be strings")))
        .collect::<Result<_, _>>()?;
    if languages.is_empty() {
        return Err(GraphError::missing("languages"));
    }
    let drafts = languages.into_iter().map(|language| read(body, language.to_owned(), major_version));
    let drafts: Vec<Draft> = drafts.collect::<Result<_, _>>()?;
    if drafts.iter().any(|draft| draft.category != TemplateCategory::Authentication) {
        return Err(wrong("Only authentication templates can be created in bulk"));
    }
    let buttons = components(body)?.iter().filter_map(|component| component.get("buttons")?.as_array()).flatten();
    if buttons.into_iter().any(|button| button.get("text").is_some() || button.get("autofill_text").is_some()) {
        return Err(wrong("text and autofill_text are not supported here: the labels follow the language"));
    }
    Ok(drafts)
}

fn read(body: &Value, language: String, major_version: u32) -> Result<Draft, GraphError> {
    let name = text(body, "name").ok_or_else(|| GraphError::missing("name"))?;
    if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    {
        return Err(wrong("The name may have up to 512 lowercase letters, digits and underscores"));
    }
    if !is_language(&language) {
        return Err(wrong(format!("{language} is not a language that templates can have")));
    }
    let category = match upper(body, "category").as_deref() {
        Some("AUTHENTICATION") => TemplateCategory::Authentication,
        Some("UTILITY") => TemplateCategory::Utility,
        Some("MARKETING") => TemplateCategory::Marketing,
        Some(_) => {
            return Err(GraphError::invalid("Param category must be one of {AUTHENTICATION, MARKETING, UTILITY}"));
        }
        None => return Err(GraphError::missing("category")),
    };
    let format = match upper(body, "parameter_format").as_deref() {
        None | Some("POSITIONAL") => ParameterFormat::Positional,
        Some("NAMED") => ParameterFormat::Named,
        Some(_) => return Err(GraphError::invalid("Param parameter_format must be one of {NAMED, POSITIONAL}")),
    };
    let components = components(body)?;
    let content = match category {
        TemplateCategory::Authentication => authentication(components, &language, major_version)?,
        _ => free(components, format)?,
    };
    Ok(Draft { name: name.to_owned(), language, category, format, ttl_seconds: ttl(body, category)?, content })
}

fn components(body: &Value) -> Result<&Vec<Value>, GraphError> {
    body.get("components").and_then(Value::as_array).ok_or_else(|| GraphError::missing("components"))
}

fn ttl(body: &Value, category: TemplateCategory) -> Result<Option<i64>, GraphError> {
    let Some(ttl) = body.get("message_send_ttl_seconds") else {
        return Ok(None);
    };
    let allowed = match category {
        TemplateCategory::Authentication => 30..=900,
        TemplateCategory::Utility => 30..=43_200,
        TemplateCategory::Marketing => 43_200..=2_592_000,
    };
    // -1 is the longest there is, 30 days.
    let unlimited = category != TemplateCategory::Marketing;
    match ttl.as_i64() {
        Some(seconds) if allowed.contains(&seconds) || (seconds == -1 && unlimited) => Ok(Some(seconds)),
        _ => Err(wrong("message_send_ttl_seconds is out of the range of the template's category")),
    }
}

fn authentication(components: &[Value], language: &str, major_version: u32) -> Result<Content, GraphError> {
    let (mut recommendation, mut minutes, mut button) = (None, None, None);
    for component in components {
        match upper(component, "type").as_deref() {
            Some("BODY") => {
                if component.get("text").is_some() {
                    return Err(wrong("The body of an authentication template is WhatsApp's own"));
                }
                recommendation = Some(flag(component, "add_security_recommendation")?);
            }
            Some("FOOTER") => minutes = Some(expiration(component)?),
            Some("BUTTONS") => button = Some(otp_button(component, major_version)?),
            _ => return Err(wrong("An authentication template has a body, a footer and a button")),
        }
    }
    let recommendation = recommendation.ok_or_else(|| wrong("An authentication template needs a body"))?;
    Ok(Content {
        header: None,
        body: body_text(language, recommendation),
        security_recommendation: Some(recommendation),
        footer: minutes.map(|minutes| footer_text(language, minutes)),
        code_expiration_minutes: minutes,
        buttons: vec![button.ok_or_else(|| wrong("An authentication template needs an OTP button"))?],
    })
}

fn expiration(footer: &Value) -> Result<u8, GraphError> {
    let minutes = footer.get("code_expiration_minutes").and_then(Value::as_u64);
    match minutes.map(u8::try_from) {
        Some(Ok(minutes @ 1..=90)) => Ok(minutes),
        _ => Err(wrong("code_expiration_minutes must be between 1 and 90")),
    }
}

fn otp_button(component: &Value, major_version: u32) -> Result<Button, GraphError> {
    let [button] = component.get("buttons").and_then(Value::as_array).map_or(&[][..], Vec::as_slice) else {
        return Err(wrong("An authentication template has exactly one button"));
    };
    if upper(button, "type").as_deref() != Some("OTP") {
        return Err(wrong("The button of an authentication template must be of type OTP"));
    }
    for label in ["text", "autofill_text"] {
        short(button.get(label), LABEL_MAX, label)?;
    }
    let otp_type = upper(button, "otp_type").ok_or_else(|| GraphError::missing("otp_type"))?;
    match otp_type.as_str() {
        "COPY_CODE" => {}
        "ONE_TAP" => apps(button, major_version)?,
        "ZERO_TAP" => {
            if !flag(button, "zero_tap_terms_accepted")? {
                return Err(wrong("zero_tap_terms_accepted must be true"));
            }
            apps(button, major_version)?;
        }
        _ => return Err(GraphError::invalid("Param otp_type must be one of {COPY_CODE, ONE_TAP, ZERO_TAP}")),
    }
    let label = text(button, "text").unwrap_or("Copy code").to_owned();
    Ok(Button::Url { label, url: otp_url(&otp_type) })
}

fn apps(button: &Value, major_version: u32) -> Result<(), GraphError> {
    let inline = button.get("package_name").is_some() || button.get("signature_hash").is_some();
    if inline && major_version > 20 {
        return Err(wrong("package_name and signature_hash belong into supported_apps"));
    }
    let listed = button.get("supported_apps").and_then(Value::as_array);
    let apps = match listed {
        Some(apps) => apps.as_slice(),
        None if inline => std::slice::from_ref(button),
        None => &[],
    };
    if apps.is_empty() || apps.len() > APPS_MAX {
        return Err(wrong("supported_apps must name one to five apps"));
    }
    for app in apps {
        let package = text(app, "package_name").unwrap_or_default();
        let segments: Vec<&str> = package.split('.').collect();
        let named = segments.len() >= 2 && segments.iter().all(|segment| is_package_segment(segment));
        if !named || package.len() > PACKAGE_MAX {
            return Err(wrong("package_name must have two or more segments and at most 224 characters"));
        }
        let hash = text(app, "signature_hash").unwrap_or_default();
        let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
        if hash.len() != SIGNATURE_HASH || !hash.bytes().all(base64) {
            return Err(wrong("signature_hash must have exactly 11 characters of base64"));
        }
    }
    Ok(())
}

fn is_package_segment(segment: &str) -> bool {
    segment.starts_with(|first: char| first.is_ascii_alphabetic())
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn free(components: &[Value], format: ParameterFormat) -> Result<Content, GraphError> {
    let (mut header, mut body, mut footer, mut buttons) = (None, None, None, Vec::new());
    for component in components {
        match upper(component, "type").as_deref() {
            Some("HEADER") => header = Some(read_header(component, format)?),
            Some("BODY") => {
                let text = required(component, BODY_MAX, "The body's text")?;
                variable_names(text, format).ok_or_else(|| wrong("The body's variables are not well formed"))?;
                body = Some(text.to_owned());
            }
            Some("FOOTER") => {
                let text = required(component, FOOTER_MAX, "The footer's text")?;
                if text.contains("{{") {
                    return Err(wrong("The footer cannot have variables"));
                }
                footer = Some(text.to_owned());
            }
            Some("BUTTONS") => {
                let given = component.get("buttons").and_then(Value::as_array);
                buttons = given.into_iter().flatten().map(read_button).collect::<Result<Vec<_>, _>>()?;
                if buttons.is_empty() || buttons.len() > BUTTONS_MAX {
                    return Err(wrong("A template has one to ten buttons, or none at all"));
                }
            }
            _ => return Err(GraphError::invalid("Param components must be of type HEADER, BODY, FOOTER or BUTTONS")),
        }
    }
    Ok(Content {
        header,
        body: body.ok_or_else(|| wrong("A template needs a body"))?,
        security_recommendation: None,
        footer,
        code_expiration_minutes: None,
        buttons,
    })
}

fn read_header(component: &Value, format: ParameterFormat) -> Result<Header, GraphError> {
    match upper(component, "format").as_deref() {
        Some("TEXT") => {
            let text = required(component, HEADER_MAX, "The header's text")?;
            match variable_names(text, format) {
                Some(names) if names.len() <= 1 => Ok(Header::Text(text.to_owned())),
                _ => Err(wrong("The header can have one variable at most")),
            }
        }
        Some(media @ ("IMAGE" | "VIDEO" | "DOCUMENT" | "LOCATION")) => Ok(Header::Media(media.to_owned())),
        _ => Err(wrong("The header's format must be TEXT, IMAGE, VIDEO, DOCUMENT or LOCATION")),
    }
}

fn read_button(button: &Value) -> Result<Button, GraphError> {
    let label = required(button, LABEL_MAX, "The button's text")?.to_owned();
    match upper(button, "type").as_deref() {
        Some("URL") => {
            let url = text(button, "url").ok_or_else(|| GraphError::missing("url"))?;
            short(button.get("url"), URL_MAX, "url")?;
            match variable_names(url, ParameterFormat::Positional) {
                Some(names) if names.is_empty() || (names.len() == 1 && url.ends_with("{{1}}")) => {}
                _ => return Err(wrong("A button's url can have one variable, {{1}}, at its end")),
            }
            Ok(Button::Url { label, url: url.to_owned() })
        }
        Some("QUICK_REPLY") => Ok(Button::QuickReply { label }),
        Some("PHONE_NUMBER") => {
            let number = text(button, "phone_number").ok_or_else(|| GraphError::missing("phone_number"))?;
            Ok(Button::PhoneNumber { label, number: number.to_owned() })
        }
        Some("OTP") => Err(wrong("Only authentication templates have buttons of type OTP")),
        _ => Err(wrong("The button's type must be URL, QUICK_REPLY or PHONE_NUMBER")),
    }
}

fn is_language(language: &str) -> bool {
    let (spoken, region) = language.split_once('_').map_or((language, None), |(spoken, region)| (spoken, Some(region)));
    (2..=3).contains(&spoken.len())
        && spoken.bytes().all(|byte| byte.is_ascii_lowercase())
        && region
            .is_none_or(|region| (2..=4).contains(&region.len()) && region.bytes().all(|b| b.is_ascii_alphabetic()))
}

fn required<'a>(object: &'a Value, max: usize, what: &str) -> Result<&'a str, GraphError> {
    short(object.get("text"), max, what)?;
    match text(object, "text") {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(wrong(format!("{what} is missing"))),
    }
}

fn short(value: Option<&Value>, max: usize, what: &str) -> Result<(), GraphError> {
    match value.map(Value::as_str) {
        None => Ok(()),
        Some(Some(text)) if text.chars().count() <= max => Ok(()),
        Some(Some(_)) => Err(wrong(format!("{what} can have {max} characters at most"))),
        Some(None) => Err(wrong(format!("{what} must be a string"))),
    }
}

fn flag(object: &Value, name: &str) -> Result<bool, GraphError> {
    match object.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(GraphError::invalid(&format!("Param {name} must be a boolean"))),
    }
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn upper(object: &Value, name: &str) -> Option<String> {
    text(object, name).map(str::to_uppercase)
}

fn wrong(sentence: impl Into<Box<str>>) -> GraphError {
    GraphError::template(FORMAT, sentence)
}
