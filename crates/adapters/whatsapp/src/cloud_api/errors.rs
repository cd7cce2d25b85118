//! What Meta's error codes mean, and what to do about each.
//!
//! Numbers from 900,000 to 900,999 are none of Meta's: they are what this service found out by itself.

mod table;

use table::TABLE;

/// What is to be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Too fast: the message was refused before processing, and may be sent again after a moment.
    Retry,
    /// Out of order for a while: the message was refused before processing, and may be sent again after a longer wait.
    Wait,
    /// Nothing goes out from this sender until somebody has done something.
    StopSender,
    /// Nothing goes out in this language of this template until somebody has done something.
    StopTemplate,
    /// This recipient gets no message on WhatsApp; another channel may reach them.
    Unreachable,
    /// The message, or how the sender is set up, is wrong. Sending it again changes nothing.
    OurFault,
    /// The message may or may not have been sent.
    Unknown,
}

/// One line of the table of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetaError {
    /// The first code that the line is about.
    pub first: u32,
    /// The last one; the same as the first, except in a range.
    pub last: u32,
    /// What is to be done.
    pub class: ErrorClass,
    /// Its short name.
    pub title: &'static str,
    /// What it means, in a sentence.
    pub meaning: &'static str,
    /// What to do, in a sentence.
    pub remedy: &'static str,
}

/// Findings of our own, in a range that Meta has no codes in. An answer without a code of Meta's has this number plus
/// its HTTP status.
pub(crate) const OURS: u32 = 900_000;
/// There is no sender, or it cannot be used as it is set up.
pub(crate) const NO_SENDER: u32 = OURS + 1;
/// There was no connection.
pub(crate) const NOT_REACHED: u32 = OURS + 2;
/// The connection broke, or the time ran out, before there was an answer.
pub(crate) const NO_ANSWER: u32 = OURS + 3;
/// The answer could not be read.
pub(crate) const UNREADABLE: u32 = OURS + 4;
/// Values and placeholders of a message do not go together.
pub(crate) const PARAMETERS: u32 = 132_000;
/// Too many messages from one sender to one recipient.
pub(crate) const PAIR_RATE: u32 = 131_056;
/// The cursor of a listing has gone stale.
pub(crate) const STALE_CURSOR: u32 = 131_059;

/// Every error there is, by code.
#[must_use]
pub fn all() -> &'static [MetaError] {
    TABLE
}

/// What is known of a code; of one that nobody here has heard of, that the outcome is unknown.
#[must_use]
pub fn lookup(code: u32) -> &'static MetaError {
    listed(code).unwrap_or(&UNLISTED)
}

/// What is known of an answer: by its code or, when that is new or missing, by its HTTP status.
#[must_use]
pub fn lookup_answer(code: Option<u32>, http_status: u16) -> &'static MetaError {
    code.and_then(listed).unwrap_or_else(|| lookup(OURS + u32::from(http_status)))
}

fn listed(code: u32) -> Option<&'static MetaError> {
    TABLE.iter().find(|error| (error.first..=error.last).contains(&code))
}

impl MetaError {
    /// Whether it says that the token is no good: that lasts until there is another one.
    #[must_use]
    pub fn is_authentication(&self) -> bool {
        matches!(self.first, 0 | 3 | 10 | 104 | 190 | 200 | 131_005 | 900_401)
    }
}

