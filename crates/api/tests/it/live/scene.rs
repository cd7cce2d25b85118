//! A server and the simulated WhatsApp in one process, each at a port of its own.
//!
//! The simulator's statuses come when a test lets them ([`Live::tell`]), unless it gives the simulator another behaviour;
//! time is the test's. The only waits in real time are those of an HTTP client for an answer that never comes.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};
use whatotp_domain::{EventKind, LogEvent, Mode};
use whatotp_simulator::{Behaviour, Config, Handle, Limits, ReceivedMessage, Simulator, Status};

use super::shapes;
use super::signatures::sign;
use crate::support::{Answer, Client, NO_LIMITS, TestApp, order_update, text};

pub(crate) const PHONE: &str = "+14155550123";
pub(crate) const OTHER_PHONE: &str = "+14155550124";
/// The simulator's credentials.
pub(crate) const APP_SECRET: &str = "simulator-app-secret";
pub(crate) const WEBHOOKS: &str = "/webhooks/whatsapp";

/// A server with a live key, and the WhatsApp that it sends to.
pub(crate) struct Live {
    pub(crate) app: TestApp,
    /// Calls it with a live key that may do everything.
    pub(crate) api: Client,
    pub(crate) whatsapp: Handle,
    /// `None` once it was stopped.
    simulator: Option<Simulator>,
    shapes: Vec<shapes::CheckedAtTheEnd>,
}

/// Says nothing of a message's way by itself.
pub(crate) fn silent() -> Behaviour {
    Behaviour { sent_ms: None, delivered_ms: None, ..Behaviour::default() }
}

/// Says at once that a message was sent and delivered.
pub(crate) fn quick() -> Behaviour {
    Behaviour { sent_ms: Some(0), delivered_ms: Some(0), ..Behaviour::default() }
}

/// A silent simulator without limits, at a port of its own.
pub(crate) fn config() -> Config {
    Config {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        behaviour: silent(),
        limits: Limits { pair: None, messages_per_second: None },
        ..Config::default()
    }
}

/// The settings that make the simulator the server's WhatsApp.
pub(crate) fn settings(url: &str) -> Vec<(&'static str, String)> {
    let whatsapp = [
        ("WHATOTP_WHATSAPP__BASE_URL", url),
        ("WHATOTP_WHATSAPP__PHONE_NUMBER_ID", "100000000000001"),
        ("WHATOTP_WHATSAPP__WABA_ID", "200000000000001"),
        ("WHATOTP_WHATSAPP__ACCESS_TOKEN", "simulator-access-token"),
        ("WHATOTP_WHATSAPP__APP_SECRET", APP_SECRET),
        ("WHATOTP_WHATSAPP__VERIFY_TOKEN", "simulator-verify-token"),
    ];
    NO_LIMITS.iter().copied().chain(whatsapp).map(|(name, value)| (name, value.to_owned())).collect()
}

impl Live {
    /// With the documented defaults.
    pub(crate) async fn start() -> Self {
        Self::with(config(), &[]).await
    }

