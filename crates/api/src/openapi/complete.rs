use serde_json::{Map, Value, json};
use whatotp_domain::Metadata;

use super::own_errors::own_errors;
use crate::errors::ErrorCode;
use crate::http::Problem;

/// Texts without control characters.
const NO_CONTROLS: &str = r"^[^\u0000-\u001f\u007f-\u009f]*$";
/// The same, not blank, and without the four spaces in a row that Meta refuses.
const ONE_LINE: &str =
    r"^ {0,3}[^\u0000-\u0020\u007f-\u00a0\u2028\u2029]+( {1,3}[^\u0000-\u0020\u007f-\u00a0\u2028\u2029]+)* {0,3}$";

const PRODUCT: [ErrorCode; 10] = [
    ErrorCode::InvalidRequest,
    ErrorCode::MissingApiKey,
    ErrorCode::InvalidApiKey,
    ErrorCode::ExpiredApiKey,
    ErrorCode::InsufficientScope,
    ErrorCode::IpNotAllowed,
    ErrorCode::NotAcceptable,
    ErrorCode::RateLimited,
    ErrorCode::Overloaded,
    ErrorCode::StorageUnavailable,
];

/// Of everything that takes a session.
const CONSOLE: [ErrorCode; 6] = [
    ErrorCode::InvalidRequest,
    ErrorCode::SessionRequired,
    ErrorCode::PermissionDenied,
    ErrorCode::CrossSiteRequest,
    ErrorCode::Overloaded,
    ErrorCode::StorageUnavailable,
];

const WITH_BODY: [ErrorCode; 4] =
    [ErrorCode::InvalidJson, ErrorCode::RequestTimeout, ErrorCode::BodyTooLarge, ErrorCode::UnsupportedMediaType];

const WITH_IDEMPOTENCY_KEY: [ErrorCode; 2] = [ErrorCode::IdempotencyInProgress, ErrorCode::IdempotencyKeyReused];

/// Adds what all operations share and no handler should have to repeat: the errors with an example each, the headers,
/// `Idempotency-Key`, and the problem document.
pub(super) fn complete(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, operations) in paths {
        let Some(operations) = operations.as_object_mut() else { continue };
        for (method, operation) in operations {
            complete_operation(path, method, operation);
        }
    }
    let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) else { return };
    if let Some(schemas) = components.get_mut("schemas").and_then(Value::as_object_mut) {
        schemas.iter_mut().filter(|(name, _)| name.ends_with("Request")).for_each(|(_, schema)| tighten(schema));
        schemas.insert("Problem".into(), problem_schema());
    }
    let example =
        |code: &ErrorCode| (code.as_str().to_owned(), json!({"summary": code.title(), "value": example(*code)}));
    components.insert("examples".into(), ErrorCode::ALL.iter().map(example).collect());
    components.insert("headers".into(), headers());
}

