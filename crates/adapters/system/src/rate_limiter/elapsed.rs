use whatotp_domain::Timestamp;

/// A time that only runs forwards, made of the readings of a clock that may step back.
#[derive(Debug, Default)]
pub(super) struct Elapsed {
    last: Option<Timestamp>,
    ms: u64,
}

impl Elapsed {
    /// How many milliseconds the clock has run forwards until it read `now`, since its first reading.
    pub(super) fn at(&mut self, now: Timestamp) -> u64 {
        let step = now.since(self.last.unwrap_or(now)).as_millis();
        self.last = Some(now);
        self.ms = self.ms.saturating_add(u64::try_from(step).unwrap_or(u64::MAX));
        self.ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_steps_forward_count() {
        let mut elapsed = Elapsed::default();
        let read: Vec<u64> =
            [1000, 1000, 1007, 400, 400, 401, i64::MIN, 0].map(|ms| elapsed.at(Timestamp::from_unix_ms(ms))).to_vec();
        assert_eq!(read[..7], [0, 0, 7, 7, 7, 8, 8]);
        assert!(read[7] > 8);
    }
}
