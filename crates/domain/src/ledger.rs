use std::time::Duration;

use crate::{Guesses, Purpose, SessionId, Timestamp};

/// At most `sends` messages in any span of `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendCap {
    /// Messages.
    pub sends: u32,
    /// The span.
    pub window: Duration,
}

/// What one number may receive, and how often its codes may be guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPolicy {
    /// The wait before the second message, the third, …; the last one repeats. A verified code starts it anew.
    pub cooldowns: Vec<Duration>,
    /// How far back the cooldown ladder looks.
    pub ladder_window: Duration,
    /// Hard caps, verified or not.
    pub caps: Vec<SendCap>,
    /// Wrong guesses before verification is refused.
    pub failures_max: u32,
    /// Those of them at codes of four and five digits, if they are limited apart.
    pub short_failures_max: Option<u32>,
    /// The span in which they count.
    pub failure_window: Duration,
    /// Wrong guesses since the last right one, however long ago, before the number is disabled; if it ever is.
    ///
    /// NIST SP 800-63B-4 section 3.2.2 allows at most 100.
    pub consecutive_max: Option<u32>,
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

impl Default for LedgerPolicy {
    fn default() -> Self {
        Self {
            cooldowns: [30, 60, 120, 240].map(Duration::from_secs).to_vec(),
            ladder_window: HOUR,
            caps: vec![
                SendCap { sends: 5, window: Duration::from_secs(600) },
                SendCap { sends: 10, window: HOUR },
                SendCap { sends: 20, window: DAY },
            ],
            failures_max: 20,
            short_failures_max: Some(2),
            failure_window: DAY,
            consecutive_max: Some(100),
        }
    }
}

impl LedgerPolicy {
    /// No limits at all: for the sandbox's magic numbers, which reach nobody.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self {
            cooldowns: Vec::new(),
            ladder_window: Duration::ZERO,
            caps: Vec::new(),
            failures_max: u32::MAX,
            short_failures_max: None,
            failure_window: Duration::ZERO,
            consecutive_max: None,
        }
    }

    /// The limits of a number over all accounts: 50 messages and 50 wrong guesses a day.
    #[must_use]
    pub fn everybody() -> Self {
        Self {
            caps: vec![SendCap { sends: 50, window: DAY }],
            failures_max: 50,
            failure_window: DAY,
            ..Self::unlimited()
        }
    }

    /// Whether wrong guesses are limited at all.
    #[must_use]
    pub const fn limits_guesses(&self) -> bool {
        self.failures_max < u32::MAX || self.short_failures_max.is_some() || self.consecutive_max.is_some()
    }

    /// The longest span anything is remembered for.
    #[must_use]
    pub fn memory(&self) -> Duration {
        let caps = self.caps.iter().map(|cap| cap.window);
        caps.chain([self.ladder_window, self.failure_window]).max().unwrap_or_default()
    }
}

/// Why a number gets no message now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendRefused {
    /// The cooldown since the last message is not over.
    TooSoon {
        /// When it is.
        retry_at: Timestamp,
    },
    /// A cap is reached.
    Capped {
        /// When the next message fits.
        retry_at: Timestamp,
    },
}

impl SendRefused {
    /// Of two reasons the one that lasts longer; a cap, if either is one.
    #[must_use]
    pub fn or_longer(self, other: Self) -> Self {
        let (Self::TooSoon { retry_at: one } | Self::Capped { retry_at: one }) = self;
        let (Self::TooSoon { retry_at: two } | Self::Capped { retry_at: two }) = other;
        let retry_at = one.max(two);
        match (self, other) {
            (Self::TooSoon { .. }, Self::TooSoon { .. }) => Self::TooSoon { retry_at },
            _ => Self::Capped { retry_at },
        }
    }
}

/// The session that a number has open for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// The purpose.
    pub purpose: Purpose,
    /// The session.
    pub session: SessionId,
    /// When it is over by itself.
    pub expires_at: Timestamp,
}

/// What one number has received and failed lately, in one account or over all of them, and which sessions it has open.
///
/// It outlives the sessions it counts, so that a new session never brings a new budget.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NumberLedger {
    sends: Vec<Timestamp>,
    verified_at: Option<Timestamp>,
    live: Vec<LiveSession>,
    guesses: Guesses,
}

impl NumberLedger {
    /// Open sessions remembered at most: far above what the send caps allow within a code's life.
    const LIVE_MAX: usize = 16;

