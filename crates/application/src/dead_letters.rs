use whatotp_domain::{AccountScope, Asked, DeliveryError, DeliveryId, MessageTemplate, PhoneNumber, SessionStatus};
use whatotp_ports::{DeadLetter, DeliveryKind, DeliveryRecord, Enqueued, NewDelivery, Topic, random};

use crate::admission::Carried;
use crate::sealing::{DELIVERIES, Row};
use crate::views::delivery_row;
use crate::{Application, Failure, NotAdmitted, OtpResent, TemplateRef};

/// A delivery that was given up, as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterView {
    /// What is known of it.
    pub letter: DeadLetter,
    /// The number. Prints masked. `None` when it cannot be opened any more.
    pub to: Option<PhoneNumber>,
}

/// What came of sending a dead letter once more.
#[derive(Debug)]
pub enum Replayed {
    /// It is on its way again, as this delivery; `None` when the session says which.
    Sent(Option<DeliveryId>),
    /// There is none of this id: it was never given up, or somebody has seen to it.
    NotFound,
    /// It carries the code of a session that is over, like this: nobody could use it.
    SessionOver(SessionStatus),
    /// What goes into its template was wiped, as it is a day after the end of a message.
    ValuesGone,
    /// The template is not there any more.
    TemplateGone,
    /// The number may not be written to, or the account may not write any more.
    NotAdmitted(NotAdmitted),
    /// The provider will not deliver to this recipient.
    Unreachable(DeliveryError),
    /// The session takes no more messages now: too soon, or too many.
    TooMany,
    /// There is no way to send just now.
    ChannelUnavailable,
    /// Its account is suspended: what is sent for it is given up at once.
    Suspended,
}

/// What the outbox has given up, of every account. It stays in the log; here is what an operator does about it.
impl Application {
    /// Dead letters older than `before`, newest first.
    pub async fn dead_letters(&self, before: Option<DeliveryId>, limit: u32) -> Result<Vec<DeadLetterView>, Failure> {
        let mut views = Vec::new();
        for letter in self.ports.deliveries.list_dead_letters(before, limit).await? {
            let record = self.ports.deliveries.find_delivery(letter.scope, letter.id).await?;
            views.push(DeadLetterView { to: record.and_then(|record| self.number_in_log(&record)), letter });
        }
        Ok(views)
    }

    /// One dead letter.
    pub async fn dead_letter(&self, id: DeliveryId) -> Result<Option<DeadLetter>, Failure> {
        Ok(self.ports.deliveries.find_dead_letter(id).await?)
    }

    /// Sends a dead letter once more: a message as a new one that waits as long as the old one did, a code by its session.
    /// The old one has been seen to with that.
    pub async fn replay_dead_letter(&self, id: DeliveryId) -> Result<Replayed, Failure> {
        let Some(letter) = self.ports.deliveries.find_dead_letter(id).await? else { return Ok(Replayed::NotFound) };
        let Some(record) = self.ports.deliveries.find_delivery(letter.scope, id).await? else {
            return Ok(Replayed::NotFound);
        };
        if self.is_suspended(letter.scope.account).await? {
            return Ok(Replayed::Suspended);
        }
        let replayed = match record.kind {
            DeliveryKind::Otp(session) => {
                replayed_code(self.resend_otp(record.scope, session, Asked::default(), None).await?)
            }
            DeliveryKind::Message(_) => self.replay_message(&record).await?,
        };
        if matches!(replayed, Replayed::Sent(_)) {
            self.discard_dead_letter(letter.scope, id).await?;
        }
        Ok(replayed)
    }

    /// Notes that a dead letter has been seen to. `false` when there is none of this id, or somebody did so before.
    pub async fn discard_dead_letter(&self, scope: AccountScope, id: DeliveryId) -> Result<bool, Failure> {
        Ok(self.ports.deliveries.discard_dead_letter(scope, id, self.ports.clock.now()).await?)
    }

    async fn replay_message(&self, record: &DeliveryRecord) -> Result<Replayed, Failure> {
        let DeliveryKind::Message(template) = record.kind else { return Ok(Replayed::NotFound) };
        let Some(template) = self.find_template(record.scope, &TemplateRef::Id(template)).await? else {
            return Ok(Replayed::TemplateGone);
        };
        if record.variables.is_none() && !template.placeholders().is_empty() {
            return Ok(Replayed::ValuesGone);
        }
        let old_id = record.id.to_bytes();
        let to = self.open_number(delivery_row(record, &old_id), &record.recipient)?;
        let admitted = match self.admit(record.scope, &to, Carried::Message).await? {
            Ok(admitted) => admitted,
            Err(refused) => return Ok(Replayed::NotAdmitted(refused)),
        };
        let replayed = self.queue_again(record, &template, &to).await?;
        self.close(admitted, matches!(replayed, Replayed::Sent(_))).await?;
        Ok(replayed)
    }

    async fn queue_again(
        &self,
        record: &DeliveryRecord,
        template: &MessageTemplate,
        to: &PhoneNumber,
    ) -> Result<Replayed, Failure> {
        let scope = record.scope;
        if !self.is_open(scope).await? || !self.has_sender_for(scope, template).await? {
            return Ok(Replayed::ChannelUnavailable);
        }
        let old_id = record.id.to_bytes();
        let old = delivery_row(record, &old_id);
        let (variables, metadata) =
            (self.open_variables(old, record.variables.as_ref())?, self.open_metadata(old, record.metadata.as_ref())?);
        let now = self.ports.clock.now();
        let id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let row_id = id.to_bytes();
        let row = Row { scope, table: DELIVERIES, id: &row_id };
        let delivery = NewDelivery {
            id,
            scope,
            kind: record.kind,
            recipient: self.seal_number(row, to)?,
            number: record.number,
            country: Some(to.country()),
            asked: Asked::default(),
            variables: self.seal_variables(row, &variables)?,
            metadata: self.seal_metadata(row, &metadata)?,
            locale: record.locale.clone(),
            route: 0,
            created_at: now,
            expires_at: now.plus(record.expires_at.since(record.created_at)),
            leased_for: None,
        };
        match self.ports.deliveries.enqueue(delivery, None, now).await? {
            Enqueued::Stored(_) => {
                self.ports.wakeups.announce(Topic::Outbox);
                Ok(Replayed::Sent(Some(id)))
            }
            Enqueued::Replay(_) => Err(Failure::Corrupt("message")),
        }
    }
}

fn replayed_code(resent: OtpResent) -> Replayed {
    match resent {
        OtpResent::Sent(_) => Replayed::Sent(None),
        OtpResent::NotFound => Replayed::SessionOver(SessionStatus::Expired),
        OtpResent::Finished(status) => Replayed::SessionOver(status),
        OtpResent::NotAdmitted(refused) => Replayed::NotAdmitted(refused),
        OtpResent::Unreachable(error) => Replayed::Unreachable(error),
        OtpResent::NoSendsLeft { .. } | OtpResent::Refused(_) => Replayed::TooMany,
        OtpResent::ChannelUnavailable | OtpResent::Replay(_) => Replayed::ChannelUnavailable,
    }
}
