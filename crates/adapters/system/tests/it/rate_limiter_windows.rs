//! One limiter without a clock of its own, in every millisecond and for every key.

use whatotp_ports::RateRule;

use super::{admits, at, limiter, per_minute};

/// Asks every millisecond for three minutes and returns when it was let in.
fn hammer(quota: u32, start: i64) -> Vec<i64> {
    let (clock, limiter) = limiter(64);
    let rule = [per_minute(1, quota)];
    let moments = start..start + 180_000;
    moments.filter(|now| (clock.set(at(*now)), admits(&limiter, &rule)).1).collect()
}

#[test]
fn a_client_that_hammers_across_the_edge_of_a_minute_never_gets_more_than_its_quota() {
    for quota in [20, 120] {
        // From a minute's beginning, and from just before its end, where a fixed window lets twice as many through.
        for start in [1_795_428_000_000, 1_795_428_059_950] {
            let admitted = hammer(quota, start);
            let further = usize::try_from(quota).unwrap();
            for (first, next) in admitted.iter().zip(&admitted[further..]) {
                assert_eq!(next - first, 60_001, "more than {quota} between {first} and {next}, or fewer than fit");
            }
            assert_eq!(admitted.len(), 3 * further);
        }
    }
}

#[test]
fn looks_and_refusals_leave_no_key_behind() {
    let (_, limiter) = limiter(1_000);
    admits(&limiter, &[per_minute(0, 1)]);
    for key in 1..200 {
        admits(&limiter, &[RateRule { cost: 0, ..per_minute(key, 5) }]);
        admits(&limiter, &[per_minute(key, 5), per_minute(0, 1)]);
    }
    assert_eq!(limiter.len(), 1);
}
