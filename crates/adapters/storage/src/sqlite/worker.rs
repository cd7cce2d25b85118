//! Threads that own the connections, and the bounded queues in front of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use diesel::prelude::*;
use diesel::result::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use whatotp_ports::{StoreError, StoreResult};

use super::connection::{Address, Role};
use crate::failure::Failure;

/// The most operations that share one commit.
const BATCH: usize = 256;

/// One caller's operation, and the caller.
///
/// `run` may be called twice, the second time after everything the first one did was rolled back.
trait Job: Send {
    fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure>;

    /// Tells the caller: what `run` returned last, or that it failed.
    fn answer(self: Box<Self>, failure: Option<&Failure>);
}

struct Call<T, F> {
    operation: F,
    result: Option<T>,
    caller: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send,
    F: FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send,
{
    fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), Failure> {
        self.result = Some((self.operation)(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, failure: Option<&Failure>) {
        let answer = match (failure, self.result) {
            (None, Some(result)) => Ok(result),
            (failure, _) => Err(failure.unwrap_or(&Failure::Panicked).to_store_error()),
        };
        // A caller that has gone does not want to know.
        let _ = self.caller.send(answer);
    }
}

type Boxed = Box<dyn Job>;

/// A bounded queue, and the threads that work it off. Dropping it waits until they have.
pub(super) struct Workers {
    queue: Option<mpsc::Sender<Boxed>>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// The one thread that writes. `commits` counts its transactions.
    pub(super) fn writer(address: &Address, queue: usize, commits: Arc<AtomicU64>) -> std::io::Result<Self> {
        let (sender, mut inbox) = mpsc::channel(queue.max(1));
        let mut line = Line::new(address, Role::Writer);
        let work = move || {
            let mut batch = Vec::with_capacity(BATCH);
            // Whatever has come in by now makes a batch: no waiting for more, which only ever made it slower. The
            // next batch is what comes in while this one is written.
            while inbox.blocking_recv_many(&mut batch, BATCH) > 0 {
                run_batch(&mut line, std::mem::take(&mut batch), &commits);
            }
        };
        let thread = std::thread::Builder::new().name("sqlite-writer".to_owned()).spawn(work)?;
        Ok(Self { queue: Some(sender), threads: vec![thread] })
    }

    /// Threads that read, all with this name and a number.
    pub(super) fn readers(address: &Address, queue: usize, count: usize, name: &str) -> std::io::Result<Self> {
        let (sender, inbox) = mpsc::channel::<Boxed>(queue.max(1));
        let inbox = Arc::new(Mutex::new(inbox));
        let mut workers = Self { queue: Some(sender), threads: Vec::new() };
        for number in 1..=count.max(1) {
            let inbox = Arc::clone(&inbox);
            let mut line = Line::new(address, Role::Reader);
            let work = move || {
                // The lock is held while waiting, and let go while working: the next thread waits then.
                let next = || inbox.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(mut job) = next() {
                    let outcome = line.transaction(|connection| guarded(&mut job, connection));
                    finish(job, outcome.err().as_ref());
                }
            };
            let thread = std::thread::Builder::new().name(format!("{name}-{number}")).spawn(work)?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    /// Queues an operation and waits for its answer.
    ///
    /// A caller that stops waiting changes nothing: its operation is carried out all the same.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Call { operation, result: None, caller });
        match self.queue.as_ref().ok_or_else(gone)?.try_send(job) {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(gone())),
            Err(TrySendError::Full(_)) => Err(StoreError::Overloaded),
            Err(TrySendError::Closed(_)) => Err(gone()),
        }
    }

    /// As [`call`](Self::call), for the end of what was begun: it is not turned away, and gets the next place in the queue
    /// before anybody who comes to begin something.
    pub(super) async fn finish<T: Send + 'static>(
        &self,
        operation: impl FnMut(&mut SqliteConnection) -> Result<T, Failure> + Send + 'static,
    ) -> StoreResult<T> {
        let (caller, answer) = oneshot::channel();
        let job = Box::new(Call { operation, result: None, caller });
        match self.queue.as_ref().ok_or_else(gone)?.send(job).await {
            Ok(()) => answer.await.unwrap_or_else(|_| Err(gone())),
            Err(_closed) => Err(gone()),
        }
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the store's thread has ended".into())
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Without its sender the queue ends, once what is in it is done.
        self.queue = None;
        for thread in self.threads.drain(..) {
            // No operation's panic gets this far, so there is nothing to pass on.
            let _ = thread.join();
        }
    }
}

/// A connection that is opened when it is needed, and anew after the engine failed to begin, commit or roll back: what
/// state it is in then, nobody knows.
struct Line {
    address: Address,
    role: Role,
    connection: Option<SqliteConnection>,
}

impl Line {
    fn new(address: &Address, role: Role) -> Self {
        Self { address: address.clone(), role, connection: None }
    }

    fn transaction(&mut self, work: impl FnOnce(&mut SqliteConnection) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.address.connect(self.role)?,
        };
        let mut failure = None;
        let work = |connection: &mut SqliteConnection| {
            work(connection).map_err(|cause| {
                failure = Some(cause);
                Error::RollbackTransaction
            })
        };
        let outcome = match self.role {
            // Not deferred: a reader that turns writer is refused at once when somebody else has written meanwhile.
            Role::Writer => connection.immediate_transaction(work),
            Role::Reader => connection.transaction(work),
        };
        if matches!(outcome, Ok(()) | Err(Error::RollbackTransaction)) {
            self.connection = Some(connection);
        }
        // When the rollback fails as well, it is its cause that matters.
        failure.map_or_else(|| Ok(outcome?), Err)
    }
}

/// Carries out a batch in one transaction. When that fails, each operation gets one of its own, so that a bad one
/// fails alone.
fn run_batch(line: &mut Line, mut batch: Vec<Boxed>, commits: &AtomicU64) {
    let mut begun = false;
    let together = line.transaction(|connection| {
        begun = true;
        batch.iter_mut().try_for_each(|job| guarded(job, connection))
    });
    if together.is_ok() {
        commits.fetch_add(1, Ordering::Relaxed);
    }
    // A database that does not even let a transaction begin would keep the last of them waiting for very long.
    if together.is_ok() || !begun || batch.len() == 1 {
        let failure = together.err();
        return batch.into_iter().for_each(|job| finish(job, failure.as_ref()));
    }
    for mut job in batch {
        let outcome = line.transaction(|connection| guarded(&mut job, connection));
        if outcome.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        finish(job, outcome.err().as_ref());
    }
}

fn finish(job: Boxed, failure: Option<&Failure>) {
    if matches!(failure, Some(Failure::Panicked)) {
        // The panic's message may hold anything, so it is not repeated here.
        tracing::error!("a store operation panicked; it was rolled back");
    }
    job.answer(failure);
}

/// Runs a job. A panic in it becomes an error, and so a rollback; the thread goes on.
fn guarded(job: &mut Boxed, connection: &mut SqliteConnection) -> Result<(), Failure> {
    // Nothing half-changed is seen afterwards: the transaction is rolled back, and the job is rerun or dropped.
    catch_unwind(AssertUnwindSafe(|| job.run(connection))).unwrap_or(Err(Failure::Panicked))
}

#[cfg(test)]
mod tests;
