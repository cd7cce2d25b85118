use serde::Deserialize;
use serde_json::Value;
use whatotp_domain::DeliveryError;

use super::client::{Answer, Unanswered};
use super::errors::{MetaError, NO_ANSWER, NO_SENDER, NOT_REACHED, OURS, lookup, lookup_answer};
use super::redaction::redacted;

/// An error as Meta tells it, in an answer or in a webhook. Everything in it is optional, and has been of another type.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ErrorBody {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    error_data: Value,
    #[serde(default)]
    fbtrace_id: Value,
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What the code, or else the HTTP status, means.
    pub(super) meaning: &'static MetaError,
    /// What is told of it.
    pub(super) error: DeliveryError,
    /// Under what Meta's support finds it.
    pub(super) trace: String,
    /// The header of that name.
    pub(super) retry_after: Option<String>,
}

impl Failure {
    /// The failure that an answer tells of, however little it says.
    pub(super) fn of(answer: &Answer) -> Self {
        let body = envelope(answer.body()).unwrap_or_default();
        let code = body.code();
        let meaning = lookup_answer(code, answer.status);
        let mut error = body.delivery_error(code.unwrap_or(OURS + u32::from(answer.status)), meaning);
        if error.detail.is_empty() {
            error.detail = format!("HTTP status {} without an explanation", answer.status);
        }
        let trace = body.fbtrace_id.as_str().map(redacted).unwrap_or_default();
        Self { meaning, error, trace, retry_after: answer.retry_after.clone() }
    }

    /// The failure of a request that got no answer.
    pub(super) fn without_answer(unanswered: &Unanswered) -> Self {
        match unanswered {
            Unanswered::NoRequest(why) => Self::ours(NO_SENDER, why),
            Unanswered::NotConnected(why) => Self::ours(NOT_REACHED, &format!("no connection to WhatsApp: {why}")),
            Unanswered::Lost(why) => Self::ours(NO_ANSWER, &format!("no answer from WhatsApp: {why}")),
        }
    }

    /// A finding of our own.
    pub(super) fn ours(code: u32, detail: &str) -> Self {
        let meaning = lookup(code);
        let error = DeliveryError { code, title: meaning.title.to_owned(), detail: redacted(detail) };
        Self { meaning, error, trace: String::new(), retry_after: None }
    }

    /// The same without a secret, should Meta ever quote a message's text.
    pub(super) fn without(mut self, secret: &str) -> Self {
        for text in [&mut self.error.title, &mut self.error.detail] {
            *text = text.replace(secret, "***");
        }
        self
    }
}

fn envelope(body: &[u8]) -> Option<ErrorBody> {
    #[derive(Deserialize)]
    struct Envelope {
        error: ErrorBody,
    }
    serde_json::from_slice(body).map(|Envelope { error }| error).ok()
}

impl ErrorBody {
    /// The error of a webhook.
    pub(super) fn reported(&self) -> DeliveryError {
        let code = self.code().unwrap_or(OURS);
        self.delivery_error(code, lookup(code))
    }

    /// The code; sometimes a text.
    fn code(&self) -> Option<u32> {
        let number = self.code.as_u64().and_then(|code| u32::try_from(code).ok());
        number.or_else(|| self.code.as_str()?.parse().ok())
    }

    fn delivery_error(&self, code: u32, meaning: &MetaError) -> DeliveryError {
        let said = |text: Option<&str>| text.map(redacted).filter(|text| !text.is_empty());
        let message = self.message.as_str().map(without_code);
        let ours = (meaning.first <= code && code <= meaning.last).then(|| meaning.title.to_owned());
        let title = said(self.title.as_str()).or(ours).or_else(|| said(message));
        // An object in today's answers, a text in old ones.
        let details = self.error_data.get("details").unwrap_or(&self.error_data).as_str();
        DeliveryError {
            code,
            title: title.unwrap_or_else(|| meaning.title.to_owned()),
            detail: said(details).or_else(|| said(message)).unwrap_or_default(),
        }
    }
}

/// Without the `(#131026)` that Meta begins messages with.
fn without_code(message: &str) -> &str {
    let rest = message.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
    rest.map_or(message, |(_, rest)| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cloud_api::errors::ErrorClass;

    fn failure(status: u16, body: &str) -> Failure {
        Failure::of(&Answer { status, retry_after: None, body: Some(body.as_bytes().to_vec()) })
    }

    fn told(status: u16, body: &str) -> (u32, String, String) {
        let DeliveryError { code, title, detail } = failure(status, body).error;
        (code, title, detail)
    }

    fn expected(code: u32, title: &str, detail: &str) -> (u32, String, String) {
        (code, title.to_owned(), detail.to_owned())
    }

    #[test]
    fn meta_is_quoted_whatever_form_its_details_have() {
        let title = "Message undeliverable";
        for (data, detail) in [
            (r#","error_data":{"details":"Not on WhatsApp: +14155550123"}"#, "Not on WhatsApp: +***"),
            (r#","error_data":"in an old body""#, "in an old body"),
            (r#","error_data":{"messaging_product":"whatsapp"}"#, "Message undeliverable"),
            (r#","error_data":null"#, "Message undeliverable"),
            (r#","error_data":[1]"#, "Message undeliverable"),
            ("", "Message undeliverable"),
        ] {
            let body = format!(r#"{{"error":{{"message":"(#131026) Message undeliverable","code":131026{data}}}}}"#);
            assert_eq!(told(400, &body), expected(131_026, title, detail), "{body}");
        }
        let text = r#"{"error":{"code":"131026","fbtrace_id":"Az8or"}}"#;
        assert_eq!(told(400, text), expected(131_026, title, "HTTP status 400 without an explanation"));
        assert_eq!(failure(400, text).trace, "Az8or");
    }

    #[test]
    fn an_answer_that_is_not_the_cloud_apis_is_told_by_its_status() {
        for body in ["", "<html>504</html>", "null", "[]", "{}", r#"{"error":"no"}"#, r#"{"error":{}}"#, "\u{0}"] {
            let told = failure(502, body);
            assert_eq!(told.error.code, 900_502);
            assert_eq!(told.meaning.class, ErrorClass::Unknown);
            assert_eq!(told.error.detail, "HTTP status 502 without an explanation");
        }
        let unheard_of = r#"{"error":{"message":"(#199999) New","code":199999}}"#;
        assert_eq!(told(400, unheard_of), expected(199_999, "New", "New"));
        assert_eq!(failure(400, unheard_of).meaning.class, ErrorClass::OurFault);
    }

    proptest! {
        #[test]
        fn any_body_is_told_somehow(body in prop::collection::vec(any::<u8>(), 0..200), status in 200_u16..600) {
            let told = Failure::of(&Answer { status, retry_after: None, body: Some(body) });
            prop_assert!(!told.error.title.is_empty() && !told.error.detail.is_empty());
        }
    }
}
