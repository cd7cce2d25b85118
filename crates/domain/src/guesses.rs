use crate::{CodeLength, LedgerPolicy, SessionId, Timestamp};

/// Why no code of a number may be guessed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuessRefused {
    /// The guesses there are have been used up, or open sessions hold them.
    Until {
        /// When the next one is free.
        retry_at: Timestamp,
    },
    /// Too many wrong codes in a row, ever: until somebody unblocks the number.
    Disabled,
}

impl GuessRefused {
    /// Of two reasons the one that lasts longer.
    #[must_use]
    pub fn or_longer(self, other: Self) -> Self {
        match (self, other) {
            (Self::Until { retry_at: one }, Self::Until { retry_at: two }) => Self::Until { retry_at: one.max(two) },
            _ => Self::Disabled,
        }
    }
}

/// Guesses that an open session may still get wrong. They were set aside when it was issued, so that all sessions of a
/// number together never have more of them than its budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The session.
    pub session: SessionId,
    /// How many.
    pub guesses: u8,
    /// Whether its code is a short one.
    pub is_short: bool,
    /// When it is over by itself, and the guesses are free again.
    pub expires_at: Timestamp,
}

/// The wrong codes of one number, and the guesses that its open sessions hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guesses {
    failures: Vec<Timestamp>,
    short_failures: Vec<Timestamp>,
    in_a_row: u32,
    reserved: Vec<Reservation>,
}

impl Guesses {
    /// Puts stored ones together again.
    #[must_use]
    pub fn from_parts(
        mut failures: Vec<Timestamp>,
        mut short_failures: Vec<Timestamp>,
        in_a_row: u32,
        reserved: Vec<Reservation>,
    ) -> Self {
        failures.sort_unstable();
        short_failures.sort_unstable();
        Self { failures, short_failures, in_a_row, reserved }
    }

    /// When wrong codes were given, oldest first.
    #[must_use]
    pub fn failures(&self) -> &[Timestamp] {
        &self.failures
    }

    /// Those of them that were short.
    #[must_use]
    pub fn short_failures(&self) -> &[Timestamp] {
        &self.short_failures
    }

    /// Wrong codes since the last right one, however long ago.
    #[must_use]
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// What open sessions hold.
    #[must_use]
    pub fn reserved(&self) -> &[Reservation] {
        &self.reserved
    }

    /// Whether a code may be guessed at `now`. The session's own reservation is not looked at: this also stops a session
    /// that has none, such as one that is older than a limit.
    pub fn may_guess(&self, policy: &LedgerPolicy, length: CodeLength, now: Timestamp) -> Result<(), GuessRefused> {
        self.left(policy, length, &[], now).map(drop)
    }

    /// The guesses that are neither used up nor held by an open session: at least one.
    pub fn unreserved(&self, policy: &LedgerPolicy, length: CodeLength, now: Timestamp) -> Result<u32, GuessRefused> {
        self.left(policy, length, &self.reserved, now)
    }

    fn left(
        &self,
        policy: &LedgerPolicy,
        length: CodeLength,
        reserved: &[Reservation],
        now: Timestamp,
    ) -> Result<u32, GuessRefused> {
        let in_a_row = policy.consecutive_max.map(|max| max.saturating_sub(self.in_a_row));
        if in_a_row == Some(0) {
            return Err(GuessRefused::Disabled);
        }
        let short = policy.short_failures_max.filter(|_| length.is_short());
        let budgets = [
            (Some(policy.failures_max), &*self.failures, false),
            (short, &*self.short_failures, true),
            (in_a_row, &[], false),
        ];
        let mut left: Result<u32, GuessRefused> = Ok(u32::MAX);
        for (max, failures, only_short) in budgets {
            let Some(max) = max else { continue };
            // When each guess that is taken is free again: a failure is forgotten, a session over.
            let failures = failures.iter().map(|at| at.plus(policy.failure_window));
            let held = reserved.iter().filter(|one| one.is_short || !only_short);
            let held = held.flat_map(|one| std::iter::repeat_n(one.expires_at, usize::from(one.guesses)));
            let mut ends: Vec<Timestamp> = failures.chain(held).filter(|end| *end > now).collect();
            let free = max.saturating_sub(u32::try_from(ends.len()).unwrap_or(u32::MAX));
            left = match (left, free) {
                (Ok(left), 1..) => Ok(left.min(free)),
                (Err(refused), 1..) => Err(refused),
                (left, 0) => {
                    ends.sort_unstable();
                    let over = ends.len().saturating_sub(usize::try_from(max).unwrap_or(usize::MAX));
                    let retry_at = ends.get(over).or(ends.last()).copied().unwrap_or(now);
                    let refused = GuessRefused::Until { retry_at };
                    Err(left.err().map_or(refused, |longer| longer.or_longer(refused)))
                }
            };
        }
        left
    }

