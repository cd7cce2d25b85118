//! The page that every problem's `type` points to.

use askama::Template;
use serde_json::json;

use super::page::{ContentsGroup, ContentsItem, Page, Section};
use crate::errors::ErrorCode;

#[derive(Template)]
#[template(path = "docs/errors.html")]
struct ErrorsPage {
    page: Page,
    errors: Vec<ErrorEntry>,
}

struct ErrorEntry {
    code: &'static str,
    status: u16,
    /// The first digit of the status, for the style.
    class: u16,
    title: &'static str,
    explanation: &'static str,
    detail: &'static str,
    who: &'static str,
    retryable: bool,
    header: &'static str,
    example: String,
}

pub(super) fn render() -> askama::Result<String> {
    let groups = ErrorCode::ALL.chunk_by(|a, b| a.status() == b.status());
    let contents = groups.filter_map(|codes| {
        let items = codes.iter().map(|code| ContentsItem::new(code.as_str(), code.as_str())).collect();
        codes.first().map(|code| ContentsGroup { label: heading(code.status()), items })
    });
    ErrorsPage {
        page: Page::new(Section::Errors, contents.collect()),
        errors: ErrorCode::ALL.iter().map(|code| entry(*code)).collect(),
    }
    .render()
}

fn entry(code: ErrorCode) -> ErrorEntry {
    ErrorEntry {
        code: code.as_str(),
        status: code.status(),
        class: code.status() / 100,
        title: code.title(),
        explanation: code.explanation(),
        detail: code.detail(),
        who: code.who().label(),
        retryable: code.retryable(),
        header: header_of(code),
        example: example(code),
    }
}

fn heading(status: u16) -> String {
    let reason = actix_web::http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    format!("{status} {}", reason.unwrap_or_default())
}

fn header_of(code: ErrorCode) -> &'static str {
    match (code, code.status()) {
        (ErrorCode::MissingApiKey, _) => "WWW-Authenticate: Bearer realm=\"whatotp\"",
        (_, 401) => "WWW-Authenticate: Bearer realm=\"whatotp\", error=\"invalid_token\"",
        (ErrorCode::InsufficientScope, _) => "WWW-Authenticate: Bearer realm=\"whatotp\", error=\"insufficient_scope\"",
        (_, 405) => "Allow: GET, HEAD",
        (ErrorCode::IdempotencyInProgress, _) => "Retry-After: 1",
        (_, 429 | 503) => "Retry-After: 30",
        _ => "",
    }
}

/// A problem document as a client sees it, with the members that belong to this code.
fn example(code: ErrorCode) -> String {
    let mut problem = vec![
        ("type", json!(code.type_uri())),
        ("title", json!(code.title())),
        ("status", json!(code.status())),
        ("code", json!(code.as_str())),
        ("detail", json!(code.detail())),
        ("request_id", json!("req_01jdc60q4w8x2y6z0a3b5c7d9e")),
    ];
    match code {
        ErrorCode::InvalidRequest => problem.push((
            "errors",
            json!([{
                "field": "to",
                "code": "invalid_phone_number",
                "message": "Give the number in E.164, with the leading +."
            }]),
        )),
        ErrorCode::CodeMismatch => problem.push(("attempts_remaining", json!(4))),
        ErrorCode::TemplateVariablesMismatch => {
            problem.push(("missing", json!(["order_id"])));
            problem.push(("unexpected", json!(["orderid"])));
        }
        _ => {}
    }
    // Written member by member: a JSON map may sort its members, and the order here is part of the example.
    let members = problem.iter().map(|(name, value)| {
        let value = serde_json::to_string_pretty(value).unwrap_or_default().replace('\n', "\n  ");
        format!("  \"{name}\": {value}")
    });
    format!("{{\n{}\n}}", members.collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_anchor_once() {
        let html = render().unwrap();
        for code in ErrorCode::ALL {
            let anchor = format!("<section class=\"entry\" id=\"{code}\"");
            assert_eq!(html.matches(&anchor).count(), 1, "{code}");
            assert!(code.type_uri().ends_with(&format!("#{code}")));
        }
    }

    #[test]
    fn every_example_is_json_and_names_its_code() {
        for code in ErrorCode::ALL {
            let problem: serde_json::Value = serde_json::from_str(&example(*code)).unwrap();
            assert_eq!(problem["code"], code.as_str());
            assert_eq!(problem["status"], code.status());
        }
    }
}
