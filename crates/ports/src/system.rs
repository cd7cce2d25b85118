use whatotp_domain::Timestamp;

/// The time.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// The source of randomness has failed. Whoever meets this MUST give up: there is no fallback.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct EntropyError;

/// Random bytes that nobody can guess.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with bytes from a cryptographic generator. MUST fail rather than give weaker ones.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