/// Says of a request what no attribute of a field can: that there are no other fields, and what texts may hold.
fn tighten(schema: &mut Value) {
    let Some(schema) = schema.as_object_mut() else { return };
    schema.insert("additionalProperties".into(), false.into());
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    let mut constrain = |field: &str, more: Value| {
        if let (Some(field), Value::Object(more)) = (fields.get_mut(field).and_then(Value::as_object_mut), more) {
            field.extend(more);
        }
    };
    constrain("purpose", json!({"pattern": NO_CONTROLS}));
    constrain(
        "metadata",
        json!({
            "maxProperties": Metadata::MAX_PAIRS,
            "propertyNames": {"minLength": 1, "maxLength": Metadata::MAX_KEY, "pattern": NO_CONTROLS},
            "additionalProperties": {"type": "string", "maxLength": Metadata::MAX_VALUE, "pattern": NO_CONTROLS}
        }),
    );
    constrain(
        "variables",
        json!({
            "propertyNames": {"minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"},
            "additionalProperties": {"type": ["string", "number"], "maxLength": 1024, "pattern": ONE_LINE}
        }),
    );
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let product = path.starts_with("/v1/");
    let mut errors: Vec<ErrorCode> = own_errors(&id).to_vec();
    if product {
        errors.extend(PRODUCT);
    }
    if id == "readyz" {
        errors.extend([ErrorCode::Overloaded, ErrorCode::StorageUnavailable]);
    }
    let console = path.starts_with("/api/v1/");
    if console {
        errors.extend(CONSOLE);
        set_session(operation);
    }
    let limited = product || console;
    if limited {
        errors.push(ErrorCode::RateLimited);
    }
    if method != "get" && (product || console) {
        errors.extend(WITH_BODY);
    }
    if method == "post" && product {
        errors.push(ErrorCode::AccountSuspended);
        errors.extend(WITH_IDEMPOTENCY_KEY);
        add_idempotency_key(operation);
    }
    errors.extend([ErrorCode::MethodNotAllowed, ErrorCode::InternalError]);
    // Sorted by status, in the order of the errors page.
    let ordered = ErrorCode::ALL.iter().filter(|code| errors.contains(code));
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for code in ordered {
        add_error(responses, *code);
    }
    for (status, response) in responses {
        add_headers(response, product, limited, method == "post", status);
    }
}

fn add_error(responses: &mut Map<String, Value>, code: ErrorCode) {
    let response = responses.entry(code.status().to_string()).or_insert_with(|| {
        json!({
            "description": "",
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {}
            }}
        })
    });
    let said = format!("`{}`: {}.", code.as_str(), code.title());
    if let Some(description) = response.get_mut("description") {
        let before = description.as_str().unwrap_or_default();
        *description = if before.is_empty() { said } else { format!("{before} {said}") }.into();
    }
    let examples = response.pointer_mut("/content/application~1problem+json/examples").and_then(Value::as_object_mut);
    if let Some(examples) = examples {
        let code = code.as_str();
        examples.insert(code.to_owned(), json!({"$ref": format!("#/components/examples/{code}")}));
    }
}

fn example(code: ErrorCode) -> Value {
    let mut example = Problem::new(code).document();
    let more = match code {
        ErrorCode::CodeMismatch => Some(("attempts_remaining", json!(4))),
        ErrorCode::InvalidRequest => Some((
            "errors",
            json!([{"field": "to", "code": "invalid_phone_number", "message": "Write the number in E.164."}]),
        )),
        ErrorCode::TemplateVariablesMismatch => Some(("missing", json!(["order_id"]))),
        _ => None,
    };
    if let Some(members) = example.as_object_mut() {
        members.insert("request_id".into(), "req_01k0z3v8xkf3g9mzq2w6c5t7rb".into());
        members.extend(more.map(|(name, value)| (name.to_owned(), value)));
    }
    example
}

fn add_headers(response: &mut Value, product: bool, limited: bool, post: bool, status: &str) {
    let Some(response) = response.as_object_mut() else { return };
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    let Some(headers) = headers.as_object_mut() else { return };
    let mut add = |name: &str| {
        headers.insert(name.to_owned(), json!({"$ref": format!("#/components/headers/{name}")}));
    };
    add("X-Request-Id");
    // What is refused before the limits are looked at says nothing about them.
    if limited && !(product && status == "401") {
        add("RateLimit-Policy");
        add("RateLimit");
    }
    if post && product && (status.starts_with('2') || matches!(status, "404" | "409" | "410" | "422")) {
        add("Idempotent-Replayed");
    }
    match status {
        "401" => add("WWW-Authenticate"),
        "405" => add("Allow"),
        "409" if post && product => add("Retry-After"),
        "429" | "503" => add("Retry-After"),
        _ => {}
    }
}

