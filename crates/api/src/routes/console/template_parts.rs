//! The parts of a template, as a request brings them and an answer shows them.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use whatotp_domain::{
    Locale, TemplateBody, TemplateButton, TemplateError, TemplateHeader, Translation, Variables, template_footer,
};

use crate::errors::ErrorCode;
use crate::http::fields::{Bad, Invalid, sentence};
use crate::http::{Fields, Problem, fields as f};

/// A button below a template.
#[derive(Serialize, ToSchema)]
pub(crate) struct ButtonObject {
    /// What it does: it answers, opens an address, or rings. `code` copies or hands over a code, and `other` does what
    /// can only be set up at WhatsApp.
    #[schema(pattern = "^(quick_reply|url|phone|code|other)$", example = "url")]
    r#type: &'static str,
    /// What it says.
    #[schema(example = "Track parcel")]
    label: String,
    /// Where it leads; `{{1}}` at its end is a value that every message brings.
    #[schema(required = true, example = "https://shop.example/track/{{1}}")]
    url: Option<String>,
    /// What it rings.
    #[schema(required = true, example = json!(null))]
    phone_number: Option<String>,
}

impl From<&TemplateButton> for ButtonObject {
    fn from(button: &TemplateButton) -> Self {
        let (r#type, label, phone_number) = match button {
            TemplateButton::Otp(_) => ("code", "Copy code", None),
            TemplateButton::Url { label, .. } | TemplateButton::UrlWithVariable { label, .. } => {
                ("url", label.as_str(), None)
            }
            TemplateButton::QuickReply { label } => ("quick_reply", label.as_str(), None),
            TemplateButton::Phone { label, number } => ("phone", label.as_str(), Some(number.clone())),
            TemplateButton::Other { label } => ("other", label.as_str(), None),
        };
        let url = button.address().filter(|url| !url.is_empty());
        Self { r#type, label: label.to_owned(), url, phone_number }
    }
}

/// A button that is to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the fields, which are taken one by one")]
pub(crate) struct ButtonRequest {
    /// What it does.
    #[schema(pattern = "^(quick_reply|url|phone)$", example = "url")]
    r#type: String,
    /// What it says.
    #[schema(min_length = 1, max_length = 25, example = "Track parcel")]
    label: String,
    /// Where it leads, if it is of type `url`; it may end in `{{1}}`.
    #[schema(max_length = 2000, example = "https://shop.example/track/{{1}}")]
    url: Option<String>,
    /// What it rings, if it is of type `phone`.
    #[schema(max_length = 20, example = json!(null))]
    phone_number: Option<String>,
}

/// The parts of one language of a template, with an example for each placeholder. The text is described on its own, as is
/// the language.
pub(super) struct Parts {
    header: Option<TemplateHeader>,
    body: TemplateBody,
    footer: Option<String>,
    buttons: Vec<TemplateButton>,
    /// By the names of the placeholders.
    pub(super) values: Variables,
}

impl Parts {
    /// Takes `header`, `body`, `footer`, `buttons`, and the values that `values` names.
    pub(super) fn take(fields: &mut Fields, values: &'static str) -> Option<Self> {
        let header = fields.optional("header", header);
        let body = fields.required("body", template_body);
        let footer = fields.optional("footer", footer);
        let buttons = fields.optional("buttons", buttons);
        let values = fields.optional(values, variables);
        let (buttons, values) = (buttons.unwrap_or_default(), values.unwrap_or_default());
        Some(Self { header, body: body?, footer, buttons, values })
    }

    /// The parts as a translation, if they fit together.
    pub(super) fn translation(&self, locale: Locale) -> Result<Translation, Problem> {
        let translation = Translation {
            header: self.header.clone(),
            footer: self.footer.clone(),
            buttons: self.buttons.clone(),
            ..Translation::of_body(locale, self.body.clone())
        };
        translation.check_parts().map_err(unfit)?;
        Ok(translation)
    }

    /// Whether there is an example for each placeholder, and none too many.
    pub(super) fn check_examples(&self, translation: &Translation) -> Result<(), Problem> {
        self.values.check(&translation.placeholders()).map_err(|mismatch| {
            Problem::new(ErrorCode::TemplateVariablesMismatch)
                .with("missing", mismatch.missing)
                .with("unexpected", mismatch.unexpected)
        })
    }
}

/// Parts that do not fit together are told of the part that has to change.
pub(super) fn unfit(error: TemplateError) -> Problem {
    let field = match error {
        TemplateError::TooManyButtons | TemplateError::ButtonsMixed => "buttons",
        TemplateError::HeaderPlaceholders | TemplateError::MixedPlaceholders => "header",
        TemplateError::Name => "name",
        _ => "body",
    };
    Problem::invalid(vec![Invalid::new(field, ("invalid_parts", sentence(&error)))])
}

fn header(value: Value) -> Result<TemplateHeader, Bad> {
    TemplateHeader::of_text(&f::text(value)?).map_err(|error| ("invalid_header", sentence(&error)))
}

fn footer(value: Value) -> Result<String, Bad> {
    template_footer(&f::text(value)?).map_err(|error| ("invalid_footer", sentence(&error)))
}

fn template_body(value: Value) -> Result<TemplateBody, Bad> {
    match value {
        Value::String(text) => TemplateBody::parse(&text).map_err(|error| ("invalid_body", sentence(&error))),
        _ => Err(("invalid_type", "This must be a string.".into())),
    }
}

fn buttons(value: Value) -> Result<Vec<TemplateButton>, Bad> {
    let Value::Array(buttons) = value else { return Err(("invalid_type", "This must be a list of objects.".into())) };
    (1..).zip(buttons).map(|(nth, one)| button(&one).map_err(|(code, why)| (code, at(nth, &why)))).collect()
}

/// Which of the buttons it is: people count from one.
fn at(nth: usize, why: &str) -> Cow<'static, str> {
    format!("Button {nth}: {why}").into()
}

fn button(value: &Value) -> Result<TemplateButton, Bad> {
    let Some(object) = value.as_object() else {
        return Err(("invalid_type", "Every button must be an object.".into()));
    };
    let text = |name: &str| match object.get(name) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(("invalid_type", "Its fields must be strings.".into())),
    };
    if object.keys().any(|name| !matches!(name.as_str(), "type" | "label" | "url" | "phone_number")) {
        return Err(("unknown_field", "It has type, label, url and phone_number.".into()));
    }
    let (label, url, number) = (text("label")?, text("url")?, text("phone_number")?);
    let kind = text("type")?;
    let made = match kind {
        "quick_reply" => TemplateButton::quick_reply(label),
        "url" => TemplateButton::link(label, url),
        "phone" => TemplateButton::phone(label, number),
        _ => return Err(("invalid_type", "Use quick_reply, url or phone.".into())),
    };
    if (kind != "url" && !url.is_empty()) || (kind != "phone" && !number.is_empty()) {
        return Err((
            "invalid_button",
            "Give an address to url buttons only, and a number to phone buttons only.".into(),
        ));
    }
    made.map_err(|error| ("invalid_button", sentence(&error)))
}

fn variables(value: Value) -> Result<Variables, Bad> {
    Variables::new(f::pairs(value)?).map_err(|error| ("invalid_variables", sentence(&error)))
}
