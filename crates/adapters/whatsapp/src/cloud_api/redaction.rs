//! Takes out of Meta's words what must not be written down.

/// The longest text that is kept of what Meta says.
const MAX_CHARACTERS: usize = 300;
/// A run of so many digits may be a phone number.
const NUMBER_DIGITS: usize = 7;
/// What stands in place of what was taken out.
const MASK: &str = "***";
/// What a message id begins with. It holds the recipient's number in base64.
const MESSAGE_ID: &str = "wamid.";

/// The text on one line, without what may be a phone number or holds one, and cut to 300 characters.
pub(super) fn redacted(text: &str) -> String {
    let mut out = String::new();
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        match word.split_once(MESSAGE_ID) {
            Some((before, _)) => {
                mask_numbers(before, &mut out);
                out.push_str(MASK);
            }
            None => mask_numbers(word, &mut out),
        }
    }
    match out.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => out.get(..end).unwrap_or_default().to_owned(),
        None => out,
    }
}

fn mask_numbers(word: &str, out: &mut String) {
    let mut rest = word;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from_digit) = rest.split_at(start);
        let end = from_digit.find(|c: char| !c.is_ascii_digit()).unwrap_or(from_digit.len());
        let (run, after) = from_digit.split_at(end);
        out.push_str(before);
        out.push_str(if run.len() >= NUMBER_DIGITS { MASK } else { run });
        rest = after;
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_and_a_message_id_are_masked_and_a_code_of_an_error_is_not() {
        for (text, expected) in [
            ("(#131026) to +14155550123, again 1415555.", "(#131026) to +***, again ***."),
            ("id=wamid.HBgLMTQxNTU1NTAxMjM= failed", "id=*** failed"),
            ("14155550123wamid.x", "******"),
            ("two\nlines\t and  spaces", "two lines and spaces"),
            ("123456", "123456"),
            ("١٢٣٤٥٦٧ é", "١٢٣٤٥٦٧ é"),
            ("", ""),
        ] {
            assert_eq!(redacted(text), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_long_and_no_run_of_seven_digits_is_left(text in "\\PC{0,400}|([0-9]{0,12}[a-z .é-]{0,3}){0,60}") {
            let left = redacted(&text);
            prop_assert!(left.chars().count() <= 300);
            let longest = left.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
            prop_assert!(longest.unwrap_or(0) < 7, "{left}");
        }
    }
}
