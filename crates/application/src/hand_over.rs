use tokio::time::Instant;
use whatotp_domain::{AccountScope, DeliveryError, DeliveryId, Locale, PhoneNumber, Timestamp, Translation};
use whatotp_ports::{Content, Origin, OutboundMessage, SendOutcome, Stopped, Via};

use crate::{Application, Failure};

/// A message for which no sender is chosen yet.
pub(crate) struct Letter {
    pub scope: AccountScope,
    pub delivery: DeliveryId,
    pub to: PhoneNumber,
    pub content: Content,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// Which of the account's senders is the first to try, from 0.
    pub route: u32,
    pub expires_at: Timestamp,
}

/// What came of it.
pub(crate) struct HandedOver {
    pub outcome: SendOutcome,
    pub via: Via,
}

impl Application {
    /// Gives one message to its channel, and waits no longer than the policy says. Where falling back is on, a code that
    /// one sender definitely did not send goes to the next one at once.
    pub(crate) async fn hand_over(&self, letter: Letter) -> Result<HandedOver, Failure> {
        let Letter { scope, delivery, to, content, attempt, route, .. } = letter;
        let wanted = content_locale(&content).cloned();
        // All senders together have the time of one.
        let deadline = Instant::now() + self.policy.channel_timeout;
        let mut message = OutboundMessage { scope, delivery, origin: None, to, content, attempt };
        let origins = self.origins(&message).await?;
        if origins.is_empty() {
            let outcome = self.send(&message, deadline).await;
            return Ok(HandedOver { outcome, via: Via { route, sender: None } });
        }
        let last = u32::try_from(origins.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let falls_back = self.policy.fallback_after.is_some() && matches!(message.content, Content::Code { .. });
        let mut refused: Option<HandedOver> = None;
        for (position, origin) in (0..).zip(origins).skip_while(|(position, _)| *position < route.min(last)) {
            let has_next = falls_back && position < last;
            let via = Via { route: position, sender: Some(origin.sender.id.clone()) };
            let mut outcome = self.send_from(&origin, &mut message, wanted.as_ref(), deadline).await?;
            if stops_the_template(&outcome) {
                // It was approved as far as we knew. Another language, if there is one, is better than no code.
                let tried = content_locale(&message.content).cloned();
                if self.locale_from(&origin, &message, wanted.as_ref()).await? != tried {
                    outcome = self.send_from(&origin, &mut message, wanted.as_ref(), deadline).await?;
                }
            }
            let handed_over = HandedOver { outcome, via };
            if !(has_next && is_not_sent(&handed_over.outcome)) {
                // A sender that was refused by the recipient says more than one that is out of order.
                let unavailable = matches!(handed_over.outcome, SendOutcome::Unavailable { .. });
                return Ok(if unavailable { refused.unwrap_or(handed_over) } else { handed_over });
            }
            tracing::warn!(%delivery, sender.id = ?handed_over.via.sender, "not sent: the next sender is tried");
            if matches!(handed_over.outcome, SendOutcome::Refused(_)) {
                refused = Some(handed_over);
            }
        }
        Err(Failure::Corrupt("list of senders"))
    }

    /// Sends from one sender, in the best language there is.
    pub(crate) async fn send_from(
        &self,
        origin: &Origin,
        message: &mut OutboundMessage,
        wanted: Option<&Locale>,
        deadline: Instant,
    ) -> Result<SendOutcome, Failure> {
        let Some(locale) = self.locale_from(origin, message, wanted).await? else {
            return Ok(SendOutcome::Unavailable { error: not_approved(), stopped: Stopped::Template });
        };
        set_locale(&mut message.content, locale);
        message.origin = Some(origin.clone());
        let outcome = self.send(message, deadline).await;
        self.note_what_stopped(message, &outcome).await?;
        Ok(outcome)
    }

    async fn send(&self, message: &OutboundMessage, deadline: Instant) -> SendOutcome {
        let sending = self.channel(message.scope.mode).send(message, self.ports.clock.now());
        let sent = tokio::time::timeout_at(deadline, sending).await;
        sent.unwrap_or_else(|_elapsed| SendOutcome::Unknown { error: timed_out(), poll_at: None })
    }

    /// The language a sender can send this in: approved by WhatsApp as far as we know. A template that we know nothing of
    /// (it was never synchronised) is asked for in the language wanted, and WhatsApp decides. `None` when there is no
    /// approved one.
    async fn locale_from(
        &self,
        origin: &Origin,
        message: &OutboundMessage,
        wanted: Option<&Locale>,
    ) -> Result<Option<Locale>, Failure> {
        let default = &self.policy.default_locale;
        let best = |translation: Option<&Translation>| translation.map(|translation| translation.locale.clone());
        Ok(match &message.content {
            Content::Template { template, .. } => best(template.sendable(wanted, default)),
            Content::Code { .. } => match self.otp_template(message.scope, origin).await? {
                Some(template) => best(template.sendable(wanted, default)),
                None => Some(wanted.unwrap_or(default).clone()),
            },
        })
    }
}

/// Whether it was definitely not sent, and another sender may do better.
const fn is_not_sent(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Refused(_) | SendOutcome::Unavailable { .. } | SendOutcome::Invalid(_))
}

const fn stops_the_template(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Unavailable { stopped: Stopped::Template, .. })
}

fn content_locale(content: &Content) -> Option<&Locale> {
    match content {
        Content::Code { locale, .. } | Content::Template { locale, .. } => locale.as_ref(),
    }
}

fn set_locale(content: &mut Content, new: Locale) {
    match content {
        Content::Code { locale, .. } | Content::Template { locale, .. } => *locale = Some(new),
    }
}

fn not_approved() -> DeliveryError {
    DeliveryError {
        code: 0,
        title: "No approved template".into(),
        detail: "WhatsApp has approved the template in no language: see `whatotp templates list`.".into(),
    }
}

fn timed_out() -> DeliveryError {
    DeliveryError { code: 0, title: "No answer".into(), detail: "The provider did not answer in time.".into() }
}
