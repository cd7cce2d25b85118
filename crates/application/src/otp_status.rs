use whatotp_domain::{AccountScope, SessionId};
use whatotp_ports::Topic;

use crate::watch::{Look, Watch};
use crate::{Application, Failure, SessionView};

impl Application {
    /// A session and where its latest message stands.
    pub async fn otp_status(&self, scope: AccountScope, id: SessionId) -> Result<Option<SessionView>, Failure> {
        match self.ports.sessions.find(scope, id).await? {
            None => Ok(None),
            Some((record, delivery)) => self.session_view(record, delivery, self.ports.clock.now()).map(Some),
        }
    }

    /// Watches a session. `None` when there is none.
    pub async fn watch_otp(&self, scope: AccountScope, id: SessionId) -> Result<Option<Watch<SessionView>>, Failure> {
        let subscription = self.ports.wakeups.subscribe(Topic::Session(id));
        let application = self.clone();
        let look: Look<SessionView> = Box::new(move || {
            let application = application.clone();
            Box::pin(async move { application.otp_status(scope, id).await })
        });
        Watch::begin(subscription, look).await
    }
}
