//! WhatsApp's side of templates and senders, as a test wants it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;
use whatotp_domain::{
    Locale, OtpButton, SenderId, SenderQuality, TemplateBody, TemplateButton, TemplateCategory, TemplateStatus,
    Translation, Variables, WabaId,
};
use whatotp_ports::{AuthenticationDraft, Catalog, CatalogError, ProviderTemplate, Sender, SenderHealth, Submitted};

/// What every sender's authentication template is called.
pub(crate) const LOGIN_CODE: &str = "login_code";

/// It knows what it was told, and cannot be reached about anything else.
#[derive(Default)]
pub(crate) struct FakeCatalog {
    templates: Mutex<BTreeMap<WabaId, Vec<ProviderTemplate>>>,
    qualities: Mutex<BTreeMap<SenderId, SenderQuality>>,
    reads: Mutex<Vec<WabaId>>,
    falls_silent: AtomicBool,
    withheld: Mutex<Option<oneshot::Receiver<()>>>,
}

impl FakeCatalog {
    /// From here on a business account has these templates.
    pub(crate) fn lists(&self, waba: &WabaId, templates: impl IntoIterator<Item = ProviderTemplate>) {
        self.templates.lock().unwrap().insert(waba.clone(), templates.into_iter().collect());
    }

    /// From here on nobody can list its templates.
    pub(crate) fn hides(&self, waba: &WabaId) {
        self.templates.lock().unwrap().remove(waba);
    }

    /// From here on WhatsApp thinks this of a sender.
    pub(crate) fn rates(&self, sender: &SenderId, quality: SenderQuality) {
        self.qualities.lock().unwrap().insert(sender.clone(), quality);
    }

    /// From here on it takes a question for templates and never answers.
    pub(crate) fn falls_silent(&self) {
        self.falls_silent.store(true, Ordering::SeqCst);
    }

    /// The next list is the one of the moment in which it is asked for, and comes when the sender is dropped.
    pub(crate) fn withholds_a_list(&self) -> oneshot::Sender<()> {
        let (release, withheld) = oneshot::channel();
        *self.withheld.lock().unwrap() = Some(withheld);
        release
    }

    /// How often templates were asked for.
    pub(crate) fn reads(&self) -> usize {
        self.reads.lock().unwrap().len()
    }
}

fn unreachable() -> CatalogError {
    CatalogError::Unreachable("WhatsApp does not answer: try again later.".to_owned())
}

#[async_trait]
impl Catalog for FakeCatalog {
    async fn templates(&self, sender: &Sender) -> Result<Vec<ProviderTemplate>, CatalogError> {
        self.reads.lock().unwrap().push(sender.waba.clone());
        if self.falls_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        let withheld = self.withheld.lock().unwrap().take();
        if let Some(withheld) = withheld {
            let listed = self.templates.lock().unwrap().get(&sender.waba).cloned();
            withheld.await.unwrap_err();
            return listed.ok_or_else(unreachable);
        }
        // Others may ask meanwhile.
        tokio::task::yield_now().await;
        self.templates.lock().unwrap().get(&sender.waba).cloned().ok_or_else(unreachable)
    }

    async fn submit_authentication(
        &self,
        _sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<Submitted>, CatalogError> {
        let pending = |locale: &Locale| Submitted { locale: locale.clone(), status: "PENDING".to_owned() };
        Ok(draft.locales.iter().map(pending).collect())
    }

    async fn submit(
        &self,
        _sender: &Sender,
        template: &ProviderTemplate,
        _examples: &Variables,
    ) -> Result<Submitted, CatalogError> {
        Ok(Submitted { locale: template.translation.locale.clone(), status: "PENDING".to_owned() })
    }

    async fn edit(
        &self,
        sender: &Sender,
        template: &ProviderTemplate,
        _examples: &Variables,
    ) -> Result<Submitted, CatalogError> {
        let mut templates = self.templates.lock().unwrap();
        let listed = templates.get_mut(&sender.waba).ok_or_else(unreachable)?;
        let locale = template.translation.locale.clone();
        let known = listed.iter_mut().find(|one| one.name == template.name && one.translation.locale == locale);
        *known.ok_or_else(unreachable)? = template.clone();
        Ok(Submitted { locale, status: "PENDING".to_owned() })
    }

    async fn delete(&self, sender: &Sender, name: &str) -> Result<(), CatalogError> {
        let mut templates = self.templates.lock().unwrap();
        templates.get_mut(&sender.waba).ok_or_else(unreachable)?.retain(|one| one.name != name);
        Ok(())
    }

    async fn preview_authentication(
        &self,
        _sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<(Locale, String)>, CatalogError> {
        Ok(draft.locales.iter().map(|locale| (locale.clone(), format!("A preview in {locale}."))).collect())
    }

    async fn health(&self, sender: &Sender) -> Result<SenderHealth, CatalogError> {
        let quality = self.qualities.lock().unwrap().get(&sender.id).copied().ok_or_else(unreachable)?;
        let (display_phone_number, verified_name) = ("+1 555-010-0000".to_owned(), "A business".to_owned());
        let (status, messaging_limit, throughput) = (None, None, None);
        Ok(SenderHealth { display_phone_number, verified_name, quality, status, messaging_limit, throughput })
    }
}

pub(crate) fn locale(text: &str) -> Locale {
    Locale::parse(text).unwrap()
}

/// The authentication template in one language; the code's lifetime is not in it.
pub(crate) fn login_code(language: &str, status: TemplateStatus) -> ProviderTemplate {
    let body = TemplateBody::parse("{{1}} is your verification code.").unwrap();
    let buttons = vec![TemplateButton::Otp(OtpButton::CopyCode)];
    let translation = Translation { status, buttons, ..Translation::of_body(locale(language), body) };
    ProviderTemplate { name: LOGIN_CODE.to_owned(), category: TemplateCategory::Authentication, translation }
}

/// [`login_code`], approved, in each of these languages.
pub(crate) fn login_code_in(languages: &[&str]) -> Vec<ProviderTemplate> {
    languages.iter().map(|language| login_code(language, TemplateStatus::Approved)).collect()
}

/// [`login_code`], approved, whose text says how long a code lives.
pub(crate) fn login_code_for(language: &str, minutes: u64) -> ProviderTemplate {
    let mut template = login_code(language, TemplateStatus::Approved);
    template.translation.code_expires_after = Some(Duration::from_secs(60 * minutes));
    template
}

/// An approved template of the customer's in one language.
pub(crate) fn provider_template(name: &str, language: &str, body: &str) -> ProviderTemplate {
    let translation = Translation::of_body(locale(language), TemplateBody::parse(body).unwrap());
    ProviderTemplate { name: name.to_owned(), category: TemplateCategory::Utility, translation }
}
