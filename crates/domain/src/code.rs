use std::fmt;
use std::fmt::Write as _;

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::unicode_digits::{ascii_digit, is_separator};

/// Longer texts are not looked at.
const MAX_INPUT_BYTES: usize = 64;

/// How many digits a code has: 4 to 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeLength(u8);

impl CodeLength {
    /// Six digits.
    pub const DEFAULT: Self = Self(6);
    /// The shortest: four digits.
    pub const MIN: Self = Self(4);
    /// The longest: eight digits.
    pub const MAX: Self = Self(8);

    /// A length of `digits`; `None` outside 4 to 8.
    #[must_use]
    pub const fn new(digits: u8) -> Option<Self> {
        if digits < Self::MIN.0 || digits > Self::MAX.0 { None } else { Some(Self(digits)) }
    }

    /// The number of digits.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether it is so short, four digits or five, that fewer guesses are allowed.
    #[must_use]
    pub const fn is_short(self) -> bool {
        self.0 <= 5
    }
}

impl Default for CodeLength {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for CodeLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Why a text cannot be a code. Such a text is no guess, so it costs no attempt. No message repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// It has more than 64 bytes.
    #[error("send only the digits of the code, in at most 64 bytes")]
    TooLong,
    /// It holds something other than digits, spaces and hyphens.
    #[error("send only the digits of the code, without letters or signs")]
    NotDigits,
    /// It has more or fewer digits than the session's codes.
    #[error("send all {expected} digits of the code, and no others")]
    WrongLength {
        /// How many digits the session's codes have.
        expected: CodeLength,
    },
}

/// A one-time code: 4 to 8 ASCII digits, leading zeros kept.
///
/// It is a secret: it cannot be printed, is wiped when dropped, and is compared in constant time.
pub struct Code(Zeroizing<String>);

impl Code {
    /// The last `length` decimal digits of `value`, with leading zeros.
    #[must_use]
    pub fn from_number(value: u64, length: CodeLength) -> Self {
        let mut code = Self::empty();
        let width = usize::from(length.get());
        let digits = value % 10_u64.pow(u32::from(length.get()));
        // Writing to a String cannot fail.
        let _ = write!(code.0, "{digits:0width$}");
        code
    }

    /// Reads what a person typed: decimal digits of any script, with spaces, hyphens and invisible marks dropped.
    pub fn normalise(input: &str, length: CodeLength) -> Result<Self, CodeError> {
        if input.len() > MAX_INPUT_BYTES {
            return Err(CodeError::TooLong);
        }
        let mut code = Self::empty();
        let mut count = 0_u8;
        for written in input.chars().filter(|written| !is_separator(*written)) {
            let digit = ascii_digit(written).ok_or(CodeError::NotDigits)?;
            count = count.saturating_add(1);
            if count <= length.get() {
                code.0.push(digit);
            }
        }
        if count == length.get() { Ok(code) } else { Err(CodeError::WrongLength { expected: length }) }
    }

    /// Room for the longest code, so that the text never moves and leaves a copy behind.
    fn empty() -> Self {
        Self(Zeroizing::new(String::with_capacity(usize::from(CodeLength::MAX.get()))))
    }

    /// Whether both are the same code, in a time that does not depend on their digits.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// The digits, for the message to the recipient. Nothing else may see them.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code([REDACTED])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIX: CodeLength = CodeLength::DEFAULT;

    fn typed(input: &str) -> Result<String, CodeError> {
        Code::normalise(input, SIX).map(|code| code.expose().to_owned())
    }

    #[test]
    fn every_script_writes_123456() {
        let zeros: Vec<u32> = include_str!("../tests/data/decimal_digits.tsv")
            .lines()
            .filter_map(|line| line.strip_suffix("\t0"))
            .map(|point| u32::from_str_radix(point, 16).unwrap())
            .collect();
        assert_eq!(zeros.len(), 77);
        for zero in zeros {
            let written: String = (1..=6).map(|digit| char::from_u32(zero + digit).unwrap()).collect();
            assert_eq!(typed(&written).as_deref(), Ok("123456"), "{written}");
        }
    }

    #[test]
    fn spaces_hyphens_and_invisible_marks_are_dropped() {
        for written in ["123 456", "123-456", "\t123\u{A0}4\u{2007}5\u{202F}6 ", "\u{2067}123\u{2011}456\u{2069}"] {
            assert_eq!(typed(written).as_deref(), Ok("123456"), "{written:?}");
        }
        for dropped in
            "\u{2010}\u{2015}\u{2212}\u{FE58}\u{FE63}\u{FF0D}\u{200E}\u{200F}\u{61C}\u{202A}\u{202E}\u{FEFF}".chars()
        {
            assert_eq!(typed(&format!("1{dropped}23456")).as_deref(), Ok("123456"), "{dropped:?}");
        }
    }

    #[test]
    fn what_cannot_be_a_guess_is_refused() {
        for written in [
            "12345a",
            "1e5",
            "1e5000",
            "+12345",
            "12345.6",
            "¹²³⁴⁵⁶",
            "₁₂₃₄₅₆",
            "①②③④⑤⑥",
            "ⅠⅡⅢⅣⅤⅥ",
            "一二三四五六",
            "123456\n",
            "123\u{0}456",
        ] {
            assert_eq!(typed(written), Err(CodeError::NotDigits), "{written:?}");
        }
        for written in ["", " ", "12345", "1234567", "-12345", "000000000000"] {
            assert_eq!(typed(written), Err(CodeError::WrongLength { expected: SIX }), "{written:?}");
        }
        assert_eq!(typed(&" ".repeat(65)), Err(CodeError::TooLong));
    }

    #[test]
    fn a_refusal_says_how_many_digits_to_send() {
        assert_eq!(
            CodeError::WrongLength { expected: SIX }.to_string(),
            "send all 6 digits of the code, and no others"
        );
    }

    #[test]
    fn a_length_is_four_to_eight() {
        let lengths: Vec<u8> = (0..=u8::MAX).filter_map(CodeLength::new).map(CodeLength::get).collect();
        assert_eq!(lengths, [4, 5, 6, 7, 8]);
    }

    #[test]
    fn its_debug_form_shows_nothing() {
        assert_eq!(format!("{:?}", Code::from_number(123_456, SIX)), "Code([REDACTED])");
    }

    fn any_length() -> impl Strategy<Value = CodeLength> {
        (4_u8..=8).prop_map(|digits| CodeLength::new(digits).unwrap())
    }

    proptest! {
        #[test]
        fn a_number_becomes_its_last_digits(value: u64, length in any_length()) {
            let code = Code::from_number(value, length);
            let zero_padded = format!("{value:020}");
            prop_assert_eq!(code.expose(), &zero_padded[20 - usize::from(length.get())..]);
            prop_assert!(code.matches(&Code::normalise(code.expose(), length).unwrap()));
            prop_assert_eq!(code.0.capacity(), 8);
        }

        #[test]
        fn two_codes_match_when_their_digits_do(a in 0_u64..3000, b in 0_u64..3000, x in any_length(), y in any_length()) {
            let (one, other) = (Code::from_number(a, x), Code::from_number(b, y));
            prop_assert_eq!(one.matches(&other), one.expose() == other.expose());
        }

        #[test]
        fn any_text_is_refused_or_becomes_ascii_digits(text in r"\PC{0,20}|[0-9 -]{4,12}", length in any_length()) {
            if let Ok(code) = Code::normalise(&text, length) {
                prop_assert_eq!(code.expose().len(), usize::from(length.get()));
                prop_assert!(code.expose().bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
