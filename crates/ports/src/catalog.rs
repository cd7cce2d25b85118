use std::time::Duration;

use async_trait::async_trait;
use whatotp_domain::{DeliveryError, Locale, OtpButton, SenderQuality, TemplateCategory, Translation};

use crate::Sender;

/// One language of a template, as the provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderTemplate {
    /// Its name.
    pub name: String,
    /// What it is charged as.
    pub category: TemplateCategory,
    /// The language, with its text and whether it may be sent.
    pub translation: Translation,
}

/// An authentication template that is to be made in several languages. WhatsApp writes its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticationDraft {
    /// Its name.
    pub name: String,
    /// The languages.
    pub locales: Vec<Locale>,
    /// What the text says about how long a code lives: 1 to 90 whole minutes.
    pub code_expires_after: Duration,
    /// Whether the text warns against sharing the code.
    pub security_recommendation: bool,
    /// How long WhatsApp tries to deliver: 30 to 900 seconds.
    pub message_ttl: Duration,
    /// What its button does.
    pub button: OtpButton,
    /// The Android apps that may take the code; for one-tap and zero-tap.
    pub apps: Vec<AndroidApp>,
}

/// An Android app, by what WhatsApp checks before it hands a code over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AndroidApp {
    /// Its package: `com.example.app`.
    pub package_name: String,
    /// The hash of its signing key: 11 characters.
    pub signature_hash: String,
}

/// What the provider made of one language of a template that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The language.
    pub locale: Locale,
    /// The provider's word for where it stands, such as `PENDING`.
    pub status: String,
}

/// How a sender does, in the provider's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderHealth {
    /// The number as it is shown to people. It is the business's own.
    pub display_phone_number: String,
    /// The name that recipients see.
    pub verified_name: String,
    /// What recipients think of it.
    pub quality: SenderQuality,
    /// Whether it is connected, such as `CONNECTED`, if the provider says so.
    pub status: Option<String>,
    /// How many people may be written to in 24 hours by all numbers of the business together, such as `TIER_2K`, if the
    /// provider says so.
    pub messaging_limit: Option<String>,
    /// How many messages a second it takes, such as `STANDARD` (80) or `HIGH` (1 000), if the provider says so.
    pub throughput: Option<String>,
}

/// Why the provider's management API gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// It said no.
    #[error("WhatsApp refused: {} ({}): {}", .0.title, .0.code, .0.detail)]
    Refused(DeliveryError),
    /// It could not be asked, or its answer not be read. Says what to do.
    #[error("{0}")]
    Unreachable(String),
}

/// The provider's side of templates and senders.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Every template of the sender's business account, in every language. MUST read every page. A template that cannot
    /// be sent through [`MessageChannel`](crate::MessageChannel) is left out, with a line in the log.
    async fn templates(&self, sender: &Sender) -> Result<Vec<ProviderTemplate>, CatalogError>;

    /// Makes or changes an authentication template in all its languages.
    async fn submit_authentication(
        &self,
        sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<Submitted>, CatalogError>;

    /// Hands in one language of another template, with an example for each of its variables.
    async fn submit(
        &self,
        sender: &Sender,
        template: &ProviderTemplate,
        examples: &whatotp_domain::Variables,
    ) -> Result<Submitted, CatalogError>;

    /// Replaces one language of such a template by this one; WhatsApp decides on it again. MUST NOT make a new one.
    async fn edit(
        &self,
        sender: &Sender,
        template: &ProviderTemplate,
        examples: &whatotp_domain::Variables,
    ) -> Result<Submitted, CatalogError>;

    /// Deletes a template in every language. One that WhatsApp does not have is deleted already.
    async fn delete(&self, sender: &Sender, name: &str) -> Result<(), CatalogError>;

    /// What an authentication template would say in each language.
    async fn preview_authentication(
        &self,
        sender: &Sender,
        draft: &AuthenticationDraft,
    ) -> Result<Vec<(Locale, String)>, CatalogError>;

    /// How a sender does.
    async fn health(&self, sender: &Sender) -> Result<SenderHealth, CatalogError>;
}