const UNLISTED: MetaError = MetaError {
    first: u32::MAX,
    last: u32::MAX,
    class: ErrorClass::Unknown,
    title: "Unknown error",
    meaning: "Meta gave a code that is in none of its lists.",
    remedy: "Look the code up in Meta's documentation, and tell us about it.",
};

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorClass::{OurFault, Retry, StopSender, StopTemplate, Unknown, Unreachable, Wait};

    /// The table of Meta's documentation, read a second time and by itself.
    #[rustfmt::skip]
    const EXPECTED: &[(u32, ErrorClass)] = &[
        (0, StopSender), (1, Unknown), (2, Unknown), (3, StopSender), (4, Wait), (10, StopSender), (33, StopSender),
        (100, OurFault), (104, StopSender), (190, StopSender), (200, StopSender), (250, StopSender), (299, StopSender),
        (368, StopSender), (613, OurFault), (80_007, Wait), (80_008, Wait),
        (130_403, Unreachable), (130_429, Retry), (130_472, Unreachable), (130_497, Unreachable),
        (131_000, Unknown), (131_005, StopSender), (131_008, OurFault), (131_009, OurFault), (131_016, Unknown),
        (131_021, Unreachable), (131_026, Unreachable), (131_030, OurFault), (131_031, StopSender),
        (131_037, StopSender), (131_042, StopSender), (131_043, Unreachable), (131_045, StopSender),
        (131_047, OurFault), (131_048, StopSender), (131_049, Unreachable), (131_050, Unreachable),
        (131_051, OurFault), (131_052, OurFault), (131_053, OurFault), (131_056, Retry), (131_057, Wait),
        (131_059, OurFault), (131_062, OurFault), (131_063, OurFault), (131_064, StopSender),
        (132_000, OurFault), (132_001, StopTemplate), (132_005, OurFault), (132_007, StopTemplate),
        (132_008, OurFault), (132_012, OurFault), (132_015, StopTemplate), (132_016, StopTemplate),
        (132_018, OurFault), (132_068, OurFault), (132_069, OurFault),
        (133_000, StopSender), (133_004, Wait), (133_005, StopSender), (133_006, StopSender), (133_008, StopSender),
        (133_009, StopSender), (133_010, StopSender), (133_015, Wait), (133_016, StopSender), (134_011, StopSender),
        (135_000, OurFault), (139_200, StopSender),
        (2_388_019, OurFault), (2_388_024, OurFault), (2_388_039, OurFault), (2_388_150, OurFault), (2_388_299, OurFault),
    ];

    #[test]
    fn each_code_has_the_class_that_the_documentation_gives_it() {
        for (code, class) in EXPECTED {
            let error = lookup(*code);
            assert_eq!(error.class, *class, "{code}");
            assert!((error.first..=error.last).contains(code) && error.last < u32::MAX, "{code} is not listed");
        }
        let rows = all().iter().filter(|error| error.first < OURS || error.first > OURS + 599);
        for row in rows {
            assert!(EXPECTED.iter().any(|(code, _)| *code == row.first), "{} is in no documentation", row.first);
        }
    }

    #[test]
    fn the_table_is_in_order_and_says_everything_in_sentences() {
        for pair in all().windows(2) {
            assert!(pair[0].last < pair[1].first, "{} comes before {}", pair[0].first, pair[1].first);
        }
        for error in all() {
            assert!(error.first <= error.last && !error.title.is_empty() && !error.title.ends_with('.'));
            for sentence in [error.meaning, error.remedy] {
                assert!(sentence.ends_with('.') && sentence.len() > 20, "{}: {sentence}", error.first);
            }
        }
    }

    #[test]
    fn an_answer_without_a_known_code_is_judged_by_its_http_status() {
        for (status, class) in [
            (200, Unknown),
            (302, Unknown),
            (400, OurFault),
            (401, StopSender),
            (403, StopSender),
            (404, OurFault),
            (408, Unknown),
            (418, OurFault),
            (429, Retry),
            (499, OurFault),
            (500, Unknown),
            (503, Unknown),
            (599, Unknown),
        ] {
            assert_eq!(lookup_answer(None, status).class, class, "{status}");
            assert_eq!(lookup_answer(Some(555_555), status).class, class, "{status}");
        }
        assert_eq!(lookup_answer(Some(131_026), 500).class, Unreachable, "the code says more than the status");
        assert_eq!(lookup(555_555).class, Unknown);
    }

    #[test]
    fn only_a_new_token_mends_an_authentication_error() {
        let codes: Vec<u32> = all().iter().filter(|error| error.is_authentication()).map(|error| error.first).collect();
        assert_eq!(codes, [0, 3, 10, 104, 190, 200, 131_005, 900_401]);
        assert!(lookup(250).is_authentication() && !lookup(300).is_authentication());
        assert!(all().iter().filter(|error| error.is_authentication()).all(|error| error.class == StopSender));
    }
}
