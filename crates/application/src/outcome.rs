use std::time::Duration;

use whatotp_domain::{DeliveryEvent, DeliveryId, DeliveryStatus, Mode, Timestamp};
use whatotp_ports::{Content, Progress, SendOutcome, random};

use crate::hand_over::{HandedOver, Letter};
use crate::{Application, Failure};

/// Longest wait between two tries of one message.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What is left of a letter when it was handed over.
pub(crate) struct Sent {
    pub delivery: DeliveryId,
    pub attempt: u32,
    pub expires_at: Timestamp,
    pub is_live_code: bool,
}

impl From<&Letter> for Sent {
    fn from(letter: &Letter) -> Self {
        let is_live_code = letter.scope.mode == Mode::Live && matches!(letter.content, Content::Code { .. });
        Self { delivery: letter.delivery, attempt: letter.attempt, expires_at: letter.expires_at, is_live_code }
    }
}

impl Application {
    /// What an outcome means for the delivery, and when somebody has to look at it again.
    pub(crate) fn progress_of(&self, handed_over: &HandedOver, letter: &Sent) -> Result<Progress, Failure> {
        let now = self.ports.clock.now();
        let outcome = &handed_over.outcome;
        let event = |status, error| vec![DeliveryEvent { status, at: now, error }];
        let attempted = Progress { attempted: true, via: Some(handed_over.via.clone()), ..Progress::default() };
        // Never later than its expiry, when its end is written down.
        let again = |pause| Some(now.plus(pause).min(letter.expires_at));
        warn_of(outcome, letter);
        Ok(match outcome {
            SendOutcome::Accepted { provider_message_id, poll_at } => Progress {
                events: event(DeliveryStatus::Accepted, None),
                provider_message: Some(self.keyring.message_index(&provider_message_id.0)),
                due_at: Some(poll_at.unwrap_or_else(|| self.next_look(letter, now))),
                ..attempted
            },
            SendOutcome::Refused(error) | SendOutcome::Invalid(error) => {
                Progress { events: event(DeliveryStatus::Failed, Some(error.clone())), ..attempted }
            }
            SendOutcome::Retry { after, .. } => {
                Progress { due_at: again(self.pause_before_retry(letter.attempt, *after)?), ..attempted }
            }
            SendOutcome::Unavailable { .. } => {
                Progress { due_at: again(self.pause_before_retry(letter.attempt, Duration::ZERO)?), ..attempted }
            }
            SendOutcome::Unknown { poll_at, .. } => Progress {
                events: event(DeliveryStatus::Unknown, None),
                in_doubt: true,
                due_at: Some(poll_at.unwrap_or_else(|| now.plus(self.policy.unknown_wait))),
                ..attempted
            },
        })
    }

    /// When to look at an accepted message: when the next sender has its turn, or else when its time is over.
    fn next_look(&self, letter: &Sent, now: Timestamp) -> Timestamp {
        match self.policy.fallback_after {
            Some(after) if letter.is_live_code => now.plus(after).min(letter.expires_at),
            _ => letter.expires_at,
        }
    }

    /// Doubling pauses with full jitter, so that many messages that failed together do not come back together; never
    /// shorter than what the provider asked for.
    pub(crate) fn pause_before_retry(&self, attempt: u32, asked: Duration) -> Result<Duration, Failure> {
        let ceiling = Duration::from_secs(1_u64 << attempt.min(6)).min(LONGEST_PAUSE);
        let [byte] = random::<1>(&*self.ports.entropy)?;
        Ok(asked.saturating_add(ceiling * u32::from(byte) / u32::from(u8::MAX)))
    }
}

fn warn_of(outcome: &SendOutcome, letter: &Sent) {
    let (said, error) = match outcome {
        SendOutcome::Accepted { .. } | SendOutcome::Refused(_) => return,
        SendOutcome::Retry { error, .. } => ("did not take a message for now", error),
        SendOutcome::Unavailable { error, .. } => ("could not take a message", error),
        SendOutcome::Invalid(error) => ("refused a message as invalid", error),
        SendOutcome::Unknown { error, .. } => ("did not say whether it took a message", error),
    };
    tracing::warn!(
        delivery.id = %letter.delivery,
        delivery.attempt = letter.attempt,
        error.code = error.code,
        error.title,
        error.detail,
        "the channel {said}"
    );
}
