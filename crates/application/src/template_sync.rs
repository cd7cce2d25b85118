use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{
    AccountId, AccountScope, EventKind, MessageTemplate, Mode, SenderQuality, TemplateId, TemplateStatus, Timestamp,
    Translation, WabaId,
};
use whatotp_ports::{Account, CatalogError, Origin, ProviderTemplate, random};

use crate::routing::Routing;
use crate::{Application, Failure};

/// How long a request waits for WhatsApp to list its templates, when nothing is known of them yet.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long that is not tried again.
const PAUSE: Duration = Duration::from_secs(60);

/// When an account's templates were last read, or asked for. Who comes while they are being read waits for that.
#[derive(Default)]
pub(crate) struct FirstSyncs(Mutex<HashMap<(AccountId, WabaId), LastSync>>);

type LastSync = Arc<tokio::sync::Mutex<Option<Timestamp>>>;

impl FirstSyncs {
    fn of(&self, account: AccountId, waba: &WabaId) -> LastSync {
        let mut syncs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(syncs.entry((account, waba.clone())).or_default())
    }
}

/// Templates read in one step.
const PAGE: u32 = 100;

/// What came of synchronising one business account.
#[derive(Debug)]
pub struct Synced {
    /// Which.
    pub waba: WabaId,
    /// How many templates it has that can be sent from here, in how many languages; or why nobody knows.
    pub templates: Result<(usize, usize), CatalogError>,
}

impl Application {
    /// Reads every business account's templates, and how its senders do. One that does not answer keeps what is known
    /// of it.
    pub async fn sync_templates(&self) -> Result<Vec<Synced>, Failure> {
        let routing = self.routing().await?;
        let mut by_waba: BTreeMap<WabaId, Vec<&Origin>> = BTreeMap::new();
        for origin in routing.senders() {
            self.sync_quality(origin).await?;
            by_waba.entry(origin.sender.waba.clone()).or_default().push(origin);
        }
        let accounts = self.ports.accounts.list_accounts().await?;
        let mut synced = Vec::new();
        for (waba, origins) in by_waba {
            let templates = match self.listed_by_any(&origins).await {
                Err(error) => {
                    tracing::warn!(waba = %waba, %error, "the templates could not be synchronised");
                    Err(error)
                }
                Ok(found) => {
                    let languages = found.len();
                    let named = self.merge_languages(found);
                    self.store_everywhere(&routing, &accounts, &waba, &named).await?;
                    Ok((named.len(), languages))
                }
            };
            synced.push(Synced { waba, templates });
        }
        Ok(synced)
    }

    /// Reads a business account's templates after one of them was changed. That they cannot be read undoes nothing: the next
    /// synchronisation brings them.
    pub(crate) async fn resync(&self, origin: &Origin) -> Result<(), Failure> {
        let waba = &origin.sender.waba;
        match self.ports.catalog.templates(&origin.sender).await {
            Ok(found) => {
                let (routing, accounts) = (self.routing().await?, self.ports.accounts.list_accounts().await?);
                self.store_everywhere(&routing, &accounts, waba, &self.merge_languages(found)).await
            }
            Err(error) => {
                tracing::warn!(%waba, %error, "the templates could not be synchronised");
                Ok(())
            }
        }
    }

    /// Stores a business account's templates for every account that sends from it.
    async fn store_everywhere(
        &self,
        routing: &Routing,
        accounts: &[Account],
        waba: &WabaId,
        named: &BTreeMap<String, Vec<ProviderTemplate>>,
    ) -> Result<(), Failure> {
        for account in accounts.iter().filter(|account| routing.uses(account.id, waba)) {
            let scope = AccountScope { account: account.id, mode: Mode::Live };
            self.store_templates(scope, waba, named).await?;
            *self.first_syncs.of(account.id, waba).lock().await = Some(self.ports.clock.now());
        }
        Ok(())
    }

    /// The templates of a business account: any of its senders can list them, and one's token may have ended.
    async fn listed_by_any(&self, origins: &[&Origin]) -> Result<Vec<ProviderTemplate>, CatalogError> {
        let mut listed = Ok(Vec::new());
        for origin in origins {
            listed = self.ports.catalog.templates(&origin.sender).await;
            if listed.is_ok() {
                break;
            }
        }
        listed
    }

    /// A template of one of an account's senders. An account that is new has its templates read now: it has to send its
    /// first code in a language that there is.
    pub(crate) async fn template_of(
        &self,
        scope: AccountScope,
        origin: &Origin,
        name: &str,
    ) -> Result<Option<MessageTemplate>, Failure> {
        let find = async || self.ports.templates.find_template_named(scope, Some(&origin.sender.waba), name).await;
        match find().await? {
            None => {
                self.first_sync(scope, origin).await?;
                Ok(find().await?)
            }
            found => Ok(found),
        }
    }

