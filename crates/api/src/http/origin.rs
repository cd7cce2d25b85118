use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest, web};
use whatotp_domain::LinkKind;
use whatotp_vault::LinkToken;

use super::problem::Problem;
use crate::context::Context;
use crate::errors::ErrorCode;

/// Where the console is reached.
#[derive(Debug, Clone)]
pub struct ConsoleAddress {
    /// Without a slash at the end. Links are made of it, and never of what a request says of its host.
    pub public_url: String,
    /// Where this process listens, as an origin.
    pub listens_at: String,
}

impl ConsoleAddress {
    /// A one-time link.
    pub(crate) fn link(&self, kind: LinkKind, token: &LinkToken) -> String {
        one_time_link(&self.public_url, kind, token)
    }
}

/// A one-time link, with its secret in the fragment: that browsers tell no server.
pub(crate) fn one_time_link(public_url: &str, kind: LinkKind, token: &LinkToken) -> String {
    let page = match kind {
        LinkKind::Bootstrap => "welcome",
        LinkKind::Invitation => "join",
        LinkKind::Reset => "reset",
    };
    format!("{}/console/{page}#token={}", public_url.trim_end_matches('/'), token.expose())
}

/// Of a request that opens a session: that no page of somebody else sent it. A program says nothing of where it is.
pub(crate) struct NotFromElsewhere;

impl FromRequest for NotFromElsewhere {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let ctx = request.app_data::<web::Data<Context>>();
        let is_theirs = ctx.is_none_or(|ctx| is_theirs(request.headers(), &ctx.console));
        ready(if is_theirs { Err(Problem::new(ErrorCode::CrossSiteRequest)) } else { Ok(Self) })
    }
}

/// Whether a page of ours sent the request. Browsers say so in `Sec-Fetch-Site` where they can, and in `Origin`.
pub(crate) fn is_ours(headers: &HeaderMap, console: &ConsoleAddress) -> bool {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if headers.contains_key("sec-fetch-site") {
        return said("sec-fetch-site") == Some("same-origin");
    }
    let ours = [origin_of(&console.public_url), &console.listens_at];
    said(header::ORIGIN.as_str()).is_some_and(|origin| ours.iter().any(|own| own.eq_ignore_ascii_case(origin)))
}

/// Whether a page of somebody else sent the request: it says where it comes from, and that is not us.
fn is_theirs(headers: &HeaderMap, console: &ConsoleAddress) -> bool {
    let says = headers.contains_key("sec-fetch-site") || headers.contains_key(header::ORIGIN);
    says && !is_ours(headers, console)
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let host_at = url.find("://").map_or(0, |at| at + 3);
    url.get(host_at..).and_then(|rest| rest.find('/')).map_or(url, |at| url.get(..host_at + at).unwrap_or(url))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        pairs.collect()
    }

    fn console() -> ConsoleAddress {
        let public_url = "https://otp.example.org/behind/".to_owned();
        ConsoleAddress { public_url, listens_at: "http://127.0.0.1:8080".to_owned() }
    }

    #[test]
    fn only_our_own_pages_are_ours() {
        for ours in [
            &[("sec-fetch-site", "same-origin")][..],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://proxied.example.org")],
            &[("origin", "https://otp.example.org")],
            &[("origin", "http://127.0.0.1:8080")],
        ] {
            assert!(is_ours(&headers(ours), &console()) && !is_theirs(&headers(ours), &console()), "{ours:?}");
        }
        for theirs in [
            &[("sec-fetch-site", "cross-site"), ("origin", "https://otp.example.org")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
            &[("origin", "https://otp.example.org.evil.example")],
            &[("origin", "http://otp.example.org")],
            &[("origin", "http://127.0.0.1:8081")],
        ] {
            assert!(!is_ours(&headers(theirs), &console()) && is_theirs(&headers(theirs), &console()), "{theirs:?}");
        }
        assert!(!is_ours(&headers(&[]), &console()) && !is_theirs(&headers(&[]), &console()));
    }

    #[test]
    fn a_link_carries_its_token_in_the_fragment() {
        let token = LinkToken::mint(&[7; 32]);
        let expected = format!("https://otp.example.org/behind/console/welcome#token={}", token.expose());
        assert_eq!(console().link(LinkKind::Bootstrap, &token), expected);
    }
}
