use async_trait::async_trait;
use diesel::prelude::*;
use diesel::upsert::excluded;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId, WabaId};
use whatotp_ports::{StoreResult, TemplateStore};

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
                .on_conflict((dsl::account_id, dsl::mode, dsl::waba_id, dsl::name))
                .do_nothing()
                .execute(connection)?;
            Ok(stored > 0)
        })
        .await
    }

    async fn put_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<()> {
        self.write(move |connection| {
            diesel::insert_into(dsl::templates)
                .values(&TemplateRow::new(scope, &template))
                .on_conflict((dsl::account_id, dsl::mode, dsl::waba_id, dsl::name))
                .do_update()
                .set((
                    dsl::category.eq(excluded(dsl::category)),
                    dsl::status.eq(excluded(dsl::status)),
                    dsl::translations.eq(excluded(dsl::translations)),
                ))
                .execute(connection)?;
            Ok(())
        })
        .await
    }

    async fn find_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<Option<MessageTemplate>> {
        self.read(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
            let row = mine.filter(dsl::id.eq(id.to_string())).select(TemplateRow::as_select());
            Ok(row.get_result(connection).optional()?.map(TemplateRow::read).transpose()?)
        })
        .await
    }

    async fn find_template_named(
        &self,
        scope: AccountScope,
        waba: Option<&WabaId>,
        name: &str,
    ) -> StoreResult<Option<MessageTemplate>> {
        let (waba, name) = (waba.map(WabaId::to_string).unwrap_or_default(), name.to_owned());
        self.read(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
            let named = mine.filter(dsl::waba_id.eq(&waba)).filter(dsl::name.eq(&name));
            let row = named.select(TemplateRow::as_select()).get_result(connection).optional()?;
            Ok(row.map(TemplateRow::read).transpose()?)
        })
        .await
    }

    async fn delete_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<bool> {
        self.write(move |connection| {
            let ScopeColumns { account, mode } = scope.into();
            let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
            Ok(diesel::delete(mine.filter(dsl::id.eq(id.to_string()))).execute(connection)? > 0)
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
