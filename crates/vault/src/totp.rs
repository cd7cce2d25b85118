use std::fmt;

use totp_rs::{Builder, Secret, Totp};
use zeroize::Zeroizing;

/// RFC 4648.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that an authenticator app shares with us: RFC 6238 with SHA-1, 6 digits and steps of 30 seconds, the only
/// parameters that every app knows.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; 20]>);

impl TotpSecret {
    /// From 20 random bytes, or those that were stored. `None` when there are more or fewer.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }

    /// For people who type it: base32, without padding.
    #[must_use]
    pub fn to_base32(&self) -> Zeroizing<String> {
        let chunks =
            self.0.chunks(5).map(|chunk| chunk.iter().fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte)));
        let digits = chunks.flat_map(|bits| {
            (0..8).rev().filter_map(move |at| {
                let digit = usize::try_from((bits >> (5 * at)) & 31).ok()?;
                BASE32.get(digit).copied().map(char::from)
            })
        });
        Zeroizing::new(digits.collect())
    }

    /// The step that `code` is right for, at most one away from the present one: clocks differ, and people are slow. A
    /// step MUST be taken once.
    #[must_use]
    pub fn step_of(&self, code: &str, unix_seconds: u64) -> Option<u64> {
        self.totp().check(code, unix_seconds)
    }

    /// The code at that moment, as the app shows it.
    #[must_use]
    pub fn code_at(&self, unix_seconds: u64) -> String {
        self.totp().generate(unix_seconds).to_string()
    }

    fn totp(&self) -> Totp {
        Builder::new().with_secret(Secret::new_stack(*self.0)).build_noncompliant()
    }
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc_secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    /// RFC 6238 appendix B, the last six of its eight digits.
    #[test]
    fn codes_are_those_of_the_rfc() {
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in vectors {
            assert_eq!(rfc_secret().code_at(seconds), code);
            assert_eq!(rfc_secret().step_of(code, seconds), Some(seconds / 30));
        }
    }

    #[test]
    fn a_code_is_right_one_step_early_or_late_and_no_more() {
        let secret = rfc_secret();
        let code = secret.code_at(1_111_111_109);
        let step = 1_111_111_109 / 30;
        let at = |steps: u64| secret.step_of(&code, steps * 30);
        assert_eq!([at(step - 1), at(step), at(step + 1)], [Some(step); 3]);
        assert_eq!([at(step - 2), at(step + 2)], [None; 2]);
        for wrong in ["", "08180", "0818045", "081805", "abcdef", "٠٨١٨٠٤"] {
            assert_eq!(secret.step_of(wrong, 1_111_111_109), None, "{wrong}");
        }
    }

    #[test]
    fn base32_is_what_apps_read() {
        assert_eq!(*rfc_secret().to_base32(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert!(TotpSecret::from_bytes(&[1; 19]).is_none());
        assert_eq!(format!("{:?}", rfc_secret()), "TotpSecret([REDACTED])");
    }
}
