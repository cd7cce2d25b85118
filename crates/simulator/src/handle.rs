use std::sync::Arc;

use serde_json::Value;

use crate::behaviour::Behaviour;
use crate::config::Limits;
use crate::fault::Fault;
use crate::phone::digits_of;
use crate::received::{ReceivedMessage, ReceivedRequest};
use crate::state::{Sender, Shared, State};
use crate::status::Status;
use crate::template::{Quality, Template, TemplateCategory, TemplateStatus};
use crate::webhook::{self, HandshakeError, WebhookPost};

/// Moves a running simulator from a test. A script does the same over HTTP, at `/simulator/api`.
#[derive(Clone)]
pub struct Handle {
    pub(crate) shared: Arc<Shared>,
}

/// There is no such message, template or sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such {0}")]
pub struct NoSuch(pub(crate) &'static str);

impl Handle {
    /// Where webhooks go from now on. Nothing is verified: see [`Self::verify_webhook_url`].
    pub fn set_webhook_url(&self, url: Option<String>) {
        self.shared.change(|state| state.webhook_url = url);
    }

    /// Performs the handshake with which Meta verifies a webhook's address.
    pub async fn verify_webhook_url(&self) -> Result<(), HandshakeError> {
        webhook::verify(&self.shared).await
    }

    /// For messages to anyone who has no behaviour of their own.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.shared.change(|state| state.behaviour = behaviour);
    }

    /// For messages to this number; `None` for what everyone has.
    pub fn set_behaviour_for(&self, to: &str, behaviour: Option<Behaviour>) {
        let to = digits_of(to);
        self.shared.change(|state| match behaviour {
            Some(behaviour) => state.behaviour_for.insert(to, behaviour),
            None => state.behaviour_for.remove(&to),
        });
    }

    pub fn set_limits(&self, limits: Limits) {
        self.shared.change(|state| state.limits = limits);
    }

    pub fn push_fault(&self, fault: Fault) {
        self.shared.change(|state| state.faults.push_back(fault));
    }

    /// The faults that still wait for a request.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.read(|state| state.faults.iter().cloned().collect())
    }

    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// Refuses every token with 190, until it is restored.
    pub fn revoke_token(&self) {
        self.shared.change(|state| state.token_revoked = true);
    }

    pub fn restore_token(&self) {
        self.shared.change(|state| state.token_revoked = false);
    }

    /// What was accepted, for this number or for all, the oldest first.
    #[must_use]
    pub fn messages(&self, to: Option<&str>) -> Vec<ReceivedMessage> {
        self.shared.read(|state| state.messages_to(to))
    }

    /// Every request to send, accepted or not, for this number as written or for all, the oldest first.
    #[must_use]
    pub fn requests(&self, to: Option<&str>) -> Vec<ReceivedRequest> {
        self.shared.read(|state| state.requests_to(to))
    }

    /// Every try to post a webhook, the oldest first.
    #[must_use]
    pub fn webhooks(&self) -> Vec<WebhookPost> {
        self.shared.read(|state| state.webhooks.iter().cloned().collect())
    }

    /// Waits until something is so. `look` is called once, and again after each change.
    pub async fn wait_until<T>(&self, mut look: impl FnMut(&Self) -> Option<T>) -> T {
        let mut changes = self.shared.changes();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            // The sender lives in what this handle holds, so that there is always another change to wait for.
            let _ = changes.changed().await;
        }
    }

    /// Waits until so many messages were accepted.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<ReceivedMessage> {
        self.wait_until(|handle| Some(handle.messages(None)).filter(|messages| messages.len() >= count)).await
    }

    /// Waits until no webhook is left to be posted: each was answered with 200 or given up.
    pub async fn settle(&self) {
        self.wait_until(|handle| handle.shared.read(|state| state.pending == 0).then_some(())).await;
    }

    /// Presses the button "I didn't request a code" below a message.
    pub fn press_did_not_request(&self, wamid: &str) -> Result<(), NoSuch> {
        let pressed = self.shared.change(|state| {
            let message = state.message_mut(wamid)?;
            message.did_not_request = true;
            let message = message.clone();
            let sender = state.sender(&message.phone_number_id)?.config.clone();
            let body = webhook::did_not_request(state, &sender, &message);
            Some((sender.waba_id, body))
        });
        self.send(pressed, "message")
    }

    /// Lets a message have this status now, whatever it had before.
    pub fn send_status(&self, wamid: &str, status: Status) -> Result<(), NoSuch> {
        self.shared.change(|state| state.message_mut(wamid).map(|_| ())).ok_or(NoSuch("message"))?;
        webhook::force(&self.shared, wamid.to_owned(), status);
        Ok(())
    }

    /// Gives a template of any account this status, and tells the webhook, with a reason if there is one.
    pub fn set_template_status(
        &self,
        name: &str,
        language: &str,
        status: TemplateStatus,
        reason: Option<&str>,
    ) -> Result<(), NoSuch> {
        self.change_template(name, language, |template| {
            template.status = status;
            if status == TemplateStatus::Rejected {
                reason.unwrap_or("INVALID_FORMAT").clone_into(&mut template.rejected_reason);
            }
            webhook::template_status(template, status.event(), reason)
        })
    }

    pub fn set_template_quality(&self, name: &str, language: &str, quality: Quality) -> Result<(), NoSuch> {
        self.change_template(name, language, |template| {
            let previous = std::mem::replace(&mut template.quality, quality);
            webhook::template_quality(template, previous)
        })
    }

    pub fn set_template_category(&self, name: &str, language: &str, category: TemplateCategory) -> Result<(), NoSuch> {
        self.change_template(name, language, |template| {
            let previous = std::mem::replace(&mut template.category, category);
            webhook::template_category(template, previous)
        })
    }

    /// Gives a number this quality, and tells the webhook: `event` such as `FLAGGED`, `current_limit` such as `TIER_2K`.
    pub fn set_sender_quality(
        &self,
        phone_number_id: &str,
        quality: Quality,
        event: &str,
        current_limit: &str,
    ) -> Result<(), NoSuch> {
        let changed = self.shared.change(|state| {
            let sender = state.senders.iter_mut().find(|sender| sender.config.phone_number_id == phone_number_id)?;
            sender.quality = quality;
            let body = webhook::phone_quality(&sender.config, event, current_limit);
            Some((sender.config.waba_id.clone(), body))
        });
        self.send(changed, "sender")
    }

    /// Tells the webhook of a change of a number's business account: `event` such as `ACCOUNT_RESTRICTION`.
    pub fn account_update(&self, phone_number_id: &str, event: &str) -> Result<(), NoSuch> {
        let told = |state: &State| {
            let Sender { config, .. } = state.sender(phone_number_id)?;
            Some((config.waba_id.clone(), webhook::account_update(config, event)))
        };
        self.send(self.shared.read(told), "sender")
    }

    fn change_template(
        &self,
        name: &str,
        language: &str,
        change: impl FnOnce(&mut Template) -> Value,
    ) -> Result<(), NoSuch> {
        let changed = self.shared.change(|state| {
            let mut templates = state.templates.iter_mut();
            let template = templates.find(|known| known.name == name && known.language == language)?;
            Some((template.waba_id.clone(), change(template)))
        });
        self.send(changed, "template")
    }

    fn send(&self, webhook: Option<(String, Value)>, what: &'static str) -> Result<(), NoSuch> {
        let (waba_id, body) = webhook.ok_or(NoSuch(what))?;
        webhook::send(&self.shared, waba_id, body);
        Ok(())
    }
}
