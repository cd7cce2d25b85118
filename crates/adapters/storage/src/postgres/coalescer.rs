//! What concurrent callers want, in as few transactions as there can be.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use whatotp_domain::{AccountScope, DeliveryId, SessionId};
use whatotp_ports::{Claim, LedgerKey, StoreError, StoreResult};
use whatotp_vault::MessageIndex;

use crate::failure::Failure;
use crate::rows::Places;

/// The most operations that share one commit.
const BATCH: usize = 128;

/// How many operations are looked through for those that can go together. The others wait in the queue.
const LOOK_AT: usize = 4 * BATCH;

/// A row that an operation reads and changes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum RowKey {
    Number(LedgerKey),
    Session(AccountScope, SessionId),
    Delivery(AccountScope, DeliveryId),
    Claim(AccountScope, [u8; 32]),
    Message([u8; 32]),
}

impl RowKey {
    /// Both ledgers of a number.
    pub(super) fn number(places: Places) -> impl Iterator<Item = Self> {
        places.keys().map(Self::Number)
    }

    pub(super) fn claim(claim: Option<&Claim>) -> Option<Self> {
        claim.map(|claim| Self::Claim(claim.scope, *claim.key.as_bytes()))
    }

    pub(super) const fn message(message: &MessageIndex) -> Self {
        Self::Message(*message.as_bytes())
    }
}

/// Something that is asked for so often that it is worth doing many at once.
pub(super) trait Operation: Send + Sync + 'static {
    type Answer: Send + 'static;

    /// The rows it works on. Of two operations on one row the second waits until the first is committed: a statement
    /// changes each row only once, however often it is named, and the second guess at a code would be free.
    fn rows(&self) -> Vec<RowKey>;
}

/// Whatever carries out a batch.
#[async_trait]
pub(super) trait Runner<O: Operation>: Send + Sync + 'static {
    /// Carries out the whole batch or, when it fails, nothing. The answers come in the order of the operations.
    async fn run(&self, batch: &[O]) -> Result<Vec<O::Answer>, Failure>;
}

struct Call<O: Operation> {
    operation: O,
    caller: oneshot::Sender<StoreResult<O::Answer>>,
}

/// A bounded queue, and the one task that works it off.
///
/// The task takes whatever waits and runs it as one batch; the next batch is what came in meanwhile. There is no waiting
/// for a batch to fill: an idle task begins at once. It ends with the queue.
pub(super) struct Coalescer<O: Operation> {
    queue: mpsc::Sender<Call<O>>,
    answer_within: Duration,
}

impl<O: Operation> Coalescer<O> {
    pub(super) fn start(runtime: &Handle, runner: impl Runner<O>, queue: usize, answer_within: Duration) -> Self {
        let (queue, inbox) = mpsc::channel(queue.max(1));
        runtime.spawn(work_off(inbox, runner));
        Self { queue, answer_within }
    }

    /// Queues an operation and waits for its answer.
    ///
    /// A caller that stops waiting before its turn has changed nothing; after that, its operation is carried out all
    /// the same.
    pub(super) async fn call(&self, operation: O) -> StoreResult<O::Answer> {
        let (caller, answer) = oneshot::channel();
        match self.queue.try_send(Call { operation, caller }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(StoreError::Overloaded),
            Err(TrySendError::Closed(_)) => return Err(gone()),
        }
        match timeout(self.answer_within, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(gone())),
            Err(_) => Err(Failure::Late.to_store_error()),
        }
    }

    /// As [`call`](Self::call), for the end of what was begun: it is not turned away, and gets the next place in the queue
    /// before anybody who comes to begin something.
    pub(super) async fn finish(&self, operation: O) -> StoreResult<O::Answer> {
        let (caller, answer) = oneshot::channel();
        let finishing = async {
            self.queue.send(Call { operation, caller }).await.map_err(|_closed| gone())?;
            answer.await.unwrap_or_else(|_| Err(gone()))
        };
        timeout(self.answer_within, finishing).await.unwrap_or_else(|_| Err(Failure::Late.to_store_error()))
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the store's task has ended".into())
}

