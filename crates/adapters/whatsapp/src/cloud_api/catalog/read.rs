use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use whatotp_domain::{
    Locale, OtpButton, SenderQuality, TemplateBody, TemplateButton, TemplateCategory, TemplateHeader, TemplateStatus,
    Translation,
};
use whatotp_ports::ProviderTemplate;

/// What the text of an authentication template is when WhatsApp does not show it.
const BARE_CODE: &str = "*{{1}}*";

#[derive(Deserialize)]
struct Template {
    name: String,
    language: String,
    status: String,
    category: String,
    #[serde(default)]
    quality_score: Value,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    r#type: String,
    format: Option<String>,
    text: Option<String>,
    code_expiration_minutes: Option<u64>,
    #[serde(default)]
    buttons: Vec<Button>,
}

#[derive(Deserialize)]
struct Button {
    r#type: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    otp_type: String,
    #[serde(default)]
    phone_number: String,
}

/// Reads one template of a listing; `None`, with a line in the log, when no message can be sent in it.
pub(super) fn template(row: Value) -> Option<ProviderTemplate> {
    let name = row.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    match read(row) {
        Ok(template) => Some(template),
        Err(why) => {
            tracing::debug!(template.name = name, why, "a template of WhatsApp's is left out");
            None
        }
    }
}

fn read(row: Value) -> Result<ProviderTemplate, &'static str> {
    let Ok(template) = serde_json::from_value::<Template>(row) else { return Err("it has another form") };
    let locale = Locale::parse(&template.language).ok_or("its language is unknown")?;
    let category = category(&template.category).ok_or("its category is unknown")?;
    let is_authentication = category == TemplateCategory::Authentication;
    let (mut header, mut body, mut footer, mut buttons) = (None, None, None, Vec::new());
    let mut code_expires_after = None;
    for component in template.components {
        match component.r#type.to_ascii_uppercase().as_str() {
            "HEADER" => header = Some(read_header(&component)?),
            "BODY" => body = component.text,
            "FOOTER" => {
                footer = component.text;
                code_expires_after =
                    component.code_expiration_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
            }
            "BUTTONS" => buttons = component.buttons.iter().map(button).collect::<Result<_, _>>()?,
            _ => return Err("it has a part that this service cannot fill"),
        }
    }
    let body = body.or_else(|| is_authentication.then(|| BARE_CODE.to_owned())).ok_or("it has no text")?;
    let Ok(body) = TemplateBody::parse(&body) else { return Err("its text has braces out of place") };
    let (status, quality) = (status(&template.status), quality(&template.quality_score));
    let translation = Translation { locale, status, quality, header, body, footer, buttons, code_expires_after };
    Ok(ProviderTemplate { name: template.name, category, translation })
}

fn read_header(component: &Component) -> Result<TemplateHeader, &'static str> {
    let format = component.format.as_deref().unwrap_or("TEXT").to_ascii_uppercase();
    match (format.as_str(), &component.text) {
        ("TEXT", Some(text)) => match TemplateBody::parse(text) {
            Ok(text) => Ok(TemplateHeader::Text(text)),
            Err(_braces) => Err("its header has braces out of place"),
        },
        ("IMAGE", _) => Ok(TemplateHeader::Image),
        ("VIDEO", _) => Ok(TemplateHeader::Video),
        ("DOCUMENT", _) => Ok(TemplateHeader::Document),
        _ => Err("it has a header that this service cannot fill"),
    }
}

fn button(button: &Button) -> Result<TemplateButton, &'static str> {
    let label = button.text.clone();
    match button.r#type.to_ascii_uppercase().as_str() {
        "OTP" => otp(&button.otp_type),
        "URL" => match stored_otp_type(&button.url) {
            Some(otp_type) => otp(otp_type),
            None => Ok(match button.url.split_once("{{") {
                Some((url, _value)) => TemplateButton::UrlWithVariable { label, url: url.to_owned() },
                None => TemplateButton::Url { label, url: button.url.clone() },
            }),
        },
        "QUICK_REPLY" => Ok(TemplateButton::QuickReply { label }),
        "PHONE_NUMBER" => Ok(TemplateButton::Phone { label, number: button.phone_number.clone() }),
        "VOICE_CALL" => Ok(TemplateButton::Other { label }),
        _ => Err("it has a button that this service cannot fill"),
    }
}

