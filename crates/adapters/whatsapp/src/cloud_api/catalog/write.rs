use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use whatotp_domain::{
    Locale, OtpButton, TemplateBody, TemplateButton, TemplateCategory, TemplateHeader, Translation, Variables,
};
use whatotp_ports::{AuthenticationDraft, ProviderTemplate};

use crate::cloud_api::message::language_code;

/// A template that is to be made, in one language or several.
#[derive(Serialize)]
pub(super) struct Template {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    languages: Option<Vec<String>>,
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_format: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_send_ttl_seconds: Option<u64>,
    components: Vec<Component>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "UPPERCASE")]
enum Component {
    Header {
        format: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        example: Option<Value>,
    },
    Body {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        add_security_recommendation: Option<bool>,
        #[serde(skip_serializing_if = "Option::is_none")]
        example: Option<Value>,
    },
    Footer {
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        code_expiration_minutes: Option<u64>,
    },
    Buttons {
        buttons: Vec<Button>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "SCREAMING_SNAKE_CASE")]
enum Button {
    Otp {
        otp_type: &'static str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        supported_apps: Vec<App>,
        #[serde(skip_serializing_if = "Option::is_none")]
        zero_tap_terms_accepted: Option<bool>,
    },
    QuickReply {
        text: String,
    },
    Url {
        text: String,
        url: String,
        /// The whole address with a value in it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        example: Vec<String>,
    },
    PhoneNumber {
        text: String,
        phone_number: String,
    },
}

#[derive(Serialize)]
struct App {
    package_name: String,
    signature_hash: String,
}

/// An authentication template in all its languages, for the call that takes many.
pub(super) fn authentication(draft: &AuthenticationDraft) -> Template {
    let button = Button::Otp {
        otp_type: draft.button.as_str(),
        supported_apps: draft
            .apps
            .iter()
            .map(|app| App { package_name: app.package_name.clone(), signature_hash: app.signature_hash.clone() })
            .collect(),
        // Whoever chooses zero-tap accepts its terms; without that Meta does not make the template.
        zero_tap_terms_accepted: (draft.button == OtpButton::ZeroTap).then_some(true),
    };
    Template {
        name: draft.name.clone(),
        language: None,
        languages: Some(draft.locales.iter().map(|locale| language_code(locale.as_str())).collect()),
        category: meta_category(TemplateCategory::Authentication),
        parameter_format: None,
        message_send_ttl_seconds: Some(draft.message_ttl.as_secs()),
        components: vec![
            Component::Body {
                text: None,
                add_security_recommendation: Some(draft.security_recommendation),
                example: None,
            },
            Component::Footer { text: None, code_expiration_minutes: Some(minutes(draft.code_expires_after)) },
            Component::Buttons { buttons: vec![button] },
        ],
    }
}

/// The same in one language.
pub(super) fn authentication_in(draft: &AuthenticationDraft, locale: &Locale) -> Template {
    Template { language: Some(language_code(locale.as_str())), languages: None, ..authentication(draft) }
}

pub(super) fn minutes(span: Duration) -> u64 {
    span.as_secs() / 60
}

/// Another template in one language. What cannot be handed in is said in a sentence.
pub(super) fn template(template: &ProviderTemplate, examples: &Variables) -> Result<Template, String> {
    let translation = &template.translation;
    let mut components = Vec::new();
    if let Some(header) = &translation.header {
        components.push(self::header(header, examples)?);
    }
    let text = Some(translation.body.as_str().to_owned());
    let example = body_example(&translation.body, examples)?;
    components.push(Component::Body { text, add_security_recommendation: None, example });
    if let Some(footer) = &translation.footer {
        components.push(Component::Footer { text: Some(footer.clone()), code_expiration_minutes: None });
    }
    let buttons = translation.buttons.iter().enumerate();
    let buttons = buttons.map(|(index, one)| button(index, one, examples)).collect::<Result<Vec<_>, _>>()?;
    if !buttons.is_empty() {
        components.push(Component::Buttons { buttons });
    }
    Ok(Template {
        name: template.name.clone(),
        language: Some(language_code(translation.locale.as_str())),
        languages: None,
        category: meta_category(template.category),
        parameter_format: has_names(translation).then_some("NAMED"),
        message_send_ttl_seconds: None,
        components,
    })
}

const fn meta_category(category: TemplateCategory) -> &'static str {
    match category {
        TemplateCategory::Authentication => "AUTHENTICATION",
        TemplateCategory::Utility => "UTILITY",
        TemplateCategory::Marketing => "MARKETING",
    }
}

fn has_names(translation: &Translation) -> bool {
    let header = match &translation.header {
        Some(TemplateHeader::Text(text)) => text.placeholders(),
        _ => &[],
    };
    let mut names = translation.body.placeholders().iter().chain(header);
    names.any(|name| !is_number(name))
}

fn is_number(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_digit())
}