    /// Sets guesses aside for a session, in the place of what it has.
    pub fn reserve(&mut self, policy: &LedgerPolicy, reservation: Reservation, now: Timestamp) {
        self.reserved.retain(|one| one.session != reservation.session && one.expires_at > now);
        // Where nothing is limited there is nothing to set aside, and it would never end.
        if reservation.guesses > 0 && policy.limits_guesses() {
            self.reserved.push(reservation);
        }
    }

    /// Gives back what a session holds: it is over.
    pub fn release(&mut self, session: SessionId) {
        self.reserved.retain(|one| one.session != session);
    }

    /// Counts a wrong code, and takes it off what its session holds.
    pub fn record_failure(
        &mut self,
        policy: &LedgerPolicy,
        (session, length): (SessionId, CodeLength),
        now: Timestamp,
    ) {
        self.forget(policy, now);
        self.failures.push(now);
        if policy.short_failures_max.is_some() && length.is_short() {
            self.short_failures.push(now);
        }
        if policy.consecutive_max.is_some() {
            self.in_a_row = self.in_a_row.saturating_add(1);
        }
        for held in self.reserved.iter_mut().filter(|one| one.session == session) {
            held.guesses = held.guesses.saturating_sub(1);
        }
        self.reserved.retain(|one| one.guesses > 0);
    }

    /// Forgives every failure. What open sessions hold stays theirs.
    pub fn forgive(&mut self) {
        self.failures.clear();
        self.short_failures.clear();
        self.in_a_row = 0;
    }

    pub(crate) fn forget(&mut self, policy: &LedgerPolicy, now: Timestamp) {
        let horizon = now.minus(policy.memory());
        self.failures.retain(|at| *at >= horizon);
        self.short_failures.retain(|at| *at >= horizon);
        self.reserved.retain(|one| one.expires_at > now);
    }

