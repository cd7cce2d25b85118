use crate::Keyring;
use crate::digest::leading_u64;

const LABEL: &str = "whatotp/limit/v1/bucket";

impl Keyring {
    /// The key under which a rate limiter counts `subject` for `rule`: neither an address nor a key can be read from it.
    ///
    /// Uses the index key, so that every replica counts in the same place during a rotation (see [`Keyring`]).
    #[must_use]
    pub fn limit_bucket(&self, rule: &str, subject: &[&[u8]]) -> u64 {
        let fields: Vec<&[u8]> = [rule.as_bytes()].into_iter().chain(subject.iter().copied()).collect();
        leading_u64(&self.indexing().limit.tag(LABEL, &fields))
    }
}
