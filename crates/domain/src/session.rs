use std::fmt;

use crate::{AccountScope, CodeLength, OtpPolicy, SessionId, Timestamp};

/// What a code is for. One number may have one live session for each purpose.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Purpose(String);

impl Purpose {
    /// Longest purpose, in characters.
    pub const MAX_CHARS: usize = 64;

    /// 1 to 64 characters without control characters; `None` otherwise.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Purpose {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

/// Where a session stands. Every status but [`SessionStatus::Pending`] is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionStatus {
    /// The code may be given.
    Pending,
    /// The right code was given.
    Verified,
    /// The time was over first.
    Expired,
    /// Every attempt was a wrong code.
    Locked,
    /// A newer session for the same number and purpose took its place.
    Superseded,
    /// The customer called it off, or the recipient said it was not them.
    Canceled,
    /// The message could not be delivered at all.
    Failed,
}

impl SessionStatus {
    /// Every status.
    pub const ALL: [Self; 7] =
        [Self::Pending, Self::Verified, Self::Expired, Self::Locked, Self::Superseded, Self::Canceled, Self::Failed];

    /// The status's name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Verified => "verified",
            Self::Expired => "expired",
            Self::Locked => "locked",
            Self::Superseded => "superseded",
            Self::Canceled => "canceled",
            Self::Failed => "failed",
        }
    }

    /// Reads [`SessionStatus::as_str`] back.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

impl fmt::Display for SessionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What came of giving a code to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempted {
    /// It was right, and the session is consumed.
    Verified,
    /// It was wrong; so many attempts are left. None left means that the session is now locked.
    Wrong {
        /// Attempts left.
        left: u8,
    },
    /// It was not looked at: the session is finished, and this is how.
    Finished(SessionStatus),
}

/// A change came too late: the session already ended like this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session is already {0}")]
pub struct Finished(pub SessionStatus);

/// One code for one number and purpose, from its making to its end.
///
/// The state machine: `pending` goes to exactly one of the final states, each by the method of that name. The one way
/// back is [`OtpSession::reinstate`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtpSession {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub scope: AccountScope,
    /// What the code is for.
    pub purpose: Purpose,
    /// How many digits the code has.
    pub code_length: CodeLength,
    /// The status as last written. Ask [`OtpSession::status_at`] instead: nobody writes at the moment of expiry.
    pub status: SessionStatus,
    /// Attempts made.
    pub attempts: u8,
    /// Attempts allowed.
    pub attempts_max: u8,
    /// Messages sent.
    pub sends: u8,
    /// Messages allowed.
    pub sends_max: u8,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on its code is no longer right.
    pub expires_at: Timestamp,
    /// When the next message may be sent.
    pub resend_available_at: Timestamp,
    /// When it ended, if somebody ended it.
    pub finished_at: Option<Timestamp>,
}

impl OtpSession {
    /// A pending session that has sent nothing yet.
    #[must_use]
    pub fn new(
        id: SessionId,
        scope: AccountScope,
        purpose: Purpose,
        code_length: CodeLength,
        policy: &OtpPolicy,
        (created_at, expires_at): (Timestamp, Timestamp),
    ) -> Self {
        Self {
            id,
            scope,
            purpose,
            code_length,
            status: SessionStatus::Pending,
            attempts: 0,
            attempts_max: policy.attempts_for(code_length),
            sends: 0,
            sends_max: policy.sends_max,
            created_at,
            expires_at,
            resend_available_at: created_at,
            finished_at: None,
        }
    }

