//! The webhooks of a message: when they come, what they hold, and how they are posted.

mod handshake;
mod payload;
mod post;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use crate::behaviour::Planned;
use crate::clock;
use crate::state::Shared;
use crate::status::Status;

pub use handshake::HandshakeError;
pub(crate) use handshake::verify;
pub(crate) use payload::{
    StatusEvent, account_update, did_not_request, phone_quality, template_category, template_quality, template_status,
};
pub use post::WebhookPost;

/// Lets a message's statuses happen as planned, one after the other.
pub(crate) fn follow(shared: &Arc<Shared>, wamid: String, plan: Vec<Planned>) {
    let (owner, accepted) = (Arc::clone(shared), Instant::now());
    shared.spawn(async move {
        for planned in plan {
            sleep_until(accepted + planned.after).await;
            happen(&owner, &wamid, planned.status, planned.lost).await;
        }
    });
}

/// Lets one status happen now; its webhook is not lost, whatever the behaviour.
pub(crate) fn force(shared: &Arc<Shared>, wamid: String, status: Status) {
    let owner = Arc::clone(shared);
    shared.spawn(async move { happen(&owner, &wamid, status, false).await });
}

/// Posts a webhook that is about no status.
pub(crate) fn send(shared: &Arc<Shared>, waba_id: String, body: Value) {
    let owner = Arc::clone(shared);
    shared.spawn(async move { post::post(&owner, &waba_id, &body).await });
}

async fn happen(shared: &Arc<Shared>, wamid: &str, status: Status, lost: bool) {
    let happened = shared.change(|state| {
        let message = state.record_status(wamid, status, clock::unix_seconds())?;
        let behaviour = state.behaviour_for(&message.to).clone();
        let event = payload::status_event(state, &message, status, &behaviour)?;
        Some((event, behaviour))
    });
    let Some((event, behaviour)) = happened.filter(|_| !lost) else {
        return;
    };
    for _ in 0..=behaviour.duplicates {
        match behaviour.batch_ms {
            Some(wait) => batch(shared, event.clone(), Duration::from_millis(wait)),
            None => post::post(shared, &event.waba_id, &payload::statuses(std::slice::from_ref(&event))).await,
        }
    }
}

/// Puts an event to those that wait. The first one of them is waited with.
fn batch(shared: &Arc<Shared>, event: StatusEvent, wait: Duration) {
    let (waba_id, key) = (event.waba_id.clone(), event.phone_number_id.clone());
    let is_first = shared.change(|state| {
        let waiting = state.batches.entry(key.clone()).or_default();
        waiting.push(event);
        waiting.len() == 1
    });
    if is_first {
        let owner = Arc::clone(shared);
        shared.spawn(async move {
            sleep(wait).await;
            let events = owner.change(|state| state.batches.remove(&key)).unwrap_or_default();
            post::post(&owner, &waba_id, &payload::statuses(&events)).await;
        });
    }
}
