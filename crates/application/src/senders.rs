use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use whatotp_domain::{AccountId, AccountScope, MessageTemplate, Mode, SenderId, SenderQuality, WabaId};
use whatotp_ports::{CatalogError, Endpoint, Origin, Sender, SenderHealth, SenderRecord, random};
use whatotp_vault::{Place, Sealed};

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

/// What is to change of a sender. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct SenderChange {
    /// What the operator calls it.
    pub name: Option<String>,
    /// Where it is reached.
    pub base_url: Option<String>,
    /// What it is reached with.
    pub access_token: Option<SecretString>,
    /// The authentication template that codes go out in.
    pub otp_template: Option<String>,
    /// Whether accounts without senders of their own use it.
    pub shared: Option<bool>,
}

/// Why a sender cannot be changed or removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FixedSender {
    /// There is none.
    #[error("there is no such sender")]
    Unknown,
    /// It is written anew from the configuration at each start: what is changed here would not last.
    #[error("it comes from the configuration: change [whatsapp] there, and restart the server")]
    Configured,
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

    /// Makes a sender, or puts it into the place of the one with this id.
    pub async fn put_sender(&self, new: NewSender) -> Result<(), Failure> {
        self.store_sender(new, false).await
    }

    /// Changes a sender. Returns what it is now.
    pub async fn change_sender(
        &self,
        id: &SenderId,
        change: SenderChange,
    ) -> Result<Result<SenderRecord, FixedSender>, Failure> {
        let known = match self.changeable_sender(id).await? {
            Ok(known) => known,
            Err(fixed) => return Ok(Err(fixed)),
        };
        let access_token = match change.access_token {
            Some(token) => self.sealed_token(id, &token)?,
            None => known.access_token,
        };
        let base_url = change.base_url.unwrap_or(known.endpoint.base_url);
        let changed = SenderRecord {
            name: change.name.unwrap_or(known.name),
            endpoint: Endpoint { base_url, ..known.endpoint },
            access_token,
            otp_template: change.otp_template.unwrap_or(known.otp_template),
            shared: change.shared.unwrap_or(known.shared),
            ..known
        };
        self.ports.senders.put_sender(changed.clone()).await?;
        self.forget_routing();
        Ok(Ok(changed))
    }

    /// Forgets a sender.
    pub async fn remove_sender(&self, id: &SenderId) -> Result<Result<(), FixedSender>, Failure> {
        if let Err(fixed) = self.changeable_sender(id).await? {
            return Ok(Err(fixed));
        }
        let removed = self.ports.senders.remove_sender(id).await?;
        self.forget_routing();
        Ok(if removed { Ok(()) } else { Err(FixedSender::Unknown) })
    }

    /// A sender that can be changed.
    pub async fn changeable_sender(&self, id: &SenderId) -> Result<Result<SenderRecord, FixedSender>, Failure> {
        Ok(match self.find_sender(id).await? {
            None => Err(FixedSender::Unknown),
            Some(sender) if sender.configured => Err(FixedSender::Configured),
            Some(sender) => Ok(sender),
        })
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
                self.ports.senders.remove_sender(&earlier.id).await?;
                self.forget_routing();
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

    /// Asks WhatsApp about one sender; `None` when there is none.
    pub async fn sender_health(&self, id: &SenderId) -> Result<Option<Result<SenderHealth, CatalogError>>, Failure> {
        let Some(record) = self.find_sender(id).await? else { return Ok(None) };
        let origin = self.origin(&record)?;
        Ok(Some(self.ports.catalog.health(&origin.sender).await))
    }

    async fn find_sender(&self, id: &SenderId) -> Result<Option<SenderRecord>, Failure> {
        Ok(self.ports.senders.list_senders().await?.into_iter().find(|sender| sender.id == *id))
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
        let access_token = self.sealed_token(&new.id, &new.access_token)?;
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

    fn sealed_token(&self, id: &SenderId, token: &SecretString) -> Result<Sealed, Failure> {
        let token = token.expose_secret().as_bytes();
        Ok(self.keyring.seal(&token_of(id), token, random(&*self.ports.entropy)?))
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
