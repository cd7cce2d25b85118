//! The reference page: the generated OpenAPI document, laid out for reading.

use askama::Template;
use serde_json::Value;

use super::markdown::{self, Block, Span};
use super::page::{ContentsGroup, ContentsItem, Page, Section};
use super::schema::{self, Field, Schemas, inline, list, text};

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

#[derive(Template)]
#[template(path = "docs/reference.html")]
struct ReferencePage {
    page: Page,
    reference: Reference,
}

struct Reference {
    title: String,
    description: Vec<Block>,
    groups: Vec<Group>,
}

/// The operations of one tag.
struct Group {
    name: String,
    anchor: String,
    description: Vec<Block>,
    operations: Vec<Operation>,
}

struct Operation {
    anchor: String,
    method: String,
    path: String,
    summary: String,
    description: Vec<Block>,
    deprecated: bool,
    auth: String,
    parameters: Vec<Field>,
    body: Vec<Field>,
    curl: String,
    responses: Vec<Response>,
}

struct Response {
    status: String,
    /// The first digit of the status, for the style.
    class: String,
    /// Whether the page shows it unfolded: the successes.
    open: bool,
    description: Vec<Span>,
    content_type: String,
    headers: Vec<Header>,
    fields: Vec<Field>,
    examples: Vec<Example>,
}

struct Header {
    name: String,
    description: Vec<Span>,
}

struct Example {
    name: String,
    text: String,
}

pub(super) fn render(document: &Value) -> askama::Result<String> {
    let reference = Reader { document, schemas: Schemas::new(document) }.reference();
    let contents = reference.groups.iter().map(|group| ContentsGroup {
        label: group.name.clone(),
        items: group
            .operations
            .iter()
            .map(|operation| ContentsItem {
                anchor: operation.anchor.clone(),
                label: operation.summary.clone(),
                method: operation.method.clone(),
            })
            .collect(),
    });
    let page = Page::new(Section::Reference, contents.collect());
    ReferencePage { page, reference }.render()
}

struct Reader<'a> {
    document: &'a Value,
    schemas: Schemas<'a>,
}

impl<'a> Reader<'a> {
    fn reference(&self) -> Reference {
        let info = self.document.get("info").unwrap_or(&Value::Null);
        let mut groups: Vec<Group> = list(self.document, "tags")
            .iter()
            .map(|tag| group(text(tag, "name"), markdown::blocks(text(tag, "description"))))
            .collect();
        for (path, item) in self.document.get("paths").and_then(Value::as_object).into_iter().flatten() {
            for method in METHODS {
                let Some(operation) = item.get(method) else { continue };
                let tag = list(operation, "tags").first().and_then(Value::as_str).unwrap_or("Other");
                let operation = self.operation(method, path, item, operation);
                match groups.iter_mut().find(|group| group.name == tag) {
                    Some(group) => group.operations.push(operation),
                    None => groups.push(Group { operations: vec![operation], ..group(tag, Vec::new()) }),
                }
            }
        }
        groups.retain(|group| !group.operations.is_empty());
        let title = Some(text(info, "title")).filter(|title| !title.is_empty()).unwrap_or("API reference");
        Reference { title: title.to_owned(), description: markdown::blocks(text(info, "description")), groups }
    }

    fn operation(&self, method: &str, path: &str, item: &'a Value, operation: &'a Value) -> Operation {
        let id = Some(text(operation, "operationId")).filter(|id| !id.is_empty());
        let summary = Some(text(operation, "summary")).filter(|summary| !summary.is_empty());
        let parameters: Vec<&Value> = list(item, "parameters")
            .iter()
            .chain(list(operation, "parameters"))
            .map(|parameter| self.schemas.resolve(parameter))
            .collect();
        let body = operation.get("requestBody").map(|body| self.schemas.resolve(body)).and_then(media);
        let auth = self.auth(operation);
        Operation {
            anchor: format!("op-{}", slug(&id.map_or_else(|| format!("{method} {path}"), str::to_owned))),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: summary.map_or_else(|| format!("{} {path}", method.to_uppercase()), str::to_owned),
            description: markdown::blocks(text(operation, "description")),
            deprecated: operation.get("deprecated").and_then(Value::as_bool).unwrap_or_default(),
            curl: self.curl(method, path, &parameters, body, &auth),
            auth: if auth.is_empty() { "no key needed".to_owned() } else { auth.join(" or ") },
            parameters: parameters.into_iter().map(|parameter| self.parameter(parameter)).collect(),
            body: body
                .and_then(|(_, media)| media.get("schema"))
                .map(|schema| self.schemas.fields(schema))
                .unwrap_or_default(),
            responses: operation
                .get("responses")
                .and_then(Value::as_object)
                .into_iter()
                .flatten()
                .map(|(status, response)| self.response(status, self.schemas.resolve(response)))
                .collect(),
        }
    }