    /// Puts a stored ledger together again.
    #[must_use]
    pub fn from_parts(
        mut sends: Vec<Timestamp>,
        verified_at: Option<Timestamp>,
        live: Vec<LiveSession>,
        guesses: Guesses,
    ) -> Self {
        sends.sort_unstable();
        Self { sends, verified_at, live, guesses }
    }

    /// When messages were sent, oldest first.
    #[must_use]
    pub fn sends(&self) -> &[Timestamp] {
        &self.sends
    }

    /// Its wrong codes.
    #[must_use]
    pub const fn guesses(&self) -> &Guesses {
        &self.guesses
    }

    /// Its wrong codes, to be changed.
    pub const fn guesses_mut(&mut self) -> &mut Guesses {
        &mut self.guesses
    }

    /// When a code was last verified.
    #[must_use]
    pub const fn verified_at(&self) -> Option<Timestamp> {
        self.verified_at
    }

    /// The open sessions, oldest first.
    #[must_use]
    pub fn live(&self) -> &[LiveSession] {
        &self.live
    }

    /// Makes `next` the open session of its purpose, and returns the one whose place it takes.
    pub fn replace_live(&mut self, next: LiveSession, now: Timestamp) -> Option<SessionId> {
        let previous = self.live.iter().find(|live| live.purpose == next.purpose && live.expires_at > now);
        let previous = previous.map(|live| live.session);
        self.live.retain(|live| live.purpose != next.purpose && live.expires_at > now);
        if self.live.len() >= Self::LIVE_MAX {
            self.live.remove(0);
        }
        self.live.push(next);
        previous
    }

    /// Takes `withdrawn` out, and opens `previous` again in its place. Returns whether `withdrawn` was still there.
    pub fn restore_live(&mut self, withdrawn: SessionId, previous: Option<LiveSession>) -> bool {
        let Some(position) = self.live.iter().position(|live| live.session == withdrawn) else { return false };
        self.live.remove(position);
        self.live.extend(previous);
        true
    }

    /// Whether the number may receive a message at `now`.
    pub fn may_send(&self, policy: &LedgerPolicy, now: Timestamp) -> Result<(), SendRefused> {
        let capped = policy.caps.iter().filter_map(|cap| {
            let spare = usize::try_from(cap.sends).ok()?.checked_sub(1)?;
            // The cap's n-th newest message: while it is inside the window, there is no room.
            let blocking = self.sends.iter().rev().nth(spare)?;
            let free_at = blocking.plus(cap.window);
            (free_at > now).then_some(free_at)
        });
        let (cap_ends, cooldown_ends) = (capped.max(), self.cooldown_ends(policy, now).filter(|end| *end > now));
        match (cap_ends, cooldown_ends) {
            (None, None) => Ok(()),
            (None, Some(retry_at)) => Err(SendRefused::TooSoon { retry_at }),
            (Some(cap_ends), cooldown) => {
                Err(SendRefused::Capped { retry_at: cooldown.unwrap_or(cap_ends).max(cap_ends) })
            }
        }
    }

    /// When the next message may be sent, as far as the past goes: `now` or later.
    #[must_use]
    pub fn next_send_at(&self, policy: &LedgerPolicy, now: Timestamp) -> Timestamp {
        match self.may_send(policy, now) {
            Ok(()) => now,
            Err(SendRefused::TooSoon { retry_at } | SendRefused::Capped { retry_at }) => retry_at,
        }
    }

    fn cooldown_ends(&self, policy: &LedgerPolicy, now: Timestamp) -> Option<Timestamp> {
        let since = now.minus(policy.ladder_window).max(self.verified_at.unwrap_or_default());
        let unverified = self.sends.iter().filter(|at| **at > since).count();
        let step = unverified.checked_sub(1)?;
        let wait = policy.cooldowns.get(step).or(policy.cooldowns.last())?;
        self.sends.last().map(|last| last.plus(*wait))
    }

    /// Counts a message, and forgets what no rule looks at any more.
    pub fn record_send(&mut self, policy: &LedgerPolicy, now: Timestamp) {
        self.forget(policy, now);
        self.sends.push(now);
    }

    /// Takes back the message counted at `at`: it was never sent.
    pub fn refund_send(&mut self, at: Timestamp) {
        if let Some(position) = self.sends.iter().rposition(|sent| *sent == at) {
            self.sends.remove(position);
        }
    }

    /// A right code: whoever holds the number is here, so the failures and the cooldown are forgiven. The caps stay.
    pub fn record_success(&mut self, now: Timestamp) {
        self.guesses.forgive();
        self.verified_at = Some(now);
    }

