use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use whatotp_domain::{AccountId, EventId, EventKind, LogEvent, MessageTemplate, Mode, TemplateStatus};
use whatotp_domain::{AccountScope, DeliveryError};
use whatotp_ports::{Content, EventFilter, NewEvent, Notice, OutboundMessage, SendOutcome, Stopped, Topic, random};

use crate::{Application, Failure, error_chain};

/// So many occasions are remembered; then they are forgotten, and the store knows what was told before.
const OCCASIONS: usize = 10_000;

/// What this process has told the operator.
#[derive(Default)]
pub(crate) struct Told(Mutex<HashSet<String>>);

impl Told {
    fn is_news(&self, occasion: String) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= OCCASIONS {
            told.clear();
        }
        told.insert(occasion)
    }
}

/// What an operator sees without having asked.
impl Application {
    /// Events older than `before`, newest first.
    pub async fn list_events(&self, before: Option<EventId>, limit: u32) -> Result<Vec<LogEvent>, Failure> {
        Ok(self.ports.events.list_events(before, limit).await?)
    }

    /// Events that fit `filter` and are older than `before`, newest first.
    pub async fn find_events(
        &self,
        filter: &EventFilter,
        before: Option<EventId>,
        limit: u32,
    ) -> Result<Vec<LogEvent>, Failure> {
        Ok(self.ports.events.find_events(filter, before, limit).await?)
    }

    /// Writes an event down, once for everything with the same `occasion`.
    pub(crate) async fn note(
        &self,
        kind: EventKind,
        account: Option<AccountId>,
        subject: String,
        detail: String,
        occasion: &[&str],
    ) -> Result<(), Failure> {
        let at = self.ports.clock.now();
        let parts: Vec<&str> = [kind.as_str(), &subject].into_iter().chain(occasion.iter().copied()).collect();
        let fingerprint = self.keyring.event_fingerprint(&parts);
        let event =
            LogEvent { id: EventId::new(at, random(&*self.ports.entropy)?), at, kind, account, subject, detail };
        self.append(NewEvent { event, fingerprint }).await
    }

    /// Writes an event down that is another one each time, however alike.
    pub(crate) async fn note_each(
        &self,
        kind: EventKind,
        account: Option<AccountId>,
        subject: String,
        detail: String,
    ) -> Result<(), Failure> {
        let this_time = u128::from_be_bytes(random(&*self.ports.entropy)?).to_string();
        self.note(kind, account, subject, detail, &[&this_time]).await
    }

    /// Writes an event of one account down, once for each occasion. That it cannot be is no reason to stop what it is
    /// about.
    pub(crate) async fn note_once(
        &self,
        kind: EventKind,
        scope: AccountScope,
        subject: String,
        detail: String,
        occasion: &str,
    ) {
        let account = scope.account.to_string();
        // Without a look at the store: in a bad hour every message is an occasion.
        if !self.told.is_news([kind.as_str(), &account, &subject, occasion].join("\n")) {
            return;
        }
        if let Err(failure) = self.note(kind, Some(scope.account), subject, detail, &[&account, occasion]).await {
            tracing::error!(error = error_chain(&failure), "an event could not be written down");
        }
    }

    /// Writes down what the provider told us.
    pub(crate) async fn note_notice(&self, notice: Notice) -> Result<(), Failure> {
        let Notice { kind, subject, detail, at, fingerprint } = notice;
        // Its id is as old as its telling, so that a list of events never grows in the middle.
        let id = EventId::new(self.ports.clock.now(), random(&*self.ports.entropy)?);
        self.append(NewEvent { event: LogEvent { id, at, kind, account: None, subject, detail }, fingerprint }).await
    }

    async fn append(&self, new: NewEvent) -> Result<(), Failure> {
        let event = new.event.clone();
        if self.ports.events.append_event(new).await? {
            let LogEvent { kind, subject, detail, .. } = event;
            let kind_name = kind.as_str();
            if kind.needs_attention() {
                tracing::warn!(event.kind = kind_name, event.subject = subject, "{detail}");
            } else {
                tracing::info!(event.kind = kind_name, event.subject = subject, "{detail}");
            }
        }
        Ok(())
    }

    /// When a sender or a template has stopped, that is known from then on, and the operator is told once a day.
    pub(crate) async fn note_what_stopped(
        &self,
        message: &OutboundMessage,
        outcome: &SendOutcome,
    ) -> Result<(), Failure> {
        let SendOutcome::Unavailable { error, stopped } = outcome else { return Ok(()) };
        let Some(origin) = &message.origin else { return Ok(()) };
        let today = self.ports.clock.now().to_string().chars().take(10).collect::<String>();
        let occasion = [error.code.to_string(), today];
        let occasion: Vec<&str> = occasion.iter().map(String::as_str).collect();
        match stopped {
            Stopped::Nothing => Ok(()),
            Stopped::Sender => {
                let subject = format!("sender {}", origin.sender.id);
                self.note(EventKind::SenderStopped, None, subject, sentence(error), &occasion).await
            }
            Stopped::Template => {
                let (template, locale) = match &message.content {
                    Content::Code { locale, .. } => (self.otp_template(message.scope, origin).await?, locale),
                    Content::Template { template, locale, .. } => (Some((**template).clone()), locale),
                };
                let (Some(template), Some(locale)) = (template, locale) else { return Ok(()) };
                let subject = format!("template {} ({locale})", template.name());
                self.note(EventKind::TemplatePaused, None, subject, sentence(error), &occasion).await?;
                let stopped = template.decided(locale, TemplateStatus::Paused);
                self.store_decision(message.scope, stopped).await
            }
        }
    }

    /// Stores a template that something was decided about, and has the rest of it looked up.
    async fn store_decision(&self, scope: AccountScope, template: Option<MessageTemplate>) -> Result<(), Failure> {
        if let Some(template) = template.filter(|_| scope.mode == Mode::Live) {
            let _counted = self.decisions.one_more().await;
            self.ports.templates.put_template(scope, template).await?;
            self.ports.wakeups.announce(Topic::Templates);
        }
        Ok(())
    }
}

fn sentence(error: &DeliveryError) -> String {
    format!("{} ({}): {}", error.title, error.code, error.detail)
}
