use super::{TemplateError, Variables};
use crate::template::variables::MAX_NAME_BYTES;

/// WhatsApp's limit for a template's body and for what is filled in.
pub(super) const MAX_CHARACTERS: usize = 1024;

/// A template's text in one language, with its placeholders found and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateBody {
    text: String,
    parts: Vec<Part>,
    placeholders: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Placeholder(String),
}

impl TemplateBody {
    /// Reads a body. Its placeholders are all `{{1}}`, `{{2}}`, … or all names like `{{first_name}}`.
    ///
    /// A brace that belongs to no placeholder is refused: it is a typo that would reach people's phones.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.chars().count() > MAX_CHARACTERS {
            return Err(TemplateError::BodyTooLong);
        }
        if text.trim().is_empty() {
            return Err(TemplateError::BodyBlank);
        }
        let parts = parts(text).ok_or(TemplateError::MalformedPlaceholder)?;
        let placeholders = placeholders(&parts)?;
        Ok(Self { text: text.to_owned(), parts, placeholders })
    }

    /// The text as it was written, placeholders and all.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The placeholders without braces, each once: numbers in order, names as they first appear.
    #[must_use]
    pub fn placeholders(&self) -> &[String] {
        &self.placeholders
    }

    /// The text with every placeholder filled; `None` when a value is missing. Values are inserted once: braces in a
    /// value are only text.
    #[must_use]
    pub fn render(&self, variables: &Variables) -> Option<String> {
        let filled = self.parts.iter().map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Placeholder(name) => variables.get(name),
        });
        filled.collect()
    }
}

/// Cuts a text at its placeholders; `None` when a brace is out of place.
fn parts(text: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, opened)) = rest.split_once("{{") {
        let (name, after) = opened.split_once("}}")?;
        parts.push(plain(before)?);
        parts.push(Part::Placeholder(is_placeholder(name).then(|| name.to_owned())?));
        rest = after;
    }
    parts.push(plain(rest)?);
    Some(parts)
}

fn plain(text: &str) -> Option<Part> {
    (!text.contains(['{', '}'])).then(|| Part::Text(text.to_owned()))
}

fn is_placeholder(name: &str) -> bool {
    name.len() <= MAX_NAME_BYTES && (position(name).is_some() || is_name(name))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// The number of a positional placeholder, counted from 1 and written without leading zeros.
fn position(name: &str) -> Option<usize> {
    let digits_only = name.bytes().all(|byte| byte.is_ascii_digit());
    (digits_only && !name.starts_with('0')).then(|| name.parse().ok())?
}

fn placeholders(parts: &[Part]) -> Result<Vec<String>, TemplateError> {
    let mut found: Vec<String> = Vec::new();
    for part in parts {
        if let Part::Placeholder(name) = part
            && !found.contains(name)
        {
            found.push(name.clone());
        }
    }
    let positions: Vec<usize> = found.iter().filter_map(|name| position(name)).collect();
    if positions.is_empty() {
        return Ok(found);
    }
    if positions.len() < found.len() {
        return Err(TemplateError::MixedPlaceholders);
    }
    // Each number is there once, so none is missing exactly when the greatest is their count.
    if positions.iter().max() != Some(&positions.len()) {
        return Err(TemplateError::PlaceholderGap);
    }
    Ok((1..=positions.len()).map(|position| position.to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placeholders_of(text: &str) -> Result<Vec<String>, TemplateError> {
        TemplateBody::parse(text).map(|body| body.placeholders().to_vec())
    }

    #[test]
    fn names_come_in_order_of_appearance_and_numbers_in_order() {
        assert_eq!(placeholders_of("{{b}} {{a}} {{b}} {{order_2}}").unwrap(), ["b", "a", "order_2"]);
        assert_eq!(placeholders_of("{{2}}, {{1}} and {{2}}").unwrap(), ["1", "2"]);
        let twelve = (1..=12).rev().map(|n| format!("{{{{{n}}}}}")).collect::<Vec<_>>().concat();
        assert_eq!(placeholders_of(&twelve).unwrap()[9..], ["10", "11", "12"]);
        assert!(placeholders_of("no placeholder at all").unwrap().is_empty());
    }

    #[test]
    fn a_brace_out_of_place_is_refused() {
        let long = format!("{{{{{}}}}}", "a".repeat(65));
        for text in [
            "{name}",
            "{{name",
            "name}}",
            "{{name}",
            "{{{name}}}",
            "{{}}",
            "{{ name }}",
            "{{Name}}",
            "{{_a}}",
            "{{a-b}}",
            "{{1a}}",
            "{{0}}",
            "{{01}}",
            "{{-1}}",
            "{{+1}}",
            "{{a}} }",
            "{{{{1}}}}",
            "{{99999999999999999999999}}",
            "{{é}}",
            &long,
        ] {
            assert_eq!(placeholders_of(text), Err(TemplateError::MalformedPlaceholder), "{text}");
        }
    }

    #[test]
    fn mixed_or_missing_numbers_are_refused() {
        assert_eq!(placeholders_of("{{1}} {{name}}"), Err(TemplateError::MixedPlaceholders));
        assert_eq!(placeholders_of("{{1}} {{3}}"), Err(TemplateError::PlaceholderGap));
        assert_eq!(placeholders_of("{{2}}"), Err(TemplateError::PlaceholderGap));
    }

    #[test]
    fn a_body_says_something_in_1024_characters() {
        assert_eq!(placeholders_of(" \n "), Err(TemplateError::BodyBlank));
        assert!(placeholders_of(&"é".repeat(1024)).is_ok());
        assert_eq!(placeholders_of(&"é".repeat(1025)), Err(TemplateError::BodyTooLong));
    }
}
