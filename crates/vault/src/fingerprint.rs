use whatotp_domain::AccountScope;

use crate::Keyring;
use crate::digest::digests;

const KEY: &str = "whatotp/idempotency/v1/key";
const EVENT: &str = "whatotp/idempotency/v1/event";
const REQUEST: &str = "whatotp/idempotency/v1/request";

digests! {
    /// Tells whether a repeated `Idempotency-Key` comes with the same request. Keyed, because a request body holds a
    /// phone number, which could be found from a plain hash.
    Fingerprint;
    /// What is stored of an `Idempotency-Key`, and how it is looked up.
    IdempotencyHash;
}

/// All use the index key: with the active one, a rotation would forget the requests of the last 24 hours, and a
/// repeated one would be sent twice.
impl Keyring {
    /// The fingerprint of one request. `route` is the method and path template, `body` the bytes as they came.
    #[must_use]
    pub fn fingerprint(&self, scope: AccountScope, route: &str, body: &[u8]) -> Fingerprint {
        Fingerprint(self.indexing().idempotency.scoped_tag(REQUEST, scope, &[route.as_bytes(), body]))
    }

    /// What two tellings of the same event have in common, when these are its parts.
    #[must_use]
    pub fn event_fingerprint(&self, parts: &[&str]) -> [u8; 32] {
        let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        self.indexing().idempotency.tag(EVENT, &parts)
    }

    /// The look-up hash of an `Idempotency-Key`: one key means different things to other accounts, modes and routes.
    #[must_use]
    pub fn idempotency_key_hash(&self, scope: AccountScope, route: &str, key: &str) -> IdempotencyHash {
        IdempotencyHash(self.indexing().idempotency.scoped_tag(KEY, scope, &[route.as_bytes(), key.as_bytes()]))
    }
}
