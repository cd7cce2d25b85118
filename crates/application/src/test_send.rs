use tokio::time::Instant;
use whatotp_domain::{AccountId, AccountScope, CodeLength, DeliveryId, Mode, PhoneNumber, SenderId, SessionId};
use whatotp_ports::{Content, OutboundMessage, SendOutcome, random};

use crate::{Application, Failure};

/// What the code of a test message is derived for.
const PURPOSE: &str = "a test of a sender";

impl Application {
    /// Sends a code that opens nothing from one sender, once, and tells what WhatsApp made of it. It is in no log and in no
    /// quota. `None` when there is no such sender.
    pub async fn test_sender(
        &self,
        account: AccountId,
        sender: &SenderId,
        to: PhoneNumber,
    ) -> Result<Option<SendOutcome>, Failure> {
        let routing = self.routing().await?;
        let Some(origin) = routing.sender(sender) else { return Ok(None) };
        let now = self.ports.clock.now();
        let scope = AccountScope { account, mode: Mode::Live };
        // No session has this id, so nobody can verify the code.
        let nobody = SessionId::new(now, random(&*self.ports.entropy)?);
        let kid = self.keyring.active_kid();
        let code = self.keyring.derive_code(&kid, scope, nobody, PURPOSE, CodeLength::DEFAULT);
        let code = code.ok_or(Failure::MissingMasterKey(kid))?;
        let mut message = OutboundMessage {
            scope,
            delivery: DeliveryId::new(now, random(&*self.ports.entropy)?),
            origin: None,
            to,
            content: Content::Code { code, locale: None },
            attempt: 1,
        };
        let deadline = Instant::now() + self.policy.channel_timeout;
        Ok(Some(self.send_from(origin, &mut message, None, deadline).await?))
    }
}
