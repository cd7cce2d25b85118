//! SECURITY.md O1: codes are uniform over all there are.

use whatotp_domain::Mode;

use crate::support::{length, ring, scope, session};

const CODES: u32 = 1_000_000;
/// The values chi-square exceeds with p = 10^-6, for 9 and 999 degrees of freedom.
const CRITICAL_9: f64 = 44.810_938;
const CRITICAL_999: f64 = 1_226.046_189;

fn chi_square(observed: &[u32]) -> f64 {
    let expected = f64::from(CODES) / f64::from(u32::try_from(observed.len()).unwrap());
    observed.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

#[test]
fn a_million_codes_are_uniform_by_digit_and_by_bin() {
    let ring = ring(&["a"]);
    let (kid, scope, six) = (ring.active_kid(), scope(1, Mode::Live), length(6));
    let mut by_position = [[0_u32; 10]; 6];
    let mut by_leading_digits = [0_u32; 1000];
    let mut by_last_digits = [0_u32; 1000];
    for number in 0..u64::from(CODES) {
        let code = ring.derive_code(&kid, scope, session(number), "login", six).unwrap();
        let value = code.expose().bytes().zip(&mut by_position).fold(0, |value, (digit, counts)| {
            let digit = usize::from(digit - b'0');
            counts[digit] += 1;
            value * 10 + digit
        });
        by_leading_digits[value / 1000] += 1;
        by_last_digits[value % 1000] += 1;
    }
    for (position, counts) in by_position.iter().enumerate() {
        assert!(chi_square(counts) < CRITICAL_9, "digit {position}: {counts:?}");
    }
    assert!(chi_square(&by_leading_digits) < CRITICAL_999, "{}", chi_square(&by_leading_digits));
    assert!(chi_square(&by_last_digits) < CRITICAL_999, "{}", chi_square(&by_last_digits));
}
