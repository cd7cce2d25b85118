use whatotp_domain::{
    AccountId, AccountScope, Locale, MessageTemplate, Mode, TemplateBody, TemplateCategory, TemplateId, Translation,
};
use whatotp_ports::{Origin, random};

use crate::{Application, Failure};

/// How a caller names a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateRef {
    /// By its id.
    Id(TemplateId),
    /// By its name: the one that the account's first sender has under it.
    Name(String),
}

/// Name, and the text in each language.
type Sample = (&'static str, &'static [(&'static str, &'static str)]);

/// What a new account can send at once in test mode. Named and positional placeholders, one and several languages.
const SAMPLES: &[Sample] = &[
    (
        "order_update",
        &[
            ("en", "Hi {{first_name}}, your order {{order_id}} is on its way."),
            ("es", "Hola {{first_name}}, tu pedido {{order_id}} está en camino."),
            ("pt-BR", "Olá {{first_name}}, o seu pedido {{order_id}} está a caminho."),
        ],
    ),
    (
        "appointment_reminder",
        &[("en", "Reminder: your appointment is on {{date}} at {{time}}. Reply here to change it.")],
    ),
    ("payment_received", &[("en", "We received your payment of {{1}} for invoice {{2}}. Thank you.")]),
];

impl Application {
    /// One template.
    pub async fn find_template(
        &self,
        scope: AccountScope,
        by: &TemplateRef,
    ) -> Result<Option<MessageTemplate>, Failure> {
        let templates = &self.ports.templates;
        Ok(match by {
            TemplateRef::Id(id) => templates.find_template(scope, *id).await?,
            TemplateRef::Name(name) => {
                let origins = self.origins_of(scope).await?;
                match origins.first() {
                    Some(origin) => self.template_of(scope, origin, name).await?,
                    None => templates.find_template_named(scope, None, name).await?,
                }
            }
        })
    }

    /// The authentication template of one of an account's senders, if it was ever synchronised.
    pub(crate) async fn otp_template(
        &self,
        scope: AccountScope,
        origin: &Origin,
    ) -> Result<Option<MessageTemplate>, Failure> {
        self.template_of(scope, origin, &origin.otp_template).await
    }

    /// Templates older than `before`, newest first.
    pub async fn list_templates(
        &self,
        scope: AccountScope,
        before: Option<TemplateId>,
        limit: u32,
    ) -> Result<Vec<MessageTemplate>, Failure> {
        let list = async || self.ports.templates.list_templates(scope, before, limit).await;
        let found = list().await?;
        match self.origins_of(scope).await?.first() {
            Some(origin) if found.is_empty() && before.is_none() => {
                self.first_sync(scope, origin).await?;
                Ok(list().await?)
            }
            _ => Ok(found),
        }
    }

    /// Gives an account its sample templates. Those that are there already are left as they are.
    pub(crate) async fn add_sample_templates(&self, account: AccountId) -> Result<(), Failure> {
        let scope = AccountScope { account, mode: Mode::Test };
        for (name, texts) in SAMPLES {
            let id = TemplateId::new(self.ports.clock.now(), random(&*self.ports.entropy)?);
            let translations = texts
                .iter()
                .filter_map(|(locale, text)| Some((Locale::parse(locale)?, TemplateBody::parse(text).ok()?)))
                .map(|(locale, body)| Translation::of_body(locale, body));
            let category = TemplateCategory::Utility;
            let template = MessageTemplate::new(id, (*name).to_owned(), category, translations.collect());
            let template = template.ok().ok_or(Failure::Corrupt("sample template"))?;
            self.ports.templates.insert_template(scope, template).await?;
        }
        Ok(())
    }
}
