use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, Semaphore};
use whatotp_domain::{AccountId, Mode, Timestamp};
use whatotp_vault::BlindIndex;

use super::*;

const LONG: Duration = Duration::from_secs(30);

/// An operation on some rows, by number. Its answer is the batch that it was in.
#[derive(Debug, Clone)]
struct Touch {
    rows: Vec<u8>,
    is_bad: bool,
}

impl Operation for Touch {
    type Answer = usize;

    fn rows(&self) -> Vec<RowKey> {
        let scope = AccountScope { account: AccountId::new(Timestamp::from_unix_ms(1), [1; 10]), mode: Mode::Test };
        self.rows.iter().map(|row| RowKey::Number(LedgerKey::of(scope, BlindIndex::from_bytes([*row; 32])))).collect()
    }
}

fn touch(rows: &[u8]) -> Touch {
    Touch { rows: rows.to_vec(), is_bad: false }
}

/// What went wrong with every batch that holds a bad operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    RolledBack,
    Unreachable,
    Panic,
}

/// Runs each batch when it is let, and writes it down.
#[derive(Clone)]
struct Recorder {
    trouble: Trouble,
    batches: Arc<Mutex<Vec<Vec<Vec<u8>>>>>,
    gate: Arc<Semaphore>,
    begun: Arc<Notify>,
}

impl Recorder {
    fn new(trouble: Trouble) -> Self {
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::default());
        Self { trouble, batches: Arc::default(), gate, begun }
    }

    fn batches(&self) -> Vec<Vec<Vec<u8>>> {
        self.batches.lock().unwrap().clone()
    }

    fn start(&self, queue: usize) -> Coalescer<Touch> {
        Coalescer::start(&Handle::current(), self.clone(), queue, LONG)
    }
}

#[async_trait]
impl Runner<Touch> for Recorder {
    async fn run(&self, batch: &[Touch]) -> Result<Vec<usize>, Failure> {
        let number = {
            let mut batches = self.batches.lock().unwrap();
            batches.push(batch.iter().map(|one| one.rows.clone()).collect());
            batches.len()
        };
        self.begun.notify_one();
        self.gate.acquire().await.unwrap().forget();
        match self.trouble {
            _ if batch.iter().all(|one| !one.is_bad) => Ok(batch.iter().map(|_| number).collect()),
            Trouble::RolledBack => Err(Failure::Raced),
            Trouble::Unreachable => Err(Failure::Late),
            Trouble::Panic => panic!("as it was told to"),
        }
    }
}

/// Calls one after the other, without waiting for the answers, so that their order is known. The task must be busy.
async fn call_all(
    coalescer: &Arc<Coalescer<Touch>>,
    operations: &[Touch],
) -> Vec<tokio::task::JoinHandle<StoreResult<usize>>> {
    let mut calls = Vec::new();
    for operation in operations {
        let (coalescer, operation) = (Arc::clone(coalescer), operation.clone());
        let before = coalescer.queue.capacity();
        let queue = coalescer.queue.clone();
        calls.push(tokio::spawn(async move { coalescer.call(operation).await }));
        while queue.capacity() == before {
            tokio::task::yield_now().await;
        }
    }
    calls
}

/// Holds the first batch until everything else waits behind it.
async fn behind_one(recorder: &Recorder, operations: &[Touch]) -> Vec<StoreResult<usize>> {
    let coalescer = Arc::new(recorder.start(1024));
    let first = {
        let coalescer = Arc::clone(&coalescer);
        tokio::spawn(async move { coalescer.call(touch(&[255])).await })
    };
    recorder.begun.notified().await;
    let calls = call_all(&coalescer, operations).await;
    recorder.gate.add_permits(1000);
    first.await.unwrap().unwrap();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn an_idle_task_begins_at_once_and_what_comes_meanwhile_is_the_next_batch() {
    let recorder = Recorder::new(Trouble::RolledBack);
    let answers = behind_one(&recorder, &[touch(&[1]), touch(&[2]), touch(&[3])]).await;
    assert_eq!(recorder.batches(), [vec![vec![255]], vec![vec![1], vec![2], vec![3]]]);
    assert!(answers.iter().all(|answer| matches!(answer, Ok(2))), "{answers:?}");
}

#[tokio::test]
async fn the_second_operation_on_a_row_waits_for_the_next_batch_and_nobody_overtakes_it() {
    let recorder = Recorder::new(Trouble::RolledBack);
    // The third shares a row with the second, which waits for the first: it must not go before it.
    let operations = [touch(&[1]), touch(&[1, 2]), touch(&[2, 3]), touch(&[4]), touch(&[1])];
    behind_one(&recorder, &operations).await;
    let expected = [vec![vec![255]], vec![vec![1], vec![4]], vec![vec![1, 2]], vec![vec![2, 3], vec![1]]];
    assert_eq!(recorder.batches(), expected);
}

#[tokio::test]
async fn a_batch_has_an_end() {
    let recorder = Recorder::new(Trouble::RolledBack);
    let operations: Vec<_> = (0..200).map(|row| touch(&[row])).collect();
    behind_one(&recorder, &operations).await;
    let sizes: Vec<_> = recorder.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [1, BATCH, 200 - BATCH]);
}