    /// What may authenticate the call, one entry for each alternative; empty when nothing is needed.
    fn auth(&self, operation: &'a Value) -> Vec<String> {
        let requirements = operation.get("security").or_else(|| self.document.get("security"));
        let requirements = requirements.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let all = requirements.iter().filter_map(Value::as_object).flatten();
        all.map(|(name, scopes)| {
            let pointer = format!("/components/securitySchemes/{name}");
            let scheme = self.document.pointer(&pointer).unwrap_or(&Value::Null);
            let label = match (text(scheme, "scheme"), text(scheme, "in")) {
                ("bearer" | "Bearer", _) => "API key".to_owned(),
                (_, "cookie") => "session cookie".to_owned(),
                _ => name.clone(),
            };
            let scopes = scopes.as_array().into_iter().flatten().map(inline).collect::<Vec<_>>().join(", ");
            if scopes.is_empty() { label } else { format!("{label}, scope {scopes}") }
        })
        .collect()
    }

    fn parameter(&self, parameter: &'a Value) -> Field {
        let schema = parameter.get("schema").unwrap_or(&Value::Null);
        Field {
            place: text(parameter, "in").to_owned(),
            required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
            ..self.schemas.field(text(parameter, "name").to_owned(), schema, parameter)
        }
    }

    fn response(&self, status: &str, response: &'a Value) -> Response {
        let media = media(response);
        let schema = media.and_then(|(_, media)| media.get("schema"));
        let open = status.starts_with('2');
        Response {
            status: status.to_owned(),
            class: status.chars().take(1).filter(char::is_ascii_digit).collect(),
            open,
            description: markdown::spans(text(response, "description")),
            content_type: media.map(|(name, _)| name.to_owned()).unwrap_or_default(),
            headers: self.headers(response),
            // A problem's fields are the same everywhere; the errors page explains them once.
            fields: schema.filter(|_| open).map(|schema| self.schemas.fields(schema)).unwrap_or_default(),
            examples: media.map(|(_, media)| self.examples(media)).unwrap_or_default(),
        }
    }

    fn headers(&self, response: &'a Value) -> Vec<Header> {
        let headers = response.get("headers").and_then(Value::as_object).into_iter().flatten();
        headers
            .map(|(name, header)| Header {
                name: name.clone(),
                description: markdown::spans(text(self.schemas.resolve(header), "description")),
            })
            .collect()
    }

    fn examples(&self, media: &'a Value) -> Vec<Example> {
        let named: Vec<Example> = media
            .get("examples")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, example)| (name, self.schemas.resolve(example)))
            .filter_map(|(name, example)| {
                let summary = Some(text(example, "summary")).filter(|summary| !summary.is_empty());
                let value = example.get("value")?;
                Some(Example { name: summary.unwrap_or(name).to_owned(), text: pretty(value) })
            })
            .collect();
        if !named.is_empty() {
            return named;
        }
        let example = self.media_example(media);
        example.map(|value| Example { name: String::new(), text: pretty(&value) }).into_iter().collect()
    }

    fn media_example(&self, media: &'a Value) -> Option<Value> {
        let named = media.get("examples").and_then(Value::as_object).and_then(|examples| examples.values().next());
        schema::own_example(media)
            .or_else(|| named.and_then(|example| self.schemas.resolve(example).get("value")))
            .cloned()
            .or_else(|| media.get("schema").and_then(|schema| self.schemas.example(schema)))
    }

    fn curl(
        &self,
        method: &str,
        path: &str,
        parameters: &[&'a Value],
        body: Option<(&str, &'a Value)>,
        auth: &[String],
    ) -> String {
        let mut path = path.to_owned();
        let mut query = Vec::new();
        for parameter in parameters {
            let name = text(parameter, "name");
            let from_schema = || parameter.get("schema").and_then(|schema| self.schemas.example(schema));
            let value = schema::own_example(parameter).cloned().or_else(from_schema).map(|value| inline(&value));
            let required = parameter.get("required").and_then(Value::as_bool).unwrap_or_default();
            match (text(parameter, "in"), value) {
                ("path", Some(value)) if value != "string" => path = path.replace(&format!("{{{name}}}"), &value),
                ("query", Some(value)) if required => query.push(format!("{name}={value}")),
                _ => {}
            }
        }
        let question_mark = if query.is_empty() { "" } else { "?" };
        let mut lines = vec![format!("curl -sS \"$OTP_URL{path}{question_mark}{}\"", query.join("&"))];
        if (method, body.is_some()) != ("get", false) && (method, body.is_some()) != ("post", true) {
            lines.push(format!("-X {}", method.to_uppercase()));
        }
        if !auth.is_empty() {
            lines.push("-H \"Authorization: Bearer $OTP_KEY\"".to_owned());
        }
        if let Some((content_type, media)) = body {
            lines.push(format!("-H \"Content-Type: {content_type}\""));
            if let Some(example) = self.media_example(media) {
                lines.push(format!("-d '{}'", pretty(&example).replace('\'', r"'\''").replace('\n', "\n  ")));
            }
        }
        lines.join(" \\\n  ")
    }
}

fn group(name: &str, description: Vec<Block>) -> Group {
    Group { name: name.to_owned(), anchor: format!("tag-{}", slug(name)), description, operations: Vec::new() }
}

/// The JSON form of a content, or else its first.
fn media(value: &Value) -> Option<(&str, &Value)> {
    let content = value.get("content")?.as_object()?;
    let json = content.iter().find(|(name, _)| name.contains("json"));
    json.or_else(|| content.iter().next()).map(|(name, media)| (name.as_str(), media))
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// Lower-case letters and digits, everything else a hyphen.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
#[path = "reference_tests.rs"]
mod tests;
