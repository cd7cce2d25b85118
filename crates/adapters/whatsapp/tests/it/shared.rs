//! Meta's description of its API and the examples in it. They are not ours to copy, so they are not in the repository.

use std::fs;
use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::{Value, json};

/// The folder with them: `WHATOTP_SHARED`, or the one beside the workspace. `None`, and a line that says so, without it.
pub(crate) fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/whatsapp"));
    let folder = std::env::var_os("WHATOTP_SHARED").map_or_else(beside, PathBuf::from);
    if folder.join("openapi.patched.json").is_file() {
        return Some(folder);
    }
    println!("skipped: there is no description of Meta's API at {}", folder.display());
    None
}

pub(crate) fn json_of(path: &std::path::Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The examples whose names begin so, with their names.
pub(crate) fn fixtures(prefix: &str) -> Vec<(String, Value)> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder.join("fixtures")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.starts_with(prefix) {
            found.push((name, json_of(&path)));
        }
    }
    assert!(!found.is_empty(), "no example begins with {prefix}");
    found
}

/// What checks the body of a POST to this path; `None` when the description is not at hand.
pub(crate) fn body_of_post(path: &str) -> Option<Validator> {
    let mut description = json_of(&folder()?.join("openapi.patched.json"));
    let content = &description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let mut schema = content.clone();
    assert!(schema.is_object(), "{path} takes no body");
    // References begin with `#/components`.
    schema["components"] = json!({ "schemas": description["components"]["schemas"].take() });
    Some(jsonschema::draft202012::new(&schema).unwrap())
}
