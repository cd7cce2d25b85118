use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// The value of `X-Hub-Signature-256` for these bytes.
pub(crate) fn signature(app_secret: &str, body: &[u8]) -> String {
    let mut signature = "sha256=".to_owned();
    // HMAC takes a key of any length, so this is never empty.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(app_secret.as_bytes()) {
        mac.update(body);
        for byte in mac.finalize().into_bytes() {
            // Writing to a String cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
    }
    signature
}

/// JSON as Meta writes it, so that whoever parses and writes it again before checking the signature fails: what is not
/// ASCII as `\uXXXX`, and `/` as `\/`.
pub(crate) fn metas_json(value: &Value) -> String {
    let mut written = String::new();
    for char in value.to_string().chars() {
        match char {
            // Both stand only within strings, where an escape is as good as the character.
            '/' => written.push_str("\\/"),
            _ if char.is_ascii() => written.push(char),
            _ => {
                for unit in char.encode_utf16(&mut [0; 2]) {
                    let _ = write!(written, "\\u{unit:04x}");
                }
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metas_vector() {
        assert_eq!(
            signature("secret", b"test"),
            "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914"
        );
    }

    #[test]
    fn what_is_not_ascii_is_escaped_and_reads_the_same() {
        let value = json!({ "text": "äöå 😀 a/b \"quoted\" \\" });
        let written = metas_json(&value);
        assert_eq!(written, r#"{"text":"\u00e4\u00f6\u00e5 \ud83d\ude00 a\/b \"quoted\" \\"}"#);
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
    }
}
