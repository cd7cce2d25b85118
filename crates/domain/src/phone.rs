use std::fmt;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};

use crate::Country;
use crate::unicode_digits::{ascii_digit, is_separator};

/// Longer texts are not looked at: no number, however spaced, needs as much.
const MAX_INPUT_BYTES: usize = 64;
/// National parts shorter than this show two digits when masked, the others four.
const SHORT_NATIONAL_PART: usize = 8;

/// Why a text is not taken as a phone number. No message repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneNumberError {
    /// There is no digit in it.
    #[error("write the phone number in E.164, such as +14155550123")]
    Empty,
    /// It has more than 64 bytes.
    #[error("write the phone number in at most 64 bytes, in E.164, such as +14155550123")]
    TooLong,
    /// It does not begin with `+`, so its country would be a guess.
    #[error("begin the phone number with + and its country calling code (E.164), such as +14155550123")]
    NotInternational,
    /// It holds letters, an extension or other signs.
    #[error("leave letters, extensions and signs out of the phone number, and write it as +14155550123")]
    NotANumber,
    /// It is written well, but no such number can exist in its country.
    #[error("check the phone number's digits, because no number like it exists in its country")]
    Invalid,
}

macro_rules! number_types {
    ($($(#[$doc:meta])* $name:ident = $theirs:ident, $text:literal;)*) => {
        /// What a number is used for, as far as its digits tell.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum NumberType {
            $($(#[$doc])* $name,)*
        }

        impl NumberType {
            /// Every type.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The type in lower snake case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }

        impl From<PhoneNumberType> for NumberType {
            fn from(theirs: PhoneNumberType) -> Self {
                match theirs {
                    $(PhoneNumberType::$theirs => Self::$name,)*
                }
            }
        }
    };
}

number_types! {
    /// A landline.
    FixedLine = FixedLine, "fixed_line";
    /// A mobile phone.
    Mobile = Mobile, "mobile";
    /// Either of the two: North America does not tell them apart.
    FixedLineOrMobile = FixedLineOrMobile, "fixed_line_or_mobile";
    /// Free for the caller.
    TollFree = TollFree, "toll_free";
    /// Dear for the caller: what toll fraud lives on.
    PremiumRate = PremiumRate, "premium_rate";
    /// Caller and callee share the cost.
    SharedCost = SharedCost, "shared_cost";
    /// Telephony over the internet.
    Voip = VoIP, "voip";
    /// Follows a person from line to line.
    PersonalNumber = PersonalNumber, "personal_number";
    /// A pager.
    Pager = Pager, "pager";
    /// A company's universal access number.
    Uan = UAN, "uan";
    /// A voicemail box.
    Voicemail = VoiceMail, "voicemail";
    /// Valid, of no known type.
    Unknown = Unknown, "unknown";
}

impl NumberType {
    /// Reads what [`NumberType::as_str`] writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|number_type| number_type.as_str() == text)
    }
}

/// A valid phone number in E.164.
///
/// `Display` and `Debug` show it masked; [`PhoneNumber::as_e164`] is the only way to the whole number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber {
    e164: String,
    /// How many digits after the `+` are the country calling code.
    calling_code_len: usize,
    country: Country,
    number_type: NumberType,
}

impl PhoneNumber {
    /// Reads a number that begins with `+`, in any decimal digits, with or without spaces, dots, hyphens and
    /// parentheses.
    pub fn parse(input: &str) -> Result<Self, PhoneNumberError> {
        // Only `+` and ASCII digits reach the library, so its tolerance for letters, extensions and URIs never matters.
        let cleaned = plus_and_digits(input)?;
        let Ok(number) = PHONE_NUMBER_UTIL.parse(cleaned, None) else { return Err(PhoneNumberError::Invalid) };
        let country = PHONE_NUMBER_UTIL.get_region_for_number(&number).ok_or(PhoneNumberError::Invalid)?;
        // A number is valid in its country if it is of a type that there is. To ask for that apart would cost as much again.
        let number_type = number.get_type();
        if number_type == PhoneNumberType::Unknown {
            return Err(PhoneNumberError::Invalid);
        }
        Ok(Self {
            e164: number.format_as(PhoneNumberFormat::E164).into_owned(),
            calling_code_len: number.country_code.to_string().len(),
            country: Country::recall(country.as_region_str().as_str()).ok_or(PhoneNumberError::Invalid)?,
            number_type: number_type.into(),
        })
    }

    /// The number and all that is known of it, such as `+1 4155550123 US fixed_line_or_mobile`, for
    /// [`recall`](Self::recall): to find it out again would cost as much as the rest of a request.
    #[must_use]
    pub fn to_stored(&self) -> String {
        let (calling_code, national) = self.parts();
        format!("{calling_code} {national} {} {}", self.country, self.number_type.as_str())
    }

    /// Reads what [`to_stored`](Self::to_stored) wrote. Numbering plans change, and a number that is no longer in one
    /// stays what it was.
    #[must_use]
    pub fn recall(stored: &str) -> Option<Self> {
        let mut parts = stored.split(' ');
        let (calling_code, national) = (parts.next()?, parts.next()?);
        let (country, number_type) = (Country::recall(parts.next()?)?, NumberType::parse(parts.next()?)?);
        let e164 = [calling_code, national].concat();
        let is_whole = parts.next().is_none() && plus_and_digits(&e164).is_ok_and(|digits| digits == e164);
        let calling_code_len = calling_code.len().checked_sub(1)?;
        is_whole.then_some(Self { e164, calling_code_len, country, number_type })
    }

    fn parts(&self) -> (&str, &str) {
        self.e164.split_at_checked(1 + self.calling_code_len).unwrap_or((&self.e164, ""))
    }

    /// The whole number, such as `+14155550123`.
    #[must_use]
    pub fn as_e164(&self) -> &str {
        &self.e164
    }

    /// Where it belongs.
    #[must_use]
    pub const fn country(&self) -> Country {
        self.country
    }

    /// What the number is used for.
    #[must_use]
    pub fn number_type(&self) -> NumberType {
        self.number_type
    }

    /// The number without its last four digits: neighbours share it, which is how enumeration shows.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.e164.get(..self.e164.len().saturating_sub(4)).unwrap_or_default()
    }
}

/// The input as `+` and ASCII digits.
fn plus_and_digits(input: &str) -> Result<String, PhoneNumberError> {
    if input.len() > MAX_INPUT_BYTES {
        return Err(PhoneNumberError::TooLong);
    }
    let mut cleaned = String::with_capacity(input.len());
    for written in input.chars().filter(|written| !is_dropped(*written)) {
        match written {
            '+' | '\u{FF0B}' if cleaned.is_empty() => cleaned.push('+'),
            _ => cleaned.push(ascii_digit(written).ok_or(PhoneNumberError::NotANumber)?),
        }
    }
    match cleaned.as_str() {
        "" | "+" => Err(PhoneNumberError::Empty),
        number if number.starts_with('+') => Ok(cleaned),
        _ => Err(PhoneNumberError::NotInternational),
    }
}

fn is_dropped(written: char) -> bool {
    is_separator(written) || matches!(written, '.' | '\u{FF0E}' | '(' | ')' | '\u{FF08}' | '\u{FF09}')
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (calling_code, national) = self.parts();
        let shown = if national.len() < SHORT_NATIONAL_PART { 2 } else { 4 };
        let (hidden, tail) = national.split_at_checked(national.len().saturating_sub(shown)).ok_or(fmt::Error)?;
        write!(f, "{calling_code}{}{tail}", "*".repeat(hidden.len()))
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(input: &str) -> PhoneNumberError {
        PhoneNumber::parse(input).unwrap_err()
    }

    #[test]
    fn a_stored_number_is_read_back_even_when_it_is_in_no_plan_any_more() {
        let valid = PhoneNumber::parse("+14155550123").unwrap();
        assert_eq!(valid.to_stored(), "+1 4155550123 US fixed_line_or_mobile");
        assert_eq!(PhoneNumber::recall(&valid.to_stored()), Some(valid));
        // Mexican mobiles had a 1 after the calling code until 2019.
        assert!(PhoneNumber::parse("+5215512345678").is_err());
        let old = PhoneNumber::recall("+52 15512345678 MX mobile").unwrap();
        assert_eq!((old.as_e164(), old.country().as_str()), ("+5215512345678", "MX"));
        assert_eq!(old.to_string(), "+52*******5678");
    }

    #[test]
    fn what_was_not_stored_by_us_is_not_read() {
        for text in [
            "",
            "+14155550123",
            "+1 4155550123 US",
            "+1 4155550123 US pigeon",
            "+1 4155550123 us mobile",
            "+1 4155550123 US mobile ",
            "1 4155550123 US mobile",
            "+1 415-5550123 US mobile",
            " +14155550123 US mobile",
            "+ +14155550123 US mobile",
        ] {
            assert_eq!(PhoneNumber::recall(text), None, "{text}");
        }
    }

    #[test]
    fn it_is_shown_masked() {
        let masked = |input| PhoneNumber::parse(input).unwrap().to_string();
        assert_eq!(masked("+1 415 555 7890"), "+1******7890");
        assert_eq!(masked("+49 1512 3451234"), "+49*******1234");
        // Ascension Island has five digits: four of them would be nearly all.
        assert_eq!(masked("+247 62889"), "+247***89");
        assert_eq!(format!("{:?}", PhoneNumber::parse("+14155557890").unwrap()), "PhoneNumber(+1******7890)");
    }

    #[test]
    fn it_knows_its_country_type_and_neighbours() {
        let number = PhoneNumber::parse("+49 1512 3451234").unwrap();
        assert_eq!((number.country().as_str(), number.number_type()), ("DE", NumberType::Mobile));
        assert_eq!((number.as_e164(), number.prefix()), ("+4915123451234", "+491512345"));
        assert_eq!(PhoneNumber::parse("+800 1234 5678").unwrap().country().as_str(), "001");
    }

    #[test]
    fn what_phones_add_when_copying_is_dropped() {
        let number = PhoneNumber::parse("\u{202A}(+49)\u{A0}1512\u{2011}345.1234\u{202C}").unwrap();
        assert_eq!(number.as_e164(), "+4915123451234");
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        assert_eq!(refused(""), PhoneNumberError::Empty);
        assert_eq!(refused(" + "), PhoneNumberError::Empty);
        assert_eq!(refused("(415) 555-7890"), PhoneNumberError::NotInternational);
        assert_eq!(refused("0049 1512 3451234"), PhoneNumberError::NotInternational);
        assert_eq!(refused("+1 800 FLOWERS"), PhoneNumberError::NotANumber);
        assert_eq!(refused("+1 415 555 7890 ext. 5"), PhoneNumberError::NotANumber);
        assert_eq!(refused("+14155557890;ext=5"), PhoneNumberError::NotANumber);
        assert_eq!(refused("++14155557890"), PhoneNumberError::NotANumber);
        assert_eq!(refused("+1415555789"), PhoneNumberError::Invalid);
        assert_eq!(refused("+999 1234 5678"), PhoneNumberError::Invalid);
        assert_eq!(refused(&"+".repeat(65)), PhoneNumberError::TooLong);
    }

    #[test]
    fn every_type_has_a_name_of_its_own() {
        for number_type in NumberType::ALL {
            assert_eq!(NumberType::parse(number_type.as_str()), Some(*number_type));
        }
        assert_eq!(NumberType::parse("Mobile"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back_as_itself(text in r"\PC{0,40}|[+][0-9 ().-]{0,24}") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                prop_assert_eq!(PhoneNumber::recall(&number.to_stored()), Some(number.clone()));
                prop_assert_eq!(PhoneNumber::parse(number.as_e164()), Ok(number));
            }
        }

        #[test]
        fn it_is_never_shown_whole(text in "[+](1[2-9][0-9]{9}|49151[0-9]{8}|247[46][0-9]{4})") {
            if let Ok(number) = PhoneNumber::parse(&text) {
                let digits = &number.as_e164()[1..];
                let shown = format!("{number} {number:?}");
                prop_assert!(!shown.contains(digits) && !shown.contains(&digits[digits.len() - 5..]));
            }
        }
    }
}
