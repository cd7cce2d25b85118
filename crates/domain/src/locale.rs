use std::fmt;

/// A language, optionally with its script and region: `pt`, `pt-BR`, `zh-Hant-TW`.
///
/// Always in the form that BCP 47 recommends: language in lower case, script capitalised, region in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Locale(String);

impl Locale {
    /// Reads `pt-BR`, `pt_br` and the like; `None` when it has another form, such as variants or extensions.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut subtags = text.split(['-', '_']).peekable();
        let language = subtags.next().filter(|subtag| is_letters(subtag, 2..=3))?;
        let mut normalised = language.to_ascii_lowercase();
        if let Some(script) = subtags.next_if(|subtag| is_letters(subtag, 4..=4)) {
            let (initial, rest) = script.split_at_checked(1)?;
            normalised.push('-');
            normalised.push_str(&initial.to_ascii_uppercase());
            normalised.push_str(&rest.to_ascii_lowercase());
        }
        if let Some(region) = subtags.next_if(|subtag| is_region(subtag)) {
            normalised.push('-');
            normalised.push_str(&region.to_ascii_uppercase());
        }
        subtags.next().is_none().then_some(Self(normalised))
    }

    /// The locale as BCP 47 writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The language alone: `pt` of `pt-BR`.
    #[must_use]
    pub fn language(&self) -> &str {
        self.0.split_once('-').map_or(self.as_str(), |(language, _)| language)
    }

    /// The locale and then what it falls back to, most exact first: `zh-Hant-TW`, `zh-Hant`, `zh`.
    pub fn fallbacks(&self) -> impl Iterator<Item = Self> + use<> {
        std::iter::successors(Some(self.clone()), |locale| {
            locale.0.rsplit_once('-').map(|(wider, _)| Self(wider.to_owned()))
        })
    }
}

fn is_letters(subtag: &str, len: std::ops::RangeInclusive<usize>) -> bool {
    len.contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Two letters of ISO 3166-1, or three digits of UN M.49 (`es-419` is Latin America's Spanish).
fn is_region(subtag: &str) -> bool {
    is_letters(subtag, 2..=2) || (subtag.len() == 3 && subtag.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalised(text: &str) -> Option<String> {
        Locale::parse(text).map(|locale| locale.to_string())
    }

    #[test]
    fn it_is_normalised() {
        for (written, expected) in [
            ("pt", "pt"),
            ("PT_br", "pt-BR"),
            ("pt-BR", "pt-BR"),
            ("zh_hANT_tw", "zh-Hant-TW"),
            ("sr-latn", "sr-Latn"),
            ("es-419", "es-419"),
            ("FIL", "fil"),
        ] {
            assert_eq!(normalised(written).as_deref(), Some(expected), "{written}");
        }
    }

    #[test]
    fn other_forms_are_refused() {
        for written in [
            "",
            "-",
            "p",
            "port",
            "pt-",
            "-BR",
            "pt--BR",
            "pt-B",
            "pt-BRA",
            "pt BR",
            "pt-BR-Latn",
            "de-DE-1996",
            "пт",
            "en-41",
        ] {
            assert_eq!(normalised(written), None, "{written}");
        }
        assert_eq!(normalised(&"en-".repeat(1000)), None);
    }

    #[test]
    fn it_falls_back_one_subtag_at_a_time() {
        let chain = |text| Locale::parse(text).unwrap().fallbacks().map(|l| l.to_string()).collect::<Vec<_>>();
        assert_eq!(chain("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh"]);
        assert_eq!(chain("pt-BR"), ["pt-BR", "pt"]);
        assert_eq!(chain("en"), ["en"]);
        assert_eq!(Locale::parse("zh-Hant-TW").unwrap().language(), "zh");
        assert_eq!(Locale::parse("en").unwrap().language(), "en");
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back_as_itself(text in "[a-zA-Z]{2,3}([-_][a-zA-Z]{4})?([-_]([A-Za-z]{2}|[0-9]{3}))?|\\PC{0,12}") {
            if let Some(locale) = Locale::parse(&text) {
                prop_assert!(locale.as_str().len() <= 35);
                prop_assert_eq!(locale.as_str().to_lowercase(), text.replace('_', "-").to_lowercase());
                for wider in locale.fallbacks() {
                    prop_assert_eq!(Locale::parse(wider.as_str()), Some(wider));
                }
            }
        }
    }
}
