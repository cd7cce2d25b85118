use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use actix_web::web;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use whatotp_domain::{Locale, Metadata, PhoneNumber, Timestamp};

use super::problem::Problem;
use crate::errors::ErrorCode;

/// One thing that is wrong with one field. Never holds what the caller sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    pub field: String,
    pub code: &'static str,
    pub message: Cow<'static, str>,
}

impl Invalid {
    /// A field that is well formed, but that something stored says no to.
    pub(crate) fn new(field: &str, (code, message): Bad) -> Self {
        Self { field: field.to_owned(), code, message }
    }
}

/// What a reader says of a bad value: a code and a message.
pub type Bad = (&'static str, Cow<'static, str>);

/// The fields of a request's body or query string, taken out one by one.
///
/// Nothing is ignored: whatever is left when all known fields are taken is refused by name, so that a typo such as
/// `lenght` does not pass for the default. Every bad field is reported, not just the first.
pub struct Fields {
    values: Map<String, Value>,
    known: Vec<&'static str>,
    invalid: Vec<Invalid>,
}

impl Fields {
    /// A JSON object, without duplicate names at any depth.
    pub fn of_json(body: &[u8]) -> Result<Self, Problem> {
        match serde_json::from_slice::<Strict>(body) {
            Ok(Strict(Value::Object(values))) => Ok(Self { values, known: Vec::new(), invalid: Vec::new() }),
            Ok(_) => {
                Err(Problem::new(ErrorCode::InvalidJson).detail("Send a JSON object: the body is another JSON value."))
            }
            Err(error) if error.to_string().starts_with(DUPLICATE) => {
                Err(Problem::new(ErrorCode::InvalidJson)
                    .detail("Send each field once: a name stands twice in one object."))
            }
            Err(_) => Err(Problem::new(ErrorCode::InvalidJson)),
        }
    }

    /// A query string, without duplicate names.
    pub(crate) fn of_query(query: &str) -> Result<Self, Problem> {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .or(Err(Problem::new(ErrorCode::InvalidRequest).detail("Encode the query string as name=value pairs.")))?;
        let mut fields = Self { values: Map::new(), known: Vec::new(), invalid: Vec::new() };
        for (name, value) in pairs.into_inner() {
            if fields.values.insert(name.clone(), Value::String(value)).is_some() {
                fields.invalid.push(Invalid {
                    field: safe_name(&name),
                    code: "duplicate",
                    message: "Give it once.".into(),
                });
            }
        }
        Ok(fields)
    }

    /// Takes a field that may be missing (or `null`).
    pub fn optional<T>(&mut self, name: &'static str, read: impl FnOnce(Value) -> Result<T, Bad>) -> Option<T> {
        self.known.push(name);
        match self.values.remove(name) {
            None | Some(Value::Null) => None,
            Some(value) => match read(value) {
                Ok(read) => Some(read),
                Err((code, message)) => {
                    self.invalid.push(Invalid { field: name.to_owned(), code, message });
                    None
                }
            },
        }
    }

    /// Takes a field that must be there.
    pub fn required<T>(&mut self, name: &'static str, read: impl FnOnce(Value) -> Result<T, Bad>) -> Option<T> {
        if matches!(self.values.get(name), None | Some(Value::Null)) {
            self.known.push(name);
            self.values.remove(name);
            self.invalid.push(Invalid {
                field: name.to_owned(),
                code: "required",
                message: "This field is required.".into(),
            });
            return None;
        }
        self.optional(name, read)
    }

    /// `result` if nothing is wrong; otherwise everything that is. A `result` that is not there although nothing is wrong
    /// cannot be: a required field that is missing is wrong.
    pub fn finish<T>(mut self, result: Option<T>) -> Result<T, Problem> {
        for name in self.values.keys() {
            let message = format!("There is no such field; the known ones are {}.", self.known.join(", "));
            self.invalid.push(Invalid { field: safe_name(name), code: "unknown_field", message: message.into() });
        }
        match result {
            Some(result) if self.invalid.is_empty() => Ok(result),
            _ => Err(Problem::invalid(self.invalid)),
        }
    }
}

/// A name as the caller wrote it, cut to what an error message can carry.
fn safe_name(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(40).collect()
}

pub fn text(value: Value) -> Result<String, Bad> {
    match value {
        Value::String(text) if text.chars().any(char::is_control) => {
            Err(("invalid_characters", "Remove the control characters.".into()))
        }
        Value::String(text) => Ok(text),
        _ => Err(("invalid_type", "This must be a string.".into())),
    }
}

