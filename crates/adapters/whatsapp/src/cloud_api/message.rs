use std::fmt::Write as _;

use serde::Serialize;
use whatotp_domain::{MessageTemplate, TemplateButton, TemplateHeader, Translation, Variables};
use whatotp_ports::{Content, Origin, OutboundMessage};

/// The language of an authentication template when nobody chose one.
const LAST_RESORT: &str = "en";

/// The body of `POST /messages`.
///
/// `Debug` is left out: it holds the recipient and the code.
#[derive(Serialize)]
pub(super) struct Message {
    messaging_product: &'static str,
    recipient_type: &'static str,
    // With its `+`: without it Meta puts the sender's own country in front.
    to: String,
    r#type: &'static str,
    biz_opaque_callback_data: String,
    template: Template,
}

#[derive(Serialize)]
struct Template {
    name: String,
    language: Language,
    components: Vec<Component>,
}

#[derive(Serialize)]
struct Language {
    code: String,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Component {
    Header { parameters: Vec<Parameter> },
    Body { parameters: Vec<Parameter> },
    Button { sub_type: &'static str, index: String, parameters: Vec<Parameter> },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Parameter {
    Text {
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter_name: Option<String>,
        text: String,
    },
    Image {
        image: Medium,
    },
    Video {
        video: Medium,
    },
    Document {
        document: Medium,
    },
}

#[derive(Serialize)]
struct Medium {
    link: String,
}

/// A placeholder that the message brings no value for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing(pub(super) String);

impl Message {
    pub(super) fn new(message: &OutboundMessage, origin: &Origin) -> Result<Self, Missing> {
        Ok(Self {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to: message.to.as_e164().to_owned(),
            r#type: "template",
            biz_opaque_callback_data: message.reference().to_string(),
            template: template(&message.content, origin)?,
        })
    }
}

fn template(content: &Content, origin: &Origin) -> Result<Template, Missing> {
    match content {
        Content::Code { code, locale } => {
            let code = code.expose();
            let locale = locale.as_ref().map_or(LAST_RESORT, |locale| locale.as_str());
            // The same for copy-code, one-tap and zero-tap: Meta keeps all three as URL buttons, and refuses the sub_type
            // "copy_code" here (132018).
            let components = vec![Component::Body { parameters: vec![text(code)] }, url_button(0, text(code))];
            Ok(Template { name: origin.otp_template.clone(), language: language(locale), components })
        }
        Content::Template { template, locale, variables } => {
            let exact = locale.as_ref().and_then(|locale| template.exactly(locale));
            filled(template, exact.or_else(|| template.translations().next()), variables)
        }
    }
}

fn filled(
    template: &MessageTemplate,
    translation: Option<&Translation>,
    variables: &Variables,
) -> Result<Template, Missing> {
    let Some(translation) = translation else { return Err(Missing(String::new())) };
    let value = |name: &str| variables.get(name).map(str::to_owned).ok_or_else(|| Missing(name.to_owned()));
    let mut components = Vec::new();
    if let Some(header) = &translation.header
        && let Some(name) = header.variable()
    {
        components.push(Component::Header { parameters: vec![header_parameter(header, value(&name)?)] });
    }
    let names = translation.body.placeholders();
    if !names.is_empty() {
        let parameters = names.iter().map(|name| Ok(placeholder(name, value(name)?)));
        components.push(Component::Body { parameters: parameters.collect::<Result<_, _>>()? });
    }
    for (index, button) in translation.buttons.iter().enumerate() {
        match button {
            TemplateButton::UrlWithVariable { .. } => {
                let suffix = value(&Translation::button_variable(index))?;
                components.push(url_button(index, text(&url_suffix(&suffix))));
            }
            // An authentication template's button brings the code, which is the only value its body has.
            TemplateButton::Otp(_) => components.push(url_button(index, text(&value("1")?))),
            TemplateButton::Url { .. }
            | TemplateButton::QuickReply { .. }
            | TemplateButton::Phone { .. }
            | TemplateButton::Other { .. } => {}
        }
    }
    let locale = language(translation.locale.as_str());
    Ok(Template { name: template.name().to_owned(), language: locale, components })
}

/// Meta writes `en_US` where BCP 47 has `en-US`.
pub(super) fn language_code(locale: &str) -> String {
    locale.replace('-', "_")
}

fn language(locale: &str) -> Language {
    Language { code: language_code(locale) }
}

fn header_parameter(header: &TemplateHeader, value: String) -> Parameter {
    match header {
        TemplateHeader::Text(text) => placeholder(text.placeholders().first().map_or("1", String::as_str), value),
        TemplateHeader::Image => Parameter::Image { image: Medium { link: value } },
        TemplateHeader::Video => Parameter::Video { video: Medium { link: value } },
        TemplateHeader::Document => Parameter::Document { document: Medium { link: value } },
    }
}

/// A value for a placeholder. A named one is told by its name, a numbered one by its place.
fn placeholder(name: &str, text: String) -> Parameter {
    let numbered = name.bytes().all(|byte| byte.is_ascii_digit());
    Parameter::Text { parameter_name: (!numbered).then(|| name.to_owned()), text }
}

fn text(text: &str) -> Parameter {
    Parameter::Text { parameter_name: None, text: text.to_owned() }
}

fn url_button(index: usize, parameter: Parameter) -> Component {
    Component::Button { sub_type: "url", index: index.to_string(), parameters: vec![parameter] }
}

/// The end of an address, with everything percent-encoded that no address may hold (RFC 3986). What is encoded already,
/// and the signs that part an address, stay: the value may be a path with a query.
fn url_suffix(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    let bytes = value.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        let keeps = byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=".contains(byte);
        let hex = |offset| bytes.get(index + offset).is_some_and(u8::is_ascii_hexdigit);
        if keeps || (*byte == b'%' && hex(1) && hex(2)) {
            encoded.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_an_address_is_encoded_once() {
        for (value, expected) in [
            ("track/abc?x=1&y=2#z", "track/abc?x=1&y=2#z"),
            ("a b\"<é>", "a%20b%22%3C%C3%A9%3E"),
            ("100%", "100%25"),
            ("100%2", "100%252"),
            ("%2F%zz", "%2F%25zz"),
            ("{{1}}", "%7B%7B1%7D%7D"),
        ] {
            assert_eq!(url_suffix(value), expected);
            assert_eq!(url_suffix(expected), expected);
        }
    }

    proptest! {
        #[test]
        fn any_value_ends_an_address(value in "\\PC{0,50}") {
            let suffix = url_suffix(&value);
            let address = reqwest::Url::parse(&format!("https://example.com/{suffix}")).unwrap();
            prop_assert_eq!(address.host_str(), Some("example.com"));
            prop_assert!(suffix.is_ascii());
            prop_assert_eq!(url_suffix(&suffix), suffix);
        }
    }
}
