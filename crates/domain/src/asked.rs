use crate::{ApiKeyId, RequestId};

/// Who asked for a message, for the log. Nobody did when a worker, or a person at the console, made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// With which API key.
    pub key: Option<ApiKeyId>,
    /// In which request.
    pub request: Option<RequestId>,
}
