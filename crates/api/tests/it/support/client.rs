use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::{Answer, document};

/// Makes requests with the same headers each time.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    headers: HeaderMap,
}

impl Client {
    pub(super) fn new(url: String) -> Self {
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), url, headers: HeaderMap::new() }
    }

    /// The same with this header, in place of any of that name.
    pub(crate) fn with(&self, name: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        client
    }

    /// The same without this header.
    pub(crate) fn without(&self, name: &'static str) -> Self {
        let mut client = self.clone();
        client.headers.remove(name);
        client
    }

    /// The same with another API key.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        self.with("authorization", &format!("Bearer {key}"))
    }

    /// The API key.
    pub(crate) fn key(&self) -> String {
        let value = self.headers[AUTHORIZATION].to_str().unwrap();
        value.trim_start_matches("Bearer ").to_owned()
    }

    /// The server's address, such as `127.0.0.1:41234`.
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// A request that is still to be changed and given to [`Client::send`].
    pub(crate) fn request(&self, method: &Method, path: &str) -> RequestBuilder {
        self.http.request(method.clone(), format!("{}{path}", self.url)).headers(self.headers.clone())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(&Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(&Method::POST, path).json(&body)).await
    }

    /// Without a body.
    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        self.send(self.request(&Method::POST, path)).await
    }

    /// With a body as it stands, of this type if any.
    pub(crate) async fn post_raw(
        &self,
        path: &str,
        content_type: Option<&str>,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let mut request = self.request(&Method::POST, path).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        self.send(request).await
    }

    /// Follows a stream of server-sent events.
    pub(crate) async fn events(&self, path: &str) -> Events {
        let response = self.request(&Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events { response, unread: String::new() }
    }

    /// Sends a request, reads the whole answer, and checks what holds for every answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.http.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, text: response.text().await.unwrap() };
        answer.holds_what_every_answer_does(&path);
        document::check(&method, &path, &answer);
        answer
    }
}

/// A stream of server-sent events.
pub(crate) struct Events {
    pub(crate) response: reqwest::Response,
    unread: String,
}

impl Events {
    /// The data of the next `status` event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.unread.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.unread = rest;
                if event.starts_with(':') {
                    continue;
                }
                let data = event.strip_prefix("event: status\ndata: ").unwrap_or_else(|| panic!("{event}"));
                return Some(serde_json::from_str(data).unwrap());
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
