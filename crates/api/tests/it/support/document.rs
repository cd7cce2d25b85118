//! Holds answers against the OpenAPI document: whatever a test provokes must be declared there.

use std::sync::LazyLock;

use reqwest::Method;
use serde_json::Value;

use super::Answer;

static DOCUMENT: LazyLock<Value> = LazyLock::new(whatotp::openapi::document);

/// One operation of the document.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With its placeholders.
    pub(crate) path: String,
    pub(crate) declared: &'static Value,
}

impl Operation {
    pub(crate) fn id(&self) -> &'static str {
        self.declared["operationId"].as_str().unwrap()
    }

    /// The path with ids that nobody has.
    pub(crate) fn any_path(&self) -> String {
        let path = self.path.replace("{session_id}", &super::unused("otp"));
        let path = path.replace("{message_id}", &super::unused("msg"));
        let path = path.replace("{template_id}", &super::unused("tpl"));
        // The console's ids are looked at behind its log-in.
        path.replace(['{', '}'], "")
    }

    pub(crate) fn needs_a_key(&self) -> bool {
        self.path.starts_with("/v1/")
    }
}

/// Every operation of the document.
pub(crate) fn operations() -> Vec<Operation> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, methods)| {
        methods.as_object().unwrap().iter().map(|(method, declared)| Operation {
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            declared,
        })
    });
    operations.collect()
}

/// Panics unless the operation declares such an answer.
#[track_caller]
pub(super) fn check(method: &Method, path: &str, answer: &Answer) {
    let Some(operation) = find(method, path) else { return };
    let declared = &operation.declared["responses"][answer.status.to_string()];
    let content = &declared["content"];
    let media_type = answer.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default();
    let schema = &content[media_type]["schema"];
    let what = || format!("{method} {} declares no such answer: {answer:?}", operation.path);
    if declared.is_object() && content.is_null() {
        assert!(answer.text.is_empty() && media_type.is_empty(), "{}", what());
        return;
    }
    assert!(declared.is_object() && !schema.is_null(), "{}", what());
    if ["text/event-stream", "text/plain", "text/csv"].contains(&media_type) {
        return;
    }
    if let Some(misfit) = misfit(schema, &answer.body(), "$") {
        panic!("{misfit}: {}", what());
    }
    if media_type == "application/problem+json" {
        let codes = content[media_type]["examples"].as_object().unwrap();
        assert!(codes.contains_key(answer.body()["code"].as_str().unwrap()), "{}", what());
    }
    for name in ["www-authenticate", "allow", "retry-after", "ratelimit", "ratelimit-policy", "idempotent-replayed"] {
        let headers = declared["headers"].as_object().unwrap();
        let is_declared = headers.keys().any(|header| header.eq_ignore_ascii_case(name));
        assert!(is_declared || !answer.headers.contains_key(name), "{name}: {}", what());
    }
}

/// The operation that serves a path: one without placeholders before one with.
fn find(method: &Method, path: &str) -> Option<Operation> {
    let fits = |operation: &Operation| {
        let (given, declared) = (path.split('/'), operation.path.split('/'));
        operation.method == *method
            && given.clone().count() == declared.clone().count()
            && given.zip(declared).all(|(given, declared)| given == declared || declared.starts_with('{'))
    };
    let fitting = operations().into_iter().filter(fits);
    fitting.min_by_key(|operation| operation.path.matches('{').count())
}

/// Where and why a value is not what a schema says, as far as types, members, enumerations and choices go.
fn misfit(schema: &Value, value: &Value, at: &str) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        return misfit(DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let misfits = choices.iter().map(|choice| misfit(choice, value, at));
        return misfits.collect::<Option<Vec<_>>>().map(|misfits| misfits.join(" and "));
    }
    if !has_type(&schema["type"], value) {
        return Some(format!("{at} is not {}", schema["type"]));
    }
    match value {
        Value::Object(members) => misfit_of_object(schema, members, at),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| misfit(&schema["items"], item, &format!("{at}[{index}]")))
        }
        Value::String(text) => {
            let listed = schema["enum"].as_array().is_none_or(|allowed| allowed.contains(value));
            let choices = schema["pattern"].as_str().and_then(|pattern| pattern.strip_prefix("^(")?.strip_suffix(")$"));
            let chosen = choices.is_none_or(|choices| choices.split('|').any(|choice| choice == text));
            (!listed || !chosen).then(|| format!("{at} is {text}"))
        }
        _ => None,
    }
}

fn misfit_of_object(schema: &Value, members: &serde_json::Map<String, Value>, at: &str) -> Option<String> {
    let Some(properties) = schema["properties"].as_object() else {
        let values = &schema["additionalProperties"];
        return members.iter().find_map(|(name, value)| misfit(values, value, &format!("{at}.{name}")));
    };
    let required = schema["required"].as_array().into_iter().flatten();
    let missing = required.filter_map(Value::as_str).find(|name| !members.contains_key(*name));
    missing.map(|name| format!("{at}.{name} is missing")).or_else(|| {
        members.iter().find_map(|(name, value)| match properties.get(name) {
            None => Some(format!("{at}.{name} is not declared")),
            Some(schema) => misfit(schema, value, &format!("{at}.{name}")),
        })
    })
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => true,
    };
    wanted.as_array().map_or_else(|| is(wanted), |names| names.iter().any(is))
}
