use diesel::prelude::*;
use whatotp_domain::{
    AccountScope, Locale, MessageTemplate, TemplateBody, TemplateCategory, TemplateId, TemplateStatus,
};

use super::{InColumn, Read, ScopeColumns};
use crate::schema::templates;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = templates)]
pub(crate) struct TemplateRow {
    pub(crate) account_id: String,
    pub(crate) id: String,
    pub(crate) mode: String,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) status: String,
    pub(crate) translations: String,
}

impl TemplateRow {
    pub(crate) fn new(scope: AccountScope, template: &MessageTemplate) -> Self {
        let ScopeColumns { account, mode } = scope.into();
        let translations: Vec<(&str, &str)> =
            template.translations().map(|(locale, body)| (locale.as_str(), body.as_str())).collect();
        Self {
            account_id: account,
            id: template.id().to_string(),
            mode: mode.to_owned(),
            name: template.name().to_owned(),
            category: template.category().as_str().to_owned(),
            status: template.status().as_str().to_owned(),
            translations: serde_json::json!(translations).to_string(),
        }
    }

    pub(crate) fn read(self) -> Read<MessageTemplate> {
        let id = TemplateId::parse(&self.id).in_column("templates.id")?;
        let category = TemplateCategory::parse(&self.category).in_column("templates.category")?;
        let status = TemplateStatus::parse(&self.status).in_column("templates.status")?;
        let translations = translations(&self.translations).in_column("templates.translations")?;
        MessageTemplate::new(id, self.name, category, status, translations).in_column("templates.translations")
    }
}

fn translations(json: &str) -> Option<Vec<(Locale, TemplateBody)>> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).ok()?;
    pairs.iter().map(|(locale, body)| Some((Locale::parse(locale)?, TemplateBody::parse(body).ok()?))).collect()
}