    /// Whether nothing in it can matter at `now`. A row of failures matters until a right code ends it.
    pub(crate) fn is_idle(&self, policy: &LedgerPolicy, now: Timestamp) -> bool {
        let horizon = now.minus(policy.memory());
        self.in_a_row == 0
            && self.failures.iter().all(|at| *at < horizon)
            && self.reserved.iter().all(|one| one.expires_at <= now)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SIX: CodeLength = CodeLength::DEFAULT;
    const FOUR: CodeLength = CodeLength::MIN;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000)
    }

    fn just_before(moment: Timestamp) -> Timestamp {
        moment.minus(Duration::from_millis(1))
    }

    fn id(number: u8) -> SessionId {
        SessionId::new(at(0), [number; 10])
    }

    fn held(number: u8, guesses: u8, expires: i64) -> Reservation {
        Reservation { session: id(number), guesses, is_short: false, expires_at: at(expires) }
    }

    fn until(seconds: i64) -> GuessRefused {
        GuessRefused::Until { retry_at: at(seconds) }
    }

    fn failed(policy: &LedgerPolicy, length: CodeLength, seconds: impl IntoIterator<Item = i64>) -> Guesses {
        let mut guesses = Guesses::default();
        for second in seconds {
            guesses.record_failure(policy, (id(99), length), at(second));
        }
        guesses
    }

    #[test]
    fn twenty_failures_in_a_day_block_verification_until_the_first_is_a_day_old() {
        let policy = LedgerPolicy::default();
        let nineteen = failed(&policy, SIX, 0..19);
        assert_eq!(nineteen.may_guess(&policy, SIX, at(19)), Ok(()));
        let mut twenty = failed(&policy, SIX, 0..20);
        assert_eq!(twenty.may_guess(&policy, SIX, at(20)), Err(until(86_400)));
        assert_eq!(twenty.may_guess(&policy, SIX, just_before(at(86_400))), Err(until(86_400)));
        assert_eq!(twenty.may_guess(&policy, SIX, at(86_400)), Ok(()));
        twenty.forgive();
        assert_eq!(twenty, Guesses::default());
    }

    #[test]
    fn two_failures_at_short_codes_block_short_codes_and_no_others() {
        let policy = LedgerPolicy::default();
        let one = failed(&policy, FOUR, [0]);
        assert_eq!(one.may_guess(&policy, FOUR, at(1)), Ok(()));
        let two = failed(&policy, FOUR, [0, 5]);
        assert_eq!(two.may_guess(&policy, FOUR, at(6)), Err(until(86_400)));
        assert_eq!(two.may_guess(&policy, CodeLength::new(5).unwrap(), at(6)), Err(until(86_400)));
        assert_eq!(two.unreserved(&policy, SIX, at(6)), Ok(18), "they count among all of them as well");
        let long = failed(&policy, SIX, 0..10);
        assert_eq!(long.unreserved(&policy, FOUR, at(10)), Ok(2));
    }

    #[test]
    fn a_hundred_failures_in_a_row_disable_the_number_however_long_they_took() {
        let policy = LedgerPolicy::default();
        // One every two days: no window ever sees more than one.
        let mut guesses = failed(&policy, SIX, (0..99).map(|n| n * 172_800));
        let now = at(99 * 172_800);
        assert_eq!(guesses.unreserved(&policy, SIX, now), Ok(1));
        assert!(!guesses.is_idle(&policy, now.plus(Duration::from_secs(86_400 * 3650))), "it is never forgotten");
        guesses.record_failure(&policy, (id(99), SIX), now);
        let ten_years_on = now.plus(Duration::from_secs(86_400 * 3650));
        assert_eq!(guesses.may_guess(&policy, SIX, ten_years_on), Err(GuessRefused::Disabled));
        assert_eq!(guesses.unreserved(&policy, SIX, ten_years_on), Err(GuessRefused::Disabled));
        guesses.forgive();
        assert_eq!(guesses.may_guess(&policy, SIX, ten_years_on), Ok(()));
    }

    #[test]
    fn what_open_sessions_hold_is_no_one_elses_until_they_are_over() {
        let policy = LedgerPolicy::default();
        let mut guesses = failed(&policy, SIX, [0, 1, 2]);
        guesses.reserve(&policy, held(1, 5, 300), at(3));
        guesses.reserve(&policy, held(2, 10, 200), at(4));
        assert_eq!(guesses.unreserved(&policy, SIX, at(5)), Ok(2));
        guesses.reserve(&policy, held(3, 2, 400), at(5));
        assert_eq!(guesses.unreserved(&policy, SIX, at(6)), Err(until(200)), "when the first of them is over");
        assert_eq!(guesses.unreserved(&policy, SIX, just_before(at(200))), Err(until(200)));
        assert_eq!(guesses.unreserved(&policy, SIX, at(200)), Ok(10));
        assert_eq!(guesses.may_guess(&policy, SIX, at(6)), Ok(()), "whoever holds some may use them");
        guesses.release(id(1));
        assert_eq!(guesses.unreserved(&policy, SIX, at(6)), Ok(5));
        guesses.record_failure(&policy, (id(3), SIX), at(7));
        assert_eq!(guesses.unreserved(&policy, SIX, at(7)), Ok(5), "a failure was a reserved guess before");
        assert_eq!(guesses.reserved(), [held(2, 10, 200), held(3, 1, 400)]);
        guesses.record_failure(&policy, (id(3), SIX), at(8));
        assert_eq!(guesses.reserved(), [held(2, 10, 200)]);
    }

    #[test]
    fn when_more_is_taken_than_there_is_it_says_when_there_is_one_again() {
        let lower = LedgerPolicy { failures_max: 3, ..LedgerPolicy::default() };
        let five = failed(&LedgerPolicy::default(), SIX, [0, 10, 20, 30, 40]);
        assert_eq!(five.may_guess(&lower, SIX, at(50)), Err(until(86_420)));
        assert_eq!(five.may_guess(&lower, SIX, at(86_420)), Ok(()));
    }

    #[test]
    fn the_longer_of_two_reasons_is_told() {
        assert_eq!(until(1).or_longer(until(2)), until(2));
        assert_eq!(until(1).or_longer(GuessRefused::Disabled), GuessRefused::Disabled);
        assert_eq!(GuessRefused::Disabled.or_longer(until(9)), GuessRefused::Disabled);
    }

    #[test]
    fn without_limits_nothing_is_counted_for_ever() {
        let policy = LedgerPolicy::unlimited();
        let mut guesses = failed(&policy, FOUR, 0..500);
        guesses.reserve(&policy, held(1, 5, 2000), at(500));
        assert_eq!(guesses.unreserved(&policy, FOUR, at(500)), Ok(u32::MAX));
        assert_eq!((guesses.in_a_row(), guesses.reserved()), (0, &[][..]));
        assert!(guesses.is_idle(&policy, at(501)));
    }
}
