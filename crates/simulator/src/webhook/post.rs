use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep;

use crate::clock;
use crate::signature::{metas_json, signature};
use crate::state::Shared;

/// Meta gives up on an answer at about this time.
const TIMEOUT: Duration = Duration::from_secs(10);

/// One try to post a webhook, as it ended.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookPost {
    /// Unix seconds.
    pub timestamp: u64,
    /// 1 is the first try.
    pub attempt: u32,
    pub body: Value,
    /// The value of `X-Hub-Signature-256`.
    pub signature: String,
    /// What the receiver answered with, unless it did not.
    pub answered: Option<u16>,
}

/// Posts a body once, so that what is posted in order arrives in order; if that fails, goes on trying beside it.
pub(super) async fn post(shared: &Arc<Shared>, waba_id: &str, body: &Value) {
    let subscribed = |state: &crate::state::State| state.subscribed.contains(waba_id) && state.webhook_url.is_some();
    if !shared.read(subscribed) || attempt(shared, body, 1).await {
        return;
    }
    let (owner, body) = (Arc::clone(shared), body.clone());
    shared.spawn(async move {
        let mut pause = Duration::from_millis(owner.retries.first_pause_ms);
        for number in 2..=owner.retries.attempts {
            sleep(pause).await;
            pause *= 2;
            if attempt(&owner, &body, number).await {
                return;
            }
        }
        tracing::warn!(attempts = owner.retries.attempts, "a webhook was never answered with 200; it is dropped");
    });
}

/// Whether it was answered with 200, or there is nobody left to answer.
async fn attempt(shared: &Shared, body: &Value, number: u32) -> bool {
    let Some(url) = shared.read(|state| state.webhook_url.clone()) else {
        return true;
    };
    let bytes = metas_json(body);
    let signature = signature(&shared.app_secret, bytes.as_bytes());
    let sent = shared
        .http
        .post(url)
        .timeout(TIMEOUT)
        .header(CONTENT_TYPE, "application/json")
        .header("X-Hub-Signature-256", &signature)
        .body(bytes)
        .send()
        .await;
    let answered = match sent {
        Ok(answer) => {
            let status = answer.status().as_u16();
            // Read to its end, so that the connection can be used again. What it says is of no interest.
            let _ = answer.bytes().await;
            Some(status)
        }
        Err(error) => {
            // The address may hold a secret, and stands in the error.
            tracing::debug!(error = %error.without_url(), "a webhook could not be posted");
            None
        }
    };
    let post =
        WebhookPost { timestamp: clock::unix_seconds(), attempt: number, body: body.clone(), signature, answered };
    shared.change(|state| state.remember_webhook(post));
    answered == Some(200)
}
