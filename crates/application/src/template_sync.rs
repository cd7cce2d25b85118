use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{
    AccountId, AccountScope, EventKind, MessageTemplate, Mode, SenderQuality, TemplateId, TemplateStatus, Timestamp,
    Translation, WabaId,
};
use whatotp_ports::{Account, CatalogError, Origin, ProviderTemplate, Topic, random};

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

/// How many decisions about templates have been stored. A list that was asked for before the latest of them may not know of
/// it, and must not be stored over it: whoever stores either holds the lock.
#[derive(Default)]
pub(crate) struct Decisions(tokio::sync::Mutex<u64>);

impl Decisions {
    /// Held while a decision is read into a template and stored.
    pub(crate) async fn one_more(&self) -> tokio::sync::MutexGuard<'_, u64> {
        let mut count = self.0.lock().await;
        *count += 1;
        count
    }
}

/// How often a list is asked for that a decision overtakes.
const TRIES: u32 = 3;

/// By name, in each language.
type Named = BTreeMap<String, Vec<ProviderTemplate>>;

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
            let list = async || self.listed_by_any(&origins).await;
            let templates =
                self.sync_with(list, async |named| self.store_everywhere(&routing, &accounts, &waba, named).await);
            let templates = templates.await?;
            match &templates {
                Ok(_) => self.have_read(&routing, &accounts, &waba).await,
                Err(error) => tracing::warn!(waba = %waba, %error, "the templates could not be synchronised"),
            }
            synced.push(Synced { waba, templates });
        }
        Ok(synced)
    }

    /// Reads a business account's templates after one of them was changed. That they cannot be read undoes nothing: the next
    /// synchronisation brings them.
    pub(crate) async fn resync(&self, origin: &Origin) -> Result<(), Failure> {
        let waba = &origin.sender.waba;
        let (routing, accounts) = (self.routing().await?, self.ports.accounts.list_accounts().await?);
        let list = async || self.ports.catalog.templates(&origin.sender).await;
        let store = async |named: &_| self.store_everywhere(&routing, &accounts, waba, named).await;
        match self.sync_with(list, store).await? {
            Ok(_) => self.have_read(&routing, &accounts, waba).await,
            Err(error) => tracing::warn!(%waba, %error, "the templates could not be synchronised"),
        }
        Ok(())
    }

    /// Lists templates and stores them. Returns how many there are, in how many languages.
    async fn sync_with(
        &self,
        list: impl AsyncFn() -> Result<Vec<ProviderTemplate>, CatalogError>,
        store: impl AsyncFn(&Named) -> Result<(), Failure>,
    ) -> Result<Result<(usize, usize), CatalogError>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let known = *self.decisions.0.lock().await;
            let found = match list().await {
                Ok(found) => found,
                Err(error) => return Ok(Err(error)),
            };
            let (languages, named) = (found.len(), self.merge_languages(found));
            let count = self.decisions.0.lock().await;
            if *count == known {
                store(&named).await?;
            } else if tries < TRIES {
                continue;
            } else {
                self.ports.wakeups.announce(Topic::Templates);
            }
            return Ok(Ok((named.len(), languages)));
        }
    }

    /// Stores a business account's templates for every account that sends from it.
    async fn store_everywhere(
        &self,
        routing: &Routing,
        accounts: &[Account],
        waba: &WabaId,
        named: &Named,
    ) -> Result<(), Failure> {
        for account in accounts.iter().filter(|account| routing.uses(account.id, waba)) {
            let scope = AccountScope { account: account.id, mode: Mode::Live };
            self.store_templates(scope, waba, named).await?;
        }
        Ok(())
    }

    /// A request that needs these templates need not read them again.
    async fn have_read(&self, routing: &Routing, accounts: &[Account], waba: &WabaId) {
        for account in accounts.iter().filter(|account| routing.uses(account.id, waba)) {
            *self.first_syncs.of(account.id, waba).lock().await = Some(self.ports.clock.now());
        }
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
        let list = async || self.ports.catalog.templates(&origin.sender).await;
        let store = async |named: &_| self.store_templates(scope, waba, named).await;
        match tokio::time::timeout(PATIENCE, self.sync_with(list, store)).await {
            Ok(synced) => {
                if let Err(error) = synced? {
                    tracing::warn!(%waba, %error, "the templates could not be synchronised");
                }
            }
            Err(_elapsed) => tracing::warn!(%waba, "WhatsApp did not list its templates in time"),
        }
        Ok(())
    }

    /// WhatsApp lists every language by itself; here they are one template, whose first is the default language if there
    /// is a text in it.
    fn merge_languages(&self, found: Vec<ProviderTemplate>) -> Named {
        let mut named: Named = BTreeMap::new();
        for template in found {
            named.entry(template.name.clone()).or_default().push(template);
        }
        let default = self.policy.default_locale.language();
        for languages in named.values_mut() {
            languages.sort_by_key(|template| template.translation.locale.language() != default);
        }
        named
    }

    async fn store_templates(&self, scope: AccountScope, waba: &WabaId, named: &Named) -> Result<(), Failure> {
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