/// What each header says, once for the whole document.
fn headers() -> Value {
    let header = |kind: &str, description: &str, example: Value| json!({"description": description, "schema": {"type": kind}, "example": example});
    json!({
        "X-Request-Id": header("string", "The request's id, also in the logs.", "req_01k0z3v8xkf3g9mzq2w6c5t7rb".into()),
        "RateLimit-Policy":
            header("string", "The limit: requests (q) in so many seconds (w).", "\"product\";q=120;w=60".into()),
        "RateLimit": header(
            "string",
            "Requests left (r), and seconds until all of it is free again (t).",
            "\"product\";r=119;t=60".into(),
        ),
        "Idempotent-Replayed":
            header("string", "`true` when this is the stored answer of an earlier request.", "true".into()),
        "WWW-Authenticate": header("string", "RFC 6750.", "Bearer realm=\"whatotp\", error=\"invalid_token\"".into()),
        "Allow": header("string", "The methods there are.", "POST".into()),
        "Retry-After":
            header("integer", "Seconds to wait. With 409: after `idempotency_in_progress` only.", json!(17)),
    })
}

/// Takes a session, unless it says that it takes nothing.
fn set_session(operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    operation.entry("security").or_insert_with(|| json!([{"session": []}]));
}

fn add_idempotency_key(operation: &mut Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(parameters) = parameters.as_array_mut() {
        parameters.push(json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": false,
            "description": "Any text of your own. A repeated request with the same key and body gets the stored answer for \
                24 hours; nothing is sent or charged twice.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
            "example": "order-1001-code"
        }));
    }
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    json!({
        "type": "object",
        "description": "An error (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": {"type": "string", "description": "Where the error is explained.", "example": "/docs/errors#code_mismatch"},
            "title": {"type": "string", "description": "What it is.", "example": "The code is wrong"},
            "status": {"type": "integer", "description": "The HTTP status.", "example": 422},
            "code": {"type": "string", "description": "What to branch on. Never changes.", "enum": codes},
            "detail": {"type": "string", "description": "What to do."},
            "request_id": {"type": "string", "description": "The request's id."},
            "errors": {
                "type": "array",
                "description": "Every bad field.",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "message"],
                    "properties": {
                        "field": {"type": "string", "description": "Its name.", "example": "to"},
                        "code": {"type": "string", "description": "What is wrong with it.", "example": "invalid_phone_number"},
                        "message": {"type": "string", "description": "What to do."}
                    }
                }
            },
            "attempts_remaining": {"type": "integer", "description": "With code_mismatch: wrong codes that may still be given."},
            "missing": {"type": "array", "items": {"type": "string"}, "description": "With template_variables_mismatch: placeholders without a value."},
            "unexpected": {"type": "array", "items": {"type": "string"}, "description": "With template_variables_mismatch: values without a placeholder."},
            "retry_at": {"type": "string", "format": "date-time", "description": "With resend_too_soon, destination_limited and quota_exceeded: when the next message is allowed. With verify_limited: when the next session is; absent when the number is disabled."},
            "reason": {"type": "string", "enum": ["country", "number_type"], "description": "With destination_not_allowed: what about the number is not allowed."},
            "country": {"type": "string", "description": "With destination_not_allowed, when reason is country: which.", "example": "US"},
            "number_type": {"type": "string", "description": "With destination_not_allowed, when reason is number_type: which.", "example": "premium_rate"},
            "blocked_until": {"type": "string", "format": "date-time", "description": "With destination_blocked: when the block ends by itself; absent when somebody has to lift it."},
            "budget": {"type": "string", "enum": ["country_day", "country_hour", "client_ip_day", "client_ip_hour", "client_ip_countries"], "description": "With destination_limited, when too many codes were sent and never verified: which budget is used up."},
            "period": {"type": "string", "enum": ["day", "month"], "description": "With quota_exceeded: which period (UTC) is used up."},
            "delivery_error": {"type": "object", "description": "With recipient_unreachable: Meta's code, title and detail."}
        }
    })
}
