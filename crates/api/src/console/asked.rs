//! What the address of a page asks for.

use std::fmt::Write as _;

use actix_web::{HttpRequest, web};
use whatotp_domain::Mode;

use crate::routes::paging::Paging;

/// So many rows are on a page of a list.
pub(super) const ROWS: u32 = 50;

/// The query of a page's address, in its order.
pub(super) struct Asked(Vec<(String, String)>);

impl Asked {
    /// A query that cannot be read asks for nothing.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(request.query_string());
        Self(pairs.map(web::Query::into_inner).unwrap_or_default())
    }

    /// The value of this name without the space around it; empty when there is none.
    pub(super) fn get(&self, name: &str) -> String {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    }

    pub(super) fn mode(&self) -> Mode {
        if self.get("mode") == "test" { Mode::Test } else { Mode::Live }
    }

    /// Which page of a list: the newest, or what is older than the page before. A cursor that cannot be read is none.
    pub(super) fn paging<Id, E>(&self, parse: impl FnOnce(&str) -> Result<Id, E>) -> Paging<Id> {
        Paging::new(parse(&self.get("cursor")).ok(), ROWS)
    }

    /// Where the next page is, if there is one.
    pub(super) fn next(&self, path: &str, cursor: Option<String>) -> Option<String> {
        cursor.map(|cursor| self.with(path, "cursor", &cursor))
    }

    /// The rest as a query, without what is empty; `None` when nothing is left.
    pub(super) fn without(&self, names: &[&str]) -> Option<String> {
        let kept = self.0.iter().filter(|(key, value)| !names.contains(&key.as_str()) && !value.trim().is_empty());
        let pairs: Vec<String> =
            kept.map(|(key, value)| format!("{}={}", encoded(key), encoded(value.trim()))).collect();
        (!pairs.is_empty()).then(|| pairs.join("&"))
    }

    /// The same page with another value of this name.
    fn with(&self, path: &str, name: &str, value: &str) -> String {
        match self.without(&[name]) {
            Some(rest) => format!("{path}?{rest}&{name}={}", encoded(value)),
            None => format!("{path}?{name}={}", encoded(value)),
        }
    }
}

/// A text as a part of a query.
pub(super) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}