/// A whole number between two bounds; in a query string, written as digits.
pub fn integer(minimum: u32, maximum: u32) -> impl FnOnce(Value) -> Result<u32, Bad> {
    move |value| {
        let written = match &value {
            // JSON knows no integers: 6.0 is 6.
            Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
            Value::String(text) => text.clone(),
            _ => return Err(("invalid_type", "This must be a whole number.".into())),
        };
        match written.parse::<u32>() {
            Ok(number) if (minimum..=maximum).contains(&number) => Ok(number),
            _ => Err(("out_of_range", format!("This must be a whole number from {minimum} to {maximum}.").into())),
        }
    }
}

/// True or false.
pub(crate) fn boolean(value: Value) -> Result<bool, Bad> {
    serde_json::from_value(value).ok().ok_or(("invalid_type", "This must be true or false.".into()))
}

/// A text that a type of the domain reads.
pub(crate) fn parsed<T>(
    code: &'static str,
    message: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> impl FnOnce(Value) -> Result<T, Bad> {
    move |value| parse(&text(value)?).ok_or((code, message.into()))
}

pub fn phone_number(value: Value) -> Result<PhoneNumber, Bad> {
    PhoneNumber::parse(&text(value)?).map_err(|error| ("invalid_phone_number", sentence(&error)))
}

pub fn locale(value: Value) -> Result<Locale, Bad> {
    parsed("invalid_locale", "Write the language as a BCP 47 tag, such as en or pt-BR.", Locale::parse)(value)
}

pub fn moment(value: Value) -> Result<Timestamp, Bad> {
    parsed("invalid_time", "Write the time as RFC 3339, such as 2026-11-23T10:00:00Z.", Timestamp::parse)(value)
}

pub(crate) fn cursor<T>(parse: impl FnOnce(&str) -> Option<T>) -> impl FnOnce(Value) -> Result<T, Bad> {
    parsed("invalid_cursor", "Use the next_cursor of an earlier answer.", parse)
}

/// String pairs.
pub fn metadata(value: Value) -> Result<Metadata, Bad> {
    Metadata::new(pairs(value)?).map_err(|error| ("invalid_metadata", sentence(&error)))
}

/// An object of strings.
pub(crate) fn pairs(value: Value) -> Result<BTreeMap<String, String>, Bad> {
    let Value::Object(pairs) = value else {
        return Err(("invalid_type", "This must be an object of strings.".into()));
    };
    let pairs = pairs.into_iter().map(|(name, value)| match value {
        Value::String(value) => Ok((name, value)),
        _ => Err(("invalid_type", "Every value must be a string.".into())),
    });
    pairs.collect()
}

/// An error of the domain as a sentence.
pub(crate) fn sentence(error: &impl fmt::Display) -> Cow<'static, str> {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str().trim_end_matches('.')).into()
}

const DUPLICATE: &str = "duplicate field";

/// JSON in which no object has two members of one name. (`serde_json` would keep the last one in silence.)
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Strict(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(object.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(body: &str) -> Result<(u32, String), Problem> {
        let mut fields = Fields::of_json(body.as_bytes())?;
        let length = fields.optional("length", integer(4, 8));
        let to = fields.required("to", text);
        fields.finish(to.map(|to| (length.unwrap_or(6), to)))
    }

    fn errors(body: &str) -> String {
        taken(body).unwrap_err().document()["errors"].to_string()
    }

    #[test]
    fn a_good_body_is_taken() {
        assert_eq!(taken(r#"{"to":"x"}"#).unwrap(), (6, "x".to_owned()));
        assert_eq!(taken(r#"{"to":"x","length":8.0}"#).unwrap(), (8, "x".to_owned()));
        assert_eq!(taken(r#"{"to":"x","length":null}"#).unwrap(), (6, "x".to_owned()));
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let errors = errors(r#"{"lenght":6,"length":"six"}"#);
        for expected in ["\"lenght\"", "unknown_field", "out_of_range", "\"to\"", "required"] {
            assert!(errors.contains(expected), "{expected} in {errors}");
        }
    }

    #[test]
    fn what_was_sent_is_not_sent_back() {
        assert!(!errors(r#"{"to":"x","length":"424242"}"#).contains("424242"));
    }

    #[test]
    fn duplicates_are_refused_at_any_depth() {
        for body in [r#"{"to":"x","to":"y"}"#, r#"{"to":"x","metadata":{"a":"1","a":"2"}}"#, "[]", "6", "", "{\"to\":"]
        {
            let problem = taken(body).unwrap_err();
            assert_eq!(problem.code(), ErrorCode::InvalidJson, "{body}");
        }
    }

    #[test]
    fn control_characters_are_refused() {
        assert!(errors("{\"to\":\"a\\u0000b\"}").contains("invalid_characters"));
    }
}
