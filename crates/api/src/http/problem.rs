use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde_json::{Map, Value, json};
use whatotp_application::Failure;
use whatotp_domain::{RequestId, SessionStatus, Timestamp};
use whatotp_ports::StoreError;

use super::fields::Invalid;
use crate::errors::ErrorCode;

/// The headers of every answer: a browser runs and frames nothing of it, whatever it holds.
pub(super) const SAFE: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

const PROBLEM_JSON: &str = "application/problem+json";

/// An error as the caller sees it: RFC 9457, with a stable `code` to branch on.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    code: ErrorCode,
    detail: Cow<'static, str>,
    invalid: Vec<Invalid>,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    request_id: Option<RequestId>,
    cause: Option<Arc<Failure>>,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode) -> Self {
        Self(Box::new(Parts {
            code,
            detail: Cow::Borrowed(code.detail()),
            invalid: Vec::new(),
            members: Map::new(),
            headers: Vec::new(),
            request_id: None,
            cause: None,
        }))
    }

    /// Every bad field at once.
    pub(crate) fn invalid(invalid: Vec<Invalid>) -> Self {
        let mut problem = Self::new(ErrorCode::InvalidRequest);
        problem.0.invalid = invalid;
        problem
    }

    /// Says more than the code's usual sentence. Never anything the caller sent.
    pub(crate) fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = detail.into();
        self
    }

    /// One more member of the document.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// The caller may come again after so many seconds, at least one.
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
    }

    /// The caller may come again at this moment.
    pub(crate) fn retry_at(self, at: Timestamp, now: Timestamp) -> Self {
        self.retry_after(at.since(now).as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX))
    }

    /// What a session that is over answers.
    pub(crate) fn finished(status: SessionStatus) -> Self {
        Self::new(match status {
            SessionStatus::Verified => ErrorCode::SessionAlreadyVerified,
            SessionStatus::Locked => ErrorCode::SessionLocked,
            SessionStatus::Superseded => ErrorCode::SessionSuperseded,
            SessionStatus::Canceled => ErrorCode::SessionCanceled,
            SessionStatus::Failed => ErrorCode::RecipientUnreachable,
            SessionStatus::Expired | SessionStatus::Pending => ErrorCode::SessionExpired,
        })
    }

    pub(crate) fn for_request(mut self, id: Option<RequestId>) -> Self {
        self.0.request_id = id;
        self
    }

    /// What to do next, in words.
    pub(crate) fn detail_text(&self) -> &str {
        &self.0.detail
    }

    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// What broke, for the log. The caller never sees it.
    pub(crate) fn cause(&self) -> Option<&Failure> {
        self.0.cause.as_deref()
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> Value {
        let Parts { code, detail, invalid, members, request_id, .. } = &*self.0;
        let mut document = Map::new();
        document.insert("type".into(), code.type_uri().into());
        document.insert("title".into(), code.title().into());
        document.insert("status".into(), code.status().into());
        document.insert("code".into(), code.as_str().into());
        document.insert("detail".into(), detail.as_ref().into());
        if let Some(id) = request_id {
            document.insert("request_id".into(), id.to_string().into());
        }
        if !invalid.is_empty() {
            let errors =
                invalid.iter().map(|one| json!({"field": one.field, "code": one.code, "message": one.message}));
            document.insert("errors".into(), errors.collect());
        }
        document.extend(members.clone());
        Value::Object(document)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.0.headers {
            response.insert_header((name.clone(), value.clone()));
        }
        if let Some(id) = self.0.request_id {
            response.insert_header(("x-request-id", id.to_string()));
        }
        for safe in SAFE {
            response.insert_header(safe);
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON)).body(self.document().to_string())
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let mut problem = match &failure {
            Failure::Store(StoreError::Unavailable(_)) => Self::new(ErrorCode::StorageUnavailable).retry_after(1),
            // Without randomness there are no ids and no nonces: nothing can be done until it is back.
            Failure::Store(StoreError::Overloaded) | Failure::Entropy(_) | Failure::Busy => {
                Self::new(ErrorCode::Overloaded).retry_after(1)
            }
            Failure::Store(StoreError::Corrupt(_))
            | Failure::Sealed(_)
            | Failure::MissingMasterKey(_)
            | Failure::OtherMasterKey { .. }
            | Failure::DroppedMasterKey(_)
            | Failure::Corrupt(_) => Self::new(ErrorCode::InternalError),
        };
        problem.0.cause = Some(Arc::new(failure));
        problem
    }
}
