//! Memory and threads.

use std::sync::atomic::{AtomicU32, Ordering};

use whatotp_ports::RateRule;

use super::{admits, ask, limiter, per_minute, step};

/// A cheap bijection, so that a million keys are a million different ones that look like hashes.
fn hashed(n: u64) -> u64 {
    let mixed = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ (mixed >> 31)
}

#[test]
fn a_million_addresses_do_not_grow_it_past_its_capacity() {
    let capacity = 65_536;
    let (clock, limiter) = limiter(capacity);
    let busy = [per_minute(u64::MAX, 20)];
    let mut admitted = 0;
    for n in 0..1_000_000 {
        if n % 1_000 == 0 {
            step(&clock, 10);
            assert!(limiter.len() <= capacity);
            admitted += u32::from(admits(&limiter, &busy));
        }
        assert!(admits(&limiter, &[per_minute(hashed(n), 20)]));
    }
    assert!(limiter.len() <= capacity);
    assert!(limiter.len() > capacity * 9 / 10, "and the capacity is used: {}", limiter.len());
    assert_eq!(admitted, 20, "whoever keeps calling is not forgotten in the flood");
}

#[test]
fn keys_that_are_over_go_while_there_is_traffic() {
    let (clock, limiter) = limiter(65_536);
    for n in 0..20_000 {
        admits(&limiter, &[per_minute(hashed(n), 20)]);
    }
    assert_eq!(limiter.len(), 20_000);
    step(&clock, 60_001);
    for n in 20_000..40_000 {
        admits(&limiter, &[per_minute(hashed(n), 20)]);
    }
    assert!(limiter.len() < 20_500, "{}", limiter.len());
}

#[test]
fn the_smallest_limiter_still_limits() {
    let (_, limiter) = limiter(0);
    assert!(limiter.is_empty());
    assert_eq!((0..9).filter(|_| admits(&limiter, &[per_minute(5, 2)])).count(), 2);
    for n in 0..1_000 {
        admits(&limiter, &[per_minute(hashed(n), 2), per_minute(hashed(n + 1_000), 2)]);
    }
    assert!(limiter.len() <= 16);
}

#[test]
fn eight_threads_get_exactly_the_quota() {
    let (_, limiter) = limiter(1_000);
    let (shared, threads) = ((per_minute(100, 3_000)), 8_u64);
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (limiter, admitted) = (&limiter, &admitted);
            scope.spawn(move || {
                for n in 0..1_000_u64 {
                    // Keys of all shards in every order: were they locked as they come, the threads would block
                    // each other for ever.
                    let (one, two) = (per_minute(hashed(thread + n) % 32, 9_000), per_minute(n % 32, 9_000));
                    let rules = if n % 2 == 0 { [one, shared, two] } else { [two, one, shared] };
                    admitted.fetch_add(u32::from(admits(limiter, &rules)), Ordering::SeqCst);
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 3_000);
    let look = [RateRule { cost: 0, ..shared }];
    assert_eq!(ask(&limiter, &look).states[0].remaining, 0);
    let of_all: u32 = (0..32).map(|key| 9_000 - ask(&limiter, &[per_minute(key, 9_000)]).states[0].remaining - 1).sum();
    assert_eq!(of_all, 2 * 3_000, "each admitted call was counted once under each of its rules");
}
