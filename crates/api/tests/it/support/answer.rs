use std::fmt;

use reqwest::header::HeaderMap;
use serde_json::{Map, Value};
use whatotp::errors::ErrorCode;

/// What the server answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}\n{}", self.status, self.headers, self.text)
    }
}

impl Answer {
    /// The header, if it is there once.
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// The JSON body.
    #[track_caller]
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The JSON body of a success.
    #[track_caller]
    pub(crate) fn success(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        self.body()
    }

    /// Seconds to wait.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> u64 {
        let seconds = self.header("retry-after").unwrap_or_else(|| panic!("no Retry-After: {self:?}"));
        seconds.parse().unwrap()
    }

    /// What the caller is told to do.
    #[track_caller]
    pub(crate) fn detail(&self) -> String {
        super::text(&self.body()["detail"])
    }

    /// Whether it is the stored answer of an earlier request.
    #[track_caller]
    pub(crate) fn is_replay(&self) -> bool {
        let replayed = self.header("idempotent-replayed");
        assert!(matches!(replayed, None | Some("true")), "{self:?}");
        replayed.is_some()
    }

    /// Checks everything that a problem of this code has, and returns the members that are its own.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let known = ErrorCode::ALL.iter().find(|known| known.as_str() == code).expect("a code of the table");
        let Value::Object(mut body) = self.body() else { panic!("not an object: {self:?}") };
        let mut take = |name: &str| body.remove(name).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        assert_eq!(take("code"), code, "{self:?}");
        assert_eq!(take("type"), format!("/docs/errors#{code}"), "{self:?}");
        assert_eq!(take("title"), known.title(), "{self:?}");
        assert_eq!(take("status"), status, "{self:?}");
        let (detail, request) = (super::text(&take("detail")), take("request_id"));
        assert!(detail.len() > 10 && detail.ends_with('.'), "{self:?}");
        // A stored answer still names the request that it answered first.
        assert!(self.is_replay() || self.header("x-request-id") == request.as_str(), "{self:?}");
        assert_eq!(super::redacted(&request), "[req]", "{self:?}");
        self.has_the_headers_of(status);
        Value::Object(body)
    }

    /// The bad fields of a 400, each with what is wrong with it.
    #[track_caller]
    pub(crate) fn invalid(&self) -> Vec<(String, String)> {
        let own = self.problem(400, "invalid_request");
        assert_eq!(own.as_object().map(Map::len), Some(1), "{self:?}");
        let errors = own["errors"].as_array().unwrap_or_else(|| panic!("no errors: {self:?}"));
        let read = |error: &Value| {
            let members: Vec<&str> = error.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(members, ["field", "code", "message"], "{self:?}");
            assert!(super::text(&error["message"]).ends_with('.'), "{self:?}");
            (super::text(&error["field"]), super::text(&error["code"]))
        };
        errors.iter().map(read).collect()
    }

    /// [`Answer::invalid`] for a request with one bad field.
    #[track_caller]
    pub(crate) fn is_invalid(&self, field: &str, code: &str) {
        assert_eq!(self.invalid(), [(field.to_owned(), code.to_owned())], "{self:?}");
    }

    #[track_caller]
    fn has_the_headers_of(&self, status: u16) {
        let there = |name: &str| self.headers.contains_key(name);
        assert_eq!(there("www-authenticate"), status == 401, "{self:?}");
        assert_eq!(there("allow"), status == 405, "{self:?}");
        if matches!(status, 429 | 503) {
            assert!(self.retry_after() >= 1, "{self:?}");
        }
    }

    #[track_caller]
    pub(super) fn holds_what_every_answer_does(&self, path: &str) {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!(id.starts_with("req_") && id.len() == 30, "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        if path.starts_with("/v1/") {
            assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
            if self.status < 400 {
                assert!(self.header("ratelimit").is_some() && self.header("ratelimit-policy").is_some(), "{self:?}");
            }
        }
    }
}
