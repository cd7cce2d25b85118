use std::sync::atomic::{AtomicU64, Ordering};

use whatotp_ports::{Entropy, EntropyError};

/// Steps of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014): odd, so that the state takes every value.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// Bytes that look random and are the same for the same seed. For tests only: whoever knows the seed knows them all.
#[derive(Debug)]
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    /// Begins at `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next 64 bits.
    pub fn next_u64(&self) -> u64 {
        let mut bits = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// Whether a die with so many sides shows a one.
    pub fn one_in(&self, sides: u64) -> bool {
        self.next_u64().is_multiple_of(sides)
    }

    /// One of `choices`, which are not none.
    pub fn pick<T: Clone>(&self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).expect("a slice's length fits");
        choices[usize::try_from(self.next_u64() % count).expect("an index fits")].clone()
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// A source of randomness that has run dry.
#[derive(Debug, Clone, Copy, Default)]
pub struct FailingEntropy;

impl Entropy for FailingEntropy {
    fn fill(&self, _buffer: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError)
    }
}

#[cfg(test)]
mod tests {
    use whatotp_ports::random;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        let draw = |seed| {
            let entropy = SeededEntropy::new(seed);
            [random::<13>(&entropy).unwrap(), random::<13>(&entropy).unwrap()]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert_ne!(draw(1)[0], draw(1)[1]);
    }

    #[test]
    fn it_is_splitmix64() {
        // The first values of the reference implementation, seed 1234567.
        let entropy = SeededEntropy::new(1_234_567);
        assert_eq!([entropy.next_u64(), entropy.next_u64()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn a_failing_source_fails() {
        assert!(random::<1>(&FailingEntropy).is_err());
    }
}
