use std::collections::VecDeque;
use std::time::Duration;

use whatotp_ports::{RateRule, RateState};

use super::{millis, unused, window_ms};

/// Room for this many moments is made at first.
const FIRST_ROOM: usize = 4;

/// The moments at which one key was admitted, oldest first.
///
/// Moments are milliseconds of the limiter's own time, kept in 32 bits from a base that moves along.
#[derive(Debug)]
pub(super) struct Log {
    base: u64,
    moments: VecDeque<u32>,
    /// The longest window that a rule has had for this key: older moments are of no use to anybody.
    window: u32,
}

impl Log {
    pub(super) fn new() -> Self {
        Self { base: 0, moments: VecDeque::new(), window: 0 }
    }

    /// Forgets what is too old, and gives back the memory if it was much.
    pub(super) fn prune(&mut self, rule: &RateRule, now: u64) {
        self.window = self.window.max(window_ms(rule.window));
        let kept = self.count_within(self.window, now);
        self.moments.drain(..self.moments.len() - kept);
        if self.moments.capacity() / 4 > kept.max(FIRST_ROOM) {
            self.moments.shrink_to(kept.saturating_mul(2).max(FIRST_ROOM));
        }
    }

    /// Whether `cost` more fit under a rule.
    pub(super) fn has_room(&self, rule: &RateRule, cost: u64, now: u64) -> bool {
        let used = u64::try_from(self.count_within(window_ms(rule.window), now)).unwrap_or(u64::MAX);
        used.saturating_add(cost) <= u64::from(rule.quota)
    }

    /// Writes down `rule.cost` admissions at `now`.
    pub(super) fn charge(&mut self, rule: &RateRule, now: u64) {
        let moment = self.relative(now);
        for _ in 0..rule.cost {
            if self.moments.len() == self.moments.capacity() {
                // Doubling, but never beyond the quota: most of a full log's memory would be air otherwise.
                let quota = usize::try_from(rule.quota).unwrap_or(usize::MAX);
                let room = self.moments.len().saturating_mul(2).max(FIRST_ROOM).min(quota);
                self.moments.reserve_exact(room.saturating_sub(self.moments.len()));
            }
            self.moments.push_back(moment);
        }
    }

    pub(super) fn state(&self, rule: &RateRule, now: u64) -> RateState {
        let window = window_ms(rule.window);
        let quota = usize::try_from(rule.quota).unwrap_or(usize::MAX);
        let used = self.count_within(window, now);
        if used == 0 {
            return unused(rule);
        }
        let until_gone = |moment: &u32| millis(self.leaves_in(*moment, window, now));
        // There is room again when all but the newest `quota - 1` have left.
        let blocking = if used < quota { None } else { Some(self.moments.len() - quota) };
        RateState {
            remaining: u32::try_from(quota.saturating_sub(used)).unwrap_or(u32::MAX),
            retry_after: blocking.map_or(Duration::ZERO, |at| self.moments.get(at).map_or(rule.window, until_gone)),
            reset_after: self.moments.back().map_or(Duration::ZERO, until_gone),
        }
    }

    /// Whether there is nothing in it that still counts for anybody.
    pub(super) fn is_over(&self, now: u64) -> bool {
        self.count_within(self.window, now) == 0
    }

    /// How many moments are at most `window` old.
    fn count_within(&self, window: u32, now: u64) -> usize {
        let earliest = now.saturating_sub(u64::from(window));
        let too_old = self.moments.partition_point(|moment| self.base + u64::from(*moment) < earliest);
        self.moments.len() - too_old
    }

    /// How long until a moment that is within the window no longer is: one millisecond after its last.
    fn leaves_in(&self, moment: u32, window: u32, now: u64) -> u64 {
        let last = (self.base + u64::from(moment)).saturating_add(u64::from(window));
        last.saturating_add(1).saturating_sub(now)
    }

    /// `now` as a distance from the base, which is moved up to the oldest moment when that has become too far.
    ///
    /// After [`Log::prune`] no moment is older than the longest window, which fits: so then `now` fits, too.
    fn relative(&mut self, now: u64) -> u32 {
        let Some(oldest) = self.moments.front().copied() else {
            self.base = now;
            return 0;
        };
        if now - self.base > u64::from(u32::MAX) {
            self.base += u64::from(oldest);
            for moment in &mut self.moments {
                *moment -= oldest;
            }
        }
        u32::try_from(now - self.base).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(quota: u32, window: Duration) -> RateRule {
        RateRule { key: 1, quota, window, cost: 1 }
    }

    fn charge(log: &mut Log, rule: &RateRule, now: u64) {
        log.prune(rule, now);
        log.charge(rule, now);
    }

    #[test]
    fn its_buffer_is_never_larger_than_the_quota() {
        let rule = rule(120, Duration::from_secs(60));
        let mut log = Log::new();
        let mut capacities = Vec::new();
        for now in 0..120 {
            charge(&mut log, &rule, now);
            capacities.push(log.moments.capacity());
        }
        capacities.dedup();
        assert_eq!(capacities, [4, 8, 16, 32, 64, 120]);
    }

    #[test]
    fn its_buffer_shrinks_when_the_moments_have_left() {
        let rule = rule(600, Duration::from_secs(60));
        let mut log = Log::new();
        for now in 0..600 {
            charge(&mut log, &rule, now);
        }
        log.prune(&rule, 60_500);
        assert_eq!((log.moments.len(), log.moments.capacity()), (100, 200));
        log.prune(&rule, 70_000);
        assert_eq!((log.moments.len(), log.moments.capacity()), (0, FIRST_ROOM));
    }

    #[test]
    fn a_log_in_use_for_years_stays_exact() {
        let day = 24 * 3600 * 1000;
        let rule = rule(3, Duration::from_millis(30 * day));
        let mut log = Log::new();
        let mut admitted = Vec::new();
        for now in (0..4000).map(|n| n * 10 * day) {
            log.prune(&rule, now);
            let room = admitted.iter().filter(|moment| now - *moment <= 30 * day).count() < 3;
            assert_eq!(log.has_room(&rule, 1, now), room, "at {now}");
            if room {
                log.charge(&rule, now);
                admitted.push(now);
                assert_eq!(log.state(&rule, now).reset_after, rule.window + Duration::from_millis(1));
            }
        }
        assert_eq!(admitted.len(), 3000, "three in four: the fourth comes when the first is exactly 30 days old");
    }

    #[test]
    fn the_longest_window_is_exact_too() {
        let rule = rule(1, Duration::MAX);
        let mut log = Log::new();
        charge(&mut log, &rule, 7);
        let end = 7 + u64::from(u32::MAX);
        log.prune(&rule, end);
        assert!(!log.has_room(&rule, 1, end));
        log.prune(&rule, end + 1);
        assert!(log.has_room(&rule, 1, end + 1));
    }
}
