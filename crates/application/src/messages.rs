use whatotp_domain::{AccountScope, DeliveryId, DeliveryStatus, PhoneNumber, Timestamp};
use whatotp_ports::{CancelDelivery, Claim, DeliveryFilter, Prior, Topic};

use crate::watch::{Look, Watch};
use crate::{Application, Failure, MessageView, TemplateRef};

/// Which messages to list. Everything that is `None` does not matter.
#[derive(Debug, Default)]
pub struct MessageQuery {
    /// In this status.
    pub status: Option<DeliveryStatus>,
    /// Of this template.
    pub template: Option<TemplateRef>,
    /// To this number.
    pub number: Option<PhoneNumber>,
    /// Made at or after this moment.
    pub created_after: Option<Timestamp>,
    /// Older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// What came of canceling a message.
#[derive(Debug)]
pub enum MessageCanceled {
    /// It will not be sent.
    Canceled(Box<MessageView>),
    /// There is no such message.
    NotFound,
    /// It is past the point where it could be stopped.
    TooLate(DeliveryStatus),
    /// The caller's key was used before.
    Replay(Prior),
}

impl Application {
    /// A message and where it stands.
    pub async fn message_status(&self, scope: AccountScope, id: DeliveryId) -> Result<Option<MessageView>, Failure> {
        match self.ports.deliveries.find_delivery(scope, id).await? {
            None => Ok(None),
            Some(record) => self.message_view(record),
        }
    }

    /// Watches a message. `None` when there is none.
    pub async fn watch_message(
        &self,
        scope: AccountScope,
        id: DeliveryId,
    ) -> Result<Option<Watch<MessageView>>, Failure> {
        let subscription = self.ports.wakeups.subscribe(Topic::Message(id));
        let application = self.clone();
        let look: Look<MessageView> = Box::new(move || {
            let application = application.clone();
            Box::pin(async move { application.message_status(scope, id).await })
        });
        Watch::begin(subscription, look).await
    }

    /// Messages of this scope that fit, newest first. A template that does not exist has no messages.
    pub async fn list_messages(&self, scope: AccountScope, query: MessageQuery) -> Result<Vec<MessageView>, Failure> {
        let template = match &query.template {
            None => None,
            Some(by) => match self.find_template(scope, by).await? {
                None => return Ok(Vec::new()),
                Some(template) => Some(template.id()),
            },
        };
        let filter = DeliveryFilter {
            messages: Some(true),
            status: query.status,
            template,
            number: query.number.map(|number| self.keyring.blind_index(scope, &number)),
            created_after: query.created_after,
            before: query.before,
            limit: query.limit,
            ..DeliveryFilter::default()
        };
        let records = self.ports.deliveries.list_deliveries(scope, &filter).await?;
        records.into_iter().filter_map(|record| self.message_view(record).transpose()).collect()
    }

    /// Stops a message that is still queued.
    pub async fn cancel_message(
        &self,
        scope: AccountScope,
        id: DeliveryId,
        claim: Option<Claim>,
    ) -> Result<MessageCanceled, Failure> {
        match self.ports.deliveries.cancel_delivery(scope, id, claim, self.ports.clock.now()).await? {
            None => Ok(MessageCanceled::NotFound),
            Some(CancelDelivery::TooLate(status)) => Ok(MessageCanceled::TooLate(status)),
            Some(CancelDelivery::Replay(prior)) => Ok(MessageCanceled::Replay(prior)),
            Some(CancelDelivery::Done(record)) => {
                self.ports.wakeups.announce(Topic::Message(id));
                let view = self.message_view(*record)?;
                Ok(view.map_or(MessageCanceled::NotFound, |view| MessageCanceled::Canceled(Box::new(view))))
            }
        }
    }
}
