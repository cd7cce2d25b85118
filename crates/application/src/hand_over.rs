use std::time::Duration;

use whatotp_domain::{DeliveryError, DeliveryEvent, DeliveryId, DeliveryStatus, Timestamp};
use whatotp_ports::{OutboundMessage, Progress, SendOutcome, random};

use crate::{Application, Failure};

/// Longest wait between two tries of one message.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

impl Application {
    /// Gives one message to its channel, and waits no longer than the policy says.
    pub(crate) async fn hand_over(&self, message: &OutboundMessage) -> SendOutcome {
        let Some(channel) = self.channel(message.scope.mode) else {
            return SendOutcome::Unavailable(no_channel());
        };
        let now = self.ports.clock.now();
        let sending = tokio::time::timeout(self.policy.channel_timeout, channel.send(message, now));
        sending.await.unwrap_or_else(|_elapsed| SendOutcome::Unknown { error: timed_out(), poll_at: None })
    }

    /// What an outcome means for the delivery, and when somebody has to look at it again.
    pub(crate) fn progress_of(
        &self,
        outcome: &SendOutcome,
        delivery: DeliveryId,
        attempt: u32,
        expires_at: Timestamp,
    ) -> Result<Progress, Failure> {
        let now = self.ports.clock.now();
        let event = |status, error| vec![DeliveryEvent { status, at: now, error }];
        let attempted = Progress { attempted: true, ..Progress::default() };
        // Never later than its expiry, when its end is written down.
        let again = |pause| Some(now.plus(pause).min(expires_at));
        if let SendOutcome::Retry { error, .. } | SendOutcome::Unavailable(error) | SendOutcome::Unknown { error, .. } =
            outcome
        {
            let known = !matches!(outcome, SendOutcome::Unknown { .. });
            tracing::warn!(
                delivery.id = %delivery,
                delivery.attempt = attempt,
                error.code = error.code,
                "the channel {}",
                if known { "did not take a message" } else { "did not say whether it took a message" }
            );
        }
        Ok(match outcome {
            SendOutcome::Accepted { provider_message_id, poll_at } => Progress {
                events: event(DeliveryStatus::Accepted, None),
                provider_message_id: Some(provider_message_id.clone()),
                due_at: Some(poll_at.unwrap_or(expires_at)),
                ..attempted
            },
            SendOutcome::Refused(error) => {
                Progress { events: event(DeliveryStatus::Failed, Some(error.clone())), ..attempted }
            }
            SendOutcome::Retry { after, .. } => {
                Progress { due_at: again(self.pause_before_retry(attempt, *after)?), ..attempted }
            }
            SendOutcome::Unavailable(_) => {
                Progress { due_at: again(self.pause_before_retry(attempt, Duration::ZERO)?), ..attempted }
            }
            SendOutcome::Unknown { poll_at, .. } => Progress {
                events: event(DeliveryStatus::Unknown, None),
                in_doubt: true,
                due_at: Some(poll_at.unwrap_or_else(|| now.plus(self.policy.unknown_wait))),
                ..attempted
            },
        })
    }

    /// Doubling pauses with full jitter, so that many messages that failed together do not come back together; never
    /// shorter than what the provider asked for.
    fn pause_before_retry(&self, attempt: u32, asked: Duration) -> Result<Duration, Failure> {
        let ceiling = Duration::from_secs(1_u64 << attempt.min(6)).min(LONGEST_PAUSE);
        let [byte] = random::<1>(&*self.ports.entropy)?;
        Ok(asked.saturating_add(ceiling * u32::from(byte) / u32::from(u8::MAX)))
    }
}

fn no_channel() -> DeliveryError {
    DeliveryError { code: 0, title: "No sender".into(), detail: "No WhatsApp sender is configured.".into() }
}

fn timed_out() -> DeliveryError {
    DeliveryError { code: 0, title: "No answer".into(), detail: "The provider did not answer in time.".into() }
}
