use serde_json::{Map, Value, json};

/// An answer of the Graph API that says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct GraphError {
    pub(crate) status: u16,
    pub(crate) code: u32,
    message: Box<str>,
    kind: &'static str,
    subcode: Option<u32>,
    details: Option<Box<str>>,
    /// A sentence for the user of a form; only the creation of templates has one.
    user_message: Option<Box<str>>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl GraphError {
    /// With the title, the details and the HTTP status that Meta's documentation has for this code.
    pub(crate) fn of(code: u32) -> Self {
        let known = known(code);
        let details = known.details.unwrap_or(known.title);
        let base = Self::bare(known.status, code, format!("(#{code}) {}", known.title));
        Self { details: Some(details.into()), ..base }
    }

    /// Without `error_data`, as the general part of the Graph API answers.
    fn bare(status: u16, code: u32, message: String) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            kind: "OAuthException",
            subcode: None,
            details: None,
            user_message: None,
            retry_after_seconds: None,
        }
    }

    #[must_use]
    pub(crate) fn details(self, details: impl Into<Box<str>>) -> Self {
        Self { details: Some(details.into()), ..self }
    }

    #[must_use]
    pub(crate) fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    #[must_use]
    pub(crate) fn retry_after(self, retry_after_seconds: Option<u32>) -> Self {
        Self { retry_after_seconds, ..self }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::bare(400, 100, format!("(#100) The parameter {parameter} is required."))
    }

    pub(crate) fn invalid(message: &str) -> Self {
        Self::bare(400, 100, format!("(#100) {message}"))
    }

    pub(crate) fn not_json() -> Self {
        Self::bare(400, 100, "Invalid JSON in request body".to_owned())
    }

    /// A template that cannot be created, with the sentence that the form would show.
    pub(crate) fn template(subcode: u32, sentence: impl Into<Box<str>>) -> Self {
        let base = Self::bare(400, 100, "Invalid parameter".to_owned());
        Self { subcode: Some(subcode), user_message: Some(sentence.into()), ..base }
    }

    pub(crate) fn no_token() -> Self {
        Self::bare(401, 104, "An access token is required to request this resource.".to_owned())
    }

    pub(crate) fn bad_token() -> Self {
        let message = "Invalid OAuth access token - Cannot parse access token";
        Self::bare(401, 190, message.to_owned())
    }

    pub(crate) fn revoked_token() -> Self {
        let message = "Error validating access token: The session has been invalidated because the user changed their \
                       password or Facebook has changed the session for security reasons.";
        Self { subcode: Some(460), ..Self::bare(401, 190, message.to_owned()) }
    }

    /// Also what a token without the right to see the object is told.
    pub(crate) fn no_such_object(method: &str, id: &str) -> Self {
        let message = format!(
            "Unsupported {} request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
             or does not support this operation. Please read the Graph API documentation at \
             https://developers.facebook.com/docs/graph-api",
            method.to_lowercase()
        );
        Self { kind: "GraphMethodException", subcode: Some(33), ..Self::bare(400, 100, message) }
    }

    pub(crate) fn unknown_path(path: &str) -> Self {
        Self::bare(400, 2_500, format!("Unknown path components: {path}"))
    }

    pub(crate) fn body(&self, trace_id: &str) -> Value {
        let mut error = Map::new();
        error.insert("message".to_owned(), json!(self.message));
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("code".to_owned(), json!(self.code));
        if let Some(details) = &self.details {
            error.insert("error_data".to_owned(), json!({ "messaging_product": "whatsapp", "details": details }));
        }
        if let Some(subcode) = self.subcode {
            error.insert("error_subcode".to_owned(), json!(subcode));
        }
        if let Some(sentence) = &self.user_message {
            error.insert("is_transient".to_owned(), json!(false));
            error.insert("error_user_title".to_owned(), json!("Message template was not created"));
            error.insert("error_user_msg".to_owned(), json!(sentence));
        }
        error.insert("fbtrace_id".to_owned(), json!(trace_id));
        json!({ "error": error })
    }

    /// As it stands in a status webhook.
    pub(crate) fn in_webhook(&self) -> Value {
        let title = known(self.code).title;
        json!({
            "code": self.code,
            "title": title,
            "message": title,
            "error_data": { "details": self.details.as_deref().unwrap_or(title) },
            "href": "https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes",
        })
    }
}

struct Known {
    title: &'static str,
    status: u16,
    details: Option<&'static str>,
}

const fn titled(title: &'static str, status: u16) -> Known {
    Known { title, status, details: None }
}

const fn detailed(title: &'static str, status: u16, details: &'static str) -> Known {
    Known { title, status, details: Some(details) }
}