fn example<'a>(examples: &'a Variables, name: &str) -> Result<&'a str, String> {
    examples.get(name).ok_or_else(|| format!("Give an example for the variable {name}."))
}

fn header(header: &TemplateHeader, examples: &Variables) -> Result<Component, String> {
    // Meta wants media as the handle of an upload, which the example is in this case.
    let format = match header {
        TemplateHeader::Text(text) => {
            let example = header.variable().map(|variable| {
                let value = example(examples, &variable)?;
                Ok::<_, String>(if text.placeholders().iter().all(|name| is_number(name)) {
                    json!({ "header_text": [value] })
                } else {
                    json!({ "header_text_named_params": [{ "param_name": variable, "example": value }] })
                })
            });
            let text = Some(text.as_str().to_owned());
            return Ok(Component::Header { format: "TEXT", text, example: example.transpose()? });
        }
        TemplateHeader::Image => "IMAGE",
        TemplateHeader::Video => "VIDEO",
        TemplateHeader::Document => "DOCUMENT",
    };
    let handle = example(examples, &header.variable().unwrap_or_default())?;
    Ok(Component::Header { format, text: None, example: Some(json!({ "header_handle": [handle] })) })
}

fn body_example(body: &TemplateBody, examples: &Variables) -> Result<Option<Value>, String> {
    let names = body.placeholders();
    let values = names.iter().map(|name| example(examples, name)).collect::<Result<Vec<_>, _>>()?;
    Ok(match names.first() {
        None => None,
        Some(first) if is_number(first) => Some(json!({ "body_text": [values] })),
        Some(_) => {
            let pairs = names.iter().zip(values).map(|(name, value)| json!({ "param_name": name, "example": value }));
            Some(json!({ "body_text_named_params": pairs.collect::<Vec<_>>() }))
        }
    })
}

fn button(index: usize, button: &TemplateButton, examples: &Variables) -> Result<Button, String> {
    let url = button.address().unwrap_or_default();
    match button {
        TemplateButton::QuickReply { label } => Ok(Button::QuickReply { text: label.clone() }),
        TemplateButton::Phone { label, number } => {
            Ok(Button::PhoneNumber { text: label.clone(), phone_number: number.clone() })
        }
        TemplateButton::Url { label, .. } => Ok(Button::Url { text: label.clone(), url, example: Vec::new() }),
        TemplateButton::UrlWithVariable { label, url: fixed } => {
            let value = example(examples, &Translation::button_variable(index))?;
            Ok(Button::Url { text: label.clone(), url, example: vec![format!("{fixed}{value}")] })
        }
        TemplateButton::Other { .. } | TemplateButton::Otp(_) => {
            Err("Create templates with such a button in WhatsApp Manager, then synchronise.".to_owned())
        }
    }
}

/// What one language of a template is to be from now on. Its name and language stay, and Meta takes neither.
#[derive(Serialize)]
pub(super) struct Edit {
    category: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter_format: Option<&'static str>,
    components: Vec<Component>,
}

/// The same parts as in a new template: Meta replaces all of them.
pub(super) fn edit(provider: &ProviderTemplate, examples: &Variables) -> Result<Edit, String> {
    let Template { category, parameter_format, components, .. } = template(provider, examples)?;
    Ok(Edit { category, parameter_format, components })
}

#[cfg(test)]
mod tests {
    use whatotp_domain::TemplateStatus;
    use whatotp_ports::AndroidApp;

    use super::*;

    fn locale(text: &str) -> Locale {
        Locale::parse(text).unwrap()
    }

    fn draft(button: OtpButton) -> AuthenticationDraft {
        let app = AndroidApp { package_name: "com.example.app".to_owned(), signature_hash: "K8a/AINcGX7".to_owned() };
        AuthenticationDraft {
            name: "verification_code".to_owned(),
            locales: vec![locale("en-US"), locale("es")],
            code_expires_after: Duration::from_secs(300),
            security_recommendation: true,
            message_ttl: Duration::from_secs(300),
            button,
            apps: if button == OtpButton::CopyCode { Vec::new() } else { vec![app] },
        }
    }

    fn written(template: &Template) -> Value {
        serde_json::to_value(template).unwrap()
    }

    #[test]
    fn an_authentication_template_is_written_as_meta_documents_it() {
        let body = |button: Value| {
            json!({
                "name": "verification_code", "languages": ["en_US", "es"], "category": "AUTHENTICATION",
                "message_send_ttl_seconds": 300,
                "components": [
                    {"type": "BODY", "add_security_recommendation": true},
                    {"type": "FOOTER", "code_expiration_minutes": 5},
                    {"type": "BUTTONS", "buttons": [button]},
                ],
            })
        };
        let apps = json!([{"package_name": "com.example.app", "signature_hash": "K8a/AINcGX7"}]);
        for (button, expected) in [
            (OtpButton::CopyCode, json!({"type": "OTP", "otp_type": "COPY_CODE"})),
            (OtpButton::OneTap, json!({"type": "OTP", "otp_type": "ONE_TAP", "supported_apps": apps})),
            (
                OtpButton::ZeroTap,
                json!({"type": "OTP", "otp_type": "ZERO_TAP", "supported_apps": apps, "zero_tap_terms_accepted": true}),
            ),
        ] {
            assert_eq!(written(&authentication(&draft(button))), body(expected));
        }
        let one = written(&authentication_in(&draft(OtpButton::CopyCode), &locale("es")));
        assert_eq!((&one["language"], one.get("languages")), (&json!("es"), None));
    }

