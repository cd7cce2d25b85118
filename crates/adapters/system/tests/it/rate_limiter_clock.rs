//! A clock that fails while the limiter runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use whatotp_domain::Timestamp;
use whatotp_ports::{Clock, RateLimiter as _};
use whatotp_system::LocalRateLimiter;

use super::per_minute;

const START: i64 = 1_795_428_000_000;

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
