use std::fmt;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use whatotp_domain::Password;

/// Memory in KiB, passes and lanes: OWASP's first choice of the small ones. More of any of them only makes new hashes
/// dearer; old ones are made anew when their password comes by.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// A hash that no password has, and that takes as long to check as any other: what is checked when nobody has the e-mail
/// address that somebody tries.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$d2hhdG90cC9ub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is stored of a password: Argon2id, with its parameters and salt, as a PHC string.
///
/// Making and checking one takes tens of milliseconds and 19 MiB. Whoever calls sees to it that few do so at a time.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes the text back from where it was stored.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text, as it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Hashes a password. `salt` MUST be random, fresh for every call.
    ///
    /// # Panics
    /// Never: the parameters are constants that the algorithm takes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a password of at most 1000 characters and 16 bytes of salt always hash")]
    pub fn make(password: &Password, salt: [u8; 16]) -> Self {
        let hash = argon2().hash_password_with_salt(password.expose().as_bytes(), &salt);
        Self(hash.expect("the parameters fit").to_string())
    }

    /// A hash to check when there is none: it never matches, and takes the time that one takes.
    #[must_use]
    pub fn nobodys() -> Self {
        Self(NOBODYS.to_owned())
    }

    /// Whether it is this password's. With the parameters that the hash names.
    #[must_use]
    pub fn matches(&self, password: &Password) -> bool {
        let Ok(stored) = Phc::new(&self.0) else { return false };
        argon2().verify_password(password.expose().as_bytes(), &stored).is_ok()
    }

    /// Whether it was made with less work than a new one would be.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        let Ok(stored) = Phc::new(&self.0) else { return true };
        let Ok(params) = Params::try_from(&stored) else { return true };
        stored.algorithm.as_str() != Algorithm::Argon2id.as_str()
            || params.m_cost() < MEMORY
            || params.t_cost() < PASSES
            || params.p_cost() < LANES
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash([REDACTED])")
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY, PASSES, LANES, None).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::typed(text).unwrap()
    }

    #[test]
    fn a_hash_is_its_passwords_and_no_others() {
        let hash = PasswordHash::make(&password("correct horse battery"), [7; 16]);
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        let stored = PasswordHash::from_stored(hash.as_str().to_owned());
        assert!(stored.matches(&password("correct horse battery")));
        assert!(!stored.matches(&password("correct horse batterY")) && !stored.matches(&password("")));
        assert_ne!(hash, PasswordHash::make(&password("correct horse battery"), [8; 16]));
        assert!(!format!("{hash:?}").contains("argon2"));
    }

    #[test]
    fn nobodys_hash_takes_the_work_of_a_real_one_and_matches_nothing() {
        let (real, nobodys) = (PasswordHash::make(&password("x"), [7; 16]), PasswordHash::nobodys());
        let shape = |hash: &PasswordHash| {
            let phc = Phc::new(hash.as_str()).unwrap();
            (phc.algorithm, phc.version, phc.params.to_string(), phc.hash.unwrap().len())
        };
        assert_eq!(shape(&nobodys), shape(&real));
        assert!(!nobodys.matches(&password("")) && !nobodys.is_outdated());
    }

    #[test]
    fn a_hash_of_less_work_is_outdated_and_still_checks() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8192, 1, 1, None).unwrap());
        let weak = weak.hash_password_with_salt(b"x", &[7; 16]).unwrap().to_string();
        let weak = PasswordHash::from_stored(weak);
        assert!(weak.matches(&password("x")) && weak.is_outdated());
        assert!(!PasswordHash::make(&password("x"), [7; 16]).is_outdated());
        let broken = PasswordHash::from_stored("plain".to_owned());
        assert!(!broken.matches(&password("plain")) && broken.is_outdated());
    }

    /// The first vector that the reference implementation of Argon2id (version 19) is tested with.
    #[test]
    fn it_is_the_argon2id_that_everybody_else_computes() {
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert!(PasswordHash::from_stored(stored.to_owned()).matches(&password("password")));
    }
}