    fn utility(header: Option<TemplateHeader>, body: &str, buttons: Vec<TemplateButton>) -> ProviderTemplate {
        let translation = Translation {
            header,
            status: TemplateStatus::Draft,
            footer: Some("Bye".to_owned()),
            buttons,
            ..Translation::of_body(locale("pt-BR"), TemplateBody::parse(body).unwrap())
        };
        ProviderTemplate { name: "order".to_owned(), category: TemplateCategory::Utility, translation }
    }

    fn text_header(text: &str) -> TemplateHeader {
        TemplateHeader::Text(TemplateBody::parse(text).unwrap())
    }

    #[test]
    fn another_template_brings_an_example_for_each_variable() {
        let examples = Variables::new([("header_1", "A1"), ("1", "Ada"), ("2", "Monday")]).unwrap();
        let buttons = vec![TemplateButton::QuickReply { label: "Stop".to_owned() }];
        let numbered = utility(Some(text_header("Order {{1}}")), "{{1}}, it comes on {{2}}.", buttons);
        assert_eq!(
            written(&template(&numbered, &examples).unwrap()),
            json!({
                "name": "order", "language": "pt_BR", "category": "UTILITY",
                "components": [
                    {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}", "example": {"header_text": ["A1"]}},
                    {"type": "BODY", "text": "{{1}}, it comes on {{2}}.", "example": {"body_text": [["Ada", "Monday"]]}},
                    {"type": "FOOTER", "text": "Bye"},
                    {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Stop"}]},
                ],
            })
        );
        let examples = Variables::new([("order", "A1"), ("name", "Ada")]).unwrap();
        let named = utility(Some(text_header("Order {{order}}")), "Hello {{name}}.", Vec::new());
        let named = written(&template(&named, &examples).unwrap());
        assert_eq!(named["parameter_format"], "NAMED");
        let parameter = |name, example| json!([{"param_name": name, "example": example}]);
        assert_eq!(named["components"][0]["example"], json!({"header_text_named_params": parameter("order", "A1")}));
        assert_eq!(named["components"][1]["example"], json!({"body_text_named_params": parameter("name", "Ada")}));

        let handle = Variables::new([("header_image", "4::aW1")]).unwrap();
        let picture = written(&template(&utility(Some(TemplateHeader::Image), "Hi", Vec::new()), &handle).unwrap());
        let header = json!({"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW1"]}});
        assert_eq!(picture["components"][0], header);
        assert_eq!(picture["components"][1], json!({"type": "BODY", "text": "Hi"}));
    }

    #[test]
    fn what_cannot_be_handed_in_is_said() {
        let refused = |template: &ProviderTemplate| self::template(template, &Variables::default()).err().unwrap();
        assert_eq!(refused(&utility(None, "Hello {{name}}.", Vec::new())), "Give an example for the variable name.");
        let link = TemplateButton::link("Track", "https://example.com/{{1}}").unwrap();
        assert_eq!(refused(&utility(None, "Hi", vec![link])), "Give an example for the variable button_0.");
        let other = TemplateButton::Other { label: "Ring".to_owned() };
        assert!(refused(&utility(None, "Hi", vec![other])).contains("WhatsApp Manager"));
    }

    #[test]
    fn buttons_are_written_with_what_they_do() {
        let buttons = vec![
            TemplateButton::quick_reply("Stop").unwrap(),
            TemplateButton::link("Shop", "https://example.com/").unwrap(),
            TemplateButton::link("Track", "https://example.com/?id={{1}}").unwrap(),
            TemplateButton::phone("Call", "+15550100000").unwrap(),
        ];
        let examples = Variables::new([("button_2", "A-1")]).unwrap();
        let provider = utility(None, "Hi", buttons);
        let written = written(&template(&provider, &examples).unwrap());
        assert_eq!(
            written["components"][2]["buttons"],
            json!([
                {"type": "QUICK_REPLY", "text": "Stop"},
                {"type": "URL", "text": "Shop", "url": "https://example.com/"},
                {"type": "URL", "text": "Track", "url": "https://example.com/?id={{1}}",
                 "example": ["https://example.com/?id=A-1"]},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+15550100000"},
            ])
        );
        let edit = serde_json::to_value(edit(&provider, &examples).unwrap()).unwrap();
        assert_eq!(edit, json!({"category": "UTILITY", "components": written["components"]}));
    }
}
