use std::net::SocketAddr;

use serde::Deserialize;

/// `[console]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleSettings {
    public_url: String,
}

impl ConsoleSettings {
    /// Where people reach the console, of a server that listens there. Without a slash at the end.
    #[must_use]
    pub fn public_url_at(&self, listening: SocketAddr) -> String {
        match self.public_url.trim().trim_end_matches('/') {
            "" => format!("http://{listening}"),
            url => url.to_owned(),
        }
    }

    /// Whether a link can be made of it.
    pub(super) fn is_usable(&self) -> bool {
        let url = self.public_url.trim();
        let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\@".contains(&byte));
        url.is_empty() || (is_plain && !host.is_empty() && !host.starts_with('/'))
    }
}
