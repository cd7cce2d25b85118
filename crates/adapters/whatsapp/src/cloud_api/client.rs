use std::error::Error as _;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use whatotp_ports::{Endpoint, Sender};

/// How long a connection is kept for the next request. Short, because a request on one that the other side is just closing
/// has an unknown outcome.
const IDLE: Duration = Duration::from_secs(30);

/// How long Meta may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For name resolution, TCP and TLS together. At most half of `total` counts, so that running out of time while
    /// connecting, when nothing was sent, is always told apart from running out of time later.
    pub connect: Duration,
    /// For everything, from the first byte to the last.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(3), total: Duration::from_secs(8) }
    }
}

/// The HTTP client cannot be built.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be built; is the package ca-certificates installed?")]
pub struct ClientError(#[source] reqwest::Error);

/// An answer of whatever kind.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    /// `None` when it was longer than the limit.
    pub(super) body: Option<Vec<u8>>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(super) fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The sender's settings make no request. Says what is wrong with them.
    NoRequest(&'static str),
    /// There was no connection. Says why.
    NotConnected(String),
    /// The request may have left. Says why there is no answer.
    Lost(String),
}

/// A page of Meta's API, as a sender reaches it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(Url);

impl Address {
    /// Where messages are sent.
    pub(super) fn messages(sender: &Sender) -> Result<Self, Unanswered> {
        Self::of(sender, &sender.endpoint.messages_path)
    }

    /// Where templates are.
    pub(super) fn templates(sender: &Sender) -> Result<Self, Unanswered> {
        Self::of(sender, &sender.endpoint.templates_path)
    }

    pub(super) fn of(sender: &Sender, path: &str) -> Result<Self, Unanswered> {
        let Endpoint { base_url, api_version, .. } = &sender.endpoint;
        let path = path
            .replace("{version}", api_version)
            .replace("{phone_number_id}", sender.id.as_str())
            .replace("{waba_id}", sender.waba.as_str());
        // Without the slash a path could continue the name of the host.
        if !path.starts_with('/') {
            return Err(Unanswered::NoRequest("a path of the sender's endpoint does not begin with a slash"));
        }
        match Url::parse(&format!("{base_url}{path}")) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self(url)),
            _ => Err(Unanswered::NoRequest("the sender's base URL and path are not an HTTP address")),
        }
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.0.query_pairs_mut().append_pair(name, value);
        self
    }
}

/// What makes requests. It holds a pool of connections, so there is one for all senders.
pub(super) struct Http {
    client: Client,
}

impl Http {
    pub(super) fn new(timeouts: Timeouts) -> Result<Self, ClientError> {
        // A redirect would hand the token and the message to another address. There is no cookie store, and no retry
        // but of what HTTP/2 itself marks as not processed (RFC 9113, 8.7).
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(timeouts.connect.min(timeouts.total / 2))
            .timeout(timeouts.total)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("whatotp/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(ClientError)?;
        Ok(Self { client })
    }

    pub(super) async fn get(&self, sender: &Sender, address: Address, limit: usize) -> Result<Answer, Unanswered> {
        self.ask(self.client.request(Method::GET, address.0), sender, limit).await
    }

    pub(super) async fn post<B: Serialize + Sync>(
        &self,
        sender: &Sender,
        address: Address,
        body: &B,
        limit: usize,
    ) -> Result<Answer, Unanswered> {
        self.ask(self.client.request(Method::POST, address.0).json(body), sender, limit).await
    }

    pub(super) async fn delete(&self, sender: &Sender, address: Address, limit: usize) -> Result<Answer, Unanswered> {
        self.ask(self.client.request(Method::DELETE, address.0), sender, limit).await
    }

    async fn ask(&self, request: reqwest::RequestBuilder, sender: &Sender, limit: usize) -> Result<Answer, Unanswered> {
        let mut response = request.headers(credentials(sender)?).send().await.map_err(unanswered)?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if body.len() + chunk.len() > limit {
                return Ok(Answer { status, retry_after, body: None });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, retry_after, body: Some(body) })
    }
}

fn credentials(sender: &Sender) -> Result<HeaderMap, Unanswered> {
    let Endpoint { auth_header, auth_prefix, .. } = &sender.endpoint;
    let Ok(name) = HeaderName::from_bytes(auth_header.as_bytes()) else {
        return Err(Unanswered::NoRequest("the sender's authentication header is not the name of a header"));
    };
    let Ok(mut value) = HeaderValue::from_str(&format!("{auth_prefix}{}", sender.access_token.expose_secret())) else {
        return Err(Unanswered::NoRequest("the sender's token holds characters that no header may hold"));
    };
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(name, value)]))
}

/// What became of a request that failed. Anything but a failed connection may have left.
fn unanswered(error: reqwest::Error) -> Unanswered {
    let error = error.without_url();
    if error.is_builder() {
        return Unanswered::NoRequest("the sender's endpoint makes no valid request");
    }
    let mut reason = if error.is_timeout() { "the time ran out".to_owned() } else { error.to_string() };
    let mut cause = error.source();
    while let Some(source) = cause {
        reason = source.to_string();
        cause = source.source();
    }
    if error.is_connect() { Unanswered::NotConnected(reason) } else { Unanswered::Lost(reason) }
}
