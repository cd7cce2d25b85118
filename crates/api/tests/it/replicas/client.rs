use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

/// No request may take so long, whatever has failed: a send is answered within ten seconds.
const HANGS: Duration = Duration::from_secs(20);

/// The server ends a connection that was idle for five seconds: a request may meet the end of it half-way.
const IDLE: Duration = Duration::from_secs(1);

/// A customer of one process, or of the proxy in front of several.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base_url: String,
    key: String,
}

/// What the server said.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub status: u16,
    /// The stable code of an error.
    pub code: String,
    pub retry_after: Option<u64>,
    pub took: Duration,
    pub body: Value,
}

impl Answer {
    /// A field of the body that is a text.
    pub(super) fn text(&self, field: &str) -> String {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field}: {self:?}")).to_owned()
    }

    /// Whether it is the refusal that an outage of the database is answered with, as a client needs it.
    pub(super) fn is_outage(&self) -> bool {
        self.status == 503
            && ["storage_unavailable", "overloaded"].contains(&self.code.as_str())
            && self.retry_after.is_some_and(|seconds| seconds > 0)
    }
}

impl Client {
    pub(super) fn new(base_url: &str, key: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(HANGS).pool_idle_timeout(IDLE).build().unwrap();
        Self { http, base_url: base_url.to_owned(), key: key.to_owned() }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None, None).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask(Method::POST, path, Some(body), None).await
    }

    /// Under an `Idempotency-Key`.
    pub(super) async fn post_once(&self, path: &str, body: &Value, once: &str) -> Answer {
        self.ask(Method::POST, path, Some(body), Some(once)).await
    }

    /// A code to this number.
    pub(super) async fn send(&self, to: &str, purpose: &str) -> Answer {
        self.post("/v1/otp/send", &json!({"to": to, "channel": "whatsapp", "purpose": purpose})).await
    }

    pub(super) async fn verify(&self, session: &str, code: &str) -> Answer {
        self.post("/v1/otp/verify", &json!({"session_id": session, "code": code})).await
    }

    /// The code of a session, as the sandbox inbox has it.
    pub(super) async fn code_of(&self, session: &str) -> String {
        let inbox = self.get(&format!("/v1/sandbox/messages?session_id={session}")).await;
        let code = inbox.body["data"][0]["code"].as_str();
        code.unwrap_or_else(|| panic!("no code in the inbox: {inbox:?}")).to_owned()
    }

    /// The events of a session, as they come.
    pub(super) async fn events(&self, session: &str) -> reqwest::Response {
        let url = format!("{}/v1/otp/{session}/events", self.base_url);
        let events = self.http.get(url).bearer_auth(&self.key).send().await.unwrap();
        assert_eq!(events.status(), 200);
        events
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>, once: Option<&str>) -> Answer {
        let asked = format!("{method} {path}");
        let answer = self.try_ask(method, path, body, once).await;
        answer.unwrap_or_else(|error| panic!("{asked} has no answer: {error:?}"))
    }

    /// The answer, or that there was none: the process may be dead.
    pub(super) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        once: Option<&str>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(body);
        }
        if let Some(once) = once {
            request = request.header("idempotency-key", once);
        }
        let begun = Instant::now();
        let response = request.send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let text = response.text().await?;
        let took = begun.elapsed();
        let body: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{status} is not JSON ({error}): {text}"));
        let code = body["code"].as_str().unwrap_or_default().to_owned();
        Ok(Answer { status, code, retry_after, took, body })
    }
}

/// How many answers were which, as text for people: `200 ×1, 409 session_already_verified ×99`.
pub(super) fn tally(answers: &[Answer]) -> String {
    let mut counts = std::collections::BTreeMap::<_, usize>::new();
    for answer in answers {
        *counts.entry(format!("{} {}", answer.status, answer.code)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{} ×{count}", what.trim())).collect();
    counts.join(", ")
}
