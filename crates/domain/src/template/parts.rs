//! What stands around a template's text, within WhatsApp's limits. What WhatsApp lists is not checked again: it may have
//! been taken under other limits.

use super::{TemplateBody, TemplateButton, TemplateError, TemplateHeader, Translation};

/// WhatsApp's limit for a header and for a footer.
const MAX_LINE: usize = 60;
const MAX_LABEL: usize = 25;
const MAX_URL: usize = 2000;
const MAX_NUMBER: usize = 20;
const MAX_BUTTONS: usize = 10;
const MAX_LINKS: usize = 2;
const MAX_NUMBERS: usize = 1;
/// What stands for the value at the end of a button's address.
const VALUE: &str = "{{1}}";

/// A line below the text.
pub fn template_footer(text: &str) -> Result<String, TemplateError> {
    if is_line(text, MAX_LINE) && !has_braces(text) { Ok(text.to_owned()) } else { Err(TemplateError::Footer) }
}

impl TemplateHeader {
    /// A line above the text, with at most one placeholder.
    pub fn of_text(text: &str) -> Result<Self, TemplateError> {
        if !is_line(text, MAX_LINE) {
            return Err(TemplateError::Header);
        }
        let text = TemplateBody::parse(text)?;
        if text.placeholders().len() > 1 {
            return Err(TemplateError::HeaderPlaceholders);
        }
        Ok(Self::Text(text))
    }
}

impl Translation {
    /// Whether everything in it can be written here: no picture, film or file above it, no catalogue or form below.
    #[must_use]
    pub fn is_written_here(&self) -> bool {
        let header = matches!(self.header, None | Some(TemplateHeader::Text(_)));
        header
            && !self
                .buttons
                .iter()
                .any(|button| matches!(button, TemplateButton::Otp(_) | TemplateButton::Other { .. }))
    }
}

impl TemplateButton {
    /// A button that answers.
    pub fn quick_reply(label: &str) -> Result<Self, TemplateError> {
        Ok(Self::QuickReply { label: labelled(label)? })
    }

    /// A button that opens an address; `{{1}}` at its end is a value that every message brings.
    pub fn link(label: &str, url: &str) -> Result<Self, TemplateError> {
        let label = labelled(label)?;
        let (fixed, has_value) = url.strip_suffix(VALUE).map_or((url, false), |fixed| (fixed, true));
        let host = fixed.strip_prefix("https://").or_else(|| fixed.strip_prefix("http://"));
        // A value right after the scheme would let every message lead to another host.
        let leads = host.is_some_and(|host| {
            let name = host.split(['/', '?', '#']).next().unwrap_or_default();
            !name.is_empty() && (!has_value || name.len() < host.len())
        });
        if !leads || has_braces(fixed) || url.contains(char::is_whitespace) || url.chars().count() > MAX_URL {
            return Err(TemplateError::ButtonUrl);
        }
        let url = fixed.to_owned();
        Ok(if has_value { Self::UrlWithVariable { label, url } } else { Self::Url { label, url } })
    }

    /// A button that rings the business.
    pub fn phone(label: &str, number: &str) -> Result<Self, TemplateError> {
        let label = labelled(label)?;
        let digits = number.strip_prefix('+').unwrap_or(number).bytes().filter(u8::is_ascii_digit).count();
        let plain = number.trim_start_matches('+').bytes().all(|byte| byte.is_ascii_digit() || b" -()".contains(&byte));
        if digits < 7 || !plain || number.len() > MAX_NUMBER {
            return Err(TemplateError::ButtonNumber);
        }
        Ok(Self::Phone { label, number: number.to_owned() })
    }

    /// The whole address of a button that opens one, with what stands for the value.
    #[must_use]
    pub fn address(&self) -> Option<String> {
        match self {
            Self::Url { url, .. } => Some(url.clone()),
            Self::UrlWithVariable { url, .. } => Some(format!("{url}{VALUE}")),
            Self::Otp(_) | Self::QuickReply { .. } | Self::Phone { .. } | Self::Other { .. } => None,
        }
    }
}

impl Translation {
    /// Whether its parts may be handed in together.
    pub fn check_parts(&self) -> Result<(), TemplateError> {
        let count = |wanted: fn(&TemplateButton) -> bool| self.buttons.iter().filter(|button| wanted(button)).count();
        let links = count(|one| matches!(one, TemplateButton::Url { .. } | TemplateButton::UrlWithVariable { .. }));
        let numbers = count(|one| matches!(one, TemplateButton::Phone { .. }));
        if self.buttons.len() > MAX_BUTTONS || links > MAX_LINKS || numbers > MAX_NUMBERS {
            return Err(TemplateError::TooManyButtons);
        }
        let replies: Vec<bool> =
            self.buttons.iter().map(|one| matches!(one, TemplateButton::QuickReply { .. })).collect();
        let changes = replies.iter().zip(replies.iter().skip(1)).filter(|(one, next)| one != next).count();
        if changes > 1 {
            return Err(TemplateError::ButtonsMixed);
        }
        // WhatsApp knows one way of naming for a whole template.
        let header = match &self.header {
            Some(TemplateHeader::Text(text)) => text.placeholders(),
            _ => &[],
        };
        let numbered = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        let mut names = header.iter().chain(self.body.placeholders());
        let first = names.next().map(numbered);
        if names.any(|name| Some(numbered(name)) != first) {
            return Err(TemplateError::MixedPlaceholders);
        }
        self.check_placeholders()
    }
}

