//! Some nine thousand spellings of numbers, and what Google's own libphonenumber says about them.

use whatotp_domain::{NumberType, PhoneNumber};

/// Made by `generate_phone_vectors.py`, from the metadata version that rlibphonenumber carries. When that is updated,
/// make the file anew; its diff shows which countries changed.
const VECTORS: &str = include_str!("../data/phone_vectors.tsv");

#[test]
fn every_vector_is_read_as_libphonenumber_reads_it() {
    let mut differences = Vec::new();
    for line in VECTORS.lines() {
        let [input, e164, number_type, region] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("four columns: {line}");
        };
        let expected =
            (e164 != "-").then(|| (e164.to_owned(), NumberType::parse(number_type).unwrap(), region.to_owned()));
        let number = PhoneNumber::parse(input).ok();
        let found = number.map(|n| (n.as_e164().to_owned(), n.number_type(), n.country().to_string()));
        if found != expected {
            differences.push(format!("{input}: expected {expected:?}, found {found:?}"));
        }
    }
    assert!(VECTORS.lines().count() > 9000);
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn no_spelling_of_a_number_is_shown_whole() {
    for number in VECTORS.lines().filter_map(|line| PhoneNumber::parse(line.split('\t').next()?).ok()) {
        let shown = format!("{number} {number:?}");
        assert!(!shown.contains(&number.as_e164()[1..]));
        assert_eq!(number.to_string().len(), number.as_e164().len());
        assert!(number.to_string().matches('*').count() >= 2, "{number}");
    }
}
