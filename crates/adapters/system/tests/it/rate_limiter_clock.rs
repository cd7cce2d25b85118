//! A clock that somebody sets while the limiter runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use whatotp_domain::Timestamp;
use whatotp_ports::{Clock, RateLimiter as _};
use whatotp_system::LocalRateLimiter;

use super::{admits, ask, at, limiter, per_minute, step};

const START: i64 = 1_795_428_000_000;
const FIVE_MINUTES: i64 = 300_000;

/// Asks every 100 ms for ten minutes while the clock is stepped in the middle of it, and returns the admitted calls'
/// times by the clock that was not stepped.
fn through_a_step(step: i64) -> Vec<i64> {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, 120)];
    let mut admitted = Vec::new();
    for real in (0..600_000).step_by(100) {
        clock.set(at(START + real + if real < 290_000 { 0 } else { step }));
        if admits(&limiter, &rule) {
            admitted.push(real);
        }
    }
    admitted
}

fn most_in_a_minute(admitted: &[i64]) -> usize {
    let spans = admitted.iter().map(|end| admitted.iter().filter(|real| (end - 60_000..=*end).contains(real)).count());
    spans.max().unwrap()
}

#[test]
fn a_step_back_by_five_minutes_neither_freezes_the_limiter_nor_opens_it() {
    let admitted = through_a_step(-FIVE_MINUTES);
    assert_eq!(most_in_a_minute(&admitted), 120);
    let longest_pause = admitted.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest_pause <= 60_000, "{longest_pause}");
}

#[test]
fn a_step_forward_by_five_minutes_ends_the_windows_as_the_clock_says() {
    let admitted = through_a_step(FIVE_MINUTES);
    let (before, after): (Vec<i64>, Vec<i64>) = admitted.iter().partition(|real| **real < 290_000);
    assert_eq!([most_in_a_minute(&before), most_in_a_minute(&after)], [120, 120]);
    assert!(most_in_a_minute(&admitted) <= 240, "one quota for each side of the step");
}

#[test]
fn a_full_key_is_free_one_window_after_a_step_back() {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, 20)];
    clock.set(at(START));
    assert!((0..20).all(|_| admits(&limiter, &rule)));
    step(&clock, -FIVE_MINUTES);
    let state = ask(&limiter, &rule).states[0];
    assert_eq!(state.retry_after.as_millis(), 60_001, "and not six minutes");
    step(&clock, 60_000);
    assert!(!admits(&limiter, &rule));
    step(&clock, 1);
    assert!(admits(&limiter, &rule));
}

#[test]
fn a_clock_that_is_set_back_again_and_again_gives_no_second_quota() {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, 20)];
    clock.set(at(START));
    let mut admitted = 0;
    // Forwards it runs 50 ms a round, which all rounds together do not make a window.
    for _ in 0..1_000 {
        step(&clock, -70_000);
        admitted += u32::from(admits(&limiter, &rule));
        step(&clock, 50);
        admitted += u32::from(admits(&limiter, &rule));
    }
    assert_eq!(admitted, 20);
}

/// A clock that panics when told to: it is read while the limiter's locks are held.
#[derive(Default)]
struct FailingClock(AtomicBool);

impl Clock for FailingClock {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "planted");
        Timestamp::from_unix_ms(START)
    }
}

#[test]
fn a_panic_inside_does_not_end_the_limiter() {
    let clock = Arc::new(FailingClock::default());
    let limiter = Arc::new(LocalRateLimiter::new(Arc::<FailingClock>::clone(&clock), 64));
    let admits = {
        let limiter = Arc::clone(&limiter);
        move || limiter.admit(&[per_minute(1, 2)]).now_or_never().unwrap().admitted
    };
    assert!(admits());
    clock.0.store(true, Ordering::SeqCst);
    assert!(std::thread::spawn(admits.clone()).join().is_err());
    clock.0.store(false, Ordering::SeqCst);
    assert_eq!([admits(), admits()], [true, false]);
}