#[tokio::test]
async fn a_bad_operation_fails_alone() {
    for trouble in [Trouble::RolledBack, Trouble::Panic] {
        let recorder = Recorder::new(trouble);
        let bad = Touch { is_bad: true, ..touch(&[2]) };
        let answers = behind_one(&recorder, &[touch(&[1]), bad, touch(&[3])]).await;
        assert!(matches!(answers[..], [Ok(_), Err(StoreError::Unavailable(_)), Ok(_)]), "{answers:?}");
        let expected = [vec![vec![255]], vec![vec![1], vec![2], vec![3]], vec![vec![1]], vec![vec![2]], vec![vec![3]]];
        assert_eq!(recorder.batches(), expected, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_batch_whose_end_is_unknown_is_not_run_again() {
    let recorder = Recorder::new(Trouble::Unreachable);
    let bad = Touch { is_bad: true, ..touch(&[2]) };
    let answers = behind_one(&recorder, &[touch(&[1]), bad, touch(&[3])]).await;
    assert!(answers.iter().all(|answer| matches!(answer, Err(StoreError::Unavailable(_)))), "{answers:?}");
    assert_eq!(recorder.batches().len(), 2);
}

#[tokio::test]
async fn a_full_queue_turns_callers_away_at_once() {
    let recorder = Recorder::new(Trouble::RolledBack);
    let coalescer = Arc::new(recorder.start(2));
    let first = {
        let coalescer = Arc::clone(&coalescer);
        tokio::spawn(async move { coalescer.call(touch(&[9])).await })
    };
    recorder.begun.notified().await;
    let waiting = call_all(&coalescer, &[touch(&[1]), touch(&[2])]).await;
    assert!(matches!(coalescer.call(touch(&[3])).await, Err(StoreError::Overloaded)));
    let end = {
        let coalescer = Arc::clone(&coalescer);
        tokio::spawn(async move { coalescer.finish(touch(&[4])).await })
    };
    recorder.gate.add_permits(3);
    for call in [first, end].into_iter().chain(waiting) {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn who_has_gone_before_its_turn_has_changed_nothing() {
    let recorder = Recorder::new(Trouble::RolledBack);
    let coalescer = Arc::new(recorder.start(8));
    let first = {
        let coalescer = Arc::clone(&coalescer);
        tokio::spawn(async move { coalescer.call(touch(&[9])).await })
    };
    recorder.begun.notified().await;
    let calls = call_all(&coalescer, &[touch(&[1]), touch(&[2])]).await;
    calls[0].abort();
    while !calls[0].is_finished() {
        tokio::task::yield_now().await;
    }
    recorder.gate.add_permits(2);
    first.await.unwrap().unwrap();
    assert!(calls.into_iter().next_back().unwrap().await.unwrap().is_ok());
    assert_eq!(recorder.batches(), [vec![vec![9]], vec![vec![2]]]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_it_was_told() {
    let recorder = Recorder::new(Trouble::RolledBack);
    let coalescer = recorder.start(8);
    let begin = tokio::time::Instant::now();
    assert!(matches!(coalescer.call(touch(&[1])).await, Err(StoreError::Unavailable(_))));
    assert_eq!(begin.elapsed(), LONG);
}
