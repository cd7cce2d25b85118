use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// The longest challenge that is given back; Meta's are ten digits.
const LONGEST_CHALLENGE: usize = 128;

/// What shows that a webhook is Meta's.
pub struct WebhookSecrets {
    app_secrets: Vec<SecretString>,
    verify_token: SecretString,
}

impl WebhookSecrets {
    /// The app's secret, and while it is being changed the old one too; and the token that Meta shows when a webhook is
    /// set up. An empty one matches nothing.
    #[must_use]
    pub fn new(app_secrets: Vec<SecretString>, verify_token: SecretString) -> Self {
        let app_secrets = app_secrets.into_iter().filter(|secret| !secret.expose_secret().is_empty()).collect();
        Self { app_secrets, verify_token }
    }

    /// Whether the header `X-Hub-Signature-256` signs exactly these bytes with one of the app's secrets.
    #[must_use]
    pub fn is_authentic(&self, signature: Option<&str>, body: &[u8]) -> bool {
        let Some(signature) = signature.and_then(signature_bytes) else { return false };
        // Each secret is tried, so that the time does not tell which one it was.
        let matches = self.app_secrets.iter().map(|secret| {
            let mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes());
            // A key of any length is taken.
            mac.map_or(Choice::from(0), |mac| mac.chain_update(body).finalize().into_bytes().ct_eq(&signature))
        });
        matches.fold(Choice::from(0), |any, one| any | one).into()
    }

    /// What to answer when Meta checks the address of a webhook; `None` when it is not Meta, or not a check.
    #[must_use]
    pub fn answer_to_handshake(&self, mode: &str, verify_token: &str, challenge: &str) -> Option<String> {
        let expected = self.verify_token.expose_secret();
        // Digests, so that the time does not tell how long the token is.
        let known: bool = Sha256::digest(expected).ct_eq(&Sha256::digest(verify_token)).into();
        let plain =
            (1..=LONGEST_CHALLENGE).contains(&challenge.len()) && challenge.bytes().all(|b| b.is_ascii_graphic());
        (mode == "subscribe" && !expected.is_empty() && known && plain).then(|| challenge.to_owned())
    }
}

/// The 32 bytes of `sha256=` and 64 hexadecimal digits in lower case.
fn signature_bytes(signature: &str) -> Option<[u8; 32]> {
    let digits = signature.strip_prefix("sha256=").filter(|digits| digits.len() == 64)?;
    let mut bytes = [0_u8; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        let [high, low] = *pair else { return None };
        *byte = (nibble(high)? << 4) | nibble(low)?;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecrets([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// HMAC-SHA-256 of `test` with the key `secret`, as OpenSSL and Python compute it.
    const SIGNATURE: &str = "sha256=0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914";

    fn secrets(app: &[&str], verify_token: &str) -> WebhookSecrets {
        let app = app.iter().map(|secret| (*secret).to_owned().into()).collect();
        WebhookSecrets::new(app, verify_token.to_owned().into())
    }

    fn accepts(app: &[&str], signature: Option<&str>, body: &str) -> bool {
        secrets(app, "").is_authentic(signature, body.as_bytes())
    }

    #[test]
    fn each_live_secret_signs_and_no_other() {
        assert!(accepts(&["secret"], Some(SIGNATURE), "test"));
        assert!(accepts(&["new", "secret"], Some(SIGNATURE), "test"));
        assert!(accepts(&["secret", "old"], Some(SIGNATURE), "test"));
        assert!(!accepts(&["new", "old"], Some(SIGNATURE), "test"));
        assert!(!accepts(&[], Some(SIGNATURE), "test"));
        assert!(!accepts(&["secret"], Some(SIGNATURE), "Test"));
        assert!(!accepts(&["secret"], None, "test"));
    }

    #[test]
    fn an_empty_secret_signs_nothing() {
        let empty = "sha256=43b0cef99265f9e34c10ea9d3501926d27b39f57c6d674561d8ba236e7a819fb";
        assert!(!accepts(&[""], Some(empty), "test"));
        assert!(!accepts(&["", "secret"], Some(empty), "test"));
    }

    #[test]
    fn a_signature_has_one_form_only() {
        let digits = SIGNATURE.strip_prefix("sha256=").unwrap();
        for other in [
            "",
            "sha256=",
            digits,
            &SIGNATURE.to_uppercase(),
            &format!("sha256={}", digits.to_uppercase()),
            &format!("SHA256={digits}"),
            &format!("sha1={digits}"),
            &format!(" {SIGNATURE}"),
            &format!("{SIGNATURE} "),
            &format!("{SIGNATURE}00"),
            &SIGNATURE[..SIGNATURE.len() - 1],
            &SIGNATURE.replace('0', "g"),
            &format!("sha256={}é", &digits[..62]),
        ] {
            assert!(!accepts(&["secret"], Some(other), "test"), "{other}");
        }
    }

    #[test]
    fn only_meta_gets_its_challenge_back() {
        let secrets = secrets(&[], "token");
        assert_eq!(secrets.answer_to_handshake("subscribe", "token", "1158201444").as_deref(), Some("1158201444"));
        let long = "1".repeat(129);
        for (mode, token, challenge) in [
            ("unsubscribe", "token", "1"),
            ("", "token", "1"),
            ("subscribe", "Token", "1"),
            ("subscribe", "token2", "1"),
            ("subscribe", "", "1"),
            ("subscribe", "token", ""),
            ("subscribe", "token", "two words"),
            ("subscribe", "token", "line\n"),
            ("subscribe", "token", "é"),
            ("subscribe", "token", &long),
        ] {
            assert_eq!(secrets.answer_to_handshake(mode, token, challenge), None, "{mode} {token} {challenge}");
        }
        assert_eq!(self::secrets(&[], "").answer_to_handshake("subscribe", "", "1"), None);
        assert_eq!(format!("{secrets:?}"), "WebhookSecrets([REDACTED])");
    }

    proptest! {
        #[test]
        fn any_other_signature_is_refused(signature in "sha256=[0-9a-f]{64}|\\PC{0,80}") {
            prop_assume!(signature != SIGNATURE);
            prop_assert!(!accepts(&["secret"], Some(&signature), "test"));
        }
    }
}