    /// The status at `now`: a pending session whose time is over has expired, whether or not that was written down.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> SessionStatus {
        match self.status {
            SessionStatus::Pending if self.expires_at <= now => SessionStatus::Expired,
            status => status,
        }
    }

    /// Attempts left, whatever the status.
    #[must_use]
    pub const fn attempts_remaining(&self) -> u8 {
        self.attempts_max.saturating_sub(self.attempts)
    }

    /// Messages left, whatever the status.
    #[must_use]
    pub const fn sends_remaining(&self) -> u8 {
        self.sends_max.saturating_sub(self.sends)
    }

    /// Gives a code that is right (`matched`) or wrong. The attempt is charged either way.
    pub fn attempt(&mut self, matched: bool, now: Timestamp) -> Attempted {
        if let Err(Finished(status)) = self.pending(now) {
            return Attempted::Finished(status);
        }
        self.attempts = self.attempts.saturating_add(1);
        if matched {
            self.finish(SessionStatus::Verified, now);
            return Attempted::Verified;
        }
        if self.attempts_remaining() == 0 {
            self.finish(SessionStatus::Locked, now);
        }
        Attempted::Wrong { left: self.attempts_remaining() }
    }

    /// Writes down that the time is over. Does nothing before it is.
    pub fn expire(&mut self, now: Timestamp) {
        if self.status == SessionStatus::Pending && self.expires_at <= now {
            self.finish(SessionStatus::Expired, self.expires_at);
        }
    }

    /// A newer session takes this one's place.
    pub fn supersede(&mut self, now: Timestamp) -> Result<(), Finished> {
        self.pending(now)?;
        self.finish(SessionStatus::Superseded, now);
        Ok(())
    }

    /// The newer session that took this one's place was withdrawn (its message was never sent), so it never existed:
    /// this one is pending again, with the attempts it had, until its old expiry.
    pub fn reinstate(&mut self) {
        if self.status == SessionStatus::Superseded {
            self.status = SessionStatus::Pending;
            self.finished_at = None;
        }
    }

    /// The customer calls it off.
    pub fn cancel(&mut self, now: Timestamp) -> Result<(), Finished> {
        self.pending(now)?;
        self.finish(SessionStatus::Canceled, now);
        Ok(())
    }

    /// The message cannot be delivered.
    pub fn fail(&mut self, now: Timestamp) -> Result<(), Finished> {
        self.pending(now)?;
        self.finish(SessionStatus::Failed, now);
        Ok(())
    }

    /// Counts one more message with the same code; the next one is allowed at `next_at`. Attempts and expiry stay.
    pub fn record_send(&mut self, next_at: Timestamp) {
        self.sends = self.sends.saturating_add(1);
        self.resend_available_at = next_at;
    }

    fn pending(&self, now: Timestamp) -> Result<(), Finished> {
        match self.status_at(now) {
            SessionStatus::Pending => Ok(()),
            finished => Err(Finished(finished)),
        }
    }

    fn finish(&mut self, status: SessionStatus, now: Timestamp) {
        self.status = status;
        self.finished_at = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::{AccountId, Mode};

    const START: Timestamp = Timestamp::from_unix_ms(1_800_000_000_000);

    fn session() -> OtpSession {
        let scope = AccountScope { account: AccountId::new(START, [1; 10]), mode: Mode::Test };
        let id = SessionId::new(START, [2; 10]);
        let times = (START, START.plus(Duration::from_secs(300)));
        let policy = OtpPolicy::default();
        OtpSession::new(id, scope, Purpose::default(), CodeLength::DEFAULT, &policy, times)
    }

    fn at(seconds: u64) -> Timestamp {
        START.plus(Duration::from_secs(seconds))
    }

    #[test]
    fn the_right_code_is_accepted_once() {
        let mut session = session();
        assert_eq!(session.attempt(true, at(1)), Attempted::Verified);
        assert_eq!(session.attempt(true, at(2)), Attempted::Finished(SessionStatus::Verified));
        assert_eq!(session.finished_at, Some(at(1)));
    }

    #[test]
    fn the_fifth_wrong_code_locks_and_the_right_one_comes_too_late() {
        let mut session = session();
        for left in (0..5).rev() {
            assert_eq!(session.attempt(false, at(1)), Attempted::Wrong { left });
        }
        assert_eq!(session.attempt(true, at(2)), Attempted::Finished(SessionStatus::Locked));
        assert_eq!(session.attempts, 5);
    }

    #[test]
    fn the_edge_of_expiry_is_exact() {
        for (second, expected) in [(299, Attempted::Verified), (300, Attempted::Finished(SessionStatus::Expired))] {
            assert_eq!(session().attempt(true, at(second)), expected);
        }
    }

    #[test]
    fn a_reinstated_session_keeps_its_attempts_and_its_expiry() {
        let mut session = session();
        session.attempt(false, at(1));
        let before = session.clone();
        session.supersede(at(2)).unwrap();
        assert_eq!(session.attempt(true, at(3)), Attempted::Finished(SessionStatus::Superseded));
        session.reinstate();
        assert_eq!(session, before);
        let mut verified = before;
        verified.attempt(true, at(3));
        verified.reinstate();
        assert_eq!(verified.status, SessionStatus::Verified);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Attempt(bool),
        Expire,
        Supersede,
        Cancel,
        Fail,
        Send,
    }

    fn steps() -> impl Strategy<Value = Vec<(Step, u64)>> {
        let step = prop_oneof![
            any::<bool>().prop_map(Step::Attempt),
            Just(Step::Expire),
            Just(Step::Supersede),
            Just(Step::Cancel),
            Just(Step::Fail),
            Just(Step::Send),
        ];
        prop::collection::vec((step, 0_u64..60), 1..40)
    }

    proptest! {
        #[test]
        fn whatever_happens_a_session_ends_once_and_never_overspends(steps in steps()) {
            let mut session = session();
            let (mut second, mut successes) = (0, 0);
            for (step, pause) in steps {
                second += pause;
                let (now, before) = (at(second), session.clone());
                match step {
                    Step::Attempt(matched) => {
                        if session.attempt(matched, now) == Attempted::Verified {
                            successes += 1;
                            prop_assert!(now < session.expires_at);
                        }
                    }
                    Step::Expire => session.expire(now),
                    Step::Supersede => drop(session.supersede(now)),
                    Step::Cancel => drop(session.cancel(now)),
                    Step::Fail => drop(session.fail(now)),
                    Step::Send => session.record_send(now),
                }
                if before.status != SessionStatus::Pending {
                    prop_assert_eq!(session.status, before.status, "a final state is final");
                    prop_assert_eq!(session.attempts, before.attempts);
                    prop_assert_eq!(session.finished_at, before.finished_at);
                }
                prop_assert!(session.attempts <= session.attempts_max);
                prop_assert!(successes <= 1);
                prop_assert_eq!(session.expires_at, before.expires_at, "nothing prolongs a code");
            }
        }
    }

    #[test]
    fn every_status_has_a_name_of_its_own() {
        for status in SessionStatus::ALL {
            assert_eq!(SessionStatus::parse(status.as_str()), Some(status));
        }
    }
}
