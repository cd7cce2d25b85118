//! Meta's management API: templates and senders.

mod read;
mod write;

use async_trait::async_trait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use whatotp_domain::{DeliveryError, Locale, SenderQuality, Variables};
use whatotp_ports::{
    AuthenticationDraft, Catalog, CatalogError, Endpoint, ProviderTemplate, Sender, SenderHealth, Submitted,
};

use super::CloudApi;
use super::client::{Address, Answer, Unanswered};
use super::error_body::Failure;
use super::errors::STALE_CURSOR;
use super::message::language_code;
pub(super) use read::{category, status};

/// More than a hundred templates have.
const LARGEST_LIST: usize = 4 * 1024 * 1024;
/// Ten thousand templates; WhatsApp allows 6,000 in a business account.
const MOST_PAGES: usize = 100;
/// What a template is asked for.
const FIELDS: &str = "id,name,language,status,category,components,parameter_format,quality_score";
/// What Meta tells of a number when it is asked.
const HEALTH_FIELDS: &str =
    "display_phone_number,verified_name,quality_rating,status,throughput,whatsapp_business_manager_messaging_limit";
/// How Meta's own path to the templates ends. Beside it are the calls for many languages at once.
const TEMPLATES: &str = "/message_templates";
/// How the rest of it ends that a template's own id stands in the place of.
const WABA: &str = "/{waba_id}";
/// There is no template of that name.
const MISSING: u64 = 2_593_002;
/// What to do where a provider has only a part of Meta's calls.
const NO_CHANGES: &str = "This sender's provider does not let templates be changed from here. Use its own console.";
/// How Meta's own path for messages ends. Above it is the sender itself.
const MESSAGES: &str = "/{phone_number_id}/messages";

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    cursors: Option<Cursors>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Cursors {
    after: Option<String>,
}

impl Paging {
    /// The cursor of the next page. The address in `next` is not followed: it has the token in it.
    fn after(self) -> Option<String> {
        self.next?;
        self.cursors?.after
    }
}

#[derive(Deserialize)]
struct Created {
    status: String,
    language: Option<String>,
}

/// A template, by what Meta calls it.
#[derive(Deserialize)]
struct Known {
    id: Value,
    name: String,
    language: String,
}

#[derive(Deserialize)]
struct Edited {
    success: bool,
}

#[derive(Deserialize)]
struct Preview {
    language: String,
    body: String,
    footer: Option<String>,
}

#[derive(Deserialize)]
struct Health {
    #[serde(default)]
    display_phone_number: String,
    #[serde(default)]
    verified_name: String,
    #[serde(default)]
    quality_rating: Value,
    status: Option<String>,
    whatsapp_business_manager_messaging_limit: Option<String>,
    throughput: Option<Throughput>,
}

#[derive(Deserialize)]
struct Throughput {
    level: Option<String>,
}

#[async_trait]
impl Catalog for CloudApi {
    async fn templates(&self, sender: &Sender) -> Result<Vec<ProviderTemplate>, CatalogError> {
        match self.every_page(sender).await {
            // Meta says to start again, without a cursor.
            Err(CatalogError::Refused(error)) if error.code == STALE_CURSOR => self.every_page(sender).await,
            result => result,
        }
    }

