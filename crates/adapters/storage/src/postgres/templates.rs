use async_trait::async_trait;
use diesel::ExpressionMethods;
use diesel::prelude::{OptionalExtension, QueryDsl, SelectableHelper};
use diesel::upsert::excluded;
use diesel_async::RunQueryDsl;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId, WabaId};
use whatotp_ports::{StoreResult, TemplateStore};

use super::PostgresStore;
use crate::rows::{ScopeColumns, TemplateRow};
use crate::schema::templates::dsl;

#[async_trait]
impl TemplateStore for PostgresStore {
    async fn insert_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<bool> {
        self.write(move |connection| {
            let row = TemplateRow::new(scope, &template);
            Box::pin(async move {
                let stored = diesel::insert_into(dsl::templates)
                    .values(&row)
                    .on_conflict((dsl::account_id, dsl::mode, dsl::waba_id, dsl::name))
                    .do_nothing()
                    .execute(connection)
                    .await?;
                Ok(stored > 0)
            })
        })
        .await
    }

    async fn put_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<()> {
        self.write(move |connection| {
            let row = TemplateRow::new(scope, &template);
            Box::pin(async move {
                diesel::insert_into(dsl::templates)
                    .values(&row)
                    .on_conflict((dsl::account_id, dsl::mode, dsl::waba_id, dsl::name))
                    .do_update()
                    .set((
                        dsl::category.eq(excluded(dsl::category)),
                        dsl::status.eq(excluded(dsl::status)),
                        dsl::translations.eq(excluded(dsl::translations)),
                    ))
                    .execute(connection)
                    .await?;
                Ok(())
            })
        })
        .await
    }

    async fn find_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<Option<MessageTemplate>> {
        self.read(move |connection| {
            Box::pin(async move {
                let ScopeColumns { account, mode } = scope.into();
                let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
                let row = mine.filter(dsl::id.eq(id.to_string())).select(TemplateRow::as_select());
                let row: Option<TemplateRow> = row.get_result(connection).await.optional()?;
                Ok(row.map(TemplateRow::read).transpose()?)
            })
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
            let (waba, name) = (waba.clone(), name.clone());
            Box::pin(async move {
                let ScopeColumns { account, mode } = scope.into();
                let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
                let named = mine.filter(dsl::waba_id.eq(waba)).filter(dsl::name.eq(name));
                let row: Option<TemplateRow> =
                    named.select(TemplateRow::as_select()).get_result(connection).await.optional()?;
                Ok(row.map(TemplateRow::read).transpose()?)
            })
        })
        .await
    }

    async fn delete_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<bool> {
        self.write(move |connection| {
            Box::pin(async move {
                let ScopeColumns { account, mode } = scope.into();
                let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
                Ok(diesel::delete(mine.filter(dsl::id.eq(id.to_string()))).execute(connection).await? > 0)
            })
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
            Box::pin(async move {
                let ScopeColumns { account, mode } = scope.into();
                let mine = dsl::templates.filter(dsl::account_id.eq(account)).filter(dsl::mode.eq(mode));
                let newest_first = mine.order(dsl::id.desc()).limit(limit.into());
                let mut rows = newest_first.select(TemplateRow::as_select()).into_boxed();
                if let Some(before) = before {
                    rows = rows.filter(dsl::id.lt(before.to_string()));
                }
                let rows: Vec<TemplateRow> = rows.load(connection).await?;
                rows.into_iter().map(|row| Ok(row.read()?)).collect()
            })
        })
        .await
    }
}
