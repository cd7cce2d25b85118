use whatotp_ports::{Entropy, EntropyError};

/// The operating system's cryptographic generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place that draws random bytes")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).or(Err(EntropyError))
    }
}

#[cfg(test)]
mod tests {
    use whatotp_ports::random;

    use super::*;

    #[test]
    fn two_draws_differ() {
        let draws: [[u8; 32]; 2] = [random(&SystemEntropy).unwrap(), random(&SystemEntropy).unwrap()];
        assert_ne!(draws[0], draws[1]);
    }
}
