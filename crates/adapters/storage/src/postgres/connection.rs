//! Connections, and transactions on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};
use diesel_async::pooled_connection::bb8::{self, PooledConnection};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AnsiTransactionManager, AsyncPgConnection, TransactionManager};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::Address;
use super::{PostgresOpenError, PostgresSettings, tls};
use crate::failure::Failure;

/// How often a transaction is tried that others got in the way of.
const TRIES: u32 = 5;

/// How connections are made.
#[derive(Clone)]
pub(super) struct Dialer {
    address: Address,
    connector: MakeRustlsConnect,
    within: Duration,
    runtime: Handle,
}

/// The two ends of a new connection: what asks, and what has to be driven.
pub(super) type Ends = (Client, Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>);

impl Dialer {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, PostgresOpenError> {
        let mut address = Address::parse(&settings.url)?;
        address.configure(settings);
        let connector = tls::connector(&address)?;
        Ok(Self { address, connector, within: settings.connect_timeout, runtime: Handle::current() })
    }

    /// Which server it is, for a message: hosts and database, without user or password.
    pub(super) fn server(&self) -> String {
        format!("{:?}, database {:?}", self.address.config.get_hosts(), self.address.config.get_dbname())
    }

    pub(super) async fn ends(&self) -> Result<Ends, ConnectionError> {
        let connected = timeout(self.within, self.address.config.connect(self.connector.clone())).await;
        let bad = |source: Box<dyn std::error::Error + Send + Sync>| {
            ConnectionError::CouldntSetupConfiguration(Error::QueryBuilderError(source))
        };
        connected.map_err(|elapsed| bad(elapsed.into()))?.map_err(|error| bad(error.into()))
    }

    /// A new connection. It is made, and then driven, by the runtime that opened the store: the one of a web server's
    /// worker may end before the connection does.
    pub(super) async fn connect(&self) -> Result<AsyncPgConnection, ConnectionError> {
        let dialer = self.clone();
        let connecting = async move {
            let (client, connection) = dialer.ends().await?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        self.runtime.spawn(connecting).await.unwrap_or_else(|error| {
            Err(ConnectionError::BadConnection(format!("the connection's task has ended: {error}")))
        })
    }
}

/// Some connections, and what every transaction on them begins with.
#[derive(Clone)]
pub(super) struct Pool {
    connections: bb8::Pool<AsyncPgConnection>,
    /// As many permits as there are connections, handed out in the order they are asked for. bb8 gives a connection to
    /// whoever comes just as it is put back, and under load those who wait would wait until they are turned away.
    turns: Arc<Semaphore>,
    wait: Duration,
    begin: Arc<str>,
    read_in_transactions: bool,
    answer_within: Duration,
    commits: Arc<AtomicU64>,
}

/// A connection, until it is dropped; then the next in the queue gets it.
struct CheckedOut<'p> {
    // Fields are dropped in this order: the connection is put back before the next is let in.
    connection: PooledConnection<'p, AsyncPgConnection>,
    _permit: SemaphorePermit<'p>,
}

impl Pool {
    pub(super) async fn new(
        dialer: &Dialer,
        size: u32,
        settings: &PostgresSettings,
    ) -> Result<Self, PostgresOpenError> {
        let mut config = ManagerConfig::default();
        // A broken connection is noticed by the task that drives it. To ask before each use would be one more round trip.
        config.recycling_method = RecyclingMethod::Fast;
        let (again, size) = (dialer.clone(), size.max(1));
        config.custom_setup = Box::new(move |_| {
            let dialer = again.clone();
            async move { dialer.connect().await }.boxed()
        });
        // The dialer knows the address; the manager has no use for it.
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let pool = bb8::Pool::builder()
            .max_size(size)
            .connection_timeout(settings.connection_wait)
            .idle_timeout(None)
            .max_lifetime(Some(MAX_LIFETIME))
            .test_on_check_out(false);
        let connections = pool.build(manager).await.map_err(|error| PostgresOpenError::Engine(error.into()))?;
        // The first may take longer than anybody would wait for one, and without it a busy machine starts nothing. It is
        // not refused: the pool is empty.
        let first = dialer.connect().await;
        let unreachable =
            |source: ConnectionError| PostgresOpenError::Unreachable { server: dialer.server(), source: source.into() };
        let _accepted = connections.add(first.map_err(unreachable)?);
        Ok(Self {
            connections,
            turns: Arc::new(Semaphore::new(usize::try_from(size).unwrap_or(1))),
            wait: settings.connection_wait,
            begin: settings.begin().into(),
            read_in_transactions: settings.transaction_pooler,
            answer_within: settings.answer_within,
            commits: Arc::default(),
        })
    }

