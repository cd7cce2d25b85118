use whatotp_vault::{Keyring, MasterKeys};

/// The master key of every test: the SHA-256 of `whatotp testkit`, in base64. Good as the content of a key file too.
pub const TEST_MASTER_KEY: &str = "PbvL20Aeeb3GTjuI8x7uN9UVA/SpOmCaYBMWAUaHTb0=";

/// The working keys of [`TEST_MASTER_KEY`]: the same for every call.
#[must_use]
pub fn test_keyring() -> Keyring {
    Keyring::new(MasterKeys::parse(TEST_MASTER_KEY).expect("the test key is a good one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_always_the_same() {
        assert_eq!(test_keyring().active_kid(), test_keyring().active_kid());
    }
}
