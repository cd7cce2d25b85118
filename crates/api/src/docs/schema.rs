//! Reads JSON Schemas out of an OpenAPI 3.1 document: what fields there are, what they take, what an example looks like.
//!
//! The document is generated, but nothing here trusts it: what is missing is left out, and a schema that contains itself is
//! followed only a few levels down.

use serde_json::{Map, Value};

use super::markdown::{self, Span};

const MAX_REFERENCES: usize = 8;
const MAX_DEPTH: usize = 6;
/// How many names a dotted name may have.
const MAX_NESTING: usize = 3;

/// A row of a field table.
#[derive(Default)]
pub(super) struct Field {
    pub(super) name: String,
    /// Where a parameter goes (`path`, `query`, `header`); empty for a field of a body.
    pub(super) place: String,
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) default: String,
    pub(super) constraints: Vec<String>,
    pub(super) description: Vec<Span>,
}

#[derive(Clone, Copy)]
pub(super) struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// Follows `$ref` until it ends in something else.
    pub(super) fn resolve(self, value: &'a Value) -> &'a Value {
        let mut current = value;
        for _ in 0..MAX_REFERENCES {
            let target = text(current, "$ref").strip_prefix('#').and_then(|pointer| self.document.pointer(pointer));
            match target {
                Some(target) => current = target,
                None => break,
            }
        }
        current
    }

    /// The fields of an object, nested ones with a dotted name.
    pub(super) fn fields(self, schema: &'a Value) -> Vec<Field> {
        let mut fields = Vec::new();
        self.collect(schema, "", 0, &mut fields);
        fields
    }

    fn collect(self, schema: &'a Value, prefix: &str, depth: usize, fields: &mut Vec<Field>) {
        let schema = self.resolve(schema);
        if depth > MAX_DEPTH || (!prefix.is_empty() && prefix.split('.').count() >= MAX_NESTING) {
            return;
        }
        for part in list(schema, "allOf") {
            self.collect(part, prefix, depth + 1, fields);
        }
        if let [only] = self.alternatives(schema).as_slice() {
            self.collect(only, prefix, depth + 1, fields);
        }
        if let Some(items) = schema.get("items") {
            self.collect(items, &format!("{prefix}[]"), depth + 1, fields);
        }
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let dot = if prefix.is_empty() { "" } else { "." };
            let path = format!("{prefix}{dot}{name}");
            fields.push(Field {
                required: required.contains(&name.as_str()),
                ..self.field(path.clone(), property, property)
            });
            self.collect(property, &path, depth + 1, fields);
        }
    }

    /// One row; `described` is where the description stands when the schema itself has none.
    pub(super) fn field(self, name: String, schema: &'a Value, described: &'a Value) -> Field {
        let resolved = self.resolve(schema);
        let own = [described, schema, resolved].into_iter().map(|at| text(at, "description")).find(|d| !d.is_empty());
        let default = [schema, resolved].into_iter().find_map(|at| at.get("default")).map(inline).unwrap_or_default();
        Field {
            name,
            kind: self.kind(schema, 0),
            default,
            constraints: self.constraints(resolved),
            description: markdown::spans(&own.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")),
            ..Field::default()
        }
    }

    /// The branches of `oneOf` or `anyOf`, without `null`.
    fn alternatives(self, schema: &'a Value) -> Vec<&'a Value> {
        let branches = ["oneOf", "anyOf"].into_iter().flat_map(|key| list(schema, key));
        branches.map(|branch| self.resolve(branch)).filter(|branch| text(branch, "type") != "null").collect()
    }

    /// The type in words, such as `array of string` or `integer or null`.
    fn kind(self, schema: &'a Value, depth: usize) -> String {
        if depth > MAX_DEPTH {
            return String::new();
        }
        let schema = self.resolve(schema);
        let mut kinds: Vec<String> = match schema.get("type") {
            Some(Value::String(kind)) => vec![kind.clone()],
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ if schema.get("properties").is_some() => vec!["object".to_owned()],
            _ => Vec::new(),
        };
        if kinds.is_empty() {
            for branch in ["oneOf", "anyOf", "allOf"].into_iter().flat_map(|key| list(schema, key)) {
                let kind = self.kind(branch, depth + 1);
                if !kind.is_empty() && !kinds.contains(&kind) {
                    kinds.push(kind);
                }
            }
            kinds.sort_by_key(|kind| kind == "null");
        }
        for kind in &mut kinds {
            if kind == "array"
                && let Some(items) = schema.get("items")
            {
                *kind = format!("array of {}", self.kind(items, depth + 1));
            }
            if kind == "object"
                && let Some(values @ Value::Object(_)) = schema.get("additionalProperties")
            {
                *kind = format!("object of {}", self.kind(values, depth + 1));
            }
        }
        kinds.join(" or ")
    }

    fn constraints(self, schema: &'a Value) -> Vec<String> {
        let schema = match self.alternatives(schema).as_slice() {
            [only] => *only,
            _ => schema,
        };
        let mut constraints = Vec::new();
        let values: Vec<String> =
            list(schema, "enum").iter().chain(schema.get("const")).filter(|v| !v.is_null()).map(inline).collect();
        if !values.is_empty() {
            constraints.push(format!("One of: {}", values.join(", ")));
        }
        let ranges = [
            ("minimum", "maximum", ""),
            ("minLength", "maxLength", " characters"),
            ("minItems", "maxItems", " items"),
            ("minProperties", "maxProperties", " entries"),
        ];
        for (low, high, unit) in ranges {
            match (schema.get(low).map(inline), schema.get(high).map(inline)) {
                (Some(low), Some(high)) => constraints.push(format!("{low} to {high}{unit}")),
                (Some(low), None) => constraints.push(format!("At least {low}{unit}")),
                (None, Some(high)) => constraints.push(format!("At most {high}{unit}")),
                (None, None) => {}
            }
        }
        for (key, label) in [("format", "Format"), ("pattern", "Pattern")] {
            let value = text(schema, key);
            // The width of an integer in Rust says nothing to a client.
            if !value.is_empty() && !value.starts_with("int") && !value.starts_with("uint") {
                constraints.push(format!("{label}: {value}"));
            }
        }
        constraints
    }

    /// An example of a schema: its own where it has one, otherwise put together from its parts.
    pub(super) fn example(self, schema: &'a Value) -> Option<Value> {
        self.example_at(schema, 0)
    }

    fn example_at(self, schema: &'a Value, depth: usize) -> Option<Value> {
        let schema = self.resolve(schema);
        if let Some(example) = own_example(schema).or_else(|| schema.get("default")).or_else(|| schema.get("const")) {
            return Some(example.clone());
        }
        if depth > MAX_DEPTH {
            return None;
        }
        if let Some(first) = list(schema, "enum").first() {
            return Some(first.clone());
        }
        let mut object = Map::new();
        for part in list(schema, "allOf") {
            if let Some(Value::Object(members)) = self.example_at(part, depth + 1) {
                object.extend(members);
            }
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if let Some(value) = self.example_at(property, depth + 1) {
                object.insert(name.clone(), value);
            }
        }
        if !object.is_empty() {
            return Some(Value::Object(object));
        }
        if let Some(first) = self.alternatives(schema).first() {
            return self.example_at(first, depth + 1);
        }
        match self.kind(schema, depth).split(' ').next() {
            Some("string") => Some(Value::from("string")),
            Some("integer" | "number") => Some(schema.get("minimum").cloned().unwrap_or_else(|| Value::from(0))),
            Some("boolean") => Some(Value::from(true)),
            Some("array") => {
                let item = schema.get("items").and_then(|items| self.example_at(items, depth + 1));
                Some(Value::Array(item.into_iter().collect()))
            }
            Some("object") => Some(Value::Object(object)),
            _ => None,
        }
    }
}

/// The `example`, or the first of the `examples`, that stands in a schema or a media type itself.
pub(super) fn own_example(value: &Value) -> Option<&Value> {
    value.get("example").or_else(|| list(value, "examples").first())
}

/// A string member, or nothing.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// An array member, or an empty one.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A short value on one line, strings without their quotes.
pub(super) fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_contains_itself_ends() {
        let document = json!({"components": {"schemas": {
            "Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}, "n": {"type": "integer"}}},
            "Loop": {"$ref": "#/components/schemas/Loop"},
            "Both": {"allOf": [{"$ref": "#/components/schemas/Both"}]},
            "List": {"type": "array", "items": {"$ref": "#/components/schemas/List"}},
        }}});
        let schemas = Schemas::new(&document);
        for name in ["Node", "Loop", "Both", "List"] {
            let schema = json!({"$ref": format!("#/components/schemas/{name}")});
            assert!(schemas.fields(&schema).len() < 20, "{name}");
            let _ = schemas.field(name.to_owned(), &schema, &schema);
            let _ = schemas.example(&schema);
        }
    }

    #[test]
    fn types_and_constraints_read_as_words() {
        let document = json!({});
        let schemas = Schemas::new(&document);
        let kind = |schema: Value| {
            let field = schemas.field("f".to_owned(), Box::leak(Box::new(schema)), &Value::Null);
            format!("{} | {}", field.kind, field.constraints.join(" | "))
        };
        assert_eq!(kind(json!({"type": "integer", "minimum": 4, "maximum": 8, "format": "int32"})), "integer | 4 to 8");
        assert_eq!(
            kind(json!({"type": ["string", "null"], "maxLength": 64})),
            "string or null | At most 64 characters"
        );
        assert_eq!(kind(json!({"type": "array", "items": {"type": "string"}})), "array of string | ");
        assert_eq!(
            kind(json!({"oneOf": [{"type": "null"}, {"type": "string", "enum": ["a", "b"]}]})),
            "string or null | One of: a, b"
        );
        assert_eq!(
            kind(json!({"type": "object", "additionalProperties": {"type": "string"}, "maxProperties": 10})),
            "object of string | At most 10 entries"
        );
    }
}
