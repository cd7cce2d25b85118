use whatotp_domain::{Locale, SenderId, Variables};
use whatotp_ports::{AuthenticationDraft, CatalogError, ProviderTemplate, Submitted};

use crate::{Application, Failure};

/// Handing templates in. What WhatsApp makes of them comes with the next synchronisation.
impl Application {
    /// Makes or changes an authentication template at WhatsApp, in all its languages, in a sender's business account.
    /// `None` when there is no such sender.
    pub async fn submit_authentication(
        &self,
        sender: &SenderId,
        draft: &AuthenticationDraft,
    ) -> Result<Option<Result<Vec<Submitted>, CatalogError>>, Failure> {
        let routing = self.routing().await?;
        let Some(origin) = routing.sender(sender) else { return Ok(None) };
        Ok(Some(self.ports.catalog.submit_authentication(&origin.sender, draft).await))
    }

    /// What an authentication template would say. `None` when there is no such sender.
    pub async fn preview_authentication(
        &self,
        sender: &SenderId,
        draft: &AuthenticationDraft,
    ) -> Result<Option<Result<Vec<(Locale, String)>, CatalogError>>, Failure> {
        let routing = self.routing().await?;
        let Some(origin) = routing.sender(sender) else { return Ok(None) };
        Ok(Some(self.ports.catalog.preview_authentication(&origin.sender, draft).await))
    }

    /// Hands one language of another template in. `None` when there is no such sender. It is listed at once, and cannot be
    /// sent before WhatsApp has approved it.
    pub async fn submit_template(
        &self,
        sender: &SenderId,
        template: &ProviderTemplate,
        examples: &Variables,
    ) -> Result<Option<Result<Submitted, CatalogError>>, Failure> {
        let routing = self.routing().await?;
        let Some(origin) = routing.sender(sender) else { return Ok(None) };
        let submitted = self.ports.catalog.submit(&origin.sender, template, examples).await;
        if submitted.is_ok() {
            self.resync(origin).await?;
        }
        Ok(Some(submitted))
    }
}
