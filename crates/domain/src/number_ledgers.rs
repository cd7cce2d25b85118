use crate::{
    Attempted, CodeLength, GuessRefused, LedgerPolicy, LiveSession, NumberLedger, OtpSession, Reservation, SendRefused,
    SessionId, Timestamp,
};

/// The limits of one number: in its account, and over all accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NumberLimits {
    /// In its account.
    pub account: LedgerPolicy,
    /// Over all accounts, if they are counted together.
    pub everybody: Option<LedgerPolicy>,
}

impl NumberLimits {
    /// No limits at all: for the sandbox's magic numbers, which reach nobody.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { account: LedgerPolicy::unlimited(), everybody: None }
    }
}

impl Default for NumberLimits {
    fn default() -> Self {
        Self { account: LedgerPolicy::default(), everybody: Some(LedgerPolicy::everybody()) }
    }
}

/// Why no session is issued for a number now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueRefused {
    /// It gets no message.
    Send(SendRefused),
    /// Its code could not be guessed once.
    Guess(GuessRefused),
}

/// What one number has received and failed: in its account, and over all accounts. Both limit it at every step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberLedgers {
    /// In its account.
    pub account: NumberLedger,
    /// Over all accounts. Nobody looks at it where they are not counted together.
    pub everybody: NumberLedger,
}

impl NumberLedgers {
    /// Issues a session: its first message is counted, it takes the place of the one of its purpose, and gets as many
    /// attempts as no other open session holds. Returns the session whose place it takes. When the number is refused,
    /// nothing has changed.
    pub fn issue(
        &mut self,
        session: &mut OtpSession,
        limits: &NumberLimits,
        now: Timestamp,
    ) -> Result<Option<LiveSession>, IssueRefused> {
        self.may_send(limits, now).map_err(IssueRefused::Send)?;
        let mut next = self.clone();
        let live =
            LiveSession { purpose: session.purpose.clone(), session: session.id, expires_at: session.expires_at };
        let replaced = next.account.replace_live(live, now);
        let replaced = self.account.live().iter().find(|live| Some(live.session) == replaced).cloned();
        if let Some(replaced) = &replaced {
            next.release(replaced.session);
        }
        session.attempts_max = next.reserve(session, limits, now).map_err(IssueRefused::Guess)?;
        next.count_message(session, limits, now);
        *self = next;
        Ok(replaced)
    }

    /// Counts one more message of a session.
    pub fn send_again(
        &mut self,
        session: &mut OtpSession,
        limits: &NumberLimits,
        now: Timestamp,
    ) -> Result<(), SendRefused> {
        self.may_send(limits, now)?;
        self.count_message(session, limits, now);
        Ok(())
    }

    /// Whether the number may receive a message at `now`.
    pub fn may_send(&self, limits: &NumberLimits, now: Timestamp) -> Result<(), SendRefused> {
        let account = self.account.may_send(&limits.account, now);
        let everybody = limits.everybody.as_ref().map_or(Ok(()), |policy| self.everybody.may_send(policy, now));
        match (account, everybody) {
            (Ok(()), other) | (other, Ok(())) => other,
            (Err(one), Err(two)) => Err(one.or_longer(two)),
        }
    }

    fn count_message(&mut self, session: &mut OtpSession, limits: &NumberLimits, now: Timestamp) {
        self.account.record_send(&limits.account, now);
        let mut next_at = self.account.next_send_at(&limits.account, now);
        if let Some(policy) = &limits.everybody {
            self.everybody.record_send(policy, now);
            next_at = next_at.max(self.everybody.next_send_at(policy, now));
        }
        session.record_send(next_at);
    }

    /// Takes back the message counted at `at`: it was never sent.
    pub fn refund_send(&mut self, at: Timestamp) {
        self.account.refund_send(at);
        self.everybody.refund_send(at);
    }

    /// Whether a code of that length may be guessed at `now`.
    pub fn may_guess(&self, limits: &NumberLimits, length: CodeLength, now: Timestamp) -> Result<(), GuessRefused> {
        let account = self.account.guesses().may_guess(&limits.account, length, now);
        let everybody = limits.everybody.as_ref();
        let everybody = everybody.map_or(Ok(()), |policy| self.everybody.guesses().may_guess(policy, length, now));
        longer(account, everybody).map(drop)
    }

    /// Counts a guess at a session's code that was charged, and was right (`matched`) or wrong. A right one forgives the
    /// failures of its account. Not those of everybody: or whoever holds an account could forgive himself the others.
    pub fn count_guess(
        &mut self,
        session: &OtpSession,
        matched: bool,
        limits: &NumberLimits,
        now: Timestamp,
    ) -> Attempted {
        if matched {
            self.account.record_success(now);
            self.release(session.id);
            return Attempted::Verified;
        }
        let which = (session.id, session.code_length);
        self.account.guesses_mut().record_failure(&limits.account, which, now);
        if let Some(policy) = &limits.everybody {
            self.everybody.guesses_mut().record_failure(policy, which, now);
        }
        Attempted::Wrong { left: session.attempts_remaining() }
    }

    /// Opens again a session that was superseded by one which was withdrawn. It gets back the attempts that it had, or
    /// what others have left of them since: with none, it stays superseded. Returns whether it is open.
    pub fn reinstate(&mut self, session: &mut OtpSession, limits: &NumberLimits, now: Timestamp) -> bool {
        let Ok(left) = self.reserve(session, limits, now) else { return false };
        session.attempts_max = session.attempts.saturating_add(left);
        session.reinstate();
        true
    }

    /// Gives back what a session that is over holds.
    pub fn release(&mut self, session: SessionId) {
        self.account.guesses_mut().release(session);
        self.everybody.guesses_mut().release(session);
    }

    /// Sets aside the attempts that a session has, or as many as there are. Returns how many: at least one.
    fn reserve(&mut self, session: &OtpSession, limits: &NumberLimits, now: Timestamp) -> Result<u8, GuessRefused> {
        let length = session.code_length;
        let account = self.account.guesses().unreserved(&limits.account, length, now);
        let everybody = limits.everybody.as_ref();
        let everybody =
            everybody.map_or(Ok(u32::MAX), |policy| self.everybody.guesses().unreserved(policy, length, now));
        let left = longer(account, everybody).map(|(account, everybody)| account.min(everybody))?;
        let guesses = session.attempts_remaining().min(u8::try_from(left).unwrap_or(u8::MAX));
        let (is_short, expires_at) = (length.is_short(), session.expires_at);
        let reservation = Reservation { session: session.id, guesses, is_short, expires_at };
        self.account.guesses_mut().reserve(&limits.account, reservation.clone(), now);
        if let Some(policy) = &limits.everybody {
            self.everybody.guesses_mut().reserve(policy, reservation, now);
        }
        Ok(guesses)
    }
}

fn longer<T, U>(one: Result<T, GuessRefused>, two: Result<U, GuessRefused>) -> Result<(T, U), GuessRefused> {
    match (one, two) {
        (Ok(one), Ok(two)) => Ok((one, two)),
        (Err(one), Err(two)) => Err(one.or_longer(two)),
        (Err(refused), Ok(_)) | (Ok(_), Err(refused)) => Err(refused),
    }
}

#[cfg(test)]
mod tests;
