use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{RedisError, Script};
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use whatotp_ports::{RateDecision, RateRule};

use crate::address::{Connection, RedisAddress};
use crate::script::decide;

/// How long a decision may take.
pub(crate) const DEADLINE: Duration = Duration::from_millis(100);
/// How long a server that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);
/// How long connecting may take: greetings, TLS, and a cluster's map.
const CONNECTING: Duration = Duration::from_secs(2);

/// A charge that shows whether the server can count, and that nobody else asks for.
const PROBE: RateRule = RateRule { key: 0, quota: u32::MAX, window: Duration::from_millis(1), cost: 1 };

/// The one connection to the server, and whether to use it.
///
/// It is opened again from scratch after any failure, in the background and by one attempt at a time, so that no caller
/// ever waits for a connection. The client's own `ConnectionManager` makes callers wait for its retries instead.
pub(crate) struct Link {
    shared: Arc<Shared>,
    /// Where connections live: not on the runtime of whichever request came first.
    runtime: Handle,
}

struct Shared {
    address: RedisAddress,
    script: Script,
    state: Mutex<State>,
}

enum State {
    Up { connection: Connection, opened: Instant },
    Down { retry: Retry, reported: bool },
}

impl State {
    /// Leaves the server alone for a while.
    fn pause(&mut self, error: &LinkError) {
        if !matches!(self, Self::Down { reported: true, .. }) {
            tracing::warn!(%error, "Redis is lost: each replica counts rate limits for itself");
        }
        *self = Self::Down { retry: Retry::From(Instant::now() + PAUSE), reported: true };
    }
}

enum Retry {
    From(Instant),
    UnderWay,
}

/// Why the server could not be asked.
#[derive(Debug, Error)]
enum LinkError {
    #[error("no connection within two seconds")]
    NotConnected,
    #[error("no answer within 100 ms")]
    TooLate,
    #[error(transparent)]
    Failed(#[from] RedisError),
}

impl Link {
    /// A link to the server, which is tried once before this returns.
    pub(crate) async fn open(address: RedisAddress, script: Script) -> Self {
        let state = Mutex::new(State::Down { retry: Retry::UnderWay, reported: false });
        let shared = Arc::new(Shared { address, script, state });
        shared.attempt().await;
        Self { shared, runtime: Handle::current() }
    }

    /// Whether the server is in use.
    pub(crate) fn is_up(&self) -> bool {
        matches!(*self.shared.lock(), State::Up { .. })
    }

    /// The server's decision, or nothing when it cannot be asked or does not answer in time.
    pub(crate) async fn decide(&self, rules: &[RateRule]) -> Option<RateDecision> {
        let (connection, opened) = self.connection()?;
        match self.shared.ask(connection, rules).await {
            Ok(decision) => Some(decision),
            Err(error) => {
                self.shared.fail(opened, &error);
                None
            }
        }
    }

    fn connection(&self) -> Option<(Connection, Instant)> {
        let mut state = self.shared.lock();
        match &mut *state {
            State::Up { connection, opened } => Some((connection.clone(), *opened)),
            State::Down { retry, .. } => {
                if matches!(retry, Retry::From(moment) if *moment <= Instant::now()) {
                    *retry = Retry::UnderWay;
                    let shared = Arc::clone(&self.shared);
                    self.runtime.spawn(async move { shared.attempt().await });
                }
                None
            }
        }
    }
}

impl Shared {
    async fn ask(&self, connection: Connection, rules: &[RateRule]) -> Result<RateDecision, LinkError> {
        let decision = timeout(DEADLINE, decide(&self.script, connection, rules)).await;
        Ok(decision.map_err(|_elapsed| LinkError::TooLate)??)
    }

    /// Connects, and lets the server count something: one that is there but cannot count is not back.
    async fn attempt(&self) {
        let tried = async {
            let connection = timeout(CONNECTING, self.address.connect()).await;
            let connection = connection.map_err(|_elapsed| LinkError::NotConnected)??;
            self.ask(connection.clone(), &[PROBE]).await?;
            Ok::<_, LinkError>(connection)
        };
        match tried.await {
            Ok(connection) => self.succeed(connection),
            Err(error) => self.lock().pause(&error),
        }
    }

    fn succeed(&self, connection: Connection) {
        let mut state = self.lock();
        if matches!(*state, State::Down { reported: true, .. }) {
            tracing::info!("Redis is back: rate limits are counted by all replicas together again");
        }
        *state = State::Up { connection, opened: Instant::now() };
    }

    /// Stops using the connection opened at that moment, if it is still the one in use.
    fn fail(&self, opened: Instant, error: &LinkError) {
        let mut state = self.lock();
        if matches!(*state, State::Up { opened: current, .. } if current == opened) {
            state.pause(error);
        }
    }

    /// Nothing can panic while it is held, and a poisoned state is a state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
