use std::time::Duration;

use futures_util::future::BoxFuture;
use whatotp_ports::Subscription;

use crate::Failure;

/// Announcements are hints and may be lost, so a watcher looks again at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Reads what is watched.
pub(crate) type Look<V> = Box<dyn Fn() -> BoxFuture<'static, Result<Option<V>, Failure>> + Send + Sync>;

/// What came of waiting for a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Something changed, and was seen.
    Seen,
    /// Nothing changed in that time.
    None,
    /// What was watched is not there any more.
    Gone,
}

/// Follows one session or message.
pub struct Watch<V> {
    subscription: Box<dyn Subscription>,
    look: Look<V>,
    seen: V,
}

impl<V: PartialEq> Watch<V> {
    /// Takes the first look. The subscription is older than it, so that nothing falls between.
    pub(crate) async fn begin(subscription: Box<dyn Subscription>, look: Look<V>) -> Result<Option<Self>, Failure> {
        let seen = look().await?;
        Ok(seen.map(|seen| Self { subscription, look, seen }))
    }

    /// What was last seen.
    #[must_use]
    pub const fn seen(&self) -> &V {
        &self.seen
    }

    /// What was last seen, for keeps.
    #[must_use]
    pub fn into_seen(self) -> V {
        self.seen
    }

    /// Waits, `at_most` so long, until something differs from what was last seen.
    pub async fn changed(&mut self, at_most: Duration) -> Result<Change, Failure> {
        let wait = async {
            loop {
                self.subscription.changed(LOOK_AGAIN).await;
                match (self.look)().await? {
                    Some(current) if current != self.seen => {
                        self.seen = current;
                        return Ok(Change::Seen);
                    }
                    Some(_) => {}
                    None => return Ok(Change::Gone),
                }
            }
        };
        tokio::time::timeout(at_most, wait).await.unwrap_or(Ok(Change::None))
    }
}