/// Meta's codes with their HTTP status before Meta withdrew that column from its documentation.
const fn known(code: u32) -> Known {
    match code {
        0 => titled("AuthException", 401),
        1 => titled("API Unknown", 500),
        2 => titled("API Service", 503),
        3 => titled("API Method", 500),
        4 => titled("API Too Many Calls", 429),
        10 | 200..=299 => titled("Permission Denied", 403),
        100 => titled("Invalid parameter", 400),
        104 | 190 => titled("Access token has expired", 401),
        368 => titled("Temporarily blocked for policies violations", 403),
        80_007 | 80_008 => titled("Rate limit issues", 429),
        130_403 => titled("Business has been blocked by the user", 400),
        130_429 => detailed("Rate limit hit", 429, "Message failed to send because too many messages were sent."),
        130_472 => titled("User's number is part of an experiment", 400),
        130_497 => titled("Business account is restricted from messaging users in this country", 403),
        131_000 => detailed("Something went wrong", 500, "Message failed to send due to an unknown error."),
        131_005 => titled("Access denied", 403),
        131_008 => titled("Required parameter is missing", 400),
        33 | 131_009 => titled("Parameter value is not valid", 400),
        131_016 => detailed("Service unavailable", 503, "A service is temporarily unavailable."),
        131_021 => detailed("Recipient cannot be sender", 400, "Sender and recipient phone number are the same."),
        131_026 => detailed("Message undeliverable", 400, "Message Undeliverable."),
        131_030 => detailed("Recipient phone number not in allowed list", 400, "Add the number to the allowed list."),
        131_031 => detailed("Business Account locked", 403, "Business Account has been locked"),
        131_037 => titled("WhatsApp provided number needs display name approval before message can be sent", 400),
        131_042 => titled("Business eligibility payment issue", 400),
        131_043 => titled("Message expired", 400),
        131_045 => titled("Incorrect certificate", 500),
        131_047 => detailed(
            "Re-engagement message",
            400,
            "Message failed to send because more than 24 hours have passed since the customer last replied to this \
             number.",
        ),
        131_048 => titled("Spam rate limit hit", 429),
        131_049 => titled("This message was not delivered to maintain healthy ecosystem engagement.", 400),
        131_050 => titled("Unable to deliver the message. This recipient has chosen to stop marketing messages", 400),
        131_051 => detailed("Message type unknown", 400, "Unsupported message type."),
        131_052 => titled("Media download error", 400),
        131_053 => titled("Media upload error", 400),
        131_056 => detailed(
            "(Business Account, Consumer Account) pair rate limit hit",
            429,
            "Message failed to send because there were too many messages sent from this phone number to the same phone \
             number in a short period of time.",
        ),
        131_057 => titled("Account in maintenance mode", 500),
        131_059 => detailed("Invalid cursor", 400, "The cursor is no longer valid. Restart without a cursor."),
        131_062 => titled("Business-scoped user ID recipients are not supported for this message", 400),
        131_063 => titled("Marketing messages are disabled on Cloud API", 400),
        131_064 => titled("Sending limited because of template classification violations", 429),
        132_000 => titled("Number of parameters does not match the expected number of params", 400),
        132_001 => titled("Template name does not exist in the translation", 404),
        132_005 => titled("Translated text too long", 400),
        132_007 => titled("Template format character policy violated", 400),
        132_008 | 132_012 => titled("Parameter format does not match format in the created template", 400),
        132_015 => detailed(
            "Template is paused",
            400,
            "Template is paused due to low quality so it cannot be sent in a template message.",
        ),
        132_016 => detailed(
            "Template is disabled",
            400,
            "Template has been paused too many times due to low quality and is now permanently disabled.",
        ),
        132_018 => titled("There was an issue with the parameters in your template", 400),
        133_004 => titled("Server temporarily unavailable", 503),
        133_010 => detailed("Account not registered", 400, "The phone number is not registered on the platform."),
        134_011 => titled("WhatsApp Payments terms of service have not been accepted", 400),
        135_000 => titled("Generic user error", 400),
        139_200 => titled("Direct Send is blocked", 400),
        _ => titled("Unknown error", 400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_metas_shape() {
        let error = GraphError::of(132_000).details("body: 1");
        let expected = json!({ "error": {
            "message": "(#132000) Number of parameters does not match the expected number of params",
            "type": "OAuthException",
            "code": 132_000,
            "error_data": { "messaging_product": "whatsapp", "details": "body: 1" },
            "fbtrace_id": "Axyz",
        }});
        assert_eq!(error.body("Axyz"), expected);
    }

    #[test]
    fn a_token_error_has_no_error_data() {
        let body = GraphError::bad_token().body("A");
        assert_eq!(body["error"]["code"], 190);
        assert_eq!(body["error"].get("error_data"), None);
    }
}
