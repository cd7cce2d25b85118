use whatotp_domain::{SessionStatus, Timestamp};
use whatotp_ports::{Content, DeliveryKind, DeliveryRecord, SessionRecord};

use crate::hand_over::Letter;
use crate::views::delivery_row;
use crate::{Application, Failure};

impl Application {
    /// What a worker hands over for a stored delivery. `None` when there is nothing to be sent any more: a code whose
    /// session is over, or a template that is gone.
    pub(crate) async fn letter(&self, record: &DeliveryRecord, now: Timestamp) -> Result<Option<Letter>, Failure> {
        let still_wanted = |session: &SessionRecord| session.session.status_at(now) == SessionStatus::Pending;
        let Some(content) = self.content_if(record, still_wanted).await? else { return Ok(None) };
        let id = record.id.to_bytes();
        let to = self.open_number(delivery_row(record, &id), &record.recipient)?;
        let attempt = record.attempts.saturating_add(1);
        Ok(Some(Letter {
            scope: record.scope,
            delivery: record.id,
            to,
            content,
            attempt,
            route: record.route,
            expires_at: record.expires_at,
        }))
    }

    /// What a delivery says, whatever became of its session: for the sandbox inbox.
    pub(crate) async fn content_of(&self, record: &DeliveryRecord) -> Result<Option<Content>, Failure> {
        self.content_if(record, |_session| true).await
    }

    /// A code is not stored: whoever needs it derives it again.
    async fn content_if(
        &self,
        record: &DeliveryRecord,
        wanted: impl Fn(&SessionRecord) -> bool + Send,
    ) -> Result<Option<Content>, Failure> {
        let locale = record.locale.clone();
        match record.kind {
            DeliveryKind::Otp(session) => match self.ports.sessions.find(record.scope, session).await? {
                Some((session, _)) if wanted(&session) => match self.code_of(&session) {
                    Ok(code) => Ok(Some(Content::Code { code, locale })),
                    // A key is dropped when no code of it can be right any more.
                    Err(_gone) if session.session.status_at(self.ports.clock.now()) != SessionStatus::Pending => {
                        Ok(None)
                    }
                    Err(failure) => Err(failure),
                },
                _ => Ok(None),
            },
            DeliveryKind::Message(template) => {
                let found = self.ports.templates.find_template(record.scope, template).await?;
                let Some(template) = found else { return Ok(None) };
                let id = record.id.to_bytes();
                let variables = self.open_variables(delivery_row(record, &id), record.variables.as_ref())?;
                Ok(Some(Content::Template { template: Box::new(template), locale, variables }))
            }
        }
    }
}
