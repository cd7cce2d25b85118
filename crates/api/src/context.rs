use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use whatotp_application::Application;
use whatotp_domain::{IpNet, RequestId};
use whatotp_ports::{Endpoint, RateLimiter, random};
use whatotp_whatsapp::cloud_api::webhooks::WebhookSecrets;

use crate::http::{ConsoleAddress, KnownKeys};
use crate::settings::LimitSettings;

/// What every handler may use.
pub struct Context {
    /// The use cases.
    pub app: Application,
    /// The request limits.
    pub limiter: Arc<dyn RateLimiter>,
    /// Their sizes.
    pub limits: LimitSettings,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where the console is reached.
    pub console: ConsoleAddress,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a request may then take to be answered.
    pub handler_timeout: Duration,
    /// Whose keys were good.
    pub(crate) known_keys: KnownKeys,
    /// What Meta's webhooks are checked with.
    pub webhook_secrets: WebhookSecrets,
    /// Where senders are reached that say nothing else.
    pub endpoint: Endpoint,
    /// The authentication template of senders that say nothing else.
    pub otp_template: String,
    /// Whom to tell of a vulnerability.
    pub security_contact: Option<String>,
    /// Turns true when the server is about to stop.
    pub draining: watch::Receiver<bool>,
    /// Dropped after everything above: its other end tells when the last one that held the store has let go of it.
    pub held: mpsc::Sender<()>,
}

impl Context {
    /// An id for one request; `None` while there is no randomness.
    pub(crate) fn request_id(&self) -> Option<RequestId> {
        let ports = self.app.ports();
        Some(RequestId::new(ports.clock.now(), random(&*ports.entropy).ok()?))
    }

    pub(crate) fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// Returns when the server is about to stop.
    pub(crate) async fn drained(&self) {
        let mut draining = self.draining.clone();
        // An error means that the sender is gone, which is the end as well.
        let _ = draining.wait_for(|draining| *draining).await;
    }
}