fn otp(otp_type: &str) -> Result<TemplateButton, &'static str> {
    let button = OtpButton::parse(&otp_type.to_ascii_uppercase()).map(TemplateButton::Otp);
    button.ok_or("its button does something unknown with the code")
}

/// Meta keeps an authentication template's button as an address:
/// `https://www.whatsapp.com/otp/code/?otp_type=COPY_CODE&code=otp{{1}}`.
fn stored_otp_type(url: &str) -> Option<&str> {
    let (_, query) = url.strip_prefix("https://www.whatsapp.com/otp/code/")?.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("otp_type="))
}

/// Meta tells the score in an object. Of a template that has sent too little there is none.
fn quality(score: &Value) -> SenderQuality {
    let word = score.get("score").and_then(Value::as_str);
    word.and_then(SenderQuality::parse).unwrap_or(SenderQuality::Unknown)
}

/// Meta's word for a category.
pub(in crate::cloud_api) fn category(word: &str) -> Option<TemplateCategory> {
    TemplateCategory::parse(&word.to_ascii_lowercase())
}

/// What Meta's word for a template's status means for sending it.
///
/// Undecided, and so pending, is also what is being appealed, what waits because a limit was reached, and what Meta has
/// a new word for: none of them is sent.
pub(in crate::cloud_api) fn status(word: &str) -> TemplateStatus {
    match word.to_ascii_uppercase().as_str() {
        "APPROVED" | "REINSTATED" | "UNARCHIVED" | "UNPAUSED" => TemplateStatus::Approved,
        "REJECTED" => TemplateStatus::Rejected,
        "PAUSED" => TemplateStatus::Paused,
        "DISABLED" | "ARCHIVED" | "DELETED" | "PENDING_DELETION" => TemplateStatus::Disabled,
        _ => TemplateStatus::Pending,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(category: &str, components: &Value) -> Option<ProviderTemplate> {
        template(json!({
            "id": 1, "name": "t", "language": "en_US", "status": "APPROVED", "category": category,
            "components": components,
        }))
    }

    fn buttons(buttons: &Value) -> Option<Vec<TemplateButton>> {
        let components = json!([{"type": "BODY", "text": "Hi"}, {"type": "BUTTONS", "buttons": buttons}]);
        with("UTILITY", &components).map(|template| template.translation.buttons)
    }

    #[test]
    fn an_authentication_template_is_read_in_both_stored_forms() {
        let created = json!({"type": "OTP", "otp_type": "one_tap", "text": "Copy code", "autofill_text": "Autofill"});
        let stored = json!({
            "type": "URL", "text": "Copy code",
            "url": "https://www.whatsapp.com/otp/code/?otp_type=ONE_TAP&cta_display_name=Autofill&code=otp{{1}}",
        });
        for (button, upper) in [(created, false), (stored, true)] {
            let word = |word: &str| if upper { word.to_uppercase() } else { word.to_owned() };
            let read = with(
                &word("authentication"),
                &json!([
                    {"type": word("body"), "text": "*{{1}}* is your verification code.", "add_security_recommendation": true},
                    {"type": word("footer"), "text": "Expires in 5 minutes.", "code_expiration_minutes": 5},
                    {"type": word("buttons"), "buttons": [button]},
                ]),
            );
            let ProviderTemplate { category, translation, .. } = read.unwrap();
            assert_eq!(category, TemplateCategory::Authentication);
            assert_eq!(translation.locale.as_str(), "en-US");
            assert_eq!(translation.body.as_str(), "*{{1}}* is your verification code.");
            assert_eq!(translation.buttons, [TemplateButton::Otp(OtpButton::OneTap)]);
            assert_eq!(translation.code_expires_after, Some(Duration::from_secs(300)));
            assert_eq!(translation.placeholders(), ["1"]);
        }
        let bare = with("AUTHENTICATION", &json!([{"type": "BODY", "add_security_recommendation": true}]));
        assert_eq!(bare.unwrap().translation.body.as_str(), "*{{1}}*");
    }

    #[test]
    fn headers_and_buttons_say_what_a_message_has_to_bring() {
        for (format, text, variables) in [
            ("TEXT", "Order {{1}}", vec!["header_1"]),
            ("text", "Order {{order}}", vec!["order"]),
            ("TEXT", "Hello", vec![]),
            ("IMAGE", "", vec!["header_image"]),
            ("video", "", vec!["header_video"]),
            ("DOCUMENT", "", vec!["header_document"]),
        ] {
            let header = json!({"type": "HEADER", "format": format, "text": text});
            let read = with("UTILITY", &json!([header, {"type": "BODY", "text": "Hi"}]));
            assert_eq!(read.unwrap().translation.placeholders(), variables, "{format} {text}");
        }
        let label = |text: &str| text.to_owned();
        assert_eq!(
            buttons(&json!([
                {"type": "QUICK_REPLY", "text": "Stop"},
                {"type": "URL", "text": "Shop", "url": "https://example.com/"},
                {"type": "url", "text": "Track", "url": "https://example.com/{{1}}"},
                {"type": "PHONE_NUMBER", "text": "Call", "phone_number": "+1"},
                {"type": "VOICE_CALL", "text": "Ring"},
            ])),
            Some(vec![
                TemplateButton::QuickReply { label: label("Stop") },
                TemplateButton::Url { label: label("Shop"), url: label("https://example.com/") },
                TemplateButton::UrlWithVariable { label: label("Track"), url: label("https://example.com/") },
                TemplateButton::Phone { label: label("Call"), number: label("+1") },
                TemplateButton::Other { label: label("Ring") },
            ])
        );
    }

    #[test]
    fn a_template_tells_its_quality() {
        for (score, expected) in [
            (json!({"score": "GREEN"}), SenderQuality::Green),
            (json!({"score": "YELLOW", "date": 1}), SenderQuality::Yellow),
            (json!({"score": "RED"}), SenderQuality::Red),
            (json!({"score": "UNKNOWN"}), SenderQuality::Unknown),
            (json!({"score": "NEWS"}), SenderQuality::Unknown),
            (json!({}), SenderQuality::Unknown),
            (json!(null), SenderQuality::Unknown),
            (json!("GREEN"), SenderQuality::Unknown),
        ] {
            assert_eq!(quality(&score), expected, "{score}");
            let read = template(json!({
                "name": "t", "language": "en", "status": "APPROVED", "category": "UTILITY", "quality_score": score,
                "components": [{"type": "BODY", "text": "Hi"}],
            }));
            assert_eq!(read.unwrap().translation.quality, expected, "{score}");
        }
        assert_eq!(
            with("UTILITY", &json!([{"type": "BODY", "text": "Hi"}])).unwrap().translation.quality,
            SenderQuality::Unknown
        );
    }

    #[test]
    fn what_cannot_be_filled_is_left_out() {
        let fillable = json!({"type": "BODY", "text": "Hi"});
        assert!(with("UTILITY", &json!([fillable])).is_some());
        for component in [
            json!({"type": "HEADER", "format": "LOCATION"}),
            json!({"type": "HEADER", "format": "TEXT"}),
            json!({"type": "CAROUSEL", "cards": []}),
            json!({"type": "LIMITED_TIME_OFFER"}),
            json!({"type": "BODY", "text": "a {brace"}),
            json!({"type": 7}),
        ] {
            assert_eq!(with("UTILITY", &json!([fillable, component])), None, "{component}");
        }
        for kind in ["COPY_CODE", "CATALOG", "MPM", "FLOW", "NEWS"] {
            assert_eq!(buttons(&json!([{"type": kind, "text": "x"}])), None, "{kind}");
        }
        assert_eq!(with("UTILITY", &json!([])), None);
        assert_eq!(with("NEWS", &json!([fillable])), None);
        for row in [json!({}), json!(null), json!({"name": 7}), json!([])] {
            assert_eq!(template(row), None);
        }
    }

    #[test]
    fn only_what_is_approved_may_be_sent() {
        for (word, expected) in [
            ("APPROVED", TemplateStatus::Approved),
            ("PENDING", TemplateStatus::Pending),
            ("IN_APPEAL", TemplateStatus::Pending),
            ("LIMIT_EXCEEDED", TemplateStatus::Pending),
            ("REJECTED", TemplateStatus::Rejected),
            ("PAUSED", TemplateStatus::Paused),
            ("DISABLED", TemplateStatus::Disabled),
            ("ARCHIVED", TemplateStatus::Disabled),
            ("DELETED", TemplateStatus::Disabled),
            ("PENDING_DELETION", TemplateStatus::Disabled),
            ("SOMETHING_NEW", TemplateStatus::Pending),
        ] {
            assert_eq!(status(word), expected, "{word}");
            assert_eq!(status(&word.to_lowercase()), expected, "{word}");
        }
    }
}
