mod translations;

use diesel::prelude::*;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateCategory, TemplateId, WabaId};

use super::{InColumn, Read, ScopeColumns};
use crate::schema::templates;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = templates)]
pub(crate) struct TemplateRow {
    pub(crate) account_id: String,
    pub(crate) id: String,
    pub(crate) mode: String,
    /// Empty when it belongs to no business account.
    pub(crate) waba_id: String,
    pub(crate) name: String,
    pub(crate) category: String,
    /// What the translations come to together; for whoever looks into the database.
    pub(crate) status: String,
    pub(crate) translations: String,
}

impl TemplateRow {
    pub(crate) fn new(scope: AccountScope, template: &MessageTemplate) -> Self {
        let ScopeColumns { account, mode } = scope.into();
        Self {
            account_id: account,
            id: template.id().to_string(),
            mode: mode.to_owned(),
            waba_id: template.waba().map(WabaId::to_string).unwrap_or_default(),
            name: template.name().to_owned(),
            category: template.category().as_str().to_owned(),
            status: template.status().as_str().to_owned(),
            translations: translations::to_json(template.translations()),
        }
    }

    pub(crate) fn read(self) -> Read<MessageTemplate> {
        let id = TemplateId::parse(&self.id).in_column("templates.id")?;
        let category = TemplateCategory::parse(&self.category).in_column("templates.category")?;
        let translations = translations::from_json(&self.translations).in_column("templates.translations")?;
        let template =
            MessageTemplate::new(id, self.name, category, translations).in_column("templates.translations")?;
        if self.waba_id.is_empty() {
            return Ok(template);
        }
        Ok(template.of_waba(WabaId::parse(&self.waba_id).in_column("templates.waba_id")?))
    }
}
