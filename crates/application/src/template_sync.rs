use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use whatotp_domain::{
    AccountId, AccountScope, EventKind, MessageTemplate, Mode, SenderQuality, TemplateId, TemplateStatus, Timestamp,
    Translation, WabaId,
};
use whatotp_ports::{CatalogError, Origin, ProviderTemplate, Topic, random};

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
        let mut synced = Vec::new();
        for (waba, origins) in by_waba {
            let scopes = self.scopes_of(&waba).await?;
            let templates = self.sync(&waba, &origins, &scopes).await?;
            if templates.is_ok() {
                self.have_read(&waba, &scopes).await;
            }
            synced.push(Synced { waba, templates });
        }
        Ok(synced)
    }

    /// Reads a business account's templates after one of them was changed. That they cannot be read undoes nothing: the next
    /// synchronisation brings them.
    pub(crate) async fn resync(&self, origin: &Origin) -> Result<(), Failure> {
        let waba = &origin.sender.waba;
        let scopes = self.scopes_of(waba).await?;
        if self.sync(waba, &[origin], &scopes).await?.is_ok() {
            self.have_read(waba, &scopes).await;
        }
        Ok(())
    }

    /// Stores a business account's templates in these scopes. Returns how many there are, in how many languages.
    async fn sync(
        &self,
        waba: &WabaId,
        origins: &[&Origin],
        scopes: &[AccountScope],
    ) -> Result<Result<(usize, usize), CatalogError>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let known = *self.decisions.0.lock().await;
            let found = match self.listed_by_any(origins).await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%waba, %error, "the templates could not be synchronised");
                    return Ok(Err(error));
                }
            };
            let (languages, named) = (found.len(), self.merge_languages(found));
            let count = self.decisions.0.lock().await;
            if *count == known {
                for scope in scopes {
                    self.store_templates(*scope, waba, &named).await?;
                }
            } else if tries < TRIES {
                continue;
            } else {
                self.ports.wakeups.announce(Topic::Templates);
            }
            return Ok(Ok((named.len(), languages)));
        }
    }

    /// Every account that sends from a business account.
    async fn scopes_of(&self, waba: &WabaId) -> Result<Vec<AccountScope>, Failure> {
        let (routing, accounts) = (self.routing().await?, self.ports.accounts.list_accounts().await?);
        let accounts = accounts.iter().filter(|account| routing.uses(account.id, waba));
        Ok(accounts.map(|account| AccountScope { account: account.id, mode: Mode::Live }).collect())
    }

    /// A request that needs these templates need not read them again.
    async fn have_read(&self, waba: &WabaId, scopes: &[AccountScope]) {
        for scope in scopes {
            *self.first_syncs.of(scope.account, waba).lock().await = Some(self.ports.clock.now());
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
        match tokio::time::timeout(PATIENCE, self.sync(waba, &[origin], &[scope])).await {
            Ok(synced) => drop(synced?),
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
