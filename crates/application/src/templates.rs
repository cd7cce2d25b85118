use whatotp_domain::{
    AccountId, AccountScope, Locale, MessageTemplate, Mode, TemplateBody, TemplateCategory, TemplateId, TemplateStatus,
};
use whatotp_ports::{TemplateRef, random};

use crate::{Application, Failure};

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
        Ok(self.ports.templates.find_template(scope, by).await?)
    }

    /// Templates older than `before`, newest first.
    pub async fn list_templates(
        &self,
        scope: AccountScope,
        before: Option<TemplateId>,
        limit: u32,
    ) -> Result<Vec<MessageTemplate>, Failure> {
        Ok(self.ports.templates.list_templates(scope, before, limit).await?)
    }

    /// Gives an account its sample templates. Those that are there already are left as they are.
    pub(crate) async fn add_sample_templates(&self, account: AccountId) -> Result<(), Failure> {
        let scope = AccountScope { account, mode: Mode::Test };
        for (name, texts) in SAMPLES {
            let id = TemplateId::new(self.ports.clock.now(), random(&*self.ports.entropy)?);
            let translations = texts
                .iter()
                .filter_map(|(locale, text)| Some((Locale::parse(locale)?, TemplateBody::parse(text).ok()?)));
            let (category, status) = (TemplateCategory::Utility, TemplateStatus::Approved);
            let template = MessageTemplate::new(id, (*name).to_owned(), category, status, translations.collect());
            let template = template.ok().ok_or(Failure::Corrupt("sample template"))?;
            self.ports.templates.insert_template(scope, template).await?;
        }
        Ok(())
    }
}
