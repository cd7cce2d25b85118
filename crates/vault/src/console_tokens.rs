use std::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::Keyring;
use crate::digest::{digests, hex_prefix};

const CSRF: &str = "whatotp/csrf/v1/token";
/// 32 bytes in base64, without padding.
const BODY_LEN: usize = 43;

digests! {
    /// What is stored of a console session's token, and how it is looked up.
    SessionHash;
    /// What is stored of a one-time link's token, and how it is looked up.
    LinkHash;
    /// What is stored of a recovery code.
    RecoveryHash;
}

/// Names a secret of 256 random bits, with the prefix that it is recognised by. Plain SHA-256 of it is enough: there is
/// nothing to guess.
macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal, $label:literal, $hash:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// A new one from 32 random bytes.
            #[must_use]
            pub fn mint(random: &[u8; 32]) -> Self {
                Self(Zeroizing::new(format!("{}{}", $prefix, *Zeroizing::new(Base64UrlUnpadded::encode_string(random)))))
            }

            /// Reads one from a request. `None` when its form is wrong.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let body = text.strip_prefix($prefix)?;
                let fits = body.len() == BODY_LEN && Base64UrlUnpadded::decode(body, &mut [0; 32]).is_ok();
                fits.then(|| Self(Zeroizing::new(text.to_owned())))
            }

            /// The whole token. Only for handing it to whom it is for.
            #[must_use]
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// What is stored of it.
            #[must_use]
            pub fn hash(&self) -> $hash {
                $hash(Sha256::new().chain_update($label).chain_update(self.0.as_bytes()).finalize().into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(", $prefix, "[REDACTED])"))
            }
        }
    )*};
}

tokens! {
    /// What somebody who is logged in to the console holds: a cookie's value, or a bearer token.
    SessionToken = "cst_", "whatotp/console-session/v1", SessionHash;
    /// What a one-time link carries in its fragment.
    LinkToken = "clt_", "whatotp/console-link/v1", LinkHash;
}

impl RecoveryHash {
    /// Of a recovery code, in the form that it is compared in.
    #[must_use]
    pub fn of(code: &str) -> Self {
        Self(Sha256::new().chain_update("whatotp/recovery-code/v1").chain_update(code).finalize().into())
    }
}

impl Keyring {
    /// What a page of ours sends beside the cookie of a session, and no other page can know: 64 hex characters. Nothing
    /// of it is stored.
    ///
    /// Uses the index key, so that it outlives rotations (see [`Keyring`]).
    #[must_use]
    pub fn csrf_token(&self, session: &SessionHash) -> String {
        hex_prefix(&self.indexing().csrf.tag(CSRF, &[session.as_bytes()]), 32)
    }

    /// Whether this is a session's [`Keyring::csrf_token`], compared in constant time.
    #[must_use]
    pub fn is_csrf_token(&self, session: &SessionHash, given: &[u8]) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.csrf_token(session).as_bytes(), given).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_has_its_own_hash() {
        let (session, link) = (SessionToken::mint(&[7; 32]), LinkToken::mint(&[7; 32]));
        assert_eq!(session.expose().len(), 47);
        assert_eq!(SessionToken::parse(session.expose()).unwrap().hash(), session.hash());
        assert_ne!(session.hash(), SessionToken::mint(&[8; 32]).hash());
        assert_ne!(session.hash().as_bytes(), link.hash().as_bytes());
        assert!(!format!("{session:?}{link:?}").contains("Bwc"));
    }

    #[test]
    fn other_forms_are_refused() {
        let token = SessionToken::mint(&[7; 32]).expose().to_owned();
        let long = format!("{token}A");
        for text in
            ["", "cst_", &token[1..], &token[..46], &long, &token.replace('B', "+"), &token.replace("cst", "clt")]
        {
            assert!(SessionToken::parse(text).is_none(), "{text}");
        }
    }
}
