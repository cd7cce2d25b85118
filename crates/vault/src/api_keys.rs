use sha2::{Digest, Sha256};
use whatotp_domain::ApiKeySecret;

use crate::digest::{digests, leading_u64};

const LABEL: &str = "whatotp/api-key/v1";

digests! {
    /// What is stored of an API key, and how it is looked up.
    KeyHash;
}

impl KeyHash {
    /// A number that stands for the key in the rate limiter.
    #[must_use]
    pub fn to_bucket(&self) -> u64 {
        leading_u64(&self.0)
    }
}

/// The hash of a whole API key.
///
/// Plain SHA-256 is enough, because a key carries 178 random bits: there is nothing to guess that a slow or keyed hash
/// would protect. And it must be plain, so that rotating the master keys revokes nobody's API key.
#[must_use]
pub fn key_hash(secret: &ApiKeySecret) -> KeyHash {
    KeyHash(Sha256::new().chain_update(LABEL).chain_update(secret.expose()).finalize().into())
}
