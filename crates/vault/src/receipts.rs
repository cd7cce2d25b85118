use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::Signer;
use serde::Serialize;
use whatotp_domain::{AccountScope, SessionId, Timestamp};

use crate::keyring::KeySet;
use crate::{BlindIndex, Keyring};

/// The longest a receipt is good for.
pub const RECEIPT_LIFETIME: Duration = Duration::from_secs(600);

/// What a receipt says: this account verified this number, for this purpose, at this time.
#[derive(Debug, Clone, Copy)]
pub struct ReceiptClaims<'a> {
    /// Whose session it was. The account is the receipt's audience.
    pub scope: AccountScope,
    /// The session that was verified. A session is verified once, so its id is the receipt's id too.
    pub session: SessionId,
    /// The number, by the account's own blind index.
    pub subject: BlindIndex,
    /// The session's purpose.
    pub purpose: &'a str,
    /// The channel that carried the code, such as `whatsapp`.
    pub channel: &'a str,
    /// When the session was verified.
    pub issued_at: Timestamp,
    /// When the receipt ends; at most [`RECEIPT_LIFETIME`] after `issued_at`, a later moment is cut to that.
    pub expires_at: Timestamp,
}

// Structs rather than JSON maps: their fields keep this order, and the signature covers the bytes.
#[derive(Serialize)]
struct Header<'a> {
    /// Fixed. A verifier must never choose by it (RFC 8725 section 3.1).
    alg: &'static str,
    /// Keeps a receipt from being taken for another kind of token (RFC 8725 section 3.11).
    typ: &'static str,
    kid: &'a str,
}

#[derive(Serialize)]
struct Payload<'a> {
    iss: &'static str,
    aud: String,
    sub: String,
    session_id: String,
    purpose: &'a str,
    channel: &'a str,
    mode: &'static str,
    iat: i64,
    exp: i64,
    jti: String,
}

/// A public key to check receipts with (RFC 8037).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kty: &'static str,
    crv: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    alg: &'static str,
    kid: String,
    x: String,
}

/// The document at `/.well-known/jwks.json` (RFC 7517 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwks {
    keys: Vec<Jwk>,
}

impl Keyring {
    /// A receipt: a compact JWS (RFC 7515) by the active key's Ed25519 key, for the caller's eyes only and never stored.
    ///
    /// Ed25519 draws no random number, so the same claims give the same receipt.
    #[must_use]
    pub fn sign_receipt(&self, claims: &ReceiptClaims<'_>) -> String {
        let keys = self.active();
        let expires_at = claims.expires_at.min(claims.issued_at.plus(RECEIPT_LIFETIME));
        let header = Header { alg: "EdDSA", typ: "otp-receipt+jwt", kid: keys.kid.as_str() };
        let payload = Payload {
            iss: "whatotp",
            aud: claims.scope.account.to_string(),
            sub: claims.subject.to_hex(),
            session_id: claims.session.to_string(),
            purpose: claims.purpose,
            channel: claims.channel,
            mode: claims.scope.mode.as_str(),
            iat: claims.issued_at.unix_seconds(),
            exp: expires_at.unix_seconds(),
            jti: claims.session.to_string(),
        };
        let signed = format!("{}.{}", base64_json(&header), base64_json(&payload));
        let signature = keys.receipt.sign(signed.as_bytes());
        format!("{signed}.{}", Base64UrlUnpadded::encode_string(&signature.to_bytes()))
    }

    /// The public keys of every key on the ring, the active one first: receipts of before a rotation stay good.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.key_sets().map(public_jwk).collect() }
    }
}

fn public_jwk(keys: &KeySet) -> Jwk {
    Jwk {
        kty: "OKP",
        crv: "Ed25519",
        usage: "sig",
        alg: "EdDSA",
        kid: keys.kid.to_string(),
        x: Base64UrlUnpadded::encode_string(keys.receipt.verifying_key().as_bytes()),
    }
}

#[expect(clippy::expect_used, reason = "a struct of texts and numbers always has a JSON form")]
fn base64_json(part: &impl Serialize) -> String {
    Base64UrlUnpadded::encode_string(&serde_json::to_vec(part).expect("no map keys and no failing serializer"))
}
