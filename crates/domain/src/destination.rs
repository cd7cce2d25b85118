use std::collections::BTreeSet;
use std::fmt;

use rlibphonenumber::PHONE_NUMBER_UTIL;

use crate::NumberType;

/// Where a number belongs: two letters of ISO 3166-1 that libphonenumber knows, or `001` for a global network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 3]);

impl Country {
    /// Reads a code, in any case. `None` when no number can belong there.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.to_ascii_uppercase();
        let known = code == "001"
            || PHONE_NUMBER_UTIL.get_supported_regions().any(|region| region.as_region_str().as_str() == code);
        known.then(|| Self::of(&code))
    }

    /// Puts a stored code together again, whether or not any number belongs there now. `None` when it is no code.
    #[must_use]
    pub fn recall(text: &str) -> Option<Self> {
        let letters = text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        (letters && (2..=3).contains(&text.len())).then(|| Self::of(text))
    }

    fn of(code: &str) -> Self {
        let mut letters = [b' '; 3];
        for (slot, letter) in letters.iter_mut().zip(code.bytes()) {
            *slot = letter;
        }
        Self(letters)
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).map_or("ZZ", str::trim_end)
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The countries that an account may write to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Countries {
    /// Only these; all when it is empty.
    pub allowed: BTreeSet<Country>,
    /// Never these, whatever is allowed.
    pub denied: BTreeSet<Country>,
}

impl Countries {
    /// Whether this one is among them.
    #[must_use]
    pub fn contain(&self, country: Country) -> bool {
        (self.allowed.is_empty() || self.allowed.contains(&country)) && !self.denied.contains(&country)
    }
}

/// Number types that nobody signs up with: what fraud lives on, and what no person reads messages on.
pub const REFUSED_NUMBER_TYPES: [NumberType; 6] = [
    NumberType::PremiumRate,
    NumberType::SharedCost,
    NumberType::TollFree,
    NumberType::Pager,
    NumberType::Voicemail,
    NumberType::Uan,
];

#[cfg(test)]
mod tests {
    use super::*;

    fn country(text: &str) -> Country {
        Country::parse(text).unwrap()
    }

    #[test]
    fn a_country_is_one_that_numbers_belong_to() {
        assert_eq!(country("de").as_str(), "DE");
        assert_eq!(country("001").to_string(), "001");
        for text in ["", "D", "XX", "DEU", "ZZ", "+49", "Ü"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
        for text in ["CH", "001"] {
            assert_eq!(Country::recall(text), Some(country(text)));
        }
        assert_eq!(["", "C", "ch", "CHEE", "Ü"].map(Country::recall), [None; 5]);
    }

    #[test]
    fn who_names_no_country_allows_all_and_a_denial_outweighs() {
        let (de, at) = (country("DE"), country("AT"));
        assert!(Countries::default().contain(de));
        let only_de = Countries { allowed: [de].into(), ..Countries::default() };
        assert!(only_de.contain(de) && !only_de.contain(at));
        let but_at = Countries { denied: [at].into(), ..Countries::default() };
        assert!(but_at.contain(de) && !but_at.contain(at));
        let both = Countries { allowed: [de, at].into(), denied: [at].into() };
        assert!(both.contain(de) && !both.contain(at));
    }
}
