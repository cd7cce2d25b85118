use async_trait::async_trait;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId, WabaId};

use crate::StoreResult;

/// The message templates. A name is unique within a scope and a business account (or none, in test mode).
#[async_trait]
pub trait TemplateStore: Send + Sync {
    /// Stores a template; one of the same name in the same scope and business account is left as it is, and `false`
    /// returned.
    async fn insert_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<bool>;

    /// Stores a template, in place of the one of the same name in the same scope and business account if there is one;
    /// that one's id stays.
    async fn put_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<()>;

    /// One template of this scope.
    async fn find_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<Option<MessageTemplate>>;

    /// The template of this name, in this scope and business account (or none).
    async fn find_template_named(
        &self,
        scope: AccountScope,
        waba: Option<&WabaId>,
        name: &str,
    ) -> StoreResult<Option<MessageTemplate>>;

    /// Deletes a template of this scope. `false` when there is none.
    async fn delete_template(&self, scope: AccountScope, id: TemplateId) -> StoreResult<bool>;

    /// At most `limit` templates of this scope that are older than `before`, newest first.
    async fn list_templates(
        &self,
        scope: AccountScope,
        before: Option<TemplateId>,
        limit: u32,
    ) -> StoreResult<Vec<MessageTemplate>>;
}
