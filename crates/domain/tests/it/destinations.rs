//! Which numbers codes may go to, over the numbers that Google's own libphonenumber made up for every country.

use std::collections::BTreeMap;

use whatotp_domain::{AbusePolicy, Countries, Country, NumberType, PhoneNumber};

/// See `phone_vectors.rs`.
const VECTORS: &str = include_str!("../data/phone_vectors.tsv");

#[test]
fn the_types_that_nobody_signs_up_with_are_refused_in_every_country_and_no_other() {
    let refused = AbusePolicy::default().refused_types;
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in VECTORS.lines().filter(|line| line.split('\t').nth(1) != Some("-")) {
        let [input, _, number_type, _] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let number = PhoneNumber::parse(input).unwrap();
        // What libphonenumber calls it, and not what we do.
        let expected =
            matches!(number_type, "premium_rate" | "shared_cost" | "toll_free" | "pager" | "voicemail" | "uan");
        assert_eq!(refused.contains(&number.number_type()), expected, "{line}");
        *kinds.entry(number_type).or_default() += 1;
    }
    // Every type there is was met, most of them very often.
    assert_eq!(kinds.len(), NumberType::ALL.len() - 1, "{kinds:?}");
    assert!(kinds["premium_rate"] > 500 && kinds["mobile"] > 1_000, "{kinds:?}");
}

#[test]
fn every_number_is_where_its_country_is_allowed_and_nowhere_else() {
    let mut countries = 0;
    let mut last = String::new();
    for line in VECTORS.lines().filter(|line| line.split('\t').nth(1) != Some("-")) {
        let [input, _, _, region] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let number = PhoneNumber::parse(input).unwrap();
        let country = Country::parse(region).unwrap_or_else(|| panic!("{region} is not known"));
        let only_this = Countries { allowed: [country].into(), ..Countries::default() };
        let all_but_this = Countries { denied: [country].into(), ..Countries::default() };
        assert!(only_this.contain(number.country()), "{line}");
        assert!(!all_but_this.contain(number.country()), "{line}");
        let elsewhere = if region == "DE" { "AT" } else { "DE" };
        let only_elsewhere = Countries { allowed: [Country::parse(elsewhere).unwrap()].into(), ..Countries::default() };
        assert!(!only_elsewhere.contain(number.country()), "{line}");
        if last != region {
            countries += 1;
            region.clone_into(&mut last);
        }
    }
    assert!(countries > 240, "{countries}");
}

#[test]
fn the_magic_numbers_are_of_a_type_that_is_allowed() {
    let refused = AbusePolicy::default().refused_types;
    for last in 100..200 {
        let number = PhoneNumber::parse(&format!("+12025550{last}")).unwrap();
        assert_eq!(number.number_type(), NumberType::FixedLineOrMobile);
        assert!(!refused.contains(&number.number_type()));
    }
}
