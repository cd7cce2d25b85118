use async_trait::async_trait;
use whatotp_domain::{AccountScope, MessageTemplate, TemplateId};

use crate::StoreResult;

/// How a caller names a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateRef {
    /// By its id.
    Id(TemplateId),
    /// By its name, which is unique within a scope.
    Name(String),
}

/// The message templates.
#[async_trait]
pub trait TemplateStore: Send + Sync {
    /// Stores a template; one of the same name in the same scope is left as it is, and `false` returned.
    async fn insert_template(&self, scope: AccountScope, template: MessageTemplate) -> StoreResult<bool>;

    /// One template of this scope.
    async fn find_template(&self, scope: AccountScope, by: &TemplateRef) -> StoreResult<Option<MessageTemplate>>;

    /// At most `limit` templates of this scope that are older than `before`, newest first.
    async fn list_templates(
        &self,
        scope: AccountScope,
        before: Option<TemplateId>,
        limit: u32,
    ) -> StoreResult<Vec<MessageTemplate>>;
}
