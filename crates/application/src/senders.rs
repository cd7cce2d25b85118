use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use whatotp_domain::{AccountId, AccountScope, MessageTemplate, Mode, SenderId, SenderQuality, WabaId};
use whatotp_ports::{CatalogError, Endpoint, Origin, Sender, SenderHealth, SenderRecord, random};
use whatotp_vault::Place;

use crate::{Application, Failure};

/// A sender that is to be made or changed.
#[derive(Debug, Clone)]
pub struct NewSender {
    /// Its id.
    pub id: SenderId,
    /// The business account it belongs to.
    pub waba: WabaId,
    /// What the operator calls it.
    pub name: String,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// What it is reached with.
    pub access_token: SecretString,
    /// The authentication template that codes go out in.
    pub otp_template: String,
    /// Whether accounts without senders of their own use it.
    pub shared: bool,
}

/// What came of asking WhatsApp about a sender.
#[derive(Debug)]
pub struct SenderCheck {
    /// The sender.
    pub record: SenderRecord,
    /// How it does.
    pub health: Result<SenderHealth, CatalogError>,
    /// Its authentication template, as it is known here; `None` when no account that uses the sender knows it.
    pub otp_template: Option<MessageTemplate>,
}

impl Application {
    /// Every sender, oldest first.
    pub async fn list_senders(&self) -> Result<Vec<SenderRecord>, Failure> {
        Ok(self.ports.senders.list_senders().await?)
    }

    /// Which accounts have senders of their own, and which, first choice first.
    pub async fn list_routes(&self) -> Result<Vec<(AccountId, Vec<SenderId>)>, Failure> {
        Ok(self.ports.senders.list_routes().await?)
    }

    /// The senders that an account's live messages go out from, first choice first.
    pub async fn senders_of(&self, account: AccountId) -> Result<Vec<SenderId>, Failure> {
        let origins = self.origins_of(AccountScope { account, mode: Mode::Live }).await?;
        Ok(origins.into_iter().map(|origin| origin.sender.id.clone()).collect())
    }

    /// Makes a sender, or changes the one with this id.
    pub async fn put_sender(&self, new: NewSender) -> Result<(), Failure> {
        self.store_sender(new, false).await
    }

    /// Forgets a sender. `false` when there is none.
    pub async fn remove_sender(&self, id: &SenderId) -> Result<bool, Failure> {
        let removed = self.ports.senders.remove_sender(id).await?;
        self.forget_routing();
        Ok(removed)
    }

    /// Says which senders an account uses, first choice first; none takes it back to the shared ones. `false` when one
    /// of them or the account does not exist.
    pub async fn route(&self, account: AccountId, senders: Vec<SenderId>) -> Result<bool, Failure> {
        let routed = self.ports.senders.set_routes(account, senders).await?;
        self.forget_routing();
        Ok(routed)
    }

    /// Takes over the sender that the configuration names, and forgets one that it named before.
    pub async fn configure_sender(&self, configured: Option<NewSender>) -> Result<(), Failure> {
        for earlier in self.ports.senders.list_senders().await? {
            let stays = configured.as_ref().is_some_and(|new| new.id == earlier.id);
            if earlier.configured && !stays {
                self.remove_sender(&earlier.id).await?;
            }
        }
        match configured {
            Some(new) => self.store_sender(new, true).await,
            None => Ok(()),
        }
    }

    /// Asks WhatsApp about every sender.
    pub async fn check_senders(&self) -> Result<Vec<SenderCheck>, Failure> {
        let mut checks = Vec::new();
        for record in self.ports.senders.list_senders().await? {
            let origin = self.origin(&record)?;
            let health = self.ports.catalog.health(&origin.sender).await;
            let otp_template = self.known_otp_template(&origin).await?;
            checks.push(SenderCheck { record, health, otp_template });
        }
        Ok(checks)
    }

    async fn known_otp_template(&self, origin: &Origin) -> Result<Option<MessageTemplate>, Failure> {
        let routing = self.routing().await?;
        for account in self.ports.accounts.list_accounts().await? {
            if routing.uses(account.id, &origin.sender.waba) {
                let scope = AccountScope { account: account.id, mode: Mode::Live };
                if let Some(template) = self.otp_template(scope, origin).await? {
                    return Ok(Some(template));
                }
            }
        }
        Ok(None)
    }

    async fn store_sender(&self, new: NewSender, configured: bool) -> Result<(), Failure> {
        let token = new.access_token.expose_secret().as_bytes();
        let access_token = self.keyring.seal(&token_of(&new.id), token, random(&*self.ports.entropy)?);
        let record = SenderRecord {
            id: new.id,
            waba: new.waba,
            name: new.name,
            endpoint: new.endpoint,
            access_token,
            otp_template: new.otp_template,
            shared: new.shared,
            configured,
            quality: SenderQuality::Unknown,
            created_at: self.ports.clock.now(),
        };
        self.ports.senders.put_sender(record).await?;
        self.forget_routing();
        Ok(())
    }

    /// A stored sender, ready to be used.
    pub(crate) fn origin(&self, record: &SenderRecord) -> Result<Origin, Failure> {
        let token = self.keyring.open(&token_of(&record.id), &record.access_token)?;
        let token = std::str::from_utf8(&token).ok().ok_or(Failure::Corrupt("access token"))?;
        let sender = Sender {
            id: record.id.clone(),
            waba: record.waba.clone(),
            endpoint: record.endpoint.clone(),
            access_token: SecretString::from(token),
        };
        Ok(Origin { sender: Arc::new(sender), otp_template: record.otp_template.clone() })
    }
}

/// A sender belongs to no account: several may use it.
fn token_of(sender: &SenderId) -> Place<'_> {
    Place { scope: None, table: "senders", column: "access_token", row: sender.as_str().as_bytes() }
}
