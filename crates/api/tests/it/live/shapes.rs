//! Meta's description of its API, and the examples in it. They are not ours to copy, so they are not in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};
use whatotp_simulator::{Handle, ReceivedRequest};

/// The folder with them: `WHATOTP_SHARED`, or the one beside the workspace. `None`, and a line that says so, without it.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/whatsapp"));
    let folder = std::env::var_os("WHATOTP_SHARED").map_or_else(beside, PathBuf::from);
    if folder.join("openapi.patched.json").is_file() {
        return Some(folder);
    }
    println!("skipped: there is no description of Meta's API at {}", folder.display());
    None
}

fn json_of(path: &Path) -> Value {
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

/// What checks the body of a message; `None` when the description is not at hand.
static MESSAGE: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let mut description = json_of(&folder()?.join("openapi.patched.json"));
    let post = &description["paths"]["/{Version}/{Phone-Number-ID}/messages"]["post"];
    let mut schema = post["requestBody"]["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "a message has no description");
    // References begin with `#/components`.
    schema["components"] = json!({ "schemas": description["components"]["schemas"].take() });
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    assert!(!validator.is_valid(&json!({"messaging_product": "whatsapp"})), "the description checks nothing");
    Some(validator)
});

/// When this goes, at the end of a test, whatever the simulator was sent has the shape that Meta describes.
pub(crate) struct CheckedAtTheEnd(pub(crate) Handle);

impl Drop for CheckedAtTheEnd {
    fn drop(&mut self) {
        let Some(message) = &*MESSAGE else { return };
        if std::thread::panicking() {
            return;
        }
        for ReceivedRequest { path, body, .. } in self.0.requests(None) {
            let errors: Vec<String> = message.iter_errors(&body).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{path} {body:#}\n{errors:#?}");
        }
    }
}

#[tokio::test]
#[should_panic(expected = "not valid")]
async fn a_message_of_another_shape_would_be_noticed() {
    assert!(MESSAGE.is_some(), "skipped: what is not valid is not known");
    let live = super::scene::Live::start().await;
    let post = reqwest::Client::builder().no_proxy().build().unwrap().post(format!("{}/messages", live.url()));
    post.json(&json!({"to": "+14155550123"})).send().await.unwrap();
}
