//! The guide: hand-written sections, with the code samples and the magic numbers filled in.

use askama::Template;
use whatotp_whatsapp::{SCENARIOS, ScenarioRow};

use super::page::{ContentsGroup, ContentsItem, Page, Section};
use super::samples::{self, SampleGroup};
use crate::assets;

const CONTENTS: &[(&str, &[(&str, &str)])] = &[
    (
        "Start",
        &[("introduction", "Introduction"), ("authentication", "Authentication"), ("rate-limits", "Rate limits")],
    ),
    (
        "Calls",
        &[
            ("send-an-otp", "Send an OTP"),
            ("verify-an-otp", "Verify an OTP"),
            ("send-a-message", "Send a message"),
            ("delivery-updates", "Delivery updates"),
        ],
    ),
    (
        "Practice",
        &[
            ("idempotency", "Idempotency"),
            ("errors", "Errors"),
            ("testing", "Testing"),
            ("example-execution", "Example execution"),
            ("login-page", "Security notes"),
        ],
    ),
];

#[derive(Template)]
#[template(path = "docs/guide.html")]
struct Guide {
    page: Page,
    example_css: String,
    example_js: String,
    send: SampleGroup,
    verify: SampleGroup,
    message: SampleGroup,
    status: SampleGroup,
    magic_numbers: &'static [ScenarioRow],
}

pub(super) fn render() -> askama::Result<String> {
    let contents = CONTENTS.iter().map(|(label, items)| ContentsGroup {
        label: (*label).to_owned(),
        items: items.iter().map(|(anchor, label)| ContentsItem::new(anchor, label)).collect(),
    });
    Guide {
        page: Page::new(Section::Guide, contents.collect()),
        example_css: assets::href("example.css"),
        example_js: assets::href("example.js"),
        send: samples::SEND,
        verify: samples::VERIFY,
        message: samples::MESSAGE,
        status: samples::STATUS,
        magic_numbers: SCENARIOS,
    }
    .render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guide_names_every_magic_number() {
        let html = render().unwrap();
        for row in SCENARIOS {
            let number = row.number.replace('+', "&#43;");
            assert!(html.contains(row.number) || html.contains(&number), "{}", row.number);
        }
    }

    #[test]
    fn the_guide_links_only_to_error_codes_that_exist() {
        let html = render().unwrap();
        let known: Vec<&str> = crate::errors::ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        let links: Vec<&str> =
            html.split("/docs/errors#").skip(1).map(|rest| rest.split(['"', '<', '&']).next().unwrap()).collect();
        assert!(links.len() > 10);
        for link in links {
            assert!(known.contains(&link), "{link}");
        }
    }
}