async fn work_off<O: Operation>(mut inbox: mpsc::Receiver<Call<O>>, runner: impl Runner<O>) {
    let mut waiting = VecDeque::new();
    let mut fresh = Vec::new();
    loop {
        let room = LOOK_AT.saturating_sub(waiting.len());
        if waiting.is_empty() {
            if inbox.recv_many(&mut fresh, room).await == 0 {
                return;
            }
        } else {
            fresh.extend(std::iter::from_fn(|| inbox.try_recv().ok()).take(room));
        }
        waiting.extend(fresh.drain(..));
        let batch = next_batch(&mut waiting);
        if !batch.is_empty() {
            run_batch(&runner, batch).await;
        }
    }
}

/// Takes out what can go together, oldest first: no two on the same row, and none before an older one on its row.
fn next_batch<O: Operation>(waiting: &mut VecDeque<Call<O>>) -> Vec<Call<O>> {
    let (mut batch, mut taken) = (Vec::new(), HashSet::new());
    for call in std::mem::take(waiting) {
        if call.caller.is_closed() {
            continue;
        }
        let rows = call.operation.rows();
        let is_free = batch.len() < BATCH && rows.iter().all(|row| !taken.contains(row));
        taken.extend(rows);
        if is_free {
            batch.push(call);
        } else {
            waiting.push_back(call);
        }
    }
    batch
}

/// Carries out a batch. When that fails, each operation gets a transaction of its own, so that a bad one fails alone.
async fn run_batch<O: Operation>(runner: &impl Runner<O>, batch: Vec<Call<O>>) {
    let (operations, callers): (Vec<O>, Vec<_>) = batch.into_iter().map(|call| (call.operation, call.caller)).unzip();
    match guarded(runner, &operations).await {
        Ok(answers) => answers.into_iter().zip(callers).for_each(|(answer, caller)| tell(caller, Ok(answer))),
        Err(failure) if operations.len() == 1 || !failure.may_rerun() => {
            for caller in callers {
                tell(caller, Err(failure.to_store_error()));
            }
        }
        Err(_) => one_by_one(runner, &operations, callers).await,
    }
}

async fn one_by_one<O: Operation>(
    runner: &impl Runner<O>,
    operations: &[O],
    callers: Vec<oneshot::Sender<StoreResult<O::Answer>>>,
) {
    // A database that cannot be reached any more would keep the last of them waiting for very long.
    let mut unreachable: Option<Failure> = None;
    for (operation, caller) in operations.iter().zip(callers) {
        if let Some(failure) = &unreachable {
            tell(caller, Err(failure.to_store_error()));
            continue;
        }
        match guarded(runner, std::slice::from_ref(operation)).await {
            Ok(answers) => {
                answers.into_iter().take(1).zip([caller]).for_each(|(answer, caller)| tell(caller, Ok(answer)));
            }
            Err(failure) => {
                tell(caller, Err(failure.to_store_error()));
                unreachable = Some(failure).filter(|failure| !failure.may_rerun());
            }
        }
    }
}

/// A caller that has gone does not want to know.
fn tell<T>(caller: oneshot::Sender<StoreResult<T>>, answer: StoreResult<T>) {
    let _ = caller.send(answer);
}

/// Runs a batch. A panic in it becomes an error, and its connection, with a transaction open, is thrown away.
async fn guarded<O: Operation>(runner: &impl Runner<O>, batch: &[O]) -> Result<Vec<O::Answer>, Failure> {
    AssertUnwindSafe(runner.run(batch)).catch_unwind().await.unwrap_or_else(|_| {
        // The panic's message may hold anything, so it is not repeated here.
        tracing::error!("a store operation panicked; it was rolled back");
        Err(Failure::Panicked)
    })
}

#[cfg(test)]
mod tests;
