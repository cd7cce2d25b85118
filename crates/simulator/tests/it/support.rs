use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::sync::watch;
use whatotp_simulator::{Behaviour, Config, Handle, Retries, SenderConfig, Simulator};

pub(crate) const TO: &str = "+16505551234";

/// A simulator on a free port whose statuses come at once, and a client of it.
pub(crate) struct Stage {
    pub(crate) simulator: Simulator,
    pub(crate) handle: Handle,
    pub(crate) sender: SenderConfig,
    http: reqwest::Client,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

/// Statuses without delays, so that a test waits for nothing.
pub(crate) fn at_once() -> Behaviour {
    Behaviour { sent_ms: Some(0), delivered_ms: Some(0), ..Behaviour::default() }
}

pub(crate) fn config() -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        behaviour: at_once(),
        webhook_retries: Retries { attempts: 5, first_pause_ms: 1 },
        ..Config::default()
    }
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(config()).await
    }

    pub(crate) async fn with(config: Config) -> Self {
        let sender = config.sender.clone();
        let simulator = whatotp_simulator::start(config).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { handle: simulator.handle(), simulator, sender, http }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.simulator.url()))
    }

    pub(crate) fn authorized(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).header(AUTHORIZATION, format!("Bearer {}", self.sender.access_token))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.authorized(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.authorized(Method::POST, path).json(body)).await
    }

    /// `path` below the business account.
    pub(crate) fn waba(&self, path: &str) -> String {
        format!("/v23.0/{}/{path}", self.sender.waba_id)
    }

    pub(crate) fn messages_path(&self) -> String {
        format!("/v23.0/{}/messages", self.sender.phone_number_id)
    }

    pub(crate) fn sending(&self, body: &Value) -> RequestBuilder {
        self.authorized(Method::POST, &self.messages_path()).json(body)
    }

    pub(crate) async fn send(&self, body: &Value) -> Answer {
        answer(self.sending(body)).await
    }

    /// Sends what must be accepted, and gives back the wamid.
    pub(crate) async fn accepted(&self, body: &Value) -> String {
        let answer = self.send(body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Sends what must be refused with this status, code and details.
    pub(crate) async fn refused(&self, body: &Value, status: u16, code: u32, details: &str) {
        let answer = self.send(body).await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{}", answer.body);
        let said = answer.body["error"]["error_data"]["details"].as_str();
        let said = said.or_else(|| answer.body["error"]["message"].as_str()).unwrap_or_default();
        assert!(said.contains(details), "{said}");
        assert!(answer.body["error"]["fbtrace_id"].as_str().unwrap().starts_with('A'));
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// A code, as Meta's documentation writes the request.
pub(crate) fn code_to(to: &str, code: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": to,
        "type": "template",
        "biz_opaque_callback_data": "our id 1",
        "template": { "name": "verification_code", "language": { "code": "en_US" }, "components": [
            { "type": "body", "parameters": [{ "type": "text", "text": code }] },
            { "type": "button", "sub_type": "url", "index": "0", "parameters": [{ "type": "text", "text": code }] },
        ]},
    })
}

pub(crate) fn code() -> Value {
    code_to(TO, "493027")
}

/// A template with these components.
pub(crate) fn template(name: &str, language: &str, components: &Value) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "to": TO,
        "type": "template",
        "template": { "name": name, "language": { "code": language }, "components": components },
    })
}

pub(crate) fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

pub(crate) fn named(name: &str, text: &str) -> Value {
    json!({ "type": "text", "parameter_name": name, "text": text })
}

/// Where webhooks arrive.
pub(crate) struct Receiver {
    pub(crate) url: String,
    seen: Arc<Seen>,
    server: ServerHandle,
}

pub(crate) struct Received {
    pub(crate) bytes: Vec<u8>,
    pub(crate) signature: String,
    pub(crate) body: Value,
}

struct Seen {
    webhooks: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    /// So many webhooks are answered with 503 first.
    refuse: Mutex<usize>,
    verify_token: String,
}

impl Receiver {
    pub(crate) fn start(refuse: usize, verify_token: &str) -> Self {
        let seen = Arc::new(Seen {
            webhooks: Mutex::new(Vec::new()),
            count: watch::Sender::new(0),
            refuse: Mutex::new(refuse),
            verify_token: verify_token.to_owned(),
        });
        let data = web::Data::from(Arc::clone(&seen));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(data.clone())
                .route("/hook", web::post().to(take))
                .route("/hook", web::get().to(handshake))
        })
        .workers(1)
        .disable_signals()
        .bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap();
        let url = format!("http://{}/hook", server.addrs()[0]);
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { url, seen, server: handle }
    }

    /// What arrived and was answered with 200, in its order.
    pub(crate) fn webhooks(&self) -> Vec<Received> {
        std::mem::take(&mut *self.seen.webhooks.lock().unwrap())
    }

    /// Waits until so many arrived and were answered with 200.
    pub(crate) async fn wait_for(&self, count: usize) {
        self.seen.count.subscribe().wait_for(|seen| *seen >= count).await.unwrap();
    }

    pub(crate) async fn stop(self) {
        self.server.stop(false).await;
    }
}

async fn take(seen: web::Data<Seen>, request: HttpRequest, bytes: web::Bytes) -> HttpResponse {
    {
        let mut refuse = seen.refuse.lock().unwrap();
        if *refuse > 0 {
            *refuse -= 1;
            return HttpResponse::ServiceUnavailable().finish();
        }
    }
    let signature = request.headers().get("x-hub-signature-256").unwrap().to_str().unwrap().to_owned();
    let body = serde_json::from_slice(&bytes).unwrap();
    seen.webhooks.lock().unwrap().push(Received { bytes: bytes.to_vec(), signature, body });
    seen.count.send_modify(|count| *count += 1);
    HttpResponse::Ok().finish()
}

async fn handshake(seen: web::Data<Seen>, request: HttpRequest) -> HttpResponse {
    let query = reqwest::Url::parse(&format!("http://hook{}", request.uri())).unwrap();
    let of = |name: &str| query.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned());
    assert_eq!(of("hub.mode").as_deref(), Some("subscribe"));
    if of("hub.verify_token").as_ref() == Some(&seen.verify_token) {
        HttpResponse::Ok().body(of("hub.challenge").unwrap())
    } else {
        HttpResponse::Forbidden().finish()
    }
}