    /// With this simulator, and these settings.
    pub(crate) async fn with(config: Config, more: &[(&'static str, &str)]) -> Self {
        let (simulator, variables) = Self::simulated(config, more).await;
        Self::around(simulator, TestApp::with(&borrowed(&variables)).await).await
    }

    /// With the worker that delivers by itself.
    pub(crate) async fn with_worker() -> Self {
        let (simulator, variables) = Self::simulated(config(), &[]).await;
        Self::around(simulator, TestApp::with_worker_and(&borrowed(&variables)).await).await
    }

    async fn simulated(config: Config, more: &[(&'static str, &str)]) -> (Simulator, Vec<(&'static str, String)>) {
        let simulator = whatotp_simulator::start(config).await.unwrap();
        let mut variables = settings(&simulator.url());
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        (simulator, variables)
    }

    async fn around(simulator: Simulator, app: TestApp) -> Self {
        let whatsapp = simulator.handle();
        whatsapp.set_webhook_url(Some(format!("http://{}{WEBHOOKS}", app.api.address())));
        let api = app.key_with(Mode::Live, |_| ()).await.0;
        // As `whatotp serve` does before it listens.
        app.app.sync_templates().await.unwrap();
        let shapes = vec![shapes::CheckedAtTheEnd(whatsapp.clone())];
        Self { app, api, whatsapp, simulator: Some(simulator), shapes }
    }

    /// From here on nobody answers at WhatsApp's address.
    pub(crate) async fn stop_whatsapp(&mut self) {
        self.simulator.take().unwrap().stop().await;
    }

    /// A new WhatsApp answers where the one was that was stopped.
    pub(crate) async fn start_whatsapp_at(&mut self, url: &str) {
        let listen = url.trim_start_matches("http://").parse().unwrap();
        let simulator = whatotp_simulator::start(Config { listen, ..config() }).await.unwrap();
        self.whatsapp = simulator.handle();
        self.whatsapp.set_webhook_url(Some(format!("http://{}{WEBHOOKS}", self.app.api.address())));
        self.shapes.push(shapes::CheckedAtTheEnd(simulator.handle()));
        self.simulator = Some(simulator);
    }

    /// Ends both servers, for a test that has many of them.
    pub(crate) async fn end(self) {
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
        self.app.server.stop(Duration::ZERO).await;
    }

    /// The simulator's address.
    pub(crate) fn url(&self) -> String {
        self.simulator.as_ref().unwrap().url()
    }

    /// Asks for a code.
    pub(crate) async fn ask_for_code(&self, to: &str) -> Answer {
        self.api.post("/v1/otp/send", json!({"to": to, "channel": "whatsapp"})).await
    }

    /// Sends a code, and returns the session's id and what the phone got.
    pub(crate) async fn session(&self, to: &str) -> (String, ReceivedMessage) {
        let sent = self.ask_for_code(to).await.success(200);
        (text(&sent["session_id"]), self.newest(to))
    }

    /// Queues an `order_update`, and returns the message's id.
    pub(crate) async fn queue(&self, to: &str) -> String {
        text(&self.api.post("/v1/messages/send", order_update(to)).await.success(202)["message_id"])
    }

    /// Sends an `order_update`, and returns the message's id and what the phone got.
    pub(crate) async fn message(&self, to: &str) -> (String, ReceivedMessage) {
        let id = self.queue(to).await;
        self.app.deliver().await;
        (id, self.newest(to))
    }

    /// What a phone got last.
    #[track_caller]
    pub(crate) fn newest(&self, to: &str) -> ReceivedMessage {
        self.whatsapp.messages(Some(to)).pop().unwrap_or_else(|| panic!("{to} got no message"))
    }

    /// Lets a message have these statuses, one after the other, and returns when their webhooks were answered.
    pub(crate) async fn tell(&self, message: &ReceivedMessage, statuses: &[Status]) {
        for status in statuses {
            self.whatsapp.send_status(&message.wamid, *status).unwrap();
            self.whatsapp.settle().await;
        }
    }

    /// A session as it stands.
    pub(crate) async fn status(&self, session: &str) -> Value {
        self.api.get(&format!("/v1/otp/{session}")).await.success(200)
    }

    /// A message as it stands.
    pub(crate) async fn message_status(&self, message: &str) -> Value {
        self.api.get(&format!("/v1/messages/{message}")).await.success(200)
    }

    /// Gives a code.
    pub(crate) async fn verify(&self, session: &str, code: &str) -> Answer {
        self.api.post("/v1/otp/verify", json!({"session_id": session, "code": code})).await
    }

    /// Posts a webhook with its right signature.
    pub(crate) async fn webhook(&self, body: &Value) -> Answer {
        let bytes = body.to_string();
        self.post_webhook(&[&sign(APP_SECRET, bytes.as_bytes())], bytes).await
    }

    /// Posts a webhook with these signatures.
    pub(crate) async fn post_webhook(&self, signatures: &[&str], body: impl Into<reqwest::Body>) -> Answer {
        let meta = self.app.api.without("authorization");
        let request = meta.request(&reqwest::Method::POST, WEBHOOKS).header("content-type", "application/json");
        let signed = signatures.iter().fold(request, |request, one| request.header("x-hub-signature-256", *one));
        meta.send(signed.body(body)).await
    }

    /// Everything that happened of one kind.
    pub(crate) async fn events(&self, kind: EventKind) -> Vec<LogEvent> {
        let all = self.app.app.list_events(None, 1000).await.unwrap();
        all.into_iter().filter(|event| event.kind == kind).collect()
    }
}

fn borrowed<'a>(variables: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// A status webhook about one message, as small as it may be.
pub(crate) fn status_webhook(wamid: &str, status: &str, seconds: i64, reference: Option<&str>) -> Value {
    let mut told = json!({"id": wamid, "status": status, "timestamp": seconds.to_string()});
    if let Some(reference) = reference {
        told["biz_opaque_callback_data"] = reference.into();
    }
    if status == "failed" {
        told["errors"] = json!([{"code": 131_026, "title": "Message undeliverable",
            "error_data": {"details": "Message Undeliverable."}}]);
    }
    messages_webhook(&json!({"statuses": [told]}))
}

/// A webhook with this in its one change about messages.
pub(crate) fn messages_webhook(value: &Value) -> Value {
    let change = json!({"field": "messages", "value": value});
    json!({"object": "whatsapp_business_account", "entry": [{"id": "200000000000001", "changes": [change]}]})
}

/// What a delivery's timeline says, in order.
#[track_caller]
pub(crate) fn story(view: &Value) -> Vec<String> {
    view["delivery"]["timeline"].as_array().unwrap().iter().map(|step| text(&step["status"])).collect()
}
