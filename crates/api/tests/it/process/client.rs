use reqwest::Method;
use serde_json::Value;
use whatotp_testkit::ServerProcess;

/// A customer of the server: JSON in, JSON out.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base_url: String,
    key: String,
}

/// What the server said.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    /// Whether it is an earlier answer again.
    pub replayed: bool,
    pub body: Value,
}

impl Answer {
    /// The stable code of an error.
    pub(super) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

impl Client {
    pub(super) fn new(server: &ServerProcess, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base_url: server.base_url().to_owned(), key: key.to_owned() }
    }

    pub(super) async fn get(&self, path: &str) -> reqwest::Result<Answer> {
        read(self.request(Method::GET, path)).await
    }

    /// A POST, under an `Idempotency-Key` if there is one.
    pub(super) async fn post(&self, path: &str, body: &Value, once: Option<&str>) -> reqwest::Result<Answer> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(once) = once {
            request = request.header("idempotency-key", once);
        }
        read(request).await
    }

    /// A request with the key, not yet sent.
    pub(super) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key)
    }
}

async fn read(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let replayed = response.headers().contains_key("idempotent-replayed");
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} is not JSON ({error}): {text}"));
    Ok(Answer { status, replayed, body })
}