fn labelled(label: &str) -> Result<String, TemplateError> {
    if is_line(label, MAX_LABEL) && !has_braces(label) { Ok(label.to_owned()) } else { Err(TemplateError::ButtonLabel) }
}

fn is_line(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.contains(char::is_control)
}

fn has_braces(text: &str) -> bool {
    text.contains(['{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Locale;

    #[test]
    fn a_header_and_a_footer_are_one_line_of_sixty_characters() {
        let long = "é".repeat(60);
        for text in [long.as_str(), "Order {{1}}", "Hello {{first_name}}"] {
            assert!(TemplateHeader::of_text(text).is_ok(), "{text}");
        }
        assert!(template_footer(&long).is_ok());
        let longer = "é".repeat(61);
        for text in ["", " ", "two\nlines", longer.as_str()] {
            assert_eq!(TemplateHeader::of_text(text), Err(TemplateError::Header), "{text}");
            assert_eq!(template_footer(text), Err(TemplateError::Footer), "{text}");
        }
        assert_eq!(TemplateHeader::of_text("{{1}} {{2}}"), Err(TemplateError::HeaderPlaceholders));
        assert_eq!(TemplateHeader::of_text("{1}"), Err(TemplateError::MalformedPlaceholder));
        assert_eq!(template_footer("Bye {{1}}"), Err(TemplateError::Footer));
    }

    #[test]
    fn a_link_is_an_address_that_may_end_in_a_value() {
        let (label, url) = ("Track".to_owned(), "https://example.com/track/".to_owned());
        assert_eq!(
            TemplateButton::link("Track", "https://example.com/track/{{1}}"),
            Ok(TemplateButton::UrlWithVariable { label: label.clone(), url: url.clone() })
        );
        let fixed = TemplateButton::link("Track", "https://example.com/track/").unwrap();
        assert_eq!(fixed, TemplateButton::Url { label, url });
        assert_eq!(fixed.address().as_deref(), Some("https://example.com/track/"));
        let with_value = TemplateButton::link("Track", "https://example.com/?id={{1}}").unwrap();
        assert_eq!(with_value.address().as_deref(), Some("https://example.com/?id={{1}}"));
        let long = format!("https://example.com/{}", "a".repeat(1981));
        for url in [
            "",
            "example.com",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://{{1}}",
            "https://example.com{{1}}",
            "https://example.com/{{1}}/more",
            "https://example.com/{{2}}",
            "https://example.com/a b",
            &long,
        ] {
            assert_eq!(TemplateButton::link("Track", url), Err(TemplateError::ButtonUrl), "{url}");
        }
    }

    #[test]
    fn a_label_is_short_and_a_number_can_be_rung() {
        assert!(TemplateButton::quick_reply(&"é".repeat(25)).is_ok());
        for label in ["", " ", "a {{1}}", "two\nlines", &"é".repeat(26)] {
            assert_eq!(TemplateButton::quick_reply(label), Err(TemplateError::ButtonLabel), "{label}");
        }
        for number in ["+1 (555) 010-0000", "15550100000"] {
            assert!(TemplateButton::phone("Call", number).is_ok(), "{number}");
        }
        for number in ["", "+1", "call me", "1-800-FLOWERS", "+123456789012345678901", "1+5550100000"] {
            assert_eq!(TemplateButton::phone("Call", number), Err(TemplateError::ButtonNumber), "{number}");
        }
    }

    #[test]
    fn buttons_are_few_and_in_order() {
        let reply = || TemplateButton::quick_reply("Yes").unwrap();
        let link = || TemplateButton::link("Shop", "https://example.com/").unwrap();
        let phone = || TemplateButton::phone("Call", "+15550100000").unwrap();
        let check = |buttons: Vec<TemplateButton>| {
            let (locale, body) = (Locale::parse("en").unwrap(), TemplateBody::parse("Hi").unwrap());
            Translation { buttons, ..Translation::of_body(locale, body) }.check_parts()
        };
        for buttons in [vec![], vec![reply(), reply(), link(), phone()], vec![link(), link(), reply()]] {
            assert_eq!(check(buttons), Ok(()));
        }
        assert_eq!(check((0..10).map(|_| reply()).collect()), Ok(()));
        assert_eq!(check((0..11).map(|_| reply()).collect()), Err(TemplateError::TooManyButtons));
        assert_eq!(check(vec![link(), link(), link()]), Err(TemplateError::TooManyButtons));
        assert_eq!(check(vec![phone(), phone()]), Err(TemplateError::TooManyButtons));
        assert_eq!(check(vec![reply(), link(), reply()]), Err(TemplateError::ButtonsMixed));
        assert_eq!(check(vec![link(), reply(), phone()]), Err(TemplateError::ButtonsMixed));
    }

    #[test]
    fn a_header_names_its_placeholder_as_the_text_does() {
        let check = |header: &str, body: &str| {
            let header = Some(TemplateHeader::of_text(header).unwrap());
            let (locale, body) = (Locale::parse("en").unwrap(), TemplateBody::parse(body).unwrap());
            Translation { header, ..Translation::of_body(locale, body) }.check_parts()
        };
        assert_eq!(check("Order {{1}}", "Hi {{1}}."), Ok(()));
        assert_eq!(check("Order {{order}}", "Hi {{name}}."), Ok(()));
        assert_eq!(check("Order {{1}}", "Hi {{name}}."), Err(TemplateError::MixedPlaceholders));
        assert_eq!(check("Order {{order}}", "Hi {{1}}."), Err(TemplateError::MixedPlaceholders));
    }
}
