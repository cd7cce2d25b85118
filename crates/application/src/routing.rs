use std::collections::HashMap;
use std::sync::Arc;

use whatotp_domain::{AccountId, AccountScope, MessageTemplate, Mode, SenderId, WabaId};
use whatotp_ports::{Content, Origin, OutboundMessage};

use crate::{Application, Failure};

/// Which senders an account uses, first choice first.
#[derive(Default)]
pub(crate) struct Routing {
    senders: HashMap<SenderId, Origin>,
    shared: Vec<Origin>,
    own: HashMap<AccountId, Vec<Origin>>,
}

impl Routing {
    fn of(&self, account: AccountId) -> &[Origin] {
        self.own.get(&account).unwrap_or(&self.shared)
    }

    /// One sender.
    pub(crate) fn sender(&self, id: &SenderId) -> Option<&Origin> {
        self.senders.get(id)
    }

    /// Every sender.
    pub(crate) fn senders(&self) -> impl Iterator<Item = &Origin> {
        self.senders.values()
    }

    /// Whether an account can send from a business account.
    pub(crate) fn uses(&self, account: AccountId, waba: &WabaId) -> bool {
        self.of(account).iter().any(|origin| origin.sender.waba == *waba)
    }
}

impl Application {
    /// Who can send this message, first choice first: any of the account's senders a code, those of the template's
    /// business account a template. Nobody in test mode.
    pub(crate) async fn origins(&self, message: &OutboundMessage) -> Result<Vec<Origin>, Failure> {
        let all = self.origins_of(message.scope).await?;
        let fits = |origin: &Origin| match &message.content {
            Content::Code { .. } => true,
            Content::Template { template, .. } => template.waba() == Some(&origin.sender.waba),
        };
        Ok(all.into_iter().filter(fits).collect())
    }

    /// The senders of an account, first choice first. None in test mode.
    pub(crate) async fn origins_of(&self, scope: AccountScope) -> Result<Vec<Origin>, Failure> {
        match scope.mode {
            Mode::Test => Ok(Vec::new()),
            Mode::Live => Ok(self.routing().await?.of(scope.account).to_vec()),
        }
    }

    /// Whether this account can send at all.
    pub(crate) async fn is_open(&self, scope: AccountScope) -> Result<bool, Failure> {
        Ok(!self.channel(scope.mode).needs_sender() || !self.origins_of(scope).await?.is_empty())
    }

    /// Whether this account can send from the template's business account, if it has one.
    pub(crate) async fn has_sender_for(
        &self,
        scope: AccountScope,
        template: &MessageTemplate,
    ) -> Result<bool, Failure> {
        let Some(waba) = template.waba() else { return Ok(true) };
        Ok(self.routing().await?.uses(scope.account, waba))
    }

    pub(crate) async fn routing(&self) -> Result<Arc<Routing>, Failure> {
        let now = self.ports.clock.now();
        if let Some(routing) = self.routing.get(now) {
            return Ok(routing);
        }
        Ok(self.routing.put(now, self.read_routing().await?))
    }

    /// The next message sees what was just changed.
    pub(crate) fn forget_routing(&self) {
        self.routing.forget();
    }

    async fn read_routing(&self) -> Result<Routing, Failure> {
        let mut routing = Routing::default();
        for record in self.ports.senders.list_senders().await? {
            let origin = self.origin(&record)?;
            if record.shared {
                routing.shared.push(origin.clone());
            }
            routing.senders.insert(record.id, origin);
        }
        for (account, senders) in self.ports.senders.list_routes().await? {
            let origins = senders.iter().filter_map(|id| routing.senders.get(id).cloned()).collect();
            routing.own.insert(account, origins);
        }
        Ok(routing)
    }
}
