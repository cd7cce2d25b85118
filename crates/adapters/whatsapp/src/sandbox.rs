mod errors;
mod inbox;
mod scenario;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{DeliveryEvent, DeliveryStatus, Timestamp};
use whatotp_ports::{MessageChannel, OutboundMessage, Polled, ProviderMessageId, SendOutcome, SentMessage, Stopped};

pub use inbox::inbox_text;
use scenario::Report;
pub use scenario::{SCENARIOS, Scenario, ScenarioRow, is_magic};

/// How long a message waits for its second try when the first one met the pair rate limit.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// The channel of test mode: nothing leaves the machine.
///
/// It has no state. What it says of a message follows from the number's [`Scenario`], the moment of handing over and
/// the present one, so a restart in the middle changes nothing. Numbers without a scenario are delivered.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sandbox;

#[async_trait]
impl MessageChannel for Sandbox {
    fn needs_sender(&self) -> bool {
        false
    }

    async fn send(&self, message: &OutboundMessage, now: Timestamp) -> SendOutcome {
        let scenario = Scenario::of(&message.to).unwrap_or_default();
        let first_try = message.attempt <= 1;
        let poll_at = next_report(scenario, now, now);
        match scenario {
            Scenario::Unreachable => SendOutcome::Refused(errors::undeliverable()),
            Scenario::ProviderDown => {
                SendOutcome::Unavailable { error: errors::out_of_service(), stopped: Stopped::Nothing }
            }
            Scenario::RateLimited if first_try => {
                SendOutcome::Retry { after: RETRY_AFTER, error: errors::pair_rate_limit() }
            }
            Scenario::UnknownOutcome if first_try => SendOutcome::Unknown { error: errors::unknown(), poll_at },
            _ => {
                let provider_message_id = ProviderMessageId(format!("sandbox.{}", message.delivery));
                SendOutcome::Accepted { provider_message_id, poll_at }
            }
        }
    }

    async fn poll(&self, sent: &SentMessage, now: Timestamp) -> Polled {
        let scenario = Scenario::of(&sent.to).unwrap_or_default();
        let told = scenario.reports().into_iter().filter(|report| sent.handed_over_at.plus(report.told_after) <= now);
        Polled {
            events: told.map(|report| event(&report, sent.handed_over_at)).collect(),
            poll_at: next_report(scenario, sent.handed_over_at, now),
        }
    }
}

fn event(report: &Report, handed_over_at: Timestamp) -> DeliveryEvent {
    DeliveryEvent {
        status: report.status,
        at: handed_over_at.plus(report.happened_after),
        error: (report.status == DeliveryStatus::Failed).then(errors::undeliverable),
    }
}

/// When there will be something that is not known at `now`.
fn next_report(scenario: Scenario, handed_over_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let moments = scenario.reports().into_iter().map(|report| handed_over_at.plus(report.told_after));
    moments.filter(|moment| *moment > now).min()
}