    /// Reads an account's templates unless they were read, or asked for, just now. Only one request asks; the others find
    /// what it stored.
    pub(crate) async fn first_sync(&self, scope: AccountScope, origin: &Origin) -> Result<(), Failure> {
        let (waba, now) = (&origin.sender.waba, self.ports.clock.now());
        let last = self.first_syncs.of(scope.account, waba);
        let mut last = last.lock().await;
        if last.is_some_and(|at| now < at.plus(PAUSE)) {
            return Ok(());
        }
        *last = Some(now);
        match tokio::time::timeout(PATIENCE, self.ports.catalog.templates(&origin.sender)).await {
            Ok(Ok(found)) => self.store_templates(scope, waba, &self.merge_languages(found)).await?,
            Ok(Err(error)) => tracing::warn!(%waba, %error, "the templates could not be synchronised"),
            Err(_elapsed) => tracing::warn!(%waba, "WhatsApp did not list its templates in time"),
        }
        Ok(())
    }

    /// WhatsApp lists every language by itself; here they are one template, whose first is the default language if there
    /// is a text in it.
    fn merge_languages(&self, found: Vec<ProviderTemplate>) -> BTreeMap<String, Vec<ProviderTemplate>> {
        let mut named: BTreeMap<String, Vec<ProviderTemplate>> = BTreeMap::new();
        for template in found {
            named.entry(template.name.clone()).or_default().push(template);
        }
        let default = self.policy.default_locale.language();
        for languages in named.values_mut() {
            languages.sort_by_key(|template| template.translation.locale.language() != default);
        }
        named
    }

    async fn store_templates(
        &self,
        scope: AccountScope,
        waba: &WabaId,
        named: &BTreeMap<String, Vec<ProviderTemplate>>,
    ) -> Result<(), Failure> {
        for (name, languages) in named {
            let id = TemplateId::new(self.ports.clock.now(), random(&*self.ports.entropy)?);
            let Some(first) = languages.first() else { continue };
            let mut placeholders = first.translation.placeholders();
            placeholders.sort_unstable();
            let agrees = |translation: &Translation| {
                let mut theirs = translation.placeholders();
                theirs.sort_unstable();
                theirs == placeholders
            };
            let (same, other): (Vec<_>, Vec<_>) = languages.iter().map(|one| one.translation.clone()).partition(agrees);
            for translation in other {
                tracing::warn!(template = name, locale = %translation.locale, "left out: its variables are not those of the other languages");
            }
            match MessageTemplate::new(id, name.clone(), first.category, same) {
                Ok(template) => self.ports.templates.put_template(scope, template.of_waba(waba.clone())).await?,
                Err(error) => tracing::warn!(template = name, %error, "this template cannot be used from here"),
            }
        }
        self.disable_missing(scope, waba, &named.keys().cloned().collect()).await
    }

    /// What WhatsApp does not list any more is gone there.
    async fn disable_missing(
        &self,
        scope: AccountScope,
        waba: &WabaId,
        listed: &BTreeSet<String>,
    ) -> Result<(), Failure> {
        let mut before = None;
        loop {
            let page = self.ports.templates.list_templates(scope, before, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            before = Some(last.id());
            for template in page {
                let ours = template.waba() == Some(waba) && !listed.contains(template.name());
                if ours && template.status() != TemplateStatus::Disabled {
                    let locales: Vec<_> = template.locales().cloned().collect();
                    let gone =
                        locales.iter().try_fold(template, |one, locale| one.decided(locale, TemplateStatus::Disabled));
                    if let Some(gone) = gone {
                        self.ports.templates.put_template(scope, gone).await?;
                    }
                }
            }
        }
    }

    async fn sync_quality(&self, origin: &Origin) -> Result<(), Failure> {
        let id = &origin.sender.id;
        let Ok(health) = self.ports.catalog.health(&origin.sender).await else { return Ok(()) };
        let before = self.ports.senders.set_quality(id, health.quality).await?;
        let (was, is) = (before.unwrap_or(SenderQuality::Unknown), health.quality);
        if was != is && was != SenderQuality::Unknown && is != SenderQuality::Unknown {
            let detail = format!("its quality went from {} to {}", was.as_str(), is.as_str());
            let now = self.ports.clock.now().to_string();
            self.note(EventKind::SenderQuality, None, format!("sender {id}"), detail, &[&now]).await?;
        }
        Ok(())
    }
}
