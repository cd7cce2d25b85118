use whatotp_domain::{AccountId, AccountScope, DeliveryId, Mode, PhoneNumber, SessionId};
use whatotp_ports::{Content, DeliveryFilter, DeliveryRecord};

use crate::views::delivery_row;
use crate::{Application, Failure};

/// Which messages of the inbox to show. Everything that is `None` does not matter.
#[derive(Debug, Default)]
pub struct InboxQuery {
    /// To this number.
    pub to: Option<PhoneNumber>,
    /// Of this session.
    pub session: Option<SessionId>,
    /// This one.
    pub message: Option<DeliveryId>,
    /// Older than this one.
    pub before: Option<DeliveryId>,
    /// At most so many.
    pub limit: u32,
}

/// A message as the phone of a test would show it.
#[derive(Debug)]
pub struct InboxItem {
    /// The message.
    pub record: DeliveryRecord,
    /// To whom.
    pub to: PhoneNumber,
    /// What it says.
    pub content: Content,
}

impl Application {
    /// The test messages that were handed over, newest first. There is no inbox table: the deliveries are the inbox, and
    /// a code is derived again for whoever looks.
    pub async fn sandbox_inbox(&self, account: AccountId, query: InboxQuery) -> Result<Vec<InboxItem>, Failure> {
        let scope = AccountScope { account, mode: Mode::Test };
        let filter = DeliveryFilter {
            number: query.to.map(|number| self.keyring.blind_index(scope, &number)),
            session: query.session,
            delivery: query.message,
            before: query.before,
            handed_over: true,
            limit: query.limit,
            ..DeliveryFilter::default()
        };
        let mut items = Vec::new();
        for record in self.ports.deliveries.list_deliveries(scope, &filter).await? {
            let id = record.id.to_bytes();
            let to = self.open_number(delivery_row(&record, &id), &record.recipient)?;
            if let Some(content) = self.content_of(&record).await? {
                items.push(InboxItem { record, to, content });
            }
        }
        Ok(items)
    }
}
