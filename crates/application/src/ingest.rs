use whatotp_domain::{AccountScope, DeliveryStatus, EventKind, Locale, Mode, WabaId};
use whatotp_ports::{DeliveryKind, Inbound, ProviderMessageId, Report, Reported, TemplateDecision, Topic};

use crate::{Application, Failure};

/// What the provider tells us by itself (ADR 0007). When this returns, all of it survives a crash, and the provider may
/// forget it; told twice, it changes nothing.
impl Application {
    /// Takes in everything that one webhook brought.
    pub async fn ingest(&self, inbound: Vec<Inbound>) -> Result<(), Failure> {
        let mut reports = Vec::new();
        for one in inbound {
            match one {
                Inbound::Status { provider_message_id, reference, event } => reports.push(Report {
                    delivery: reference.map(|reference| (live(reference.account), reference.delivery)),
                    message: self.keyring.message_index(&provider_message_id.0),
                    event,
                }),
                Inbound::CodeNotRequested { provider_message_id, .. } => {
                    self.code_not_requested(&provider_message_id).await?;
                }
                Inbound::Template { waba, name, locale, decision, notice } => {
                    self.decide_template(&waba, &name, &locale, decision).await?;
                    self.note_notice(notice).await?;
                }
                Inbound::Notice(notice) => {
                    self.note_notice(notice).await?;
                    self.ports.wakeups.announce(Topic::Templates);
                }
            }
        }
        if !reports.is_empty() {
            let news = self.ports.deliveries.record_reports(reports, self.ports.clock.now()).await?;
            for one in &news {
                self.announce(one);
            }
        }
        Ok(())
    }

    fn announce(&self, news: &Reported) {
        match news.kind {
            DeliveryKind::Message(_) => self.ports.wakeups.announce(Topic::Message(news.delivery)),
            DeliveryKind::Otp(session) => {
                self.ports.wakeups.announce(Topic::Session(session));
                if news.status == DeliveryStatus::Failed {
                    // It is due at once: a worker tries the next sender, or ends the session.
                    self.ports.wakeups.announce(Topic::Outbox);
                }
            }
        }
    }

    /// Somebody else asked for this code: nobody may use it.
    async fn code_not_requested(&self, message: &ProviderMessageId) -> Result<(), Failure> {
        let message = self.keyring.message_index(&message.0);
        let Some(record) = self.ports.deliveries.find_by_message(&message).await? else { return Ok(()) };
        let DeliveryKind::Otp(session) = record.kind else { return Ok(()) };
        self.ports.sessions.cancel(record.scope, session, None, self.ports.clock.now()).await?;
        self.ports.wakeups.announce(Topic::Session(session));
        let detail = "the recipient says that they did not ask for this code: the session is canceled".to_owned();
        let (account, subject) = (Some(record.scope.account), format!("session {session}"));
        self.note(EventKind::CodeNotRequested, account, subject, detail, &[]).await
    }

    /// What WhatsApp decided holds for every account that sends from this business account.
    async fn decide_template(
        &self,
        waba: &WabaId,
        name: &str,
        locale: &Locale,
        decision: TemplateDecision,
    ) -> Result<(), Failure> {
        let routing = self.routing().await?;
        let _counted = self.decisions.one_more().await;
        for account in self.ports.accounts.list_accounts().await? {
            if !routing.uses(account.id, waba) {
                continue;
            }
            let scope = live(account.id);
            let Some(known) = self.ports.templates.find_template_named(scope, Some(waba), name).await? else {
                continue;
            };
            let decided = match decision {
                TemplateDecision::Status(status) => known.decided(locale, status),
                TemplateDecision::Category(category) => Some(known.recategorised(category)),
                TemplateDecision::Quality(quality) => known.rated(locale, quality),
            };
            if let Some(decided) = decided {
                self.ports.templates.put_template(scope, decided).await?;
            }
        }
        // A language that is not known here comes with the next synchronisation.
        self.ports.wakeups.announce(Topic::Templates);
        Ok(())
    }
}

const fn live(account: whatotp_domain::AccountId) -> AccountScope {
    AccountScope { account, mode: Mode::Live }
}