    async fn submit_authentication(
        &self,
        sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<Submitted>, CatalogError> {
        if let Some(path) = beside_templates(&sender.endpoint, "upsert_message_templates") {
            let address = Address::of(sender, &path).map_err(unreachable)?;
            let page: Page<Created> = self.create(sender, address, &write::authentication(draft)).await?;
            return page.data.into_iter().enumerate().map(|(index, one)| submitted(draft, index, &one)).collect();
        }
        // A reseller without the call for many languages.
        let mut all = Vec::new();
        for locale in &draft.locales {
            let address = Address::templates(sender).map_err(unreachable)?;
            let one: Created = self.create(sender, address, &write::authentication_in(draft, locale)).await?;
            all.push(Submitted { locale: locale.clone(), status: one.status });
        }
        Ok(all)
    }

    async fn submit(
        &self,
        sender: &Sender,
        template: &ProviderTemplate,
        examples: &Variables,
    ) -> Result<Submitted, CatalogError> {
        let body = write::template(template, examples).map_err(CatalogError::Unreachable)?;
        let address = Address::templates(sender).map_err(unreachable)?;
        let created: Created = self.create(sender, address, &body).await?;
        Ok(Submitted { locale: template.translation.locale.clone(), status: created.status })
    }

    async fn edit(
        &self,
        sender: &Sender,
        template: &ProviderTemplate,
        examples: &Variables,
    ) -> Result<Submitted, CatalogError> {
        let above = beside_templates(&sender.endpoint, "").and_then(|path| {
            let path = path.trim_end_matches('/');
            path.strip_suffix(WABA).map(str::to_owned)
        });
        let Some(above) = above else { return Err(CatalogError::Unreachable(NO_CHANGES.to_owned())) };
        let body = write::edit(template, examples).map_err(CatalogError::Unreachable)?;
        let id = self.id_of(sender, template).await?;
        let address = Address::of(sender, &format!("{above}/{id}")).map_err(unreachable)?;
        let edited: Edited = self.create(sender, address, &body).await?;
        let locale = template.translation.locale.clone();
        // Meta says no more; it looks at what was changed as at something new.
        if edited.success { Ok(Submitted { locale, status: "PENDING".to_owned() }) } else { Err(not_understood()) }
    }

    async fn delete(&self, sender: &Sender, name: &str) -> Result<(), CatalogError> {
        if beside_templates(&sender.endpoint, "").is_none() {
            return Err(CatalogError::Unreachable(NO_CHANGES.to_owned()));
        }
        let address = Address::templates(sender).map_err(unreachable)?.with("name", name);
        let answer = self.http.delete(sender, address, LARGEST_LIST).await;
        if answer.as_ref().is_ok_and(is_missing) {
            return Ok(());
        }
        let deleted: Edited = understood(sender, answer)?;
        if deleted.success { Ok(()) } else { Err(not_understood()) }
    }

    async fn preview_authentication(
        &self,
        sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<(Locale, String)>, CatalogError> {
        let Some(path) = beside_templates(&sender.endpoint, "message_template_previews") else {
            return Err(CatalogError::Unreachable("This sender's provider has no previews of templates.".to_owned()));
        };
        let languages: Vec<String> = draft.locales.iter().map(|locale| language_code(locale.as_str())).collect();
        let address = Address::of(sender, &path)
            .map_err(unreachable)?
            .with("category", "AUTHENTICATION")
            .with("languages", &languages.join(","))
            .with("add_security_recommendation", if draft.security_recommendation { "true" } else { "false" })
            .with("code_expiration_minutes", &write::minutes(draft.code_expires_after).to_string())
            .with("button_types", "OTP");
        let page: Page<Preview> = self.read(sender, address).await?;
        let texts = page.data.into_iter().map(|preview| {
            let locale = Locale::parse(&preview.language).ok_or_else(not_understood)?;
            let footer = preview.footer.map(|footer| format!("\n{footer}")).unwrap_or_default();
            Ok((locale, format!("{}{footer}", preview.body)))
        });
        texts.collect()
    }

    async fn health(&self, sender: &Sender) -> Result<SenderHealth, CatalogError> {
        let Some(above) = sender.endpoint.messages_path.strip_suffix(MESSAGES) else {
            return Err(CatalogError::Unreachable(
                "This sender's provider does not tell how a sender does.".to_owned(),
            ));
        };
        let address = Address::of(sender, &format!("{above}/{{phone_number_id}}"))
            .map_err(unreachable)?
            .with("fields", HEALTH_FIELDS);
        let health: Health = self.read(sender, address).await?;
        // Meta says "NA" and the like of numbers that have sent too little.
        let quality = health.quality_rating.as_str().and_then(SenderQuality::parse);
        Ok(SenderHealth {
            display_phone_number: health.display_phone_number,
            verified_name: health.verified_name,
            quality: quality.unwrap_or(SenderQuality::Unknown),
            status: health.status,
            messaging_limit: health.whatsapp_business_manager_messaging_limit,
            throughput: health.throughput.and_then(|throughput| throughput.level),
        })
    }
}

impl CloudApi {
    async fn every_page(&self, sender: &Sender) -> Result<Vec<ProviderTemplate>, CatalogError> {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let address = Address::templates(sender).map_err(unreachable)?.with("fields", FIELDS).with("limit", "100");
            let address = match &cursor {
                Some(cursor) => address.with("after", cursor),
                None => address,
            };
            let page: Page<Value> = self.read(sender, address).await?;
            all.extend(page.data.into_iter().filter_map(read::template));
            cursor = page.paging.and_then(Paging::after);
            if cursor.is_none() {
                return Ok(all);
            }
        }
        Err(CatalogError::Unreachable("WhatsApp's list of templates does not end. Try again later.".to_owned()))
    }

    /// Meta's own id of one language of a template, which its list tells.
    async fn id_of(&self, sender: &Sender, template: &ProviderTemplate) -> Result<String, CatalogError> {
        let address = Address::templates(sender).map_err(unreachable)?;
        let language = language_code(template.translation.locale.as_str());
        let address = address.with("name", &template.name).with("language", &language);
        let page: Page<Known> =
            self.read(sender, address.with("fields", "id,name,language").with("limit", "100")).await?;
        let is_it = |known: &Known| {
            known.name == template.name && Locale::parse(&known.language).as_ref() == Some(&template.translation.locale)
        };
        let known = page.data.into_iter().find(is_it);
        let id = known
            .and_then(|known| known.id.as_str().map(str::to_owned).or_else(|| Some(known.id.as_u64()?.to_string())));
        // It becomes part of a path.
        let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let gone = "WhatsApp does not have this template any more. Synchronise, then look at the list again.";
        id.ok_or_else(|| CatalogError::Unreachable(gone.to_owned()))
    }

    async fn read<T: DeserializeOwned>(&self, sender: &Sender, address: Address) -> Result<T, CatalogError> {
        understood(sender, self.http.get(sender, address, LARGEST_LIST).await)
    }

    async fn create<T: DeserializeOwned>(
        &self,
        sender: &Sender,
        address: Address,
        body: &(impl Serialize + Sync),
    ) -> Result<T, CatalogError> {
        understood(sender, self.http.post(sender, address, body, LARGEST_LIST).await)
    }
}

/// A path to a call beside the templates; `None` where the provider has a path of its own.
fn beside_templates(endpoint: &Endpoint, call: &str) -> Option<String> {
    endpoint.templates_path.strip_suffix(TEMPLATES).map(|above| format!("{above}/{call}"))
}

fn submitted(draft: &AuthenticationDraft, index: usize, created: &Created) -> Result<Submitted, CatalogError> {
    // They come in the order they were handed in, with or without their languages.
    let named = created.language.as_deref().and_then(Locale::parse);
    let locale = named.or_else(|| draft.locales.get(index).cloned()).ok_or_else(not_understood)?;
    Ok(Submitted { locale, status: created.status.clone() })
}

/// Whether Meta says that there is no such template.
fn is_missing(answer: &Answer) -> bool {
    let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    !answer.is_success() && body.pointer("/error/error_subcode").and_then(Value::as_u64) == Some(MISSING)
}

fn understood<T: DeserializeOwned>(sender: &Sender, answer: Result<Answer, Unanswered>) -> Result<T, CatalogError> {
    let answer = answer.map_err(unreachable)?;
    if !answer.is_success() {
        let Failure { error, trace, .. } = Failure::of(&answer);
        let DeliveryError { code, detail, .. } = &error;
        tracing::warn!(
            sender.id = %sender.id, error.code = code, http.status = answer.status, fbtrace_id = trace, detail,
            "WhatsApp refused a management call"
        );
        return Err(CatalogError::Refused(error));
    }
    serde_json::from_slice(answer.body()).map_err(|unreadable| {
        let (kind, line, column) = (unreadable.classify(), unreadable.line(), unreadable.column());
        // Not the error itself: it quotes what it could not read.
        tracing::warn!(sender.id = %sender.id, http.status = answer.status, ?kind, line, column, "WhatsApp's answer makes no sense");
        not_understood()
    })
}

fn not_understood() -> CatalogError {
    let what = "WhatsApp's answer could not be read. Check the sender's address and API version.";
    CatalogError::Unreachable(what.to_owned())
}

fn unreachable(unanswered: Unanswered) -> CatalogError {
    CatalogError::Unreachable(match unanswered {
        Unanswered::NoRequest(why) => format!("The sender cannot be used as it is set up: {why}."),
        Unanswered::NotConnected(why) => format!("There is no connection to WhatsApp ({why}). Check the network."),
        Unanswered::Lost(why) => format!("WhatsApp gave no answer ({why}). Try again later."),
    })
}
