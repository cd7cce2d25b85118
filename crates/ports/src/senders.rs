use async_trait::async_trait;
use secrecy::SecretString;
use whatotp_domain::{AccountId, SenderId, SenderQuality, Timestamp, WabaId};
use whatotp_vault::Sealed;

use crate::StoreResult;

/// Where and how a provider that speaks the Cloud API is asked. Meta and its resellers differ in nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https://graph.facebook.com`, without a slash at the end.
    pub base_url: String,
    /// `v25.0`; fills `{version}` in the paths.
    pub api_version: String,
    /// `/{version}/{phone_number_id}/messages`.
    pub messages_path: String,
    /// `/{version}/{waba_id}/message_templates`.
    pub templates_path: String,
    /// The header that carries the token: `Authorization`.
    pub auth_header: String,
    /// What stands before the token in it: `Bearer ` with its space, or nothing.
    pub auth_prefix: String,
}

/// A number that messages are sent from, ready to be used.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Its id.
    pub id: SenderId,
    /// The business account it belongs to.
    pub waba: WabaId,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// What it is reached with.
    pub access_token: SecretString,
}

/// A sender as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderRecord {
    /// Its id.
    pub id: SenderId,
    /// The business account it belongs to.
    pub waba: WabaId,
    /// What the operator calls it.
    pub name: String,
    /// Where it is reached.
    pub endpoint: Endpoint,
    /// The token, sealed.
    pub access_token: Sealed,
    /// The authentication template that codes go out in.
    pub otp_template: String,
    /// Whether accounts without senders of their own use it.
    pub shared: bool,
    /// Whether the configuration names it: it comes and goes with that.
    pub configured: bool,
    /// What WhatsApp thinks of it.
    pub quality: SenderQuality,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The senders, and which account uses which.
#[async_trait]
pub trait SenderStore: Send + Sync {
    /// Stores a sender, in place of the one with the same id if there is one; that one's `created_at` and `quality` stay.
    async fn put_sender(&self, sender: SenderRecord) -> StoreResult<()>;

    /// Forgets a sender, and takes it from every account that uses it. `false` when there is none.
    async fn remove_sender(&self, id: &SenderId) -> StoreResult<bool>;

    /// Every sender, oldest first.
    async fn list_senders(&self) -> StoreResult<Vec<SenderRecord>>;

    /// Writes down what WhatsApp thinks of a sender. Returns what it thought before.
    async fn set_quality(&self, id: &SenderId, quality: SenderQuality) -> StoreResult<Option<SenderQuality>>;

    /// Says which senders an account uses, first choice first; none at all takes it back to the shared ones. `false`,
    /// and nothing changed, when one of them or the account does not exist.
    async fn set_routes(&self, account: AccountId, senders: Vec<SenderId>) -> StoreResult<bool>;

    /// Every account that has senders of its own, with these, first choice first.
    async fn list_routes(&self) -> StoreResult<Vec<(AccountId, Vec<SenderId>)>>;
}
