//! The WhatsApp Cloud API, as Meta and its resellers speak it.

mod breaker;
mod catalog;
mod client;
mod error_body;
pub mod errors;
mod message;
mod outcome;
mod redaction;
pub mod webhooks;

use std::fmt;

use async_trait::async_trait;
use whatotp_domain::Timestamp;
use whatotp_ports::{
    Content, MessageChannel, Origin, OutboundMessage, Polled, SendOutcome, Sender, SentMessage, Stopped,
};

use breaker::{Breakers, Configuration, Verdict};
use client::{Address, Answer, Http, Unanswered};
pub use client::{ClientError, Timeouts};
use error_body::Failure;
use errors::{NO_SENDER, PARAMETERS};
use message::{Message, Missing};

/// More than any answer to a message has.
const LARGEST_ANSWER: usize = 64 * 1024;

/// The channel to WhatsApp, and its catalog of templates, for every sender there is.
pub struct CloudApi {
    http: Http,
    breakers: Breakers,
}

impl CloudApi {
    /// A channel without senders: each message brings its own.
    pub fn new(timeouts: Timeouts) -> Result<Self, ClientError> {
        Ok(Self { http: Http::new(timeouts)?, breakers: Breakers::default() })
    }

    async fn deliver(&self, message: &OutboundMessage, origin: &Origin, now: Timestamp) -> SendOutcome {
        let sender = &*origin.sender;
        let body = match Message::new(message, origin) {
            Ok(body) => body,
            Err(Missing(name)) => {
                let detail = format!("the message has no value for the placeholder {name}");
                return SendOutcome::Invalid(Failure::ours(PARAMETERS, &detail).error);
            }
        };
        let configuration = Configuration::of(sender);
        if let Some(open) = self.breakers.refusal(&sender.id, configuration, now) {
            tracing::debug!(sender.id = %sender.id, error.code = open.error.code, "not sent: the sender is out of order");
            return SendOutcome::Unavailable { error: open.error, stopped: open.stopped };
        }
        let answer = self.post_message(sender, &body).await;
        let status = answer.as_ref().map_or(0, |answer| answer.status);
        let (outcome, verdict) = match outcome::acceptance(answer) {
            Ok(provider_message_id) => (SendOutcome::Accepted { provider_message_id, poll_at: None }, Verdict::Works),
            Err(failure) => {
                let failure = match &message.content {
                    Content::Code { code, .. } => failure.without(code.expose()),
                    Content::Template { .. } => failure,
                };
                let outcome = outcome::outcome(&failure, message.attempt, now);
                report(sender, status, &failure, &outcome);
                let verdict = verdict(&failure, &outcome);
                (outcome, verdict)
            }
        };
        self.breakers.record(&sender.id, configuration, now, verdict);
        outcome
    }

    async fn post_message(&self, sender: &Sender, body: &Message) -> Result<Answer, Unanswered> {
        self.http.post(sender, Address::messages(sender)?, body, LARGEST_ANSWER).await
    }
}

#[async_trait]
impl MessageChannel for CloudApi {
    fn needs_sender(&self) -> bool {
        true
    }

    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome {
        let Some(origin) = &message.origin else {
            let failure = Failure::ours(NO_SENDER, "the account has no sender to send from");
            return outcome::outcome(&failure, message.attempt, now);
        };
        self.deliver(message, origin, now).await
    }

    async fn poll(&self, _sent: &SentMessage, _now: Timestamp) -> Polled {
        Polled::default()
    }
}

fn verdict(failure: &Failure, outcome: &SendOutcome) -> Verdict {
    let error = failure.error.clone();
    match outcome {
        SendOutcome::Unknown { .. } | SendOutcome::Unavailable { stopped: Stopped::Nothing, .. } => {
            Verdict::Fails(error)
        }
        SendOutcome::Unavailable { stopped: Stopped::Sender, .. } if failure.meaning.is_authentication() => {
            Verdict::Unauthorized(error)
        }
        SendOutcome::Unavailable { stopped: Stopped::Sender, .. } => Verdict::Stopped(error),
        _ => Verdict::Works,
    }
}

/// One line for each failure. It names neither the recipient nor the message.
fn report(sender: &Sender, http_status: u16, failure: &Failure, outcome: &SendOutcome) {
    let (sender, code, trace) = (&sender.id, failure.error.code, &failure.trace);
    if matches!(outcome, SendOutcome::Refused(_)) {
        // Recipients without WhatsApp are nothing unusual.
        tracing::debug!(sender.id = %sender, error.code = code, http.status = http_status, fbtrace_id = trace, "WhatsApp refused a message");
    } else {
        let detail = &failure.error.detail;
        tracing::warn!(sender.id = %sender, error.code = code, http.status = http_status, fbtrace_id = trace, detail, "WhatsApp took no message");
    }
}

impl fmt::Debug for CloudApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudApi").finish_non_exhaustive()
    }
}