    /// How many transactions were committed.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    async fn get(&self) -> Result<CheckedOut<'_>, Failure> {
        let getting = async {
            let permit = self.turns.acquire().await.map_err(|closed| refused(&closed))?;
            match self.connections.get().await {
                Ok(connection) => Ok(CheckedOut { connection, _permit: permit }),
                Err(::bb8::RunError::User(error)) => Err(refused(&error)),
                Err(::bb8::RunError::TimedOut) => Err(self.none_in_time()),
            }
        };
        timeout(self.wait, getting).await.unwrap_or_else(|_| Err(self.none_in_time()))
    }

    /// Without a single connection it is not that others have them.
    fn none_in_time(&self) -> Failure {
        if self.connections.state().connections == 0 {
            refused(&"the database cannot be reached")
        } else {
            Failure::NoConnection
        }
    }

    /// Reads without a transaction: each statement sees what is committed when it begins. (Behind a transaction pooler
    /// it is one transaction, which then carries the timeouts.)
    pub(super) async fn read<T: Send>(&self, work: &(dyn Work<T> + '_)) -> Result<T, Failure> {
        if self.read_in_transactions {
            return self.transaction(work).await;
        }
        let CheckedOut { connection, .. } = &mut self.get().await?;
        let Ok(answer) = timeout(self.answer_within, work.run(connection)).await else {
            // Whoever had it next would wait for this answer first: the pool is to throw it away.
            AnsiTransactionManager::transaction_manager_status_mut(&mut **connection).set_in_error();
            return Err(Failure::Late);
        };
        answer
    }

    /// Carries out `work` in one transaction. When others got in its way it is rolled back and tried again, here and
    /// nowhere else.
    pub(super) async fn transaction<T: Send>(&self, work: &(dyn Work<T> + '_)) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            let CheckedOut { connection, .. } = &mut self.get().await?;
            // A connection whose transaction is cut off is in nobody's hands: the pool throws it away, and the server
            // rolls back what it did not commit.
            let outcome = timeout(self.answer_within, self.once(connection, work)).await;
            match outcome.unwrap_or(Err(Failure::Late)) {
                Err(failure) if tries < TRIES && is_in_the_way(&failure) => {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn once<T>(&self, connection: &mut AsyncPgConnection, work: &(dyn Work<T> + '_)) -> Result<T, Failure> {
        AnsiTransactionManager::begin_transaction_sql(connection, &self.begin).await?;
        match work.run(connection).await {
            Ok(answer) => {
                AnsiTransactionManager::commit_transaction(connection).await.map_err(Failure::Commit)?;
                self.commits.fetch_add(1, Ordering::Relaxed);
                Ok(answer)
            }
            Err(failure) => {
                // When the rollback fails as well, it is its cause that matters; the pool throws the connection away.
                let _ = AnsiTransactionManager::rollback_transaction(connection).await;
                Err(failure)
            }
        }
    }
}

fn refused(why: &dyn std::fmt::Display) -> Failure {
    Failure::Connect(ConnectionError::BadConnection(why.to_string()))
}

/// A connection is replaced after this, so that a server that joins later gets its share.
const MAX_LIFETIME: Duration = Duration::from_secs(1800);

/// Something to do on a connection. It may be done more than once, each time after everything before was rolled back.
pub(super) trait Work<T>: Send + Sync {
    fn run<'a>(&'a self, connection: &'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>>;
}

impl<T, F> Work<T> for F
where
    F: for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
{
    fn run<'a>(&'a self, connection: &'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> {
        self(connection)
    }
}

/// A closure as a [`Work`].
pub(super) fn work<T, F>(work: F) -> F
where
    F: for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
{
    work
}

/// Whether it is worth another try at once: 40001, 40P01, or another process that stored the same row first.
fn is_in_the_way(failure: &Failure) -> bool {
    match failure {
        Failure::Raced | Failure::Engine(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _)) => true,
        // The driver keeps the code of this one to itself. A server that speaks another language is not understood
        // here; what it refused is then tried again one by one, or by the caller.
        Failure::Engine(Error::DatabaseError(DatabaseErrorKind::Unknown, error)) => {
            error.message() == "deadlock detected"
        }
        _ => false,
    }
}
