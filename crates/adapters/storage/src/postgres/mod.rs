//! PostgreSQL: a few connections, and callers that share transactions.

mod address;
mod audit;
mod claims;
mod coalescer;
mod connection;
mod console_links;
mod console_sessions;
mod deliveries;
mod destinations;
mod due;
mod events;
mod keys;
mod ledgers;
mod listing;
mod look;
mod master_keys;
mod migrations;
mod outbox;
mod personal_data;
mod progress;
mod provider_messages;
mod purge;
mod quotas;
mod reports;
mod senders;
mod sends;
mod sessions;
mod settings;
mod settle;
mod statement;
mod templates;
mod tickets;
mod tls;
mod traffic;
mod users;
mod wakeups;
mod withdraw;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use diesel_async::AsyncPgConnection;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use whatotp_ports::{StoreError, StoreResult};

use self::claims::KeepAnswer;
use self::coalescer::{Coalescer, Operation, Runner};
use self::connection::{Dialer, Pool};
use self::due::Turn;
use self::look::{Look, Looks};
use self::outbox::Enqueue;
use self::progress::Finish;
use self::purge::Cursor;
use self::reports::Record;
use self::sends::{Issue, SendAgain};
use self::settle::Settle;
use crate::failure::Failure;

pub use self::migrations::{is_unused, migrate};
pub use self::settings::{PostgresOpenError, PostgresSettings};
pub use self::wakeups::PostgresWakeups;

/// Every storage port on one PostgreSQL database. Any number of processes share it, and none of them is special.
///
/// What is asked for often shares its transaction with all who ask for the same at the same time.
pub struct PostgresStore {
    looks: Coalescer<Look>,
    issues: Coalescer<Issue>,
    resends: Coalescer<SendAgain>,
    attempts: Coalescer<Settle>,
    messages: Coalescer<Enqueue>,
    progress: Coalescer<Finish>,
    reports: Coalescer<Record>,
    answers: Coalescer<KeepAnswer>,
    batches: Pool,
    pool: Pool,
    /// Those who write one by one, and those who read lists.
    writers: Arc<Semaphore>,
    scanners: Arc<Semaphore>,
    scanner_wait: Duration,
    runtime: Handle,
    turn: Turn,
    ledgers_cursor: Cursor,
}

impl PostgresStore {
    /// Connects to a database whose schema is that of this program. It belongs to the runtime that it is called on.
    pub async fn open(settings: &PostgresSettings) -> Result<Self, PostgresOpenError> {
        let dialer = Dialer::new(settings)?;
        migrations::check(&dialer).await?;
        let batches = Pool::new(&dialer, settings.batch_connections, settings).await?;
        let pool = Pool::new(&dialer, settings.connections, settings).await?;
        let runtime = Handle::current();
        Ok(Self {
            looks: Coalescer::start(&runtime, Looks(pool.clone()), settings.queue, settings.answer_within),
            issues: start(&batches, settings, &runtime),
            resends: start(&batches, settings, &runtime),
            attempts: start(&batches, settings, &runtime),
            messages: start(&batches, settings, &runtime),
            progress: start(&batches, settings, &runtime),
            reports: start(&batches, settings, &runtime),
            answers: start(&batches, settings, &runtime),
            batches,
            pool,
            writers: Arc::new(Semaphore::new(settings.queue)),
            // Lists never have all the connections, so that a code can be verified and a key found beside them.
            scanners: Arc::new(Semaphore::new(half(settings.connections))),
            scanner_wait: settings.connection_wait,
            runtime,
            turn: Turn::default(),
            ledgers_cursor: Cursor::default(),
        })
    }

    /// How many transactions were committed. Operations that come in together share one, so under load it stays far
    /// behind their number.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.batches.commits() + self.pool.commits()
    }

    /// Carries out `work` in a transaction of its own. It may be run more than once, and MUST have no effect but on the
    /// database. A caller that stops waiting does not stop it.
    async fn write<T: Send + 'static>(
        &self,
        work: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
    ) -> StoreResult<T> {
        let Ok(permit) = Arc::clone(&self.writers).try_acquire_owned() else { return Err(StoreError::Overloaded) };
        self.write_with(permit, work).await
    }

    /// As [`PostgresStore::write`], for the end of what was begun: it is not turned away when others wait.
    async fn finish<T: Send + 'static>(
        &self,
        work: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
    ) -> StoreResult<T> {
        let Ok(permit) = Arc::clone(&self.writers).acquire_owned().await else { return Err(StoreError::Overloaded) };
        self.write_with(permit, work).await
    }

    async fn write_with<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync + 'static,
    ) -> StoreResult<T> {
        let pool = self.pool.clone();
        let working = async move {
            let answer = pool.transaction(&work).await;
            drop(permit);
            answer
        };
        let answer = self.runtime.spawn(working).await.unwrap_or(Err(Failure::Panicked));
        answer.map_err(|failure| failure.to_store_error())
    }

    /// Carries out `work`, which only reads.
    async fn read<T: Send>(
        &self,
        work: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
    ) -> StoreResult<T> {
        self.pool.read(&work).await.map_err(|failure| failure.to_store_error())
    }

    /// As [`PostgresStore::read`], for what may have to look at very many rows.
    async fn scan<T: Send>(
        &self,
        work: impl for<'a> Fn(&'a mut AsyncPgConnection) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
    ) -> StoreResult<T> {
        let turn = tokio::time::timeout(self.scanner_wait, self.scanners.acquire()).await;
        let Ok(Ok(_permit)) = turn else { return Err(StoreError::Overloaded) };
        self.read(work).await
    }
}

fn half(connections: u32) -> usize {
    usize::try_from(connections / 2).unwrap_or(1).max(1)
}

fn start<O: Batched>(batches: &Pool, settings: &PostgresSettings, runtime: &Handle) -> Coalescer<O> {
    Coalescer::start(runtime, Batches(batches.clone()), settings.queue, settings.answer_within)
}

/// An operation that is carried out many at once, by one statement of each kind.
#[async_trait]
trait Batched: Operation + Sized {
    /// Carries out a batch within a transaction.
    async fn run(connection: &mut AsyncPgConnection, batch: &[Self]) -> Result<Vec<Self::Answer>, Failure>;

    /// What is to be done once the batch is committed, and what that makes of the answers.
    async fn follow_up(_pool: &Pool, _batch: &[Self], answers: Vec<Self::Answer>) -> Vec<Self::Answer> {
        answers
    }
}

struct Batches(Pool);

#[async_trait]
impl<O: Batched> Runner<O> for Batches {
    async fn run(&self, batch: &[O]) -> Result<Vec<O::Answer>, Failure> {
        let answers = self.0.transaction(&BatchWork(batch)).await?;
        Ok(O::follow_up(&self.0, batch, answers).await)
    }
}

struct BatchWork<'b, O>(&'b [O]);

impl<O: Batched> connection::Work<Vec<O::Answer>> for BatchWork<'_, O> {
    fn run<'a>(&'a self, connection: &'a mut AsyncPgConnection) -> BoxFuture<'a, Result<Vec<O::Answer>, Failure>> {
        O::run(connection, self.0)
    }
}