    /// Whether nothing in it can matter at `now`.
    #[must_use]
    pub fn is_idle(&self, policy: &LedgerPolicy, now: Timestamp) -> bool {
        let horizon = now.minus(policy.memory());
        self.sends.iter().all(|at| *at < horizon)
            && self.guesses.is_idle(policy, now)
            && self.live.iter().all(|live| live.expires_at <= now)
    }

    fn forget(&mut self, policy: &LedgerPolicy, now: Timestamp) {
        let horizon = now.minus(policy.memory());
        self.sends.retain(|at| *at >= horizon);
        self.guesses.forget(policy, now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + seconds * 1000)
    }

    fn sent(policy: &LedgerPolicy, seconds: &[i64]) -> NumberLedger {
        let mut ledger = NumberLedger::default();
        for second in seconds {
            assert_eq!(ledger.may_send(policy, at(*second)), Ok(()), "at {second}");
            ledger.record_send(policy, at(*second));
        }
        ledger
    }

    #[test]
    fn the_cooldown_doubles_and_its_edges_are_exact() {
        let policy = LedgerPolicy::default();
        for (past, next) in [(&[0][..], 30), (&[0, 30], 90), (&[0, 30, 90], 210), (&[0, 30, 90, 210], 450)] {
            let ledger = sent(&policy, past);
            let just_before = Timestamp::from_unix_ms(at(next).unix_ms() - 1);
            assert_eq!(ledger.may_send(&policy, just_before), Err(SendRefused::TooSoon { retry_at: at(next) }));
            assert_eq!(ledger.may_send(&policy, at(next)), Ok(()));
        }
    }

    #[test]
    fn five_in_ten_minutes_ten_an_hour_twenty_a_day() {
        let policy = LedgerPolicy { cooldowns: Vec::new(), ..LedgerPolicy::default() };
        let five = sent(&policy, &[0, 1, 2, 3, 4]);
        assert_eq!(five.may_send(&policy, at(599)), Err(SendRefused::Capped { retry_at: at(600) }));
        assert_eq!(five.may_send(&policy, at(600)), Ok(()));
        let ten = sent(&policy, &[0, 1, 2, 3, 4, 700, 701, 702, 703, 704]);
        assert_eq!(ten.may_send(&policy, at(1400)), Err(SendRefused::Capped { retry_at: at(3600) }));
        let twenty: Vec<i64> = (0..20).map(|n| n * 3600).collect();
        let twenty = sent(&policy, &twenty);
        assert_eq!(twenty.may_send(&policy, at(80_000)), Err(SendRefused::Capped { retry_at: at(86_400) }));
    }

    #[test]
    fn a_verified_code_ends_the_cooldown_but_not_the_caps() {
        let policy = LedgerPolicy::default();
        let mut ledger = sent(&policy, &[0, 30]);
        ledger.record_success(at(40));
        assert_eq!(ledger.may_send(&policy, at(41)), Ok(()));
        for second in [41, 71, 131] {
            ledger.record_send(&policy, at(second));
        }
        assert_eq!(ledger.may_send(&policy, at(500)), Err(SendRefused::Capped { retry_at: at(600) }));
    }

    #[test]
    fn a_refunded_send_was_never_there() {
        let policy = LedgerPolicy::default();
        let before = sent(&policy, &[0]);
        let mut after = before.clone();
        after.record_send(&policy, at(40));
        after.refund_send(at(40));
        assert_eq!(after, before);
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_its_cap(steps in prop::collection::vec(0_i64..400, 1..120)) {
            let policy = LedgerPolicy::default();
            let mut ledger = NumberLedger::default();
            let (mut now, mut accepted) = (0, Vec::new());
            for step in steps {
                now += step;
                if ledger.may_send(&policy, at(now)).is_ok() {
                    ledger.record_send(&policy, at(now));
                    accepted.push(now);
                }
            }
            for cap in &policy.caps {
                let window = i64::try_from(cap.window.as_secs()).unwrap();
                for start in &accepted {
                    let inside = accepted.iter().filter(|t| (*start..start + window).contains(t)).count();
                    prop_assert!(u32::try_from(inside).unwrap() <= cap.sends);
                }
            }
        }

        #[test]
        fn waiting_until_retry_at_is_always_enough(gaps in prop::collection::vec(0_i64..900, 1..60)) {
            let policy = LedgerPolicy::default();
            let mut ledger = NumberLedger::default();
            let mut now = at(0);
            for gap in gaps {
                now = ledger.next_send_at(&policy, now.plus(Duration::from_secs(u64::try_from(gap).unwrap())));
                prop_assert_eq!(ledger.may_send(&policy, now), Ok(()));
                ledger.record_send(&policy, now);
            }
        }
    }
}
