use whatotp_domain::{
    AccountScope, Asked, DeliveryId, Locale, MessageTtl, Metadata, PhoneNumber, TemplateCategory, TemplateStatus,
    VariableMismatch, Variables,
};
use whatotp_ports::{Claim, DeliveryKind, Enqueued, NewDelivery, Prior, Topic, random};

use crate::admission::Carried;
use crate::sealing::{DELIVERIES, Row};
use crate::{Application, Failure, MessageView, NotAdmitted, TemplateRef};

/// A template message that is to be sent.
#[derive(Debug)]
pub struct SendMessage {
    /// Whose it is.
    pub scope: AccountScope,
    /// To whom.
    pub to: PhoneNumber,
    /// Which template.
    pub template: TemplateRef,
    /// What goes into it.
    pub variables: Variables,
    /// In which language.
    pub locale: Option<Locale>,
    /// How long it may wait.
    pub ttl: MessageTtl,
    /// What comes back with every answer.
    pub metadata: Metadata,
    /// Who asks.
    pub asked: Asked,
    /// The caller's claim.
    pub claim: Option<Claim>,
}

/// What came of it.
#[derive(Debug)]
pub enum MessageSent {
    /// It is stored, and will be sent.
    Queued(Box<MessageView>),
    /// The number may not be written to, or the account may not write any more.
    NotAdmitted(NotAdmitted),
    /// There is no such template.
    TemplateNotFound,
    /// The template carries codes: those are sent, and verified, as sessions.
    ForCodesOnly,
    /// The variables are not the template's.
    Mismatch(VariableMismatch),
    /// There is no way to send just now: no sender, or the template is not approved.
    ChannelUnavailable,
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// Stores a message for the worker. When it answers `Queued`, the message survives a crash.
    pub async fn send_message(&self, command: SendMessage) -> Result<MessageSent, Failure> {
        let _place = self.take_in()?;
        let admitted = match self.admit(command.scope, &command.to, Carried::Message).await? {
            Ok(admitted) => admitted,
            Err(refused) => return Ok(MessageSent::NotAdmitted(refused)),
        };
        let sent = self.queue_message(command).await?;
        self.close(admitted, matches!(sent, MessageSent::Queued(_))).await?;
        Ok(sent)
    }

    async fn queue_message(&self, command: SendMessage) -> Result<MessageSent, Failure> {
        let SendMessage { scope, to, template, variables, locale, ttl, metadata, asked, claim } = command;
        if !self.is_open(scope).await? {
            return Ok(MessageSent::ChannelUnavailable);
        }
        let Some(template) = self.find_template(scope, &template).await? else {
            return Ok(MessageSent::TemplateNotFound);
        };
        if template.category() == TemplateCategory::Authentication {
            return Ok(MessageSent::ForCodesOnly);
        }
        if let Err(mismatch) = template.check(&variables) {
            return Ok(MessageSent::Mismatch(mismatch));
        }
        if template.status() != TemplateStatus::Approved || !self.has_sender_for(scope, &template).await? {
            return Ok(MessageSent::ChannelUnavailable);
        }
        let now = self.ports.clock.now();
        let id = DeliveryId::new(now, random(&*self.ports.entropy)?);
        let row_id = id.to_bytes();
        let row = Row { scope, table: DELIVERIES, id: &row_id };
        let delivery = NewDelivery {
            id,
            scope,
            kind: DeliveryKind::Message(template.id()),
            recipient: self.seal_number(row, &to)?,
            number: self.keyring.blind_index(scope, &to),
            country: Some(to.country()),
            asked,
            variables: self.seal_variables(row, &variables)?,
            metadata: self.seal_metadata(row, &metadata)?,
            locale,
            route: 0,
            created_at: now,
            expires_at: now.plus(ttl.as_duration()),
            leased_for: None,
        };
        match self.ports.deliveries.enqueue(delivery, claim, now).await? {
            Enqueued::Replay(prior) => Ok(MessageSent::Replay(prior)),
            Enqueued::Stored(record) => {
                self.ports.wakeups.announce(Topic::Outbox);
                let view = self.message_view(*record)?;
                view.map(|view| MessageSent::Queued(Box::new(view))).ok_or(Failure::Corrupt("message"))
            }
        }
    }
}
