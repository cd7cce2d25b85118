use serde_json::Value;

/// Where snapshots are, seen from the package.
pub(crate) const SNAPSHOTS: &str = "tests/it/snapshots";

/// Compares with the snapshot of that name. Times stay: the clock stands where the test put it. What is random is
/// replaced.
#[track_caller]
pub(crate) fn snapshot(name: &str, value: &Value) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_json_snapshot!(name, redacted(value)));
}

/// The same with every id, code and signature replaced by what it is.
pub(crate) fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let code = members.get("code").and_then(Value::as_str).filter(|code| is_code(code));
            let members = members.iter().map(|(name, value)| {
                let value = match (name.as_str(), value) {
                    ("code", Value::String(text)) if is_code(text) => "[code]".into(),
                    ("text", Value::String(text)) => {
                        code.map_or(text.clone(), |code| text.replace(code, "[code]")).into()
                    }
                    ("receipt", Value::String(text)) if text.split('.').count() == 3 => "[receipt]".into(),
                    _ => redacted(value),
                };
                (name.clone(), value)
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => items.iter().map(redacted).collect(),
        Value::String(text) => kind_of_id(text).map_or(value.clone(), |kind| format!("[{kind}]").into()),
        _ => value.clone(),
    }
}

fn is_code(text: &str) -> bool {
    (4..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The prefix of an id: 26 characters of Crockford's base32 after it.
fn kind_of_id(text: &str) -> Option<&str> {
    let (kind, rest) = text.split_once('_')?;
    let is_base32 = |byte: u8| byte.is_ascii_digit() || (byte.is_ascii_lowercase() && !b"ilou".contains(&byte));
    (rest.len() == 26 && rest.bytes().all(is_base32)).then_some(kind)
}
