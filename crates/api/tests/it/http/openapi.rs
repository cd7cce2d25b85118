//! The OpenAPI document: it is what is served, and says everything.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use whatotp::openapi::document;

use crate::support::{NO_LIMITS, SNAPSHOTS, TestApp, operations};

#[test]
fn the_document_in_git_is_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let in_git: Value = std::fs::read_to_string(&path).map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
    assert!(
        in_git == document(),
        "the API has changed: look at what a client sees of it, then\n\n    cargo run -- openapi > crates/api/openapi.json\n"
    );
}

#[tokio::test]
async fn the_document_is_served() {
    let app = TestApp::start().await;
    let served = app.api.without("authorization").get("/openapi.json").await.success(200);
    assert_eq!(served, document());
    assert_eq!(served["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_operation_is_served() {
    let app = TestApp::with(NO_LIMITS).await;
    for operation in operations() {
        let answer = app.api.send(app.api.request(&operation.method, &operation.any_path())).await;
        let routed = answer.status != 405 && (answer.status != 404 || answer.body()["code"] != "not_found");
        // Nobody is configured to be told of vulnerabilities, which the operation says.
        assert!(routed || operation.id() == "security_txt", "{} {}: {answer:?}", operation.method, operation.path);
    }
}

#[test]
fn every_operation_says_what_it_is() {
    let mut ids = BTreeSet::new();
    for operation in operations() {
        let (id, declared) = (operation.id(), operation.declared);
        assert!(ids.insert(id), "{id} is there twice");
        for member in ["summary", "description"] {
            assert!(declared[member].as_str().is_some_and(|text| text.len() > 5), "{id} has no {member}");
        }
        assert!(!declared["summary"].as_str().unwrap().ends_with('.'), "{id}: a summary is a title");
        assert_eq!(declared["tags"].as_array().map(Vec::len), Some(1), "{id} belongs to one group");
        // Only what needs no key says that it needs none; the rest has the document's default.
        assert_eq!(declared.get("security").is_none(), operation.needs_a_key(), "{id}");
        for parameter in declared["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{id}: {parameter}");
        }
        let placeholders = operation.path.matches('{').count();
        let in_path = declared["parameters"].as_array().into_iter().flatten();
        let in_path = in_path.filter(|parameter| parameter["in"] == "path" && parameter["required"] == true);
        assert_eq!(in_path.count(), placeholders, "{id}");
    }
    assert_eq!(ids.len(), 95);
}

/// What a `$ref` of the document leads to.
fn resolve<'a>(document: &'a Value, reference: &Value) -> &'a Value {
    document.pointer(reference["$ref"].as_str().unwrap().trim_start_matches('#')).unwrap()
}

#[test]
fn every_operation_shows_examples_and_errors() {
    let document = document();
    for operation in operations() {
        let (id, responses) = (operation.id(), operation.declared["responses"].as_object().unwrap());
        assert!(responses.keys().any(|status| status.starts_with('2')), "{id}");
        let mut expected = vec!["405", "500"];
        if operation.needs_a_key() {
            expected.extend(["400", "401", "403", "429", "503"]);
        }
        if operation.method == reqwest::Method::POST {
            expected.extend(["408", "413"]);
            // WhatsApp's own bodies are not checked field by field, and may come twice.
            let ours = operation.needs_a_key();
            expected.extend(if ours { &["409", "415", "422"][..] } else { &["400", "403", "503"][..] });
        }
        for status in expected {
            assert!(responses.contains_key(status), "{id} says nothing of {status}");
        }
        for (status, response) in responses {
            assert!(response["description"].as_str().is_some_and(|text| !text.is_empty()), "{id} {status}");
            assert!(resolve(&document, &response["headers"]["X-Request-Id"])["example"].is_string(), "{id} {status}");
            if status.starts_with('2') {
                continue;
            }
            let problem = &response["content"]["application/problem+json"];
            let examples = problem["examples"].as_object().unwrap();
            assert!(!examples.is_empty(), "{id} {status}");
            for (code, example) in examples {
                let example = resolve(&document, example);
                assert_eq!(example["value"]["code"], code.as_str(), "{id}");
                assert_eq!(example["value"]["status"].to_string(), *status, "{id}");
            }
        }
    }
}

#[test]
fn every_member_of_every_schema_says_what_it_is_and_shows_an_example() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (member, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string() || property["oneOf"].is_array(), "{name}.{member}");
        }
    }
    for body in ["SendOtpRequest", "VerifyOtpRequest", "SendMessageRequest"] {
        assert!(document["components"]["schemas"][body]["example"].is_object(), "{body}");
    }
}

#[test]
fn every_snapshot_is_claimed_by_a_test() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    for directory in ["tests/it/http", "tests/it/live"] {
        for file in std::fs::read_dir(package.join(directory)).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                sources += &std::fs::read_to_string(path).unwrap();
            }
        }
    }
    for file in std::fs::read_dir(package.join(SNAPSHOTS)).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let claimed = name.trim_end_matches(".snap").trim_start_matches("magic_");
        assert!(
            sources.contains(&format!("\"{claimed}\"")) || sources.contains(&format!("\"magic_{claimed}\"")),
            "{name}"
        );
    }
}
