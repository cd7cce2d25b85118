use async_trait::async_trait;
use diesel::prelude::*;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId};
use whatotp_ports::{StoreResult, TemplateRef, TemplateStore};

use super::SqliteStore;
use crate::rows::{ScopeColumns, TemplateRow};
use crate::schema::templates::dsl;

#[async_trait]
impl TemplateStore for SqliteStore {
    async fn insert_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = TemplateRow::new(scope, &template);
            let stored = diesel::insert_into(dsl::templates)
                .values(&row)
                .on_conflict((dsl::account_id, dsl::mode, dsl::name))
                .do_nothing()
                .execute(connection)?;
            Ok(stored > 0)
        })
        .await
    }

    async fn find_template(&self, scope: AccountScope, by: &TemplateRef) -> StoreResult<Option<MessageTemplate>> {
        let by = by.clone();
        self.read(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
            let mine = mine.select(TemplateRow::as_select());
            let row = match &by {
                TemplateRef::Id(id) => mine.filter(dsl::id.eq(id.to_string())).get_result(connection),
                TemplateRef::Name(name) => mine.filter(dsl::name.eq(name)).get_result(connection),
            };
            Ok(row.optional()?.map(TemplateRow::read).transpose()?)
        })
        .await
    }

    async fn list_templates(
        &self,
        scope: AccountScope,
        before: Option<TemplateId>,
        limit: u32,
    ) -> StoreResult<Vec<MessageTemplate>> {
        self.scan(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
            let mut rows = mine.order(dsl::id.desc()).limit(limit.into()).select(TemplateRow::as_select()).into_boxed();
            if let Some(before) = before {
                rows = rows.filter(dsl::id.lt(before.to_string()));
            }
            rows.load(connection)?.into_iter().map(|row| Ok(row.read()?)).collect()
        })
        .await
    }
}
