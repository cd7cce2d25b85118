use async_trait::async_trait;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId, WabaId};
use whatotp_ports::{StoreResult, TemplateStore};

use super::memory::{Memory, missing};

#[async_trait]
impl TemplateStore for Memory {
    async fn find_template(&self, _: AccountScope, id: TemplateId) -> StoreResult<Option<MessageTemplate>> {
        Ok(self.templates.iter().find(|template| template.id() == id).cloned())
    }

    async fn find_template_named(
        &self,
        _: AccountScope,
        waba: Option<&WabaId>,
        name: &str,
    ) -> StoreResult<Option<MessageTemplate>> {
        let is_it = |template: &&MessageTemplate| template.name() == name && template.waba() == waba;
        Ok(self.templates.iter().find(is_it).cloned())
    }

    async fn insert_template(&self, _: AccountScope, _: MessageTemplate) -> StoreResult<bool> {
        Err(missing())
    }

    async fn put_template(&self, _: AccountScope, _: MessageTemplate) -> StoreResult<()> {
        Err(missing())
    }

    async fn delete_template(&self, _: AccountScope, _: TemplateId) -> StoreResult<bool> {
        Err(missing())
    }

    async fn list_templates(
        &self,
        _: AccountScope,
        _: Option<TemplateId>,
        _: u32,
    ) -> StoreResult<Vec<MessageTemplate>> {
        Err(missing())
    }
}
