//! Phone numbers as Meta reads them.

const TWO_DIGIT_CODES: [&str; 44] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47", "48", "49", "51",
    "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65", "66", "81", "82", "84", "86", "90",
    "91", "92", "93", "94", "95", "98",
];

/// The digits of the number that Meta would send to, or none if it is not plausible.
///
/// Without a `+`, Meta puts the country code of the *business's* number in front, whatever the digits already begin with.
pub(crate) fn recipient(to: &str, business_number: &str) -> Option<String> {
    let written: String = to.chars().filter(|char| !matches!(char, ' ' | '-' | '(' | ')')).collect();
    let digits = match written.strip_prefix('+') {
        Some(international) => international.to_owned(),
        None => format!("{}{written}", country_code(&digits_of(business_number))),
    };
    let plausible = (8..=15).contains(&digits.len())
        && digits.chars().all(|char| char.is_ascii_digit())
        && !digits.starts_with('0');
    plausible.then_some(digits)
}

/// The number under which WhatsApp knows the recipient. It is not always the one that was given.
pub(crate) fn wa_id(digits: &str) -> String {
    // Brazil's mobile numbers got a ninth digit; accounts in most areas are older than that.
    if let Some(national) = digits.strip_prefix("55")
        && let Some((area, number)) = national.split_at_checked(2)
        && number.len() == 9
        && area >= "31"
        && let Some(old) = number.strip_prefix('9')
    {
        return format!("55{area}{old}");
    }
    // Mexico's mobile numbers once had a 1 after the country code, and still do here.
    match digits.strip_prefix("52") {
        Some(national) if national.len() == 10 => format!("521{national}"),
        _ => digits.to_owned(),
    }
}

pub(crate) fn digits_of(number: &str) -> String {
    number.chars().filter(char::is_ascii_digit).collect()
}

fn country_code(digits: &str) -> &str {
    let length = match digits.get(..2) {
        _ if digits.starts_with(['1', '7']) => 1,
        Some(code) if TWO_DIGIT_CODES.contains(&code) => 2,
        _ => 3,
    };
    digits.get(..length).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_plus_the_business_numbers_country_is_put_in_front() {
        assert_eq!(recipient("(631) 555-1234", "+91 98765 43210").as_deref(), Some("916315551234"));
        assert_eq!(recipient("16315551234", "+1 202-555-0100").as_deref(), Some("116315551234"));
        assert_eq!(recipient("6315551234", "+353 1 555 0100").as_deref(), Some("3536315551234"));
        assert_eq!(recipient("+1 (631) 555-1234", "+91 98765 43210").as_deref(), Some("16315551234"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for wrong in
            ["", "+", "+1234567", "+1234567890123456", "+01234567890", "+1631555abcd", "hello", "++16315551234"]
        {
            assert_eq!(recipient(wrong, "+1 202-555-0100"), None, "{wrong}");
        }
    }

    #[test]
    fn brazil_and_mexico_are_known_under_other_numbers() {
        assert_eq!(wa_id("5551987654321"), "555187654321");
        assert_eq!(wa_id("5511987654321"), "5511987654321", "São Paulo has the ninth digit");
        assert_eq!(wa_id("525512345678"), "5215512345678");
        assert_eq!(wa_id("16315551234"), "16315551234");
    }
}
