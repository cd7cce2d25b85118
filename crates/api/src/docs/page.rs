//! What the frame around every page needs: the navigation and the addresses of the assets.

use crate::assets;

/// The three pages of the documentation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Guide,
    Reference,
    Errors,
}

pub(super) struct SectionLink {
    pub(super) href: &'static str,
    pub(super) label: &'static str,
    pub(super) current: bool,
}

/// A group in the list "On this page"; the label may be empty.
pub(super) struct ContentsGroup {
    pub(super) label: String,
    pub(super) items: Vec<ContentsItem>,
}

/// One link in that list; the method is empty where there is none.
pub(super) struct ContentsItem {
    pub(super) anchor: String,
    pub(super) label: String,
    pub(super) method: String,
}

impl ContentsItem {
    pub(super) fn new(anchor: &str, label: &str) -> Self {
        Self { anchor: anchor.to_owned(), label: label.to_owned(), method: String::new() }
    }
}

pub(super) struct Page {
    pub(super) sections: [SectionLink; 3],
    pub(super) contents: Vec<ContentsGroup>,
    pub(super) tokens: String,
    pub(super) css: String,
    pub(super) js: String,
    pub(super) icon: String,
    pub(super) version: &'static str,
}

impl Page {
    pub(super) fn new(section: Section, contents: Vec<ContentsGroup>) -> Self {
        let link = |href, label, of: Section| SectionLink { href, label, current: of == section };
        Self {
            sections: [
                link("/docs", "Guide", Section::Guide),
                link("/docs/reference", "Reference", Section::Reference),
                link("/docs/errors", "Errors", Section::Errors),
            ],
            contents,
            tokens: assets::href("tokens.css"),
            css: assets::href("docs/docs.css"),
            js: assets::href("docs/docs.js"),
            icon: assets::href("icon.svg"),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}
