use serde::{Deserialize, Serialize};

/// What became of a message, in the words of the status webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Status {
    Sent,
    Delivered,
    Read,
    /// With one of Meta's error codes.
    Failed {
        code: u32,
    },
}

impl Status {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed { .. } => "failed",
        }
    }
}
