use whatotp_domain::{
    AccountScope, MessageTemplate, Mode, TemplateCategory, TemplateError, TemplateId, TemplateStatus, Translation,
    Variables, WabaId,
};
use whatotp_ports::{CatalogError, Origin, ProviderTemplate, random};

use crate::{Application, Failure};

/// Whose template somebody wants to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateOwner {
    /// Where it is.
    pub scope: AccountScope,
    /// Whether they answer for every account that sends from the same business account.
    pub operator: bool,
}

/// What came of changing a template.
#[derive(Debug)]
pub enum TemplateChange {
    /// It is changed, and now this; of one that was deleted, what it was.
    Done(Box<MessageTemplate>),
    /// There is none.
    NotFound,
    /// No sender of the account belongs to its business account any more.
    NoSender,
    /// Other accounts send it, too.
    Shared,
    /// Senders send their codes with it.
    SendsCodes,
    /// WhatsApp writes its text.
    Authentication,
    /// It has a part that only WhatsApp's own manager can write, and a change would take it away.
    WrittenElsewhere,
    /// It has no text in this language.
    NoSuchLanguage,
    /// WhatsApp only takes changes of what it has approved, rejected or paused.
    NotNow(TemplateStatus),
    /// Its parts do not fit together.
    Invalid(TemplateError),
    /// The account has one of this name.
    NameTaken,
    /// WhatsApp did not do it.
    Refused(CatalogError),
}

/// Changing templates: at WhatsApp in live mode, and only here in test mode, which has no WhatsApp.
impl Application {
    /// Makes a template for test mode. It can be sent to the sandbox at once.
    pub async fn create_test_template(
        &self,
        scope: AccountScope,
        name: String,
        category: TemplateCategory,
        translation: Translation,
    ) -> Result<TemplateChange, Failure> {
        let scope = AccountScope { mode: Mode::Test, ..scope };
        let id = TemplateId::new(self.ports.clock.now(), random(&*self.ports.entropy)?);
        let template = match MessageTemplate::new(id, name, category, vec![translation]) {
            Ok(template) => template,
            Err(error) => return Ok(TemplateChange::Invalid(error)),
        };
        let stored = self.ports.templates.insert_template(scope, template.clone()).await?;
        Ok(if stored { TemplateChange::Done(Box::new(template)) } else { TemplateChange::NameTaken })
    }

    /// Puts a text into the place of the one in the same language. In test mode it may be a new language.
    pub async fn change_template(
        &self,
        owner: TemplateOwner,
        id: TemplateId,
        translation: Translation,
        examples: &Variables,
    ) -> Result<TemplateChange, Failure> {
        let scope = owner.scope;
        let Some(known) = self.ports.templates.find_template(scope, id).await? else {
            return Ok(TemplateChange::NotFound);
        };
        if known.category() == TemplateCategory::Authentication {
            return Ok(TemplateChange::Authentication);
        }
        if known.exactly(&translation.locale).is_some_and(|before| !before.is_written_here()) {
            return Ok(TemplateChange::WrittenElsewhere);
        }
        let Some(waba) = known.waba().cloned() else {
            return Ok(match known.with(translation) {
                Ok(changed) => {
                    self.ports.templates.put_template(scope, changed.clone()).await?;
                    TemplateChange::Done(Box::new(changed))
                }
                Err(error) => TemplateChange::Invalid(error),
            });
        };
        let Some(status) = known.exactly(&translation.locale).map(|one| one.status) else {
            return Ok(TemplateChange::NoSuchLanguage);
        };
        if !matches!(status, TemplateStatus::Approved | TemplateStatus::Rejected | TemplateStatus::Paused) {
            return Ok(TemplateChange::NotNow(status));
        }
        let origin = match self.changeable(owner, &waba).await? {
            Ok(origin) => origin,
            Err(refusal) => return Ok(refusal),
        };
        let provider = ProviderTemplate { name: known.name().to_owned(), category: known.category(), translation };
        if let Err(error) = self.ports.catalog.edit(&origin.sender, &provider, examples).await {
            return Ok(TemplateChange::Refused(error));
        }
        self.resync(&origin).await?;
        let changed = self.ports.templates.find_template(scope, id).await?.unwrap_or(known);
        Ok(TemplateChange::Done(Box::new(changed)))
    }

    /// Deletes a template in all its languages.
    pub async fn delete_template(&self, owner: TemplateOwner, id: TemplateId) -> Result<TemplateChange, Failure> {
        let Some(known) = self.ports.templates.find_template(owner.scope, id).await? else {
            return Ok(TemplateChange::NotFound);
        };
        if let Some(waba) = known.waba() {
            let routing = self.routing().await?;
            let mut senders = routing.senders().filter(|origin| origin.sender.waba == *waba);
            if senders.any(|origin| origin.otp_template == known.name()) {
                return Ok(TemplateChange::SendsCodes);
            }
            let origin = match self.changeable(owner, waba).await? {
                Ok(origin) => origin,
                Err(refusal) => return Ok(refusal),
            };
            if let Err(error) = self.ports.catalog.delete(&origin.sender, known.name()).await {
                return Ok(TemplateChange::Refused(error));
            }
            for account in self.ports.accounts.list_accounts().await? {
                let scope = AccountScope { account: account.id, mode: Mode::Live };
                let theirs = self.ports.templates.find_template_named(scope, Some(waba), known.name()).await?;
                if let Some(theirs) = theirs {
                    self.ports.templates.delete_template(scope, theirs.id()).await?;
                }
            }
        } else {
            self.ports.templates.delete_template(owner.scope, id).await?;
        }
        Ok(TemplateChange::Done(Box::new(known)))
    }

    /// A sender of the account through which a business account's templates can be changed.
    async fn changeable(&self, owner: TemplateOwner, waba: &WabaId) -> Result<Result<Origin, TemplateChange>, Failure> {
        let own = self.origins_of(owner.scope).await?;
        let Some(origin) = own.into_iter().find(|origin| origin.sender.waba == *waba) else {
            return Ok(Err(TemplateChange::NoSender));
        };
        let (routing, accounts) = (self.routing().await?, self.ports.accounts.list_accounts().await?);
        let others = accounts.iter().any(|one| one.id != owner.scope.account && routing.uses(one.id, waba));
        Ok(if others && !owner.operator { Err(TemplateChange::Shared) } else { Ok(origin) })
    }
}
