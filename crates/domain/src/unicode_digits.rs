//! What people type around and instead of ASCII digits, shared by phone numbers and codes.

/// The zero of every script that has decimal digits (general category Nd), in order.
///
/// Each is followed by its one to nine, so the table of 77 zeros stands for all 770 digits of Unicode 18. The test
/// compares it with a list made from the Unicode Character Database.
const ZEROS: [char; 77] = [
    '\u{30}',
    '\u{660}',
    '\u{6F0}',
    '\u{7C0}',
    '\u{966}',
    '\u{9E6}',
    '\u{A66}',
    '\u{AE6}',
    '\u{B66}',
    '\u{BE6}',
    '\u{C66}',
    '\u{CE6}',
    '\u{D66}',
    '\u{DE6}',
    '\u{E50}',
    '\u{ED0}',
    '\u{F20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17E0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19D0}',
    '\u{1A80}',
    '\u{1A90}',
    '\u{1B50}',
    '\u{1BB0}',
    '\u{1C40}',
    '\u{1C50}',
    '\u{A620}',
    '\u{A8D0}',
    '\u{A900}',
    '\u{A9D0}',
    '\u{A9F0}',
    '\u{AA50}',
    '\u{ABF0}',
    '\u{FF10}',
    '\u{104A0}',
    '\u{10D30}',
    '\u{10D40}',
    '\u{11066}',
    '\u{110F0}',
    '\u{11136}',
    '\u{111D0}',
    '\u{112F0}',
    '\u{11450}',
    '\u{114D0}',
    '\u{11650}',
    '\u{116C0}',
    '\u{116D0}',
    '\u{116DA}',
    '\u{11730}',
    '\u{118E0}',
    '\u{11950}',
    '\u{11BF0}',
    '\u{11C50}',
    '\u{11D50}',
    '\u{11DA0}',
    '\u{11DE0}',
    '\u{11F50}',
    '\u{16130}',
    '\u{16A60}',
    '\u{16AC0}',
    '\u{16B50}',
    '\u{16D70}',
    '\u{1CCF0}',
    '\u{1D7CE}',
    '\u{1D7D8}',
    '\u{1D7E2}',
    '\u{1D7EC}',
    '\u{1D7F6}',
    '\u{1E140}',
    '\u{1E2F0}',
    '\u{1E4F0}',
    '\u{1E5F1}',
    '\u{1E950}',
    '\u{1FBF0}',
];

/// The ASCII digit that means what `written` means in its own script; `None` when it is no decimal digit.
///
/// Superscripts, circled digits and fractions are numbers but not decimal digits: nobody types a code with them.
pub(crate) fn ascii_digit(written: char) -> Option<char> {
    let scripts_up_to_it = ZEROS.partition_point(|zero| *zero <= written);
    let zero = ZEROS.get(scripts_up_to_it.checked_sub(1)?)?;
    char::from_digit(u32::from(written).checked_sub(u32::from(*zero))?, 10)
}

/// Whether `written` only separates digits, or is not seen at all: spaces, hyphens, zero-width and bidi marks.
///
/// Phones add the invisible ones to what is copied from a contact or a message in a right-to-left language.
pub(crate) fn is_separator(written: char) -> bool {
    matches!(written,
        // Spaces.
        '\t' | ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
        // Hyphens, dashes and the minus sign.
        | '-' | '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
        // Zero-width characters.
        | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}'
        // Bidi marks.
        | '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn exactly_the_decimal_digits_of_unicode_are_digits() {
        let expected: BTreeMap<u32, char> = include_str!("../tests/data/decimal_digits.tsv")
            .lines()
            .map(|line| line.split_once('\t').unwrap())
            .map(|(point, value)| (u32::from_str_radix(point, 16).unwrap(), value.parse().unwrap()))
            .collect();
        assert_eq!(expected.len(), 770);
        for character in '\0'..=char::MAX {
            assert_eq!(ascii_digit(character), expected.get(&u32::from(character)).copied(), "{character:?}");
        }
    }

    #[test]
    fn nothing_is_both_a_digit_and_a_separator() {
        assert!(!('\0'..=char::MAX).any(|character| ascii_digit(character).is_some() && is_separator(character)));
        assert!(!('\0'..=char::MAX).any(|character| character.is_alphabetic() && is_separator(character)));
    }
}
